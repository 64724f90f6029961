"""What became of a run and of its stages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netanomaly.errors import InputError
from netanomaly.runners.spec import ArtifactType
from netanomaly.runners.values import nearest

# States of a run and of a stage. The first two are on the way: a crashed run leaves them in its file.
WAITING, RUNNING = "waiting", "running"
SUCCEEDED, FAILED, SKIPPED, CANCELED = "succeeded", "failed", "skipped", "canceled"
# Of a stage on a cluster: an earlier run's outputs were taken.
CACHED = "cached"


@dataclass(frozen=True)
class Artifact:
    """An output artefact as it was left by its stage."""

    name: str
    type: ArtifactType
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The artefact's file or folder; a local artefact's URI is its path."""
        return Path(self.uri)


@dataclass(frozen=True)
class StageResult:
    """One task of the pipeline. `name` is its key in the compiled pipeline, after those of the DAGs around it.

    `seconds` spans all attempts; `exit_code` is as a shell gives it (137: SIGKILL), None where nothing ran;
    `rows` is what it said it has read, None where it said nothing; `log` is that of the last attempt.
    """

    name: str
    display_name: str
    state: str = WAITING
    seconds: float | None = None
    peak_memory_bytes: int | None = None
    exit_code: int | None = None
    error: str | None = None
    log: Path | None = None
    attempts: int = 0
    rows: int | None = None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "log": None if self.log is None else str(self.log)}


@dataclass(frozen=True)
class RunResult:
    """A run that has ended. `state` is `succeeded`, `failed` or `canceled`.

    `error` and `failed_task` are those of the first failed task in topological order; `exit_code` is what a
    command that ran the pipeline should exit with. `outputs` holds, for each task that succeeded, its
    parameters' values and its artefacts; `pipeline_outputs` those of the pipeline.
    """

    state: str
    run_id: str
    run_dir: Path
    pipeline: str
    seconds: float
    stages: tuple[StageResult, ...]
    exit_code: int
    error: str | None = None
    failed_task: str | None = None
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pipeline_outputs: Mapping[str, Any] = field(default_factory=dict)

    def stage(self, name: str) -> StageResult:
        """One stage by its name.

        Raises:
            InputError: There is no such stage.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise InputError(f"run has no stage {name!r}{nearest(name, [stage.name for stage in self.stages])}")

    def output(self, task: str, name: str) -> Any:
        """An output parameter's value, or an `Artifact`.

        Raises:
            InputError: The task has no such output, or did not succeed.
        """
        state = self.stage(task).state
        if state != SUCCEEDED:
            raise InputError(f"task {task!r} has no outputs: it {'was ' if state != FAILED else ''}{state}")
        found = self.outputs[task]
        if name not in found:
            raise InputError(f"task {task!r} has no output {name!r}{nearest(name, found)}")
        return found[name]
