"""Watch a run until it ends, tell what happens as a local run does, and say how it ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from netanomaly.cluster.errors import NotFound, SignInNeeded, Unavailable
from netanomaly.cluster.logs import Logs, StageLog
from netanomaly.cluster.server import API, Server
from netanomaly.cluster.stages import RunView
from netanomaly.cluster.waiting import Patience
from netanomaly.errors import OutsideError
from netanomaly.runners.events import Event, RunFinished, RunStarted, TaskFinished, TaskStarted, TaskWaiting
from netanomaly.runners.result import CANCELED, FAILED, RUNNING, SUCCEEDED, WAITING, StageResult

# How often in a row the server may fail while a run is watched: it is restarted, a node is drained.
_LOOKS_THAT_MAY_FAIL = 24
# Of a stage that failed, and that did its work, where there is less to tell.
_MOST_LOGS_READ = {FAILED: 12, SUCCEEDED: 4}
_MOST_OTHER_LOGS_READ = 4


class TookTooLong(OutsideError):
    """A run did not end in the time that it was given."""


@dataclass(frozen=True)
class Followed:
    """A run that is watched.

    `tasks` are the display names of the pipeline's tasks by their keys, in topological order; `page` is where a person
    looks at it; `namespace` is where its pods are; `ends` are the keys of the tasks that say what came of it, `branches`
    those of the tasks that run only where their condition holds.
    """

    server: Server
    run_id: str
    pipeline: str
    tasks: Mapping[str, str]
    page: str
    namespace: str
    ends: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()


@dataclass(frozen=True)
class End:
    """How a run ended. `exit_code` is what a command that followed it should exit with: as that of a local run.

    `results` is what its stages said came of their work, by stage; nothing of those whose log is gone or that did not
    run because an earlier run's outputs were taken.
    """

    state: str
    stages: tuple[StageResult, ...]
    exit_code: int = 0
    error: str | None = None
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def follow(
    run: Followed,
    *,
    seconds_between_looks: float,
    seconds_to_start: float | None = None,
    seconds_in_all: float | None = None,
    on_event: Callable[[Event], None],
) -> End:
    """Watch a run to its end.

    Args:
        run: The run.
        seconds_between_looks: How long to wait before looking again.
        seconds_to_start: How long a pod may take to start; None: for ever.
        seconds_in_all: How long the run may take; None: for ever.
        on_event: Called for each event.

    Raises:
        NotStarted: A pod did not start in time; the run goes on waiting for it.
        TookTooLong: The run did not end in time; it goes on.
        OutsideError: The run can no longer be watched; the message says that it goes on, or that it is gone.
    """
    started = time.monotonic()
    watch = _Watch(run, seconds_to_start, on_event)
    failures = 0
    canceling = False
    while True:
        try:
            # Its state says so for a while; its history need not, if it ends between two of the server's looks.
            document = run.server.get(f"{API}/runs/{run.run_id}")
            view = RunView.of(document, run.tasks, canceling=canceling, branches=run.branches)
        except Unavailable as failure:
            failures += 1
            if failures >= _LOOKS_THAT_MAY_FAIL:
                raise OutsideError(
                    f"{failure}; run {run.run_id} exists, and is no longer watched: {run.page}"
                ) from None
        except SignInNeeded as failure:
            raise OutsideError(
                f"signed out while the run was watched: {failure}; run {run.run_id} goes on: {run.page}"
            ) from None
        except NotFound:
            raise OutsideError(
                f"run {run.run_id} is gone: someone deleted it on {run.server.host} while it was watched"
            ) from None
        else:
            failures, canceling = 0, view.canceling
            watch.look(view)
            if view.ended:
                break
        if seconds_in_all is not None and time.monotonic() - started >= seconds_in_all:
            raise TookTooLong(f"run {run.run_id} has not ended after {seconds_in_all:.0f} s: {run.page}")
        time.sleep(seconds_between_looks)
    end = watch.end(view)
    on_event(RunFinished(end.state, time.monotonic() - started))
    return end


class _Watch:
    """What is known of a run so far: its stages, and what their logs say."""

    def __init__(self, run: Followed, seconds_to_start: float | None, on_event: Callable[[Event], None]) -> None:
        self._run = run
        self._logs = Logs(run.server, run.run_id)
        self._patience = Patience(run.run_id, run.namespace, seconds_to_start)
        self._on_event = on_event
        self._stages = [StageResult(key, name) for key, name in run.tasks.items()]
        self._last_logs: dict[str, StageLog] = {}
        self._attempts_told: set[str] = set()
        on_event(RunStarted(run.run_id, run.page, run.pipeline, tuple(self._stages)))

    def look(self, view: RunView) -> None:
        """Tell what has changed since the last look."""
        now = view.stages()
        ended = [
            new
            for old, new in zip(self._stages, now, strict=True)
            if old.state != new.state and new.state in (SUCCEEDED, FAILED)
        ]
        self._read_logs(view, ended)
        before, self._stages = self._stages, [self._in_full(stage) for stage in now]
        for old, new in zip(before, self._stages, strict=True):
            if old.state == new.state:
                continue
            if old.state == WAITING and new.state in (RUNNING, SUCCEEDED, FAILED):
                self._on_event(TaskStarted(replace(new, state=RUNNING, rows=None)))
            if new.state not in (RUNNING, WAITING):
                self._on_event(TaskFinished(new))
        self._tell_failed_attempts(view)
        for event in self._patience.look(view.pending(), time.monotonic()):
            self._on_event(event)

    def end(self, view: RunView) -> End:
        """How it ended."""
        if view.state == CANCELED:
            return End(CANCELED, tuple(self._stages), OutsideError.exit_code, "the run was canceled on the server")
        # Those after which nothing comes say what came of the run.
        ends = self._run.ends
        wanted = [s for s in self._stages if s.state == FAILED or (s.state == SUCCEEDED and s.name in ends)]
        missing = [stage for stage in wanted if stage.name not in self._last_logs]
        if missing:
            # It may have been away for a moment.
            self._read_logs(view, missing)
            self._stages = [self._in_full(stage) for stage in self._stages]
        results = {name: log.result for name, log in self._last_logs.items() if log.result is not None}
        if view.state == SUCCEEDED:
            return End(SUCCEEDED, tuple(self._stages), results=results)
        first = next((stage for stage in self._stages if stage.state == FAILED), None)
        if first is None:
            why = view.message or "the server gives no reason"
            error = f"the run failed before any stage did: {why}"
            return End(FAILED, tuple(self._stages), OutsideError.exit_code, error, results)
        log = self._last_logs.get(first.name)
        if log is not None:
            # A stage's own last line says where; what is said of it from outside does not.
            said = first.error if log.exit_code is not None else f"stage {first.name}: {first.error}"
            return End(FAILED, tuple(self._stages), log.run_exit_code, said, results)
        error = self._without_log(view, first.name)
        stages = tuple(replace(stage, error=error) if stage.name == first.name else stage for stage in self._stages)
        return End(FAILED, stages, OutsideError.exit_code, error, results)

    def _in_full(self, stage: StageResult) -> StageResult:
        log = self._last_logs.get(stage.name)
        if log is None or stage.state not in (SUCCEEDED, FAILED):
            return stage
        if stage.state == SUCCEEDED:
            return replace(stage, rows=log.rows)
        return replace(stage, rows=log.rows, exit_code=log.exit_code, error=log.reason)

    def _read_logs(self, view: RunView, ended: Sequence[StageResult]) -> None:
        """The log of the last attempt of each of these stages."""
        names = [stage.name for stage in ended]
        for stage in ended:
            for node in islice(view.nodes(stage.name), _MOST_LOGS_READ[stage.state]):
                if stage.state == SUCCEEDED and stage.name in self._last_logs:
                    break
                log = self._logs.read(node)
                if log is None:
                    continue
                task = log.task if log.task and log.task in view.tasks else stage.name
                known = self._last_logs.get(task)
                if task in names and (known is None or _tells_more(log, known)):
                    self._last_logs[task] = log

    def _tell_failed_attempts(self, view: RunView) -> None:
        for node in view.failed_attempts():
            log = self._logs.read(node) if node not in self._attempts_told else None
            if log is not None and log.complete and log.task is not None:
                self._attempts_told.add(node)
                self._on_event(TaskWaiting(log.task, f"an attempt failed, the server makes another: {log.reason}"))

    def _without_log(self, view: RunView, stage: str) -> str:
        # Any log at all shows that the server keeps them.
        for node in islice(view.other_nodes(), _MOST_OTHER_LOGS_READ):
            if self._logs.tell_absence:
                break
            self._logs.read(node)
        look = f"kubectl -n {self._run.namespace} describe pods -l pipeline/runid={self._run.run_id}"
        if self._logs.tell_absence:
            return f"stage {stage} failed and left no log: its pod did not start, or was deleted; {look} may tell"
        return (
            f"stage {stage} failed, and its log could not be read through {self._run.server.host}, so why is not known "
            f"here: look at the stage's log on the run's page, or {look}"
        )


def _tells_more(log: StageLog, other: StageLog) -> bool:
    """A log that has the stage's exit code, before one that breaks off; then the later."""
    return (log.exit_code is not None, log.ended) >= (other.exit_code is not None, other.ended)
