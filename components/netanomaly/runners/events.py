"""What a run tells while it goes on. Events come in order, on the thread that called `run`."""

from dataclasses import dataclass

from netanomaly.runners.result import StageResult


@dataclass(frozen=True)
class RunStarted:
    """The run exists; `place` is where to look at it (its folder, its page), `stages` are all tasks."""

    run_id: str
    place: str
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
class TaskWaiting:
    """A stage does not go on, and why; an empty name stands for the run itself."""

    name: str
    reason: str


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
class TasksUnrolled:
    """A loop begins: `stages` stand in place of those whose names begin with `name`."""

    name: str
    stages: tuple[StageResult, ...]


@dataclass(frozen=True)
class RunStopping:
    """Ctrl-C or SIGTERM came; running stages are being ended."""

    signal_name: str


@dataclass(frozen=True)
class RunFinished:
    """All is done. `state` is `succeeded`, `failed` or `canceled`."""

    state: str
    seconds: float


Event = (
    RunStarted
    | TasksUnrolled
    | TaskStarted
    | TaskProgress
    | TaskWaiting
    | TaskRetried
    | TaskFinished
    | RunStopping
    | RunFinished
)
