"""The stages of a run, out of what the server lists: their drivers, executors and the DAGs around them, in no order.

A server that may start a pod again, as stock 2.17.0, lists each of these a second time, as `train(0)`: its first attempt;
and entries that have neither name nor state.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from netanomaly.runners.result import CACHED, CANCELED, FAILED, RUNNING, SKIPPED, SUCCEEDED, WAITING, StageResult

# Of a run that is on its way the server has no state yet, or one of these.
_STATES = {
    "PENDING": RUNNING,
    "RUNNING": RUNNING,
    "PAUSED": RUNNING,
    "SUCCEEDED": SUCCEEDED,
    "SKIPPED": CACHED,
    "FAILED": FAILED,
    "ERROR": FAILED,
    "CANCELING": CANCELED,
    "CANCELED": CANCELED,
}
_RUN_STATES = {"SUCCEEDED": SUCCEEDED, "FAILED": FAILED, "ERROR": FAILED, "CANCELED": CANCELED, "PENDING": WAITING}
_ENDING_EARLY = ("CANCELING", "CANCELED")
_FIRST_REAL_YEAR = 2000
_NEVER = datetime.max.replace(tzinfo=UTC)
_EXECUTOR = "executor"
_ATTEMPT = re.compile(r"(.*)\((\d+)\)")


@dataclass(frozen=True)
class Pending:
    """A pod that is wanted and does not run yet. `stage` is empty where it is the run's first."""

    stage: str
    is_driver: bool


