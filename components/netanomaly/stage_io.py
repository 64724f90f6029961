"""A stage's side of the Kubeflow Pipelines executor protocol; nothing else reads or writes its JSON.

A stage gets one argument, the executor input (parameters, input artefacts, where outputs go), and ends by
writing the executor output. https://www.kubeflow.org/docs/components/pipelines/reference/
"""

import argparse
import hashlib
import json
import math
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from netanomaly import json_input, output
from netanomaly.errors import InputError, NetanomalyError, OutsideError

T = TypeVar("T")

EXECUTOR_INPUT = "--executor-input"
LOCAL_PATHS_VARIABLE = "NETANOMALY_LOCAL_PATHS"

# The two that are nested: what a ClassificationMetrics artefact is made of.
_NESTED_METADATA = ("confidenceMetrics", "confusionMatrix")
# How lines of a stage's log begin that others read: its result, and what went wrong, which is the last one.
RESULT, ERROR = "result: ", "error: "

# Where the KFP launcher mounts each object store.
_MOUNTS = {"s3://": "/s3/", "minio://": "/minio/", "gs://": "/gcs/"}

_SECONDS_BETWEEN_PROGRESS_LINES = 1.0

_CHANGED = (
    "input artefact {name!r} is not what the stage before wrote: it was {was} and is {now}; somebody changed it in the "
    "artefact store, so nothing was done with it"
)


