"""The executor input of a task as KFP's launcher builds it, and what the task hands back.

Source: backend/src/v2/component/launcher_v2.go of kubeflow/pipelines. Stricter in two things: a declared output
artefact must be there (the launcher only warns), and metadata that ML Metadata would refuse is refused here too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netanomaly import json_input
from netanomaly.errors import InputError
from netanomaly.runners.result import Artifact
from netanomaly.runners.run_folder import RunFolder
from netanomaly.runners.spec import ArtifactType, Interface, ParameterType
from netanomaly.runners.values import parse_output, typed

# Linux takes no longer single argument (MAX_ARG_STRLEN), here and on a cluster.
LONGEST_ARGUMENT_BYTES = 128 * 1024 - 1

# What these say is their metadata, where there is anything to say; they need no file.
_METADATA_ONLY = frozenset({"system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics"})
_EXECUTOR_OUTPUT_FIELDS = frozenset({"artifacts", "parameterValues", "parameters"})


def executor_input(
    task: str,
    interface: Interface,
    parameters: Mapping[str, Any],
    artifacts: Mapping[str, Artifact],
    folder: RunFolder,
) -> dict[str, Any]:
    """The ExecutorInput message of a task, as JSON has it."""
    inputs: dict[str, Any] = {}
    if parameters:
        inputs["parameterValues"] = dict(parameters)
    if artifacts:
        inputs["artifacts"] = {
            name: _artifact_list(artifact.name, artifact.type, artifact.uri, artifact.metadata)
            for name, artifact in artifacts.items()
        }
    outputs: dict[str, Any] = {}
    if interface.output_parameters:
        outputs["parameters"] = {
            name: {"outputFile": str(folder.output(task, name))} for name in interface.output_parameters
        }
    if interface.output_artifacts:
        outputs["artifacts"] = {
            name: _artifact_list(name, kind, str(folder.output(task, name)), {})
            for name, kind in interface.output_artifacts.items()
        }
    outputs["outputFile"] = str(folder.executor_output(task))
    return {"inputs": inputs, "outputs": outputs}


def outputs(task: str, interface: Interface, folder: RunFolder) -> dict[str, Any]:
    """What a task that ended well handed back: parameters' values and `Artifact`s, by name.

    Raises:
        InputError: A declared output is absent or malformed; the executor output is malformed.
    """
    document = _executor_output(folder.executor_output(task))
    written = document.get("parameterValues", {})
    found: dict[str, Any] = {}
    for name, kind in interface.output_parameters.items():
        where = f"output parameter {name!r}"
        # As in the launcher, a value in the executor output goes before the file.
        if name in written:
            found[name] = typed(written[name], kind, where)
        else:
            found[name] = _output_parameter(folder.output(task, name), kind, where)
    for name, kind_of_artifact in interface.output_artifacts.items():
        found[name] = _output_artifact(name, kind_of_artifact, folder.output(task, name), document.get("artifacts", {}))
    return found


def _artifact_list(name: str, kind: ArtifactType, uri: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"schemaTitle": kind.title, **({"schemaVersion": kind.version} if kind.version else {})}
    return {"artifacts": [{"name": name, "type": schema, "uri": uri, "metadata": dict(metadata)}]}


def _output_parameter(path: Path, kind: ParameterType, where: str) -> Any:
    try:
        return parse_output(path.read_text(encoding="utf-8"), kind, where)
    except FileNotFoundError:
        raise InputError(f"{where} was not written; the stage ended with 0 all the same") from None
    except UnicodeDecodeError:
        raise InputError(f"{where} is not UTF-8 text") from None


def _output_artifact(name: str, kind: ArtifactType, path: Path, written: Mapping[str, Any]) -> Artifact:
    where = f"output artefact {name!r}"
    entry: Any = {}
    if name in written:
        try:
            entry = written[name]["artifacts"][0]
            uri, metadata = entry.get("uri") or str(path), entry.get("metadata") or {}
        except (AttributeError, KeyError, IndexError, TypeError):
            raise InputError(f"{where} has no list of artefacts in the executor output") from None
    else:
        uri, metadata = str(path), {}
    _refuse_null(metadata, f"metadata of {where}")
    has_file = Path(uri).exists() or (uri != str(path) and "://" in uri)
    if not has_file and not (kind.title in _METADATA_ONLY and name in written):
        raise InputError(f"{where} was not written to {uri!r}; the stage ended with 0 all the same")
    return Artifact(name=name, type=kind, uri=uri, metadata=metadata)


def _executor_output(path: Path) -> dict[str, Any]:
    try:
        document = json_input.parse(json_input.read(path), constant=_refuse_constant)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"executor output {str(path)!r} is not JSON: {error}") from None
    if not isinstance(document, dict) or not _EXECUTOR_OUTPUT_FIELDS.issuperset(document):
        raise InputError(f"executor output {str(path)!r} is not an object of artifacts and parameterValues")
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}; KFP takes finite numbers only")


def _refuse_null(value: Any, where: str) -> None:
    if value is None:
        raise InputError(f"{where} holds null, which KFP refuses; leave the entry out")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_null(item, f"{where}.{key}")
    elif isinstance(value, list):
        for item in value:
            _refuse_null(item, where)
