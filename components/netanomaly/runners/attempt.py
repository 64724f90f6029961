"""One task from inputs to outputs: build the executor input, start the stage, read what it hands back, try again."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netanomaly.errors import GateRefusal, InputError, NetanomalyError, OutsideError
from netanomaly.runners import executor_io, placeholders
from netanomaly.runners.launcher import Launcher, StageCall, StageExit
from netanomaly.runners.result import Artifact
from netanomaly.runners.run_folder import RunFolder
from netanomaly.runners.spec import Container, Task

# Running the same again gives the same: the back end cannot tell, and would retry these too.
_NOT_RETRIED = (InputError.exit_code, GateRefusal.exit_code)


@dataclass(frozen=True)
class Outcome:
    """How a task, or one attempt of it, ended. `error` is None when it succeeded.

    `exit_code` is the stage's own, None where the stage did not run or did not fail itself; `run_exit_code` is
    what the run exits with on account of it.
    """

    seconds: float
    outputs: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    exit_code: int | None = None
    run_exit_code: int = 0
    peak_memory_bytes: int | None = None


@dataclass(frozen=True)
class Work:
    """A container task with its inputs resolved, ready to be started."""

    path: str
    task: Task
    parameters: Mapping[str, Any]
    artifacts: Mapping[str, Artifact]


@dataclass(frozen=True)
class Place:
    """Where tasks run, and whether they are tried again: what all tasks of a run share."""

    launcher: Launcher
    folder: RunFolder
    run_id: str
    environment: Mapping[str, str]
    canceled: threading.Event
    retries: bool = True


def carry_out(
    work: Work,
    place: Place,
    on_rows: Callable[[int], None],
    on_retry: Callable[[Outcome, float], None],
) -> Outcome:
    """Run a task, with the retries it is allowed. Never raises: a defect becomes an outcome too."""
    started = time.monotonic()
    failures = 0
    allowed = work.task.retry.count if place.retries else 0
    while True:
        outcome = _attempt(work, place, failures + 1, started, on_rows)
        failures += 1
        if (
            outcome.error is None
            or place.canceled.is_set()
            or failures > allowed
            or outcome.run_exit_code in _NOT_RETRIED
        ):
            return outcome
        wait_seconds = work.task.retry.wait_seconds(failures)
        on_retry(outcome, wait_seconds)
        if place.canceled.wait(wait_seconds):
            return outcome


def _attempt(work: Work, place: Place, attempt: int, started: float, on_rows: Callable[[int], None]) -> Outcome:
    end: StageExit | None = None
    outputs: Mapping[str, Any] = {}
    error, run_exit_code = None, 0
    try:
        end = place.launcher.run(_call(work, place, attempt), on_rows)
        if end.code == 0:
            outputs = executor_io.outputs(work.path, work.task.component.interface, place.folder)
        else:
            error, run_exit_code = _why(work, end), _run_exit_code(end)
    except NetanomalyError as failure:
        error, run_exit_code = str(failure), failure.exit_code
        if end is not None:
            # The stage said it was done and was not: its defect, not the user's.
            run_exit_code = NetanomalyError.exit_code
    except OSError as failure:
        error, run_exit_code = f"{failure.strerror}: {failure.filename!r}", OutsideError.exit_code
    except Exception as failure:  # noqa: BLE001 - the edge of a thread: whoever waits for the task must hear of it
        error, run_exit_code = f"internal error: {type(failure).__name__}: {failure}", NetanomalyError.exit_code
    return Outcome(
        seconds=time.monotonic() - started,
        outputs=outputs,
        error=error,
        exit_code=None if end is None else end.shell_code,
        run_exit_code=run_exit_code,
        peak_memory_bytes=None if end is None else end.peak_memory_bytes,
    )


def _call(work: Work, place: Place, attempt: int) -> StageCall:
    component, folder = work.task.component, place.folder
    container = component.body
    if not isinstance(container, Container):
        raise TypeError(f"task {work.path} is no container")
    executor_input = executor_io.executor_input(work.path, component.interface, work.parameters, work.artifacts, folder)
    text = json.dumps(executor_input, ensure_ascii=False, allow_nan=False)
    first, *rest = (*container.command, *container.args)
    command = (first, *(placeholders.resolve_word(word, executor_input, text) for word in rest))
    longest = max(len(word.encode()) for word in command)
    if longest > executor_io.LONGEST_ARGUMENT_BYTES:
        raise InputError(
            f"the inputs of task {work.path} make an argument of {longest} bytes; Linux takes "
            f"{executor_io.LONGEST_ARGUMENT_BYTES}, here and on a cluster: pass large values as files"
        )
    folder.prepare(work.path, text, attempt)
    return StageCall(
        name=work.path,
        image=container.image,
        command=command,
        environment={**container.environment, **place.environment},
        resources=container.resources,
        run_id=place.run_id,
        run_dir=folder.root,
        log=folder.log(work.path),
        outside=container.outside,
    )


def _why(work: Work, end: StageExit) -> str:
    """The clear line of the stage or the launcher; one that left none could not even say its name."""
    if end.error:
        return end.error
    return f"stage {work.path} {'was ' if end.code is None else ''}{end.in_words()}"


def _run_exit_code(end: StageExit) -> int:
    if end.code is None:
        return OutsideError.exit_code
    return end.code if 1 <= end.code <= 4 else NetanomalyError.exit_code
