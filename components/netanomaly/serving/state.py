"""Whether the server is ready, and what a person should know who asks."""

from netanomaly.serving.desk import Desk


class State:
    """What readiness tells."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.draining = False
        self.troubles: dict[str, str] = {}
        """By role (`model`, `shadow`) why its registry's newest word could not be followed; the old one goes on serving."""

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Whether requests are answered; and details."""
        served = self._desk.served
        if served is None:
            return False, {"detail": "no model is loaded yet"}
        detail: dict[str, object] = {"serving": str(served)}
        if self.troubles:
            detail["detail"] = "; ".join(f"{role}: {trouble}" for role, trouble in self.troubles.items())
        if self.draining:
            return False, {**detail, "detail": "the server is going down"}
        return True, detail
