"""What was seen of a window, whether it was traffic or what `score` wrote of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from netanomaly.flows.left_out import RowsByFile
from netanomaly.metrics.intervals import exact_share
from netanomaly.monitoring.judging import Quality
from netanomaly.monitoring.reference import Reference
from netanomaly.monitoring.window import Window


@dataclass
class Seen:
    """What was seen of a window.

    Attributes:
        window: Its rows.
        identity: Digest of what was looked at: the same bytes give the same.
        gone: Why a source cannot be read as the model's was, where what it needs is not there any more.
        attacks, caught: Of rows with a label: attacks, and those of them that alert.
        features: Whether rows were seen whole; of scores alone their alerts, times and ends are.
        suppressed: Rows that alert and are of incidents that feedback suppresses, which are no alerts here; of traffic they
            are not told apart.
        open_alerts: Which rows alert and are not suppressed.
        dropped: Records that are no flows, by reason.
    """

    window: Window
    identity: str
    gone: str = ""
    attacks: int = 0
    caught: int = 0
    features: bool = True
    suppressed: int = 0
    open_alerts: RowsByFile = field(default_factory=RowsByFile)
    dropped: Mapping[str, int] = field(default_factory=dict)

    def quality(self, reference: Reference | None) -> tuple[Quality, ...]:
        """What the labels say, beside what was registered."""
        registered = (reference.quality.get("recall") or {}) if reference is not None else {}
        if not self.attacks or "low" not in registered:
            return ()
        low, high = exact_share(self.caught, self.attacks)
        return (
            Quality(
                "recall",
                self.caught / self.attacks,
                low,
                high,
                float(registered["low"]),
                f"{self.caught:,} of {self.attacks:,} labelled attacks",
            ),
        )
