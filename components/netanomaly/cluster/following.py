"""Watch a run until it ends, tell what happens as a local run does, and say how it ended."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from netanomaly.cluster import logs
from netanomaly.cluster.errors import NotFound, SignInNeeded, Unavailable
from netanomaly.cluster.server import API, Server
from netanomaly.cluster.stages import RunView
from netanomaly.errors import OutsideError
from netanomaly.runners.events import Event, RunFinished, RunStarted, TaskFinished, TaskStarted
from netanomaly.runners.result import FAILED, RUNNING, SUCCEEDED, WAITING, StageResult

# How often in a row the server may fail while a run is watched: it is restarted, a node is drained.
_LOOKS_THAT_MAY_FAIL = 24
_REGISTERING = "register"
_MOST_LOGS_READ = 12
_LOG_READINGS = 3


@dataclass(frozen=True)
class End:
    """How a run ended. `exit_code` is what a command that followed it should exit with: as that of a local run.

    `result` is what the stage that registers said of it: `version`, `metrics`; empty where its log is gone.
    """

    state: str
    stages: tuple[StageResult, ...]
    exit_code: int = 0
    error: str | None = None
    result: Mapping[str, Any] | None = None


def follow(
    server: Server,
    run_id: str,
    pipeline: str,
    tasks: Mapping[str, str],
    page: str,
    *,
    seconds_between_looks: float,
    on_event: Callable[[Event], None],
) -> End:
    """Watch a run to its end.

    Args:
        server: The server that has the run.
        run_id: Its id.
        pipeline: The name of its pipeline.
        tasks: Display name of each task of the pipeline by its key, in topological order.
        page: Where a person looks at it.
        seconds_between_looks: How long to wait before looking again.
        on_event: Called for each event.

    Raises:
        OutsideError: The run can no longer be watched; the message says that it goes on, or that it is gone.
    """
    started = time.monotonic()
    stages = [StageResult(key, name) for key, name in tasks.items()]
    on_event(RunStarted(run_id, page, pipeline, tuple(stages)))
    failures = 0
    while True:
        try:
            view = RunView.of(server.get(f"{API}/runs/{run_id}"), tasks)
        except Unavailable as failure:
            failures += 1
            if failures >= _LOOKS_THAT_MAY_FAIL:
                raise OutsideError(f"{failure}; run {run_id} exists, and is no longer watched: {page}") from None
        except SignInNeeded as failure:
            raise OutsideError(
                f"signed out while the run was watched: {failure}; run {run_id} goes on: {page}"
            ) from None
        except NotFound:
            raise OutsideError(
                f"run {run_id} is gone: someone deleted it on {server.host} while it was watched"
            ) from None
        else:
            failures = 0
            stages = _tell(stages, view.stages(), on_event)
            if view.ended:
                break
        time.sleep(seconds_between_looks)
    end = _end(server, view, stages)
    on_event(RunFinished(end.state, time.monotonic() - started))
    return end


def _tell(before: list[StageResult], now: list[StageResult], on_event: Callable[[Event], None]) -> list[StageResult]:
    for old, new in zip(before, now, strict=True):
        if old.state == new.state:
            continue
        if old.state == WAITING and new.state in (RUNNING, SUCCEEDED, FAILED):
            on_event(TaskStarted(replace(new, state=RUNNING)))
        if new.state not in (RUNNING, WAITING):
            on_event(TaskFinished(new))
    return now


def _end(server: Server, view: RunView, stages: list[StageResult]) -> End:
    if view.state == SUCCEEDED:
        return End(SUCCEEDED, tuple(stages), result=_result(server, view))
    if view.state != FAILED:
        return End(view.state, tuple(stages), OutsideError.exit_code, "the run was canceled on the server")
    attempts = _last_attempts(server, view, [stage.name for stage in stages if stage.state == FAILED])
    told = []
    for stage in stages:
        attempt = attempts.get(stage.name)
        if stage.state == FAILED and attempt is not None:
            told.append(replace(stage, exit_code=attempt.exit_code, error=attempt.reason))
        elif stage.state == FAILED:
            told.append(replace(stage, error=f"stage {stage.name} failed, and there is no log: its pod did not start"))
        else:
            told.append(stage)
    first = next((stage for stage in told if stage.state == FAILED), None)
    if first is None:
        why = view.message or "the server gives no reason"
        return End(FAILED, tuple(told), OutsideError.exit_code, f"the run failed before any stage did: {why}")
    attempt = attempts.get(first.name)
    code = OutsideError.exit_code if attempt is None else attempt.run_exit_code
    return End(FAILED, tuple(told), code, first.error)


def _last_attempts(server: Server, view: RunView, failed: list[str]) -> dict[str, logs.StageLog]:
    """The log of the last attempt of each failed stage whose log can be had."""
    found: dict[str, logs.StageLog] = {}
    read: set[str] = set()
    for stage in failed:
        for node in view.nodes(stage):
            if node in read or len(read) >= _MOST_LOGS_READ:
                continue
            read.add(node)
            log = _log(server, view.run_id, node)
            if log is None:
                continue
            task = log.task if log.task in view.tasks else stage
            if task in failed and (task not in found or _tells_more(log, found[task])):
                found[task] = log
    return found


def _tells_more(log: logs.StageLog, other: logs.StageLog) -> bool:
    """A log that has the stage's exit code, before one that breaks off; then the later."""
    return (log.exit_code is not None, log.ended) >= (other.exit_code is not None, other.ended)


def _result(server: Server, view: RunView) -> Mapping[str, Any] | None:
    for number, node in enumerate(view.nodes(_REGISTERING)):
        log = _log(server, view.run_id, node) if number < _MOST_LOGS_READ else None
        if log is not None and log.result is not None:
            return log.result
    return None


def _log(server: Server, run_id: str, node: str) -> logs.StageLog | None:
    for _ in range(_LOG_READINGS):
        try:
            return logs.read(server, run_id, node)
        except Unavailable:
            continue
        except SignInNeeded:
            break
    # The run has ended; how does not depend on its log.
    return None
