"""What people said of a model's alerts, as monitoring takes it: which are suppressed, and how many were attacks."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from netanomaly.feedback import reviewing
from netanomaly.feedback.book import Pages, now, open_book
from netanomaly.feedback.documents import BENIGN
from netanomaly.feedback.suppression import NOTHING, Heard
from netanomaly.monitoring.judging import Quality
from netanomaly.monitoring.rates import rate_limits
from netanomaly.monitoring.reference import Reference
from netanomaly.registry.reading import Version


@dataclass(frozen=True)
class Feedback:
    """What stands in a book about a model."""

    uri: str = ""
    pages: Pages = field(default_factory=Pages)
    heard: Heard = NOTHING

    @property
    def suppresses(self) -> bool:
        """Whether a benign verdict holds."""
        return any(verdict.said == BENIGN for verdict in self.heard.holding)

    def precision(self, version: int, at: datetime | None = None) -> dict[str, Any] | None:
        """Of the alerts of this version that were drawn for review, as `reviewing.precision`; of others nothing is known."""
        ours = [verdict for verdict in self.pages.verdicts if verdict.version == version]
        return reviewing.precision(Pages(ours, self.pages.withdrawn, self.pages.reviews), at or now())


def read(uri: str, model: str) -> Feedback:
    """The feedback on a model.

    Raises:
        StoreUnavailable, StoreRefused: It cannot be read.
    """
    book = open_book(uri)
    pages = book.pages(model)
    holding = pages.holding(now())
    return Feedback(book.uri, pages, Heard(book.uri, holding, None, pages.unreadable))


def quality(
    feedback: Feedback, version: Version, reference: Reference | None, rows: int, alerts: int
) -> tuple[Quality, ...]:
    """Precision of reviewed alerts, beside the least that the alert budget promises.

    Precision depends on how many attacks there are, which no version promises. What it promises is that so many normal rows
    alert at most: of a window's alerts no more than those may be false. They are the upper limit of the usual alert rate
    where that is known, and no less than the budget.

    Args:
        version: That was judged.
        reference: Its own; None: it has none.
        rows, alerts: Of the window.
    """
    said = feedback.precision(version.number)
    if said is None or not rows or not alerts:
        return ()
    budget = (version.record.metadata.get("evaluation") or {}).get("alert_budget")
    limits = None if reference is None else rate_limits(reference.rates, rows)
    if budget is None and limits is None:
        return ()
    most_false = max(float(budget or 0.0), 0.0 if limits is None else limits.high)
    promised = max(0.0, 1 - most_false * rows / alerts)
    return (
        Quality(
            "precision",
            said["precision"],
            said["low"],
            said["high"],
            promised,
            f"{said['attacks']:,} attacks of {said['judged']:,} alerts reviewed in {said['days']} days, Wilson's interval",
            f"that the alert budget promises: up to {most_false:.2%} of rows may be false alarms, and {alerts / rows:.2%} alert",
        ),
    )
