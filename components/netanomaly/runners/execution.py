"""Execute the DAG of a compiled pipeline: each task as soon as its inputs are there, several side by side."""

import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netanomaly.errors import InputError
from netanomaly.runners import compiled
from netanomaly.runners.attempt import Outcome, Place, Work, carry_out
from netanomaly.runners.events import (
    Event,
    RunFinished,
    RunStarted,
    RunStopping,
    TaskFinished,
    TaskProgress,
    TaskRetried,
    TaskStarted,
    TasksUnrolled,
)
from netanomaly.runners.interruption import interruptions
from netanomaly.runners.launcher import Launcher
from netanomaly.runners.placeholders import RunNames
from netanomaly.runners.record import RunRecord
from netanomaly.runners.result import CANCELED, FAILED, RUNNING, SKIPPED, SUCCEEDED, RunResult
from netanomaly.runners.run_folder import RunFolder
from netanomaly.runners.scope import READY, Scope, Turns
from netanomaly.runners.spec import Container, Dag, Pipeline, Task
from netanomaly.runners.values import pipeline_arguments


def run(
    pipeline: Path | str,
    arguments: Mapping[str, Any],
    run_dir: Path | str,
    *,
    launcher: Launcher,
    run_id: str | None = None,
    run_name: str | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    environment: Mapping[str, str] | None = None,
    side_by_side: int | None = None,
    retries: bool = True,
) -> RunResult:
    """Run a compiled pipeline to its end and say what became of it. A failed stage is a result, not an exception.

    SIGINT, SIGTERM and SIGHUP cancel the run: stages are ended, then the result is returned; a second one kills them.

    Args:
        pipeline: The compiled YAML.
        arguments: The pipeline's parameters; those left out have their defaults.
        run_dir: A new or empty folder for logs, artefacts and `run.json` (`run_folder`).
        launcher: Where stages run.
        run_id: What `{{$.pipeline_job_uuid}}` stands for; a new UUID by default.
        run_name: The display name of the run.
        on_event: Called in this thread for each event.
        environment: Variables for every stage, on top of its container's.
        side_by_side: Most stages that run at a time; by default the number of processors.
        retries: Whether a failed task is tried again as often as the pipeline says.

    Raises:
        InputError: The pipeline or an argument is wrong; nothing was started.
        OutsideError: The run folder cannot be written; all stages have been ended.
    """
    spec = compiled.read(pipeline)
    values = pipeline_arguments(spec.root.interface.input_parameters, arguments)
    run_id = run_id or _new_id()
    now = datetime.now(UTC)
    names = RunNames(
        id=run_id,
        name=run_name or f"{spec.name} {now:%Y-%m-%d %H:%M:%S}",
        resource_name=f"{spec.name}-{run_id[:5]}",
        created=f"{now:%Y-%m-%dT%H:%M:%SZ}",
    )
    folder = RunFolder(Path(run_dir))
    place = Place(launcher, folder, run_id, dict(environment or {}), canceled=threading.Event(), retries=retries)
    execution = _Execution(spec, names, place, on_event, side_by_side or _processors())
    folder.create()
    return execution.run(values)


@dataclass(frozen=True)
class _Retry:
    path: str
    outcome: Outcome
    wait_seconds: float


@dataclass(frozen=True)
class _End:
    scope: Scope
    work: Work
    outcome: Outcome


_Message = TaskProgress | _Retry | _End | signal.Signals


