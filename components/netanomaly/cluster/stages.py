"""The stages of a run, out of what the server lists: their drivers, executors and the DAGs around them, in no order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
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
_FIRST_REAL_YEAR = 2000


@dataclass(frozen=True)
class RunView:
    """A run as the server shows it at one moment."""

    run_id: str
    state: str
    tasks: Mapping[str, str]
    """Display name of each task of the pipeline by its key."""
    details: tuple[Mapping[str, Any], ...]
    message: str = ""

    @classmethod
    def of(cls, run: Mapping[str, Any], tasks: Mapping[str, str]) -> "RunView":
        """Of the server's JSON."""
        return cls(
            run_id=str(run["run_id"]),
            state=_RUN_STATES.get(str(run.get("state", "")), RUNNING),
            tasks=tasks,
            details=tuple(run.get("run_details", {}).get("task_details", ())),
            message=str(run.get("error", {}).get("message", "")),
        )

    @property
    def ended(self) -> bool:
        return self.state in (SUCCEEDED, FAILED, CANCELED)

    def stages(self) -> list[StageResult]:
        """The tasks of the pipeline, in its order."""
        cached = self._cached()
        return [self._stage(key, cached) for key in self.tasks]

    def nodes(self, key: str) -> Iterator[str]:
        """Names under which the pods of a stage that has ended may be known to the log route, likeliest first.

        A pod hangs below its stage, or below an executor where the stage may be tried again. Which executor belongs to
        which stage is not said: one that ended otherwise or began before does not. What runs next hangs there, too.
        """
        stage = self._detail(key)
        if stage is None:
            return
        executors = [
            detail
            for detail in self.details
            if str(detail.get("display_name", "")).startswith("executor")
            and detail.get("state") == stage.get("state")
            and str(detail.get("start_time", "")) >= str(stage.get("start_time", ""))
        ]
        seen = set()
        for detail in (stage, *executors):
            for child in detail.get("child_tasks", ()):
                name = child.get("pod_name")
                if name and name not in seen:
                    seen.add(name)
                    yield name

    def _stage(self, key: str, cached: set[str]) -> StageResult:
        name = self.tasks[key]
        detail, driver = self._detail(key), self._detail(f"{key}-driver")
        if detail is None:
            state = WAITING
            if driver is not None:
                driven = _STATES.get(str(driver.get("state", "")))
                state = {None: WAITING, FAILED: FAILED, CANCELED: CANCELED}.get(driven, RUNNING)
            if self.ended and state in (WAITING, RUNNING):
                state = SKIPPED
            return StageResult(key, name, state)
        # What was left out has no state.
        state = CACHED if key in cached else _STATES.get(str(detail.get("state", "")), SKIPPED)
        if state == SKIPPED and driver is not None and driver.get("state") == "FAILED":
            state = FAILED
        return StageResult(key, name, state, None if state == SKIPPED else _seconds(detail))

    def _detail(self, name: str) -> Mapping[str, Any] | None:
        names = (name, self.tasks.get(name, name))
        return next((detail for detail in self.details if detail.get("display_name") in names), None)

    def _cached(self) -> set[str]:
        """Stages whose executor was left out: each such executor is of the shortest that began with it."""
        succeeded = {key: detail for key in self.tasks if (detail := self._succeeded(key)) is not None}
        found: set[str] = set()
        for executor in self.details:
            if executor.get("display_name") != "executor" or executor.get("state") != "SKIPPED":
                continue
            beside = [key for key in succeeded.keys() - found if _began_with(executor, succeeded[key])]
            if beside:
                found.add(min(beside, key=lambda key: _seconds(succeeded[key]) or 0.0))
        return found

    def _succeeded(self, key: str) -> Mapping[str, Any] | None:
        detail = self._detail(key)
        return detail if detail is not None and detail.get("state") == "SUCCEEDED" else None


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