@dataclass(frozen=True)
class RunView:
    """A run as the server shows it at one moment."""

    run_id: str
    state: str
    tasks: Mapping[str, str]
    """Display name of each task of the pipeline by its key."""
    details: tuple[Mapping[str, Any], ...]
    message: str = ""
    canceling: bool = False
    branches: frozenset[str] = frozenset()
    """Keys of the tasks that run only where their condition holds."""

    @classmethod
    def of(
        cls,
        run: Mapping[str, Any],
        tasks: Mapping[str, str],
        *,
        canceling: bool = False,
        branches: frozenset[str] = frozenset(),
    ) -> "RunView":
        """Of the server's JSON; `canceling`: whether an earlier look saw that it was being canceled."""
        state = _RUN_STATES.get(str(run.get("state", "")), RUNNING)
        # That is all that tells a run that someone ended from one that failed.
        states = [run.get("state"), *(each.get("state") for each in run.get("state_history", ()))]
        canceling = canceling or any(each in _ENDING_EARLY for each in states)
        if state == FAILED and canceling:
            state = CANCELED
        return cls(
            run_id=str(run["run_id"]),
            state=state,
            tasks=tasks,
            details=tuple(run.get("run_details", {}).get("task_details", ())),
            message=str(run.get("error", {}).get("message", "")),
            canceling=canceling,
            branches=branches,
        )

    @property
    def ended(self) -> bool:
        return self.state in (SUCCEEDED, FAILED, CANCELED)

    def stages(self) -> list[StageResult]:
        """The tasks of the pipeline, in its order."""
        cached = self._cached()
        return [self._stage(key, cached) for key in self.tasks]

    def nodes(self, key: str) -> Iterator[str]:
        """Names under which the pods of a stage that has ended may be known to the log routes, likeliest first.

        A pod hangs below its stage, or below an executor where the stage may be tried again. Which executor belongs to
        which stage is not said: one that ended otherwise or began before does not. What runs next hangs there, too.
        """
        driver = self._detail(f"{key}-driver")
        if driver is not None and driver.get("state") == "FAILED":
            # The stage never began. Where a driver may be tried again, its attempts hang below it.
            yield from _children(driver)
            return
        stage = self._detail(key)
        if stage is None:
            return
        began = _moment(str(stage.get("start_time", "")))
        executors = []
        for detail in self.details:
            start = _moment(str(detail.get("start_time", "")))
            if _name(detail).startswith(_EXECUTOR) and detail.get("state") == stage.get("state") and began and start:
                later = (start - began).total_seconds()
                if later >= 0:
                    executors.append((later, _name(detail) != _EXECUTOR, detail))
        likeliest = [detail for *_, detail in sorted(executors, key=lambda each: each[:2])]
        repeatable = any(_ATTEMPT.fullmatch(_name(detail)) for detail in likeliest)
        seen = set()
        for detail in (*likeliest, stage) if repeatable else (stage, *likeliest):
            for name in _children(detail):
                if name not in seen:
                    seen.add(name)
                    yield name

    def other_nodes(self) -> Iterator[str]:
        """Nodes of the pods that KFP itself starts, at least one of which has run."""
        for detail in self.details:
            if not _name(detail) or not _name(detail).startswith((_EXECUTOR, *self.tasks)):
                yield from _children(detail)

    def pending(self) -> list[Pending]:
        """What waits for its pod to start."""
        if self.ended:
            return []
        if not any(_name(detail) for detail in self.details):
            return [Pending("", is_driver=True)]
        found = []
        running = {stage.name for stage in self.stages() if stage.state == RUNNING}
        for detail in self.details:
            name = _without_attempt(_name(detail))
            if detail.get("state") != "PENDING" or _ended(detail):
                continue
            if name == _EXECUTOR:
                stages = [key for key in self.tasks if key in running and _began_with(detail, self._detail(key) or {})]
                found += [Pending(key, is_driver=False) for key in stages[:1]]
                running -= set(stages[:1])
            elif name.endswith("-driver"):
                key = self._key(name.removesuffix("-driver"))
                found.append(Pending(key, is_driver=True))
        return list(dict.fromkeys(found))

    def failed_attempts(self) -> Iterator[str]:
        """Nodes below executors that go on although an attempt of theirs has failed: that attempt's is among them."""
        attempts = [_ATTEMPT.fullmatch(_name(detail)) for detail in self.details if detail.get("state") == "FAILED"]
        if any(attempt and attempt[1] == _EXECUTOR for attempt in attempts):
            for detail in self.details:
                if _name(detail) == _EXECUTOR and not _ended(detail):
                    yield from _children(detail)

    def _stage(self, key: str, cached: set[str]) -> StageResult:
        name = self.tasks[key]
        detail, driver = self._detail(key), self._detail(f"{key}-driver")
        if detail is None:
            state = WAITING
            if driver is not None:
                driven = _STATES.get(str(driver.get("state", "")))
                # Whether a branch is taken at all is for its driver to find out.
                at_work = WAITING if key in self.branches else RUNNING
                state = {None: WAITING, FAILED: FAILED, CANCELED: CANCELED}.get(driven, at_work)
            if self.ended and state in (WAITING, RUNNING):
                state = SKIPPED
            return StageResult(key, name, state)
        # What was left out has no state; a branch that was not taken is told as what came from the cache is.
        state = CACHED if key in cached else _STATES.get(str(detail.get("state", "")), SKIPPED)
        if state == CACHED and key in self.branches:
            state = SKIPPED
        if state == SKIPPED and driver is not None and driver.get("state") == "FAILED":
            state = FAILED
        if (state == FAILED and self.canceling) or (state == RUNNING and self.state == CANCELED):
            state = CANCELED
        return StageResult(key, name, state, None if state == SKIPPED else _seconds(detail))

    def _detail(self, name: str) -> Mapping[str, Any] | None:
        names = (name, self.tasks.get(name, name))
        # A pipeline inside this one has tasks of the same keys, which begin after what they are in.
        found = [detail for detail in self.details if _name(detail) in names]
        return min(found, key=lambda detail: _moment(str(detail.get("start_time", ""))) or _NEVER, default=None)

    def _key(self, name: str) -> str:
        """The key of a task by its key or its display name; empty for what is no task."""
        return next((key for key, shown in self.tasks.items() if name in (key, shown)), "")

    def _cached(self) -> set[str]:
        """Stages whose executor was left out: each such executor is of the shortest that began with it."""
        succeeded = {key: detail for key in self.tasks if (detail := self._succeeded(key)) is not None}
        found: set[str] = set()
        for executor in self.details:
            if _name(executor) != _EXECUTOR or executor.get("state") != "SKIPPED":
                continue
            beside = [key for key in succeeded if key not in found and _began_with(executor, succeeded[key])]
            if beside:
                found.add(min(beside, key=lambda key: _seconds(succeeded[key]) or 0.0))
        return found

    def _succeeded(self, key: str) -> Mapping[str, Any] | None:
        detail = self._detail(key)
        return detail if detail is not None and detail.get("state") == "SUCCEEDED" else None


def _name(detail: Mapping[str, Any]) -> str:
    return str(detail.get("display_name", ""))


def _without_attempt(name: str) -> str:
    attempt = _ATTEMPT.fullmatch(name)
    return attempt[1] if attempt else name


def _children(detail: Mapping[str, Any]) -> list[str]:
    return [str(child["pod_name"]) for child in detail.get("child_tasks", ()) if child.get("pod_name")]


def _ended(detail: Mapping[str, Any]) -> bool:
    return _moment(str(detail.get("end_time", ""))) is not None


def _began_with(executor: Mapping[str, Any], stage: Mapping[str, Any]) -> bool:
    """Whether it began in the second in which the stage did, or in the next: they are noted one after the other."""
    moments = [_moment(str(detail.get("start_time", ""))) for detail in (stage, executor)]
    return moments[0] is not None and moments[1] is not None and 0 <= (moments[1] - moments[0]).total_seconds() <= 1


def _seconds(detail: Mapping[str, Any]) -> float | None:
    start, end = (_moment(str(detail.get(name, ""))) for name in ("start_time", "end_time"))
    return (end - start).total_seconds() if start and end else None


def _moment(text: str) -> datetime | None:
    """A time of the server; what has not happened it dates 1970 or year 1."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.year >= _FIRST_REAL_YEAR else None
