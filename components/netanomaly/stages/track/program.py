"""Tell MLflow of a run, and of the version that it became; a failure of that is one line, and no failure of the run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
    began = time.monotonic()
    recorded: list[Recorded] = []

    def tell(clock: Clock) -> None:
        server = Server(access.from_environment(settings.mlflow), clock)
        recorded.append(recording.record(server, settings.experiment, run, injected))

    try:
        patience.within(tell, seconds)
    except NetanomalyError as error:
        return Tracked(warning=f"MLflow was not told of all of this run: {error}")
    (shown,) = recorded
    left = seconds - (time.monotonic() - began)
    if look_up is None:
        return Tracked(shown.url)
    try:
        standing = _registered(look_up, registration_seconds)
    except NetanomalyError as error:
        return Tracked(shown.url, warning=f"MLflow was not told the version of this run: {error}")
    if standing is None:
        return Tracked(
            shown.url,
            warning=f"MLflow was not told the version of this run: none was registered within {registration_seconds:g} s",
        )

    def tell_version(clock: Clock) -> None:
        server = Server(access.from_environment(settings.mlflow), clock)
        recording.set_tags(server, shown.run_id, standing.tags)
        if settings.register_in_mlflow:
            versions.register(server, shown, standing)

    try:
        patience.within(tell_version, max(left, 0.1))
    except NetanomalyError as error:
        return Tracked(shown.url, warning=f"MLflow was not told of version {standing.number}: {error}")
    return Tracked(shown.url, standing.number)


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
