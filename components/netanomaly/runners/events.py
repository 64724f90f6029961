"""What a run tells while it goes on. Events come in order, on the thread that called `run`."""

from dataclasses import dataclass
from pathlib import Path

from netanomaly.runners.result import RunResult, StageResult


@dataclass(frozen=True)
class RunStarted:
    """The run folder exists; `stages` are all tasks, in topological order."""

    run_id: str
    run_dir: Path
    pipeline: str
    stages: tuple[StageResult, ...]


@dataclass(frozen=True)
class TaskStarted:
    """A stage is being started; `stage.attempts` counts this one."""

    stage: StageResult


@dataclass(frozen=True)
class TaskProgress:
    """A stage said how many rows it has done."""

    name: str
    rows: int


@dataclass(frozen=True)
class TaskRetried:
    """An attempt failed; another follows after `wait_seconds`."""

    stage: StageResult
    error: str
    wait_seconds: float


@dataclass(frozen=True)
class TaskFinished:
    """A task has its last state: succeeded, failed, skipped or canceled."""

    stage: StageResult


@dataclass(frozen=True)
class RunStopping:
    """Ctrl-C or SIGTERM came; running stages are being ended."""

    signal_name: str


@dataclass(frozen=True)
class RunFinished:
    """All is done."""

    result: RunResult


Event = RunStarted | TaskStarted | TaskProgress | TaskRetried | TaskFinished | RunStopping | RunFinished
