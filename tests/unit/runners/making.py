"""Small compiled pipelines made by hand, and a launcher that starts no process."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from netanomaly.runners import StageCall, StageExit

Behaviour = Callable[[StageCall, Callable[[int], None]], StageExit]

DATASET = {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}
METRICS = {"artifactType": {"schemaTitle": "system.Metrics", "schemaVersion": "0.0.1"}}


def interface(
    takes: Mapping[str, Any] | None = None,
    gives: Mapping[str, str] | None = None,
    takes_artifacts: tuple[str, ...] = (),
    gives_artifacts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Inputs and outputs of a component. A parameter is a type's name or a whole declaration."""
    declared = {
        name: {"parameterType": kind} if isinstance(kind, str) else kind for name, kind in (takes or {}).items()
    }
    return {
        "inputDefinitions": {"parameters": declared, "artifacts": dict.fromkeys(takes_artifacts, DATASET)},
        "outputDefinitions": {
            "parameters": {name: {"parameterType": kind} for name, kind in (gives or {}).items()},
            "artifacts": dict(gives_artifacts or {}),
        },
    }


def task(
    component: str,
    *,
    after: tuple[str, ...] = (),
    parameters: Mapping[str, Any] | None = None,
    artifacts: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A task of a DAG."""
    return {
        "componentRef": {"name": f"comp-{component}"},
        "dependentTasks": list(after),
        "inputs": {"parameters": dict(parameters or {}), "artifacts": dict(artifacts or {})},
        "taskInfo": {"name": component},
        **more,
    }


def constant(value: Any) -> dict[str, Any]:
    """An input that is written in the YAML."""
    return {"runtimeValue": {"constant": value}}


def output_of(name: str, key: str) -> dict[str, Any]:
    """An input that is another task's output parameter."""
    return {"taskOutputParameter": {"producerTask": name, "outputParameterKey": key}}


def artifact_of(name: str, key: str) -> dict[str, Any]:
    """An input that is another task's output artefact."""
    return {"taskOutputArtifact": {"producerTask": name, "outputArtifactKey": key}}


def document(
    tasks: Mapping[str, Any],
    components: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    container: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A whole pipeline. A component without a DAG gets an executor; one that only a task names has no interface."""
    made: dict[str, Any] = {name: dict(component) for name, component in (components or {}).items()}
    for entry in tasks.values():
        made.setdefault(entry["componentRef"]["name"].removeprefix("comp-"), {})
    executors = {}
    for name, component in made.items():
        if "dag" not in component:
            component["executorLabel"] = f"exec-{name}"
            executors[f"exec-{name}"] = {
                "container": {"image": "image:1", "command": ["program"], "args": ["{{$}}"], **(container or {})}
            }
    return {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "small"},
        "components": {f"comp-{name}": component for name, component in made.items()},
        "deploymentSpec": {"executors": executors},
        "root": {"dag": {"tasks": dict(tasks)}, **interface(takes=parameters)},
    }


def written(pipeline: Mapping[str, Any], folder: Path) -> Path:
    """The pipeline as a file."""
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(dict(pipeline)))
    return path


def executor_input(call: StageCall) -> dict[str, Any]:
    """What a task got, as its program would parse it."""
    found: dict[str, Any] = json.loads(call.command[1])
    return found


def succeed(call: StageCall, on_rows: Callable[[int], None]) -> StageExit:
    """Write every declared output: each text is `yes`, each artefact its own name."""
    outputs = executor_input(call)["outputs"]
    for entry in outputs.get("parameters", {}).values():
        Path(entry["outputFile"]).write_text("yes")
    for name, entry in outputs.get("artifacts", {}).items():
        Path(entry["artifacts"][0]["uri"]).write_text(name)
    return StageExit(code=0)


class FakeLauncher:
    """Behaves as told, by task name; what is not told succeeds. `started` and `ended` are in order."""

    def __init__(self, **behaviours: Behaviour) -> None:
        self.started: list[str] = []
        self.calls: dict[str, StageCall] = {}
        self.stopped = threading.Event()
        self.killed = threading.Event()
        self._behaviours = behaviours

    def run(self, call: StageCall, on_rows: Callable[[int], None]) -> StageExit:
        self.started.append(call.name)
        self.calls[call.name] = call
        call.log.touch()
        return self._behaviours.get(call.name, succeed)(call, on_rows)

    def expect(self, command, environment, outside, run_dir) -> None:
        pass

    def dismiss(self) -> None:
        pass

    def stop(self, grace_seconds: float = 0) -> None:
        self.stopped.set()

    def kill(self) -> None:
        self.killed.set()


def exits(code: int, error: str | None = None) -> Behaviour:
    """Ends with this exit code."""
    return lambda call, on_rows: StageExit(code=code, error=error)
