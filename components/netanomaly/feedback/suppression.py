"""What follows from feedback for new incidents: those that a benign verdict speaks for are marked, and stay.

The one step between making incidents and writing them. Nothing is taken away: a suppressed incident is written where it
would have been, with who suppressed it, why, and until when. Where an attack was confirmed, no benign verdict counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from netanomaly.feedback import reviewing, scopes
from netanomaly.feedback.book import Book, now
from netanomaly.feedback.documents import ATTACK, BENIGN, Verdict

Incident = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """What was said about a model, as it holds for one scoring run.

    Attributes:
        uri: Where it was read; empty where nothing was to be.
        holding: Verdicts that something follows from.
        precision: Of reviewed alerts, as the summary has it; None: none was reviewed.
        unreadable: Objects that could not be read, by key.
    """

    uri: str = ""
    holding: Sequence[Verdict] = ()
    precision: Mapping[str, Any] | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def warnings(self) -> list[str]:
        """What a person is to be told before anything is scored."""
        return [
            f"warning: {self.uri}/{key} cannot be read ({problem}); it suppresses nothing"
            for key, problem in self.unreadable.items()
        ]

    def mark(self, incidents: list[Incident]) -> list[Incident]:
        """The same incidents in their order, each with `suppressed_by`: null, or the verdict that speaks for it."""
        benign = [verdict for verdict in self.holding if verdict.said == BENIGN]
        attacks = [verdict for verdict in self.holding if verdict.said == ATTACK]
        for incident in incidents:
            verdict = next((each for each in benign if _speaks(each, incident)), None)
            if verdict is not None and any(_speaks(each, incident) for each in attacks):
                verdict = None
            incident["suppressed_by"] = None if verdict is None else _named(verdict)
        return incidents

    def of_no_ends(self) -> "Heard":
        """The same without the verdicts, each of which names the end that it is about."""
        return replace(self, holding=())

    def document(self, incidents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What the summary says of it."""
        by: dict[str, int] = {}
        for incident in incidents:
            if incident["suppressed_by"]:
                verdict = incident["suppressed_by"]["verdict"]
                by[verdict] = by.get(verdict, 0) + 1
        return {
            "uri": self.uri,
            "verdicts": [
                {
                    **_named(each),
                    "said": each.said,
                    "scope": scopes.in_words(each.scope),
                    "suppressed": by.get(each.id, 0),
                }
                for each in self.holding
                if each.scope is not None
            ],
            "precision": self.precision,
            "unreadable": dict(sorted(self.unreadable.items())),
        }


NOTHING = Heard()
"""Where nobody asks for feedback."""


def heard(book: Book, model: str, at: datetime | None = None) -> Heard:
    """What was said about a model and holds at this moment.

    Raises:
        StoreUnavailable, StoreRefused: It cannot be read, so that nobody knows what is to be suppressed.
    """
    pages = book.pages(model)
    moment = at or now()
    return Heard(book.uri, pages.holding(moment), reviewing.precision(pages, moment), pages.unreadable)


def is_open(incident: Mapping[str, Any]) -> bool:
    """Whether somebody is to look at it."""
    return not incident.get("suppressed_by")


def _speaks(verdict: Verdict, incident: Incident) -> bool:
    return verdict.scope is not None and scopes.covers(verdict.scope, incident)


def _named(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.id,
        "alert": verdict.alert,
        "by": verdict.by,
        "at": verdict.at,
        "why": verdict.why,
        "expires_at": verdict.expires_at or None,
    }
