"""Pods that do not start: the server shows only that they are pending, so what may be the reason is said here."""

from collections.abc import Iterable

from netanomaly.cluster.stages import Pending
from netanomaly.errors import OutsideError
from netanomaly.runners.events import TaskWaiting

# A pod takes some ten seconds to start; an image of our size a few more to be pulled.
SECONDS_BEFORE_IT_IS_SAID = 60.0


class NotStarted(OutsideError):
    """A pod did not start for as long as was to be waited."""


class Patience:
    """Since when pods have been pending, by the clock of whoever looks.

    Args:
        run_id: The run.
        namespace: Where its pods are.
        seconds: How long one may be pending; None: for ever.
    """

    def __init__(self, run_id: str, namespace: str, seconds: float | None) -> None:
        self._look = f"kubectl -n {namespace} describe pods -l pipeline/runid={run_id}"
        self._namespace = namespace
        self._seconds = seconds
        self._since: dict[Pending, float] = {}
        self._told: set[Pending] = set()

    def look(self, pending: Iterable[Pending], now: float) -> list[TaskWaiting]:
        """What is to be said now; `now` in seconds of any clock that never goes back.

        Raises:
            NotStarted: One has been pending for too long.
        """
        self._since = {pod: self._since.get(pod, now) for pod in pending}
        events = []
        for pod, since in self._since.items():
            waited = now - since
            if self._seconds is not None and waited >= self._seconds:
                name = f"stage {pod.stage}" if pod.stage else "the run"
                raise NotStarted(f"{name} is given up: {self.reason(pod, waited)}")
            if waited >= SECONDS_BEFORE_IT_IS_SAID and pod not in self._told:
                self._told.add(pod)
                events.append(TaskWaiting(pod.stage, self.reason(pod, waited)))
        return events

    def reason(self, pod: Pending, waited: float) -> str:
        """Why it may not have started, and how to find out."""
        if pod.is_driver:
            whose, image = "KFP's own pod before it" if pod.stage else "KFP's first pod", "KFP's image"
        else:
            whose, image = "its pod", "its image"
        return (
            f"{whose} has not started for {waited:.0f} s: {image} cannot be pulled, the namespace's quota is used up, "
            f"Pod Security refuses the pod, or no node has room; {self._look} tells which (no pod there: "
            f"kubectl -n {self._namespace} get events --field-selector type=Warning)"
        )