class _Execution:
    """One run. All state changes in the thread that called `run`; stages report to it through a queue."""

    def __init__(
        self, pipeline: Pipeline, names: RunNames, place: Place, on_event: Callable[[Event], None], side_by_side: int
    ) -> None:
        self._pipeline = pipeline
        self._names = names
        self._place = place
        self._record = RunRecord(pipeline, names, place.folder)
        self._emit = on_event
        self._side_by_side = side_by_side
        # A SimpleQueue may be put to from a signal handler.
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._ready: list[tuple[Scope, Work]] = []
        self._threads: dict[str, threading.Thread] = {}
        self._signal: signal.Signals | None = None
        self._expected: set[str] = set()

    def run(self, arguments: Mapping[str, Any]) -> RunResult:
        root = Scope(self._pipeline.root, arguments)
        self._record.begin()
        folder = str(self._place.folder.root)
        self._emit(RunStarted(self._names.id, folder, self._pipeline.name, self._record.stages))
        try:
            with interruptions(self._messages.put):
                self._advance(root)
                self._start_ready()
                while self._threads:
                    self._expect_next(root)
                    self._take(self._messages.get())
                    self._start_ready()
        finally:
            # Something is left only on the way out of an exception.
            if self._threads:
                self._place.canceled.set()
                self._place.launcher.kill()
                for thread in self._threads.values():
                    thread.join()
            self._place.launcher.dismiss()
        return self._finish(root)

    def _expect_next(self, root: Scope) -> None:
        """Announce the stages for which nothing but running ones is waited for."""
        if self._signal is not None or root.failed:
            return
        for task in root.soon():
            container = task.component.body
            if isinstance(container, Container) and root.path(task) not in self._expected:
                self._expected.add(root.path(task))
                environment = {**container.environment, **self._place.environment}
                self._place.launcher.expect(container.command, environment, container.outside, self._place.folder.root)

    def _advance(self, scope: Scope) -> None:
        """Start what may start in a DAG; when nothing is left to do there, go on in the DAG around it."""
        for task in scope.startable():
            self._begin(scope, task)
        if scope.ended and scope.within is not None and not scope.closed:
            scope.closed = True
            around, task = scope.within
            if scope.turn_of is not None:
                self._turn(scope.turn_of)
                return
            try:
                around.settle(task, FAILED if scope.failed else SUCCEEDED, {} if scope.failed else scope.outputs())
            except InputError as error:
                self._fail(around, task, str(error), error.exit_code)
            self._advance(around)

    def _turn(self, turns: Turns) -> None:
        """Begin the turns of a loop that may begin; when all have ended, go on in the DAG around it."""
        for inner in turns.next():
            self._advance(inner)
        around, task = turns.around, turns.task
        if not turns.ended or around.states[task.name] != RUNNING:
            return
        try:
            around.settle(task, FAILED if turns.failed else SUCCEEDED, {} if turns.failed else turns.outputs())
        except InputError as error:
            self._fail(around, task, str(error), error.exit_code)
        self._advance(around)

    def _begin(self, scope: Scope, task: Task) -> None:
        try:
            parameters, artifacts = scope.inputs_of(task, self._names)
        except InputError as error:
            self._fail(scope, task, str(error), error.exit_code)
            return
        if task.condition is not None and not task.condition.holds(parameters):
            scope.settle(task, SKIPPED)
        elif task.loop is not None:
            try:
                turns = Turns(scope, task, {**parameters, **artifacts})
            except InputError as error:
                self._fail(scope, task, str(error), error.exit_code)
                return
            scope.settle(task, RUNNING)
            unrolled = self._record.unroll(scope.path(task), task, len(turns.scopes))
            self._emit(TasksUnrolled(scope.path(task), unrolled))
            self._turn(turns)
        elif isinstance(task.component.body, Dag):
            scope.settle(task, RUNNING)
            inner = Scope(
                task.component, {**parameters, **artifacts}, prefix=f"{scope.path(task)}/", within=(scope, task)
            )
            self._advance(inner)
        else:
            scope.settle(task, READY)
            self._ready.append((scope, Work(scope.path(task), task, parameters, artifacts)))

    def _start_ready(self) -> None:
        """Start ready tasks, as many as there is room for. After a failure beside it, a ready task is not started."""
        while self._ready and len(self._threads) < self._side_by_side and self._signal is None:
            scope, work = self._ready.pop(0)
            if scope.failed:
                continue
            scope.settle(work.task, RUNNING)
            self._record.change(work.path, state=RUNNING, attempts=1, log=self._place.folder.log(work.path))
            self._emit(TaskStarted(self._record.stage(work.path)))
            thread = threading.Thread(target=self._work, args=(scope, work), name=work.path)
            self._threads[work.path] = thread
            thread.start()

    def _work(self, scope: Scope, work: Work) -> None:
        outcome = carry_out(
            work,
            self._place,
            on_rows=lambda rows: self._messages.put(TaskProgress(work.path, rows)),
            on_retry=lambda outcome, seconds: self._messages.put(_Retry(work.path, outcome, seconds)),
        )
        self._messages.put(_End(scope, work, outcome))

    def _take(self, message: _Message) -> None:
        if isinstance(message, TaskProgress):
            self._record.change(message.name, rows=message.rows)
            self._emit(message)
        elif isinstance(message, _Retry):
            stage = self._record.stage(message.path)
            self._record.change(message.path, attempts=stage.attempts + 1)
            error = message.outcome.error or ""
            self._emit(TaskRetried(self._record.stage(message.path), error, message.wait_seconds))
        elif isinstance(message, _End):
            self._end(message.scope, message.work, message.outcome)
        elif self._signal is None:
            self._signal = message
            self._place.canceled.set()
            self._place.launcher.stop()
            self._emit(RunStopping(message.name))
        else:
            self._place.launcher.kill()

    def _end(self, scope: Scope, work: Work, outcome: Outcome) -> None:
        self._threads.pop(work.path).join()
        ended = {
            "seconds": outcome.seconds,
            "peak_memory_bytes": outcome.peak_memory_bytes,
            "exit_code": outcome.exit_code,
        }
        if outcome.error is None:
            self._record.succeed(work.path, outcome.outputs, **ended)
            scope.settle(work.task, SUCCEEDED, outcome.outputs)
        elif self._signal is not None:
            self._record.change(work.path, state=CANCELED, error="canceled", **ended)
            scope.settle(work.task, FAILED)
        else:
            self._fail(scope, work.task, outcome.error, outcome.run_exit_code, **ended)
        self._emit(TaskFinished(self._record.stage(work.path)))
        self._advance(scope)

    def _fail(self, scope: Scope, task: Task, error: str, run_exit_code: int, **ended: Any) -> None:
        scope.settle(task, FAILED)
        self._record.fail(scope.path(task), error, run_exit_code, **ended)

    def _finish(self, root: Scope) -> RunResult:
        for stage in self._record.skip_waiting():
            self._emit(TaskFinished(stage))
        result = self._record.finish(root, self._signal)
        self._emit(RunFinished(result.state, result.seconds))
        return result


def _new_id() -> str:
    import uuid  # it asks the platform about itself when imported

    return str(uuid.uuid4())


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