class Stage:
    """The inputs, parameters and outputs of one task, by the names its component declares."""

    def __init__(self, executor_input: Mapping[str, Any]) -> None:
        inputs = executor_input.get("inputs", {})
        self._parameters: dict[str, Any] = inputs.get("parameterValues", {})
        self._inputs: dict[str, Any] = inputs.get("artifacts", {})
        outputs = executor_input.get("outputs", {})
        self._outputs: dict[str, Any] = outputs.get("artifacts", {})
        self._output_parameters: dict[str, Any] = outputs.get("parameters", {})
        self._output_file = outputs.get("outputFile")
        self._metadata: dict[str, dict[str, Any]] = {}
        self._last_progress = 0.0
        self._rows = self._rows_told = 0

    def parameter(self, name: str) -> Any:
        """One parameter's value; numbers that are whole come as int, however KFP carried them."""
        if name not in self._parameters:
            raise InputError(f"parameter {name!r} was not given to this task; pass every parameter of the component")
        return _whole_numbers_as_int(self._parameters[name])

    def settings(self, kind: type[T]) -> T:
        """What prepare told this stage, as the dataclass that the stage owns, checked against its field types.

        Raises:
            InputError: A field is missing, unknown, or of another type: pipeline and image are of two versions.
        """
        import dataclasses

        import msgspec

        values = self.parameter("settings")
        known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        another = "; the compiled pipeline and this image are of different versions: compile and submit it again"
        if unknown := sorted(set(values) - known):
            raise InputError(f"settings has the field {unknown[0]!r}, which this stage does not know{another}")
        try:
            return msgspec.convert(values, kind)
        except msgspec.ValidationError as error:
            raise InputError(f"settings cannot be read: {error}{another}") from None

    def has_input(self, name: str) -> bool:
        """Whether an input artefact that is optional was given."""
        return name in self._inputs

    def input(self, name: str) -> Path:
        """The file of an input artefact, whose bytes are those that the stage before wrote.

        Raises:
            InputError: They are not, or the artefact carries no digest to tell by.
        """
        artifact = self._first(self._inputs, name, "input")
        path = path_of(artifact)
        _refuse_other(name, artifact, content(path)["digest"])
        return path

    def input_bytes(self, name: str, digest: str | None = None) -> bytes:
        """The bytes of an input artefact, read once and checked as in `input`; for what is run or believed.

        Args:
            name: The artefact.
            digest: What they must hash to beside what the artefact itself carries.
        """
        artifact = self._first(self._inputs, name, "input")
        data = path_of(artifact).read_bytes()
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        _refuse_other(name, artifact, found)
        if digest is not None and found != digest:
            raise InputError(_CHANGED.format(name=name, was=digest, now=found))
        return data

    def input_json(self, name: str) -> Any:
        """The JSON document that an input artefact holds, checked as in `input`."""
        try:
            return json_input.parse(self.input_bytes(name))
        except ValueError as error:
            raise InputError(f"input artefact {name!r} is not JSON: {error}") from None

    def output(self, name: str) -> Path:
        """Where an output artefact's file goes; its folder exists."""
        path = path_of(self._first(self._outputs, name, "output"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, document: Any) -> None:
        """Write an output artefact that is one JSON document. NaN and infinity are refused."""
        self.output(name).write_text(output.json_text(document) + "\n", encoding="utf-8")

    def set_output_parameter(self, name: str, value: str | float | bool | list[Any] | dict[str, Any]) -> None:
        """Write an output parameter."""
        if name not in self._output_parameters:
            raise NetanomalyError(f"this task declares no output parameter {name!r}")
        path = Path(_name_of_file(self._output_parameters[name]["outputFile"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value, allow_nan=False), encoding="utf-8")

    @property
    def output_parameters(self) -> list[str]:
        """Names of the output parameters this task declares."""
        return list(self._output_parameters)

    def describe(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Add metadata to an output artefact: finite numbers and texts, or what its KFP type asks for.

        Anything else is refused by the back end, or shown as something else: a boolean as 1.
        """
        self._first(self._outputs, name, "output")
        for key, value in metadata.items():
            if key not in _NESTED_METADATA and not _can_be_shown(value):
                raise NetanomalyError(
                    f"metadata {key!r} of output {name!r} is {value!r}; Kubeflow takes numbers and text"
                )
        self._metadata.setdefault(name, {}).update(metadata)

    def progress(self, rows: int) -> None:
        """Say how many rows are done, at most once a second, and in the end."""
        self._rows = rows
        now = time.monotonic()
        if now - self._last_progress >= _SECONDS_BETWEEN_PROGRESS_LINES:
            self._last_progress = now
            self._tell_rows()

    def _tell_rows(self) -> None:
        if self._rows != self._rows_told:
            self._rows_told = self._rows
            output.tell(f"progress: {self._rows} rows")

    def tell(self, result: Mapping[str, Any]) -> None:
        """Say what came of it in one line of the log, which is all that a cluster's API serves of a stage."""
        output.tell_lines(RESULT + output.json_text(result, indent=None, allow_nan=True))

    def finish(self) -> None:
        """Write the executor output. Called last: a stage that wrote it has succeeded.

        Every artefact that is a file gets its `digest` and its size in `bytes` as metadata.
        """
        self._tell_rows()
        if self._output_file is None:
            return
        artifacts = {}
        for name, value in self._outputs.items():
            for artifact in value.get("artifacts", ())[:1]:
                metadata = {
                    **artifact.get("metadata", {}),
                    **self._metadata.get(name, {}),
                    **_content(path_of(artifact)),
                }
                artifacts[name] = {"artifacts": [{"name": artifact.get("name", name), "uri": artifact["uri"]}]}
                if metadata:
                    artifacts[name]["artifacts"][0]["metadata"] = metadata
        # The launcher adds this one for itself.
        artifacts.pop("executor-logs", None)
        path = Path(_name_of_file(self._output_file))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"artifacts": artifacts}, allow_nan=False), encoding="utf-8")

    def _first(self, artifacts: Mapping[str, Any], name: str, direction: str) -> Mapping[str, Any]:
        found = artifacts.get(name, {}).get("artifacts", [])
        if not found:
            raise InputError(f"{direction} artefact {name!r} was not given to this task")
        return found[0]  # type: ignore[no-any-return]


def is_local() -> bool:
    """Whether a runner on the machine of whoever asked for the run started this stage."""
    return os.environ.get(LOCAL_PATHS_VARIABLE) == "1"


def in_a_bucket(uri: str, what: str) -> str:
    """The URI of a source or registry, where it may be read here.

    On a cluster a path is one of the pod's own: its token, its settings. Only runners on the machine of whoever asked for
    the run say (NETANOMALY_LOCAL_PATHS=1) that paths are what was meant.

    Raises:
        InputError: It is a path, and may not be one.
    """
    if uri.startswith("s3://") or is_local():
        return uri
    raise InputError(
        f"{what} {uri!r} is a path, which on a cluster is one inside the pod; write s3://bucket/key (netanomaly run takes "
        "paths of your machine)"
    )


@contextmanager
def stage(argv: list[str]) -> Iterator[Stage]:
    """Run the block as a stage: parse the executor input, and turn how the block ends into output and exit code.

    Raises:
        SystemExit: With the code of `netanomaly.errors` when the block raises, after one clear line on standard error.
    """
    with output.guarded(), _process(argv) as task:
        yield task


