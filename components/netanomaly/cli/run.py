"""`netanomaly run`: a pipeline on this machine, from a configuration file to what comes of it."""

import glob
import shutil
import sys
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import config, images, output
from netanomaly.cli import configuration_words as words
from netanomaly.cli import summary as terminal
from netanomaly.cli.compile import compiled_file
from netanomaly.cli.pipelines import Name, PipelineOption, as_wanted, for_sources, kind_of
from netanomaly.errors import InputError, OutsideError
from netanomaly.paths import expanded
from netanomaly.secrecy import refuse_credentials

if TYPE_CHECKING:
    from netanomaly.cli.pipelines.kind import Kind, Wanted
    from netanomaly.runners import Launcher, RunResult


class Runner(StrEnum):
    """Where stages run."""

    host = "host"
    docker = "docker"


def run(
    configuration: Annotated[Path, typer.Argument(metavar="CONFIG", help="The pipeline configuration, a JSON file.")],
    pipeline: PipelineOption = Name.training,
    workdir: Annotated[
        Path | None, typer.Option(help="Folder for runs; default: output_base_dir of the configuration, else runs.")
    ] = None,
    registry: Annotated[
        str | None, typer.Option(help="Registry URI; default: the configuration's, else registry in the workdir.")
    ] = None,
    assignments: words.SetOption = None,
    no_identities: words.NoIdentitiesOption = False,
    runner: Annotated[
        Runner, typer.Option(help="host: each stage a process of this machine; docker: each in its image.")
    ] = Runner.host,
    image_prefix: Annotated[
        str, typer.Option(envvar="NETANOMALY_IMAGE_PREFIX", help="Registry and repository of the stage images.")
    ] = images.DEFAULT_PREFIX,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the containers, those of crashed runs too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> None:
    """Run a pipeline on this machine: train and register a model, score with one, tune one.

    Example: netanomaly run configs/nsl-kdd.json --set alert_budget=0.001
    """
    from netanomaly import runners
    from netanomaly.runners import console
    from netanomaly.runners.host import HostLauncher

    document = config.override(config.read(configuration), words.assigned(assignments, no_identities=no_identities))
    pipeline = as_wanted(pipeline, document)
    kind = kind_of(pipeline)
    wanted = kind.read(document)
    folder = expanded(workdir or wanted.workdir or "runs").resolve()
    document["registry"] = registry or wanted.registry or str(folder / "registry")
    for name in (*kind.destinations, "feedback"):
        if isinstance(document.get(name), str):
            document[name] = _absolute_uri(document[name], f"the {name}'s URI")
    for name in kind.sources:
        if document.get(name) is not None:
            document[name] = _located(document[name], configuration.resolve().parent)
    kind = kind_of(for_sources(pipeline, config.as_list(document.get("data_source") or [])))

    with ExitStack() as stack:
        launcher: Launcher
        if runner is Runner.docker:
            from netanomaly.cli import docker

            text = compiled_file(kind.name).read_text(encoding="utf-8")
            client = docker.connect(images.named(text), image_prefix, keep=keep)
            run_dir = new_run_dir(folder / wanted.model_name, wanted.label)
            compiled = run_dir / "pipeline.yaml"
            compiled.write_text(images.resolved(text, image_prefix), encoding="utf-8")
            launcher = stack.enter_context(docker.launcher(client, document, kind, run_dir, keep))
        else:
            run_dir = new_run_dir(folder / wanted.model_name, wanted.label)
            compiled = compiled_file(kind.name)
            launcher = HostLauncher()
        show = stack.enter_context(console.view(sys.stderr))
        result = runners.run(
            compiled,
            {"configuration": document},
            run_dir,
            run_id=str(uuid.uuid4()),
            launcher=launcher,
            on_event=show,
            # They are for evicted pods and memory kills. Here a stage that failed would fail again: what may pass is
            # retried inside it.
            retries=False,
        )
    _keep(kind, run_dir)
    summary = _summary(kind, result, wanted, document["registry"])
    if as_json:
        output.say_json(summary)
    if result.state != "succeeded":
        _print_failure(kind, summary)
    elif not as_json:
        _print(kind, summary)
    raise typer.Exit(summary["exit_code"])


def _located(source: Any, folder: Path) -> Any:
    """A source with relative paths resolved: against the configuration's folder, then against the working folder."""
    if isinstance(source, list):
        return [_located(item, folder) for item in source]
    if "://" in source or (path := expanded(source)).is_absolute():
        return source if "://" in source else str(path)
    for base in (folder, Path.cwd()):
        # What is wrong with a path that cannot be looked at, `prepare` says.
        with suppress(OSError, ValueError):
            if (base / source).exists():
                return str(base / source)
            # The folder is no part of the pattern, whatever its name holds.
            pattern = str(Path(glob.escape(str(base)), source))
            if glob.glob(pattern, recursive=True):  # noqa: PTH207 - as `flows.sources` does
                return pattern
    return str(folder / source)


def _absolute_uri(uri: str, what: str) -> str:
    refuse_credentials(uri, what)
    return uri if "://" in uri else str(expanded(uri).resolve())


def new_run_dir(parent: Path, label: str) -> Path:
    """A folder for a run, that nobody else has."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for attempt in range(1000):
        folder = parent / (f"{label}_{stamp}" + (f"_{attempt + 1}" if attempt else ""))
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not parent.is_dir():
                raise InputError(f"{parent} is a file; choose another --workdir") from None
            continue
        except NotADirectoryError:
            raise InputError(
                f"cannot make the run folder {folder}: a file is in its way; choose another --workdir"
            ) from None
        except OSError as error:
            raise OutsideError(
                f"cannot make the run folder {folder}: {error.strerror}; choose another --workdir"
            ) from None
        return folder
    raise OutsideError(f"{parent} holds a thousand runs of this second; something is starting runs in a loop")


def _keep(kind: "Kind", run_dir: Path) -> None:
    """Give the artefacts that people look for their names at the top of the run folder; links where possible."""
    from netanomaly.runners.run_folder import RunFolder

    for (task, artefact), name in kind.kept.items():
        # Where a gate refused, the stage that says so has written what it refuses.
        source = RunFolder(run_dir).output(task, artefact)
        if source.is_file():
            _link(source, run_dir / name)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _summary(kind: "Kind", result: "RunResult", wanted: "Wanted", registry: str) -> dict[str, Any]:
    return {
        "state": result.state,
        "exit_code": result.exit_code,
        "error": result.error,
        "run_id": result.run_id,
        "run_dir": str(result.run_dir),
        "pipeline": kind.name,
        "model_name": wanted.model_name,
        "model_version": wanted.model_version,
        "registry": registry,
        **{name: _if_there(result.run_dir / file) for name, file in kind.pages.items()},
        **kind.of_run(result),
        "stages": [stage.document() for stage in result.stages],
    }


def _if_there(path: Path) -> str | None:
    return str(path) if path.exists() else None


def _print_failure(kind: "Kind", summary: Mapping[str, Any]) -> None:
    """What it came to, what there is to look at, and last the one line that says what went wrong."""
    shown = kind.lines(summary)
    shown += [f"{name.replace('_', ' ')}: {summary[name]}" for name in kind.pages if summary[name]]
    shown += [f"run folder: {summary['run_dir']}", f"error: {summary['error']}"]
    output.tell_each(shown)


def _print(kind: "Kind", summary: Mapping[str, Any]) -> None:
    shown = kind.lines(summary)
    for label in ("registry", "report"):
        if summary.get(label):
            shown += terminal.row(label, summary[label])
    output.say_each(shown)
