"""The verdict as a page shows it. What it is, `evaluate` decided: a report derives none of its own."""

from dataclasses import dataclass, field

from netanomaly.report import documents, words
from netanomaly.report.documents import Document
from netanomaly.report.status import Status

_STATUSES: dict[str, Status] = {"good": "good", "note": "note", "warning": "warning", "bad": "bad"}
_MOST_CHECKS, _MOST_REASONS = 30, 10


@dataclass(frozen=True)
class Check:
    """One question and its answer. `brief` is what the front line says of an answer that is not good."""

    status: Status
    title: str
    sentence: str
    brief: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer in front, what stands against the model in half a line each, and the checks behind it."""

    status: Status
    headline: str
    checks: list[Check] = field(default_factory=list)
    briefs: list[str] = field(default_factory=list)


def read(evaluation: Document) -> Verdict:
    """The verdict that is in the evaluation metrics."""
    found = documents.section(evaluation, "assessment")
    headline = documents.text(found, "headline")
    if not headline:
        return Verdict("note", "No evaluation was recorded")
    reasons = found.get("reasons")
    return Verdict(
        _status(found),
        words.clip(headline, 200),
        [
            Check(
                _status(check),
                words.clip(documents.text(check, "title"), 120),
                words.clip(documents.text(check, "sentence"), 1200),
            )
            for check in documents.objects(found, "checks")[:_MOST_CHECKS]
        ],
        [words.clip(str(reason), 300) for reason in reasons[:_MOST_REASONS]] if isinstance(reasons, list) else [],
    )


def _status(document: Document) -> Status:
    return _STATUSES.get(documents.text(document, "status"), "note")