@contextmanager
def _process(argv: list[str]) -> Iterator[Stage]:
    arguments = _parse(argv)
    try:
        task = Stage(_load(arguments.executor_input))
        yield task
        _tell_peak_memory()
        task.finish()
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except NetanomalyError as error:
        if error.exit_code == NetanomalyError.exit_code:
            output.tell_lines(traceback.format_exc().rstrip())
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(_in_words(error), OutsideError.exit_code)
    except MemoryError:
        _fail("out of memory; give the stage more, or lower the batch or sample sizes", OutsideError.exit_code)
    except Exception as error:  # noqa: BLE001 - the process boundary: a defect becomes a traceback, one line and exit 1
        output.tell_lines(traceback.format_exc().rstrip())
        _fail(f"internal error: {type(error).__name__}: {error}", NetanomalyError.exit_code)


def _parse(argv: list[str]) -> argparse.Namespace:
    name = Path(sys.argv[0]).parent.name if sys.argv[0].endswith("__main__.py") else "stage"
    parser = argparse.ArgumentParser(
        prog=f"python -m netanomaly.stages.{name}",
        description=f"The {name} stage. Kubeflow Pipelines starts it with the executor input of its task; "
        f"its inputs and outputs are described in netanomaly/stages/{name}/component.py.",
        epilog="exit codes: 0 done, 1 defect, 2 the input is wrong, 3 an outside failure, 4 a gate said no",
    )
    parser.add_argument(
        EXECUTOR_INPUT, required=True, metavar="JSON", help="the task's executor input, as KFP passes it"
    )
    return parser.parse_args(argv)


def _load(executor_input: str) -> dict[str, Any]:
    try:
        document = json_input.parse(executor_input)
    except ValueError as error:
        raise InputError(f"{EXECUTOR_INPUT} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{EXECUTOR_INPUT} is not a JSON object")
    return document


def path_of(artifact: Mapping[str, Any]) -> Path:
    """Where an artefact's file is, by its URI: where KFP's launcher puts it."""
    if custom := artifact.get("customPath"):
        return Path(_name_of_file(custom))
    uri = _name_of_file(artifact.get("uri"))
    for scheme, mount in _MOUNTS.items():
        if uri.startswith(scheme):
            return Path(mount + uri.removeprefix(scheme))
    return Path(uri)


def _name_of_file(written: object) -> str:
    if not isinstance(written, str):
        raise InputError(f"{EXECUTOR_INPUT} has an artefact without a URI, or an output without a file")
    try:
        name = os.fsencode(written)
    except UnicodeEncodeError:
        name = b"\0"
    if b"\0" in name:
        raise InputError(f"{EXECUTOR_INPUT} names a file that no file system can have: {output.visible(written, 80)}")
    return written


def _can_be_shown(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def content(path: Path) -> dict[str, Any]:
    """`digest` (`sha256:<hex>`) and size in `bytes` of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"digest": f"sha256:{digest}", "bytes": path.stat().st_size}


def _content(path: Path) -> dict[str, Any]:
    return content(path) if path.is_file() else {}


def _refuse_other(name: str, artifact: Mapping[str, Any], found: str) -> None:
    """Refuse an artefact whose bytes are not those that its stage noted when it ended."""
    noted = (artifact.get("metadata") or {}).get("digest")
    if not noted:
        raise InputError(
            f"input artefact {name!r} carries no digest, so nothing tells whether it is what the stage before wrote; "
            "run the pipeline again from the start"
        )
    if found != noted:
        raise InputError(_CHANGED.format(name=name, was=noted, now=found))


def _whole_numbers_as_int(value: Any) -> Any:
    """KFP carries every number as a double: 7 inside a list or dict arrives as 7.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole_numbers_as_int(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole_numbers_as_int(item) for key, item in value.items()}
    return value


def _in_words(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{reason}: {os.fspath(error.filename)!r}" if error.filename else reason


def _tell_peak_memory() -> None:
    """One line in the log: a container's end tells nothing of it, and its limit is chosen by it."""
    peak = max(resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    # Linux counts in KiB, macOS in bytes.
    peak *= 1 if sys.platform == "darwin" else 1024
    output.tell(f"peak memory: {peak} bytes")


def _fail(message: str, code: int) -> None:
    # What is wrong is the last line of the log, whatever the stage wrote before: it is what the UI and the runner show.
    sys.stdout.flush()
    _tell_peak_memory()
    output.tell(f"{ERROR}{' '.join(message.split())}")
    raise SystemExit(code) from None
