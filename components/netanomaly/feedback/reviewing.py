"""What to look at, and how many of the alerts were real.

Who looks at the loudest alerts alone learns nothing of the others, and a precision of those is none of all. So half of
what is proposed is drawn at random from all incidents, judged ones among them, and precision is that of the drawn ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from netanomaly.feedback.book import Pages, identity
from netanomaly.feedback.documents import ATTACK, BENIGN, UNSURE, Review
from netanomaly.metrics.intervals import wilson_share

Incident = Mapping[str, Any]

PERIOD_DAYS = 90
"""Reviews of so many days say what precision is: networks and models change."""


@dataclass(frozen=True)
class Proposed:
    """An incident to look at. `judged`: the last word on it, empty where there is none yet."""

    incident: Incident
    drawn: bool
    judged: str


def review(incidents: Sequence[Incident], pages: Pages, model: str, size: int, *, by: str, at: datetime) -> Review:
    """What to propose of so many open incidents: `size` of them, half drawn at random and half the loudest.

    Drawn are those whose digest comes first, which has nothing to do with what they are: the same incidents give the same
    draw. None is drawn twice over time; the loudest are those that nobody judged yet.

    Args:
        incidents: The gravest first.
        pages: What was said and proposed before.
    """
    ids = sorted({str(incident["id"]) for incident in incidents})
    named = identity([model, str(size), *ids])
    if (same := next((each for each in pages.reviews if each.id == named), None)) is not None:
        return same
    before = {alert for each in pages.reviews for alert in each.drawn}
    fresh = sorted((alert for alert in ids if alert not in before), key=lambda alert: identity([named, alert]))
    drawn = fresh[: (size + 1) // 2]
    taken = {*drawn, *(verdict.alert for verdict in pages.last_words())}
    loudest = [str(incident["id"]) for incident in incidents if incident["id"] not in taken][: size - len(drawn)]
    return Review(
        id=named,
        model=model,
        by=by,
        at=at.isoformat(timespec="seconds"),
        incidents=len(ids),
        drawn=drawn,
        loudest=loudest,
    )


def proposed(made: Review, incidents: Sequence[Incident], pages: Pages) -> list[Proposed]:
    """What the review proposes, the drawn ones first."""
    said = {verdict.alert: verdict.said for verdict in pages.last_words()}
    by_id = {str(incident["id"]): incident for incident in incidents}
    return [
        Proposed(by_id[alert], drawn, said.get(alert, ""))
        for alerts, drawn in ((made.drawn, True), (made.loudest, False))
        for alert in alerts
        if alert in by_id
    ]


def precision(pages: Pages, at: datetime) -> dict[str, Any] | None:
    """Of the alerts drawn at random in the last `PERIOD_DAYS`, how many were attacks, with the Wilson interval.

    None where none of them was judged. Who was not sure counts beside.
    """
    since = at - timedelta(days=PERIOD_DAYS)
    drawn = {alert for each in pages.reviews if _moment(each.at, since) >= since for alert in each.drawn}
    said = [verdict.said for verdict in pages.last_words() if verdict.alert in drawn]
    attacks, judged = said.count(ATTACK), said.count(ATTACK) + said.count(BENIGN)
    if not judged:
        return None
    low, high = wilson_share(attacks, judged)
    return {
        "drawn": len(drawn),
        "judged": judged,
        "attacks": attacks,
        "unsure": said.count(UNSURE),
        "precision": round(attacks / judged, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "days": PERIOD_DAYS,
    }


def _moment(text: str, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return otherwise
