"""What is known of a run while it goes on: the state of each stage, what came out of it, what failed; and the verdict.

Every change is written to the run folder, for whoever looks and for a crash.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from signal import Signals
from typing import Any

from netanomaly.errors import InputError, NetanomalyError
from netanomaly.runners.placeholders import RunNames
from netanomaly.runners.result import CANCELED, FAILED, RUNNING, SKIPPED, SUCCEEDED, WAITING, RunResult, StageResult
from netanomaly.runners.run_folder import RunFolder
from netanomaly.runners.scope import Scope
from netanomaly.runners.spec import Dag, Pipeline, Task

# Where a failure is noted that is no task's own.
_THE_PIPELINE = ""


class RunRecord:
    """The record of one run. Tasks go by their path: their key in the pipeline, after those of the DAGs around them."""

    def __init__(self, pipeline: Pipeline, names: RunNames, folder: RunFolder) -> None:
        self._pipeline = pipeline
        self._names = names
        self._folder = folder
        self._started = time.monotonic()
        self._order = [path for path, _ in _tasks(pipeline.dag)]
        self._stages = {
            path: StageResult(name=path, display_name=task.display_name)
            for path, task in _tasks(pipeline.dag)
            if not isinstance(task.component.body, Dag)
        }
        self._outputs: dict[str, Mapping[str, Any]] = {}
        self._failures: dict[str, tuple[str, int]] = {}

    @property
    def stages(self) -> tuple[StageResult, ...]:
        """Every stage, in topological order."""
        return tuple(self._stages.values())

    def stage(self, path: str) -> StageResult:
        """One stage as it is now."""
        return self._stages[path]

    def unroll(self, path: str, task: Task, turns: int) -> tuple[StageResult, ...]:
        """Put the stages of so many turns in place of those that a loop's DAG has; returns the new ones."""
        if not isinstance(task.component.body, Dag):
            raise TypeError(f"task {path} is no loop")
        inside = f"{path}/"
        tasks = [
            (inner, each)
            for number in range(1, turns + 1)
            for inner, each in _tasks(task.component.body, f"{inside}{number}/")
        ]
        fresh = {
            inner: StageResult(
                name=inner, display_name=f"{each.display_name} {inner.removeprefix(inside).split('/')[0]}"
            )
            for inner, each in tasks
            if not isinstance(each.component.body, Dag)
        }
        stages: dict[str, StageResult] = {}
        placed = False
        for name, stage in self._stages.items():
            if not name.startswith(inside):
                stages[name] = stage
            elif not placed:
                stages.update(fresh)
                placed = True
        self._stages = stages
        order = [name for name in self._order if not name.startswith(inside)]
        at = order.index(path) + 1
        self._order = [*order[:at], *(inner for inner, _ in tasks), *order[at:]]
        self._write(RUNNING)
        return tuple(fresh.values())

    def begin(self) -> None:
        """Write the state from which the run starts."""
        self._write(RUNNING)

    def change(self, path: str, **changes: Any) -> None:
        """Change fields of a stage's result.

        Raises:
            OutsideError: The run folder cannot be written.
        """
        self._stages[path] = replace(self._stages[path], **changes)
        self._write(RUNNING)

    def succeed(self, path: str, outputs: Mapping[str, Any], **changes: Any) -> None:
        """Note that a stage succeeded, and with what outputs."""
        self._outputs[path] = outputs
        self.change(path, state=SUCCEEDED, **changes)

    def fail(self, path: str, error: str, run_exit_code: int, **changes: Any) -> None:
        """Note that a task failed, and what the run exits with if it is the first that did."""
        self._failures[path] = (error, run_exit_code)
        if path in self._stages:
            self.change(path, state=FAILED, error=error, **changes)

    def skip_waiting(self) -> Iterator[StageResult]:
        """The stages that never started, which are skipped now that the run has ended."""
        for path, stage in self._stages.items():
            if stage.state == WAITING:
                self._stages[path] = replace(stage, state=SKIPPED)
                yield self._stages[path]

    def finish(self, root: Scope, canceled_by: Signals | None) -> RunResult:
        """Write down and return what became of the run.

        Args:
            root: The pipeline's own DAG; nothing of it runs any more.
            canceled_by: The signal that ended the run, if one did.
        """
        pipeline_outputs: Mapping[str, Any] = {}
        if root.ended and not root.failed:
            try:
                pipeline_outputs = root.outputs()
            except InputError as failure:
                self.fail(_THE_PIPELINE, str(failure), failure.exit_code)
        state, exit_code, failed_task, error = self._verdict(root, canceled_by)
        result = RunResult(
            state=state,
            run_id=self._names.id,
            run_dir=self._folder.root,
            pipeline=self._pipeline.name,
            seconds=time.monotonic() - self._started,
            stages=self.stages,
            exit_code=exit_code,
            error=error,
            failed_task=failed_task,
            outputs=self._outputs,
            pipeline_outputs=pipeline_outputs,
        )
        self._write(state, error, exit_code)
        return result

    def _verdict(self, root: Scope, canceled_by: Signals | None) -> tuple[str, int, str | None, str | None]:
        for path in (*self._order, _THE_PIPELINE):
            if path in self._failures:
                error, exit_code = self._failures[path]
                return FAILED, exit_code, path, error
        if root.ended and not root.failed:
            return SUCCEEDED, 0, None, None
        if canceled_by is not None:
            return CANCELED, 128 + canceled_by, None, f"canceled by {canceled_by.name}"
        # Fail closed: a run whose tasks did not all end is no success, whatever the reason.
        left = ", ".join(name for name, state in root.states.items() if state not in (SUCCEEDED, SKIPPED))
        return FAILED, NetanomalyError.exit_code, None, f"internal error: these tasks were never settled: {left}"

    def _write(self, state: str, error: str | None = None, exit_code: int | None = None) -> None:
        document = {
            "format": 1,
            "state": state,
            "run_id": self._names.id,
            "run_name": self._names.name,
            "pipeline": self._pipeline.name,
            "created": self._names.created,
            "process": os.getpid(),
            "error": error,
            "exit_code": exit_code,
            "seconds": time.monotonic() - self._started,
            "stages": [stage.document() for stage in self._stages.values()],
        }
        self._folder.write_state(document)


def _tasks(dag: Dag, prefix: str = "") -> Iterator[tuple[str, Task]]:
    """Every task with its path, those of nested DAGs right after the task they belong to."""
    for task in dag.tasks.values():
        yield prefix + task.name, task
        if isinstance(task.component.body, Dag):
            yield from _tasks(task.component.body, f"{prefix}{task.name}/")
