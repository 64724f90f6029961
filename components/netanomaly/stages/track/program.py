"""Tell MLflow of a run, and of the version that it became; a failure of that is one line, and no failure of the run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from netanomaly.errors import NetanomalyError
from netanomaly.stages.track.settings import Settings
from netanomaly.tracking import access, patience, recording, versions
from netanomaly.tracking.patience import Clock
from netanomaly.tracking.recording import Injected, Recorded
from netanomaly.tracking.runs import Run
from netanomaly.tracking.server import Server
from netanomaly.tracking.versions import Standing

REGISTRATION_SECONDS = 30.0
"""How long the version that register makes meanwhile is waited for: as long as a pod may start later than this one."""

_SECONDS_BETWEEN_LOOKS = 0.5

T = TypeVar("T")

LookUp = Callable[[], Standing | None]


@dataclass(frozen=True)
class Tracked:
    """What came of it. `url` is empty where MLflow was not told, `version` None where it was not told of one."""

    url: str = ""
    version: int | None = None
    warning: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"url": self.url, "version": self.version, "warning": self.warning}


def track(
    run: Run,
    settings: Settings,
    look_up: LookUp | None,
    injected: Injected | None = None,
    *,
    seconds: float = patience.SECONDS,
    registration_seconds: float = REGISTRATION_SECONDS,
) -> Tracked:
    """Show a run in MLflow.

    Args:
        run: What is to be shown.
        settings: Where.
        look_up: The version that came of the run, None where it is not there yet. None: nothing is registered.
        injected: The run that Kubeflow's own plug-in made for this task, which is filled then.
        seconds: For all that MLflow is asked, together.
        registration_seconds: For waiting until the version is registered, which is not MLflow's doing.
    """
    patient = _Patient(seconds)

    def tell(clock: Clock) -> Recorded:
        # Its trials are many requests, and what fewer people look for: they come last.
        return recording.record(_server(settings, clock), settings.experiment, replace(run, trials=()), injected)

    try:
        shown = patient.within(tell)
    except NetanomalyError as error:
        return Tracked(warning=f"MLflow was not told of all of this run: {error}")
    version, warning = (
        (None, "") if look_up is None else _version(patient, settings, shown, look_up, registration_seconds)
    )
    there: list[Recorded] = []
    try:
        patient.within(lambda clock: there.extend(recording.told_trials(_server(settings, clock), shown, run.trials)))
    except NetanomalyError as error:
        missing = f"MLflow was told of {len(there)} of {len(run.trials)} trials: {error}"
        warning = "; ".join(filter(None, [warning, missing]))
    return Tracked(shown.url, version, warning)


class _Patient:
    """What is left of the time for MLflow, over several goes."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def within(self, work: Callable[[Clock], T]) -> T:
        began = time.monotonic()
        try:
            return patience.within(work, max(self._left, 0.1))
        finally:
            self._left -= time.monotonic() - began


def _version(
    patient: _Patient, settings: Settings, shown: Recorded, look_up: LookUp, registration_seconds: float
) -> tuple[int | None, str]:
    """The version that MLflow was told of, and what went wrong."""
    try:
        standing = _registered(look_up, registration_seconds)
    except NetanomalyError as error:
        return None, f"MLflow was not told the version of this run: {error}"
    if standing is None:
        return (
            None,
            f"MLflow was not told the version of this run: none was registered within {registration_seconds:g} s",
        )

    def tell(clock: Clock) -> None:
        server = _server(settings, clock)
        recording.set_tags(server, shown.run_id, standing.tags)
        if settings.register_in_mlflow:
            versions.register(server, shown, standing)

    try:
        patient.within(tell)
    except NetanomalyError as error:
        return None, f"MLflow was not told of version {standing.number}: {error}"
    return standing.number, ""


def _server(settings: Settings, clock: Clock) -> Server:
    return Server(access.from_environment(settings.mlflow), clock)


def injected_run(settings: Settings, environment: Mapping[str, str]) -> Injected | None:
    """The run that Kubeflow's own plug-in made for this task, where it is of the server that is told."""
    run_id = environment.get("MLFLOW_RUN_ID")
    if not run_id or environment.get(access.URI, "").rstrip("/") != settings.mlflow:
        return None
    return Injected(run_id)


def _registered(look_up: LookUp, seconds: float) -> Standing | None:
    end = time.monotonic() + seconds
    while (found := look_up()) is None and time.monotonic() < end:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return found
