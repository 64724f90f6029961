"""What the reports say alike about data sets and findings."""

from dataclasses import dataclass

from netanomaly.report import documents, words
from netanomaly.report.documents import Document
from netanomaly.report.verdict import Status

MOST_FINDINGS = 100
"""A page shows so many at most; the JSON reports hold all."""

_SEVERITIES: dict[str, Status] = {"error": "bad", "warning": "warning"}


@dataclass(frozen=True)
class Finding:
    status: Status
    message: str
    about: str


@dataclass(frozen=True)
class Source:
    """One data set as an ingest report describes it."""

    role: str
    name: str
    rows: int | None
    normal: int | None
    facts: list[tuple[str, str]]


def findings(*sources: Document) -> list[Finding]:
    """The findings of all these documents, errors first, at most MOST_FINDINGS."""
    found = [
        Finding(
            _SEVERITIES.get(documents.text(finding, "severity"), "note"),
            words.clip(documents.text(finding, "message") or documents.text(finding, "rule"), 400),
            _about(finding),
        )
        for document in sources
        for finding in documents.objects(document, "findings")
    ]
    return sorted(found, key=lambda finding: ("bad", "warning", "note").index(finding.status))[:MOST_FINDINGS]


def source(role: str, report: Document) -> Source:
    facts = [
        ("Files", _files(report)),
        ("Part", _part(report)),
        ("Flows read", words.integer(documents.number(report, "rows_read"))),
        ("Flows kept", words.integer(documents.number(report, "rows"))),
        ("Dropped", _counted(documents.section(report, "dropped"))),
        ("Repaired", _counted(documents.section(report, "repaired"))),
        ("Normal flows", words.integer(documents.number(report, "normal_rows"))),
        ("Duplicates", _duplicates(report)),
        ("Identity", words.clip(documents.text(report, "identity"), 120)),
    ]
    known = [(name, said) for name, said in facts if said and said != words.MISSING]
    return Source(role, name(report), documents.count(report, "rows"), documents.count(report, "normal_rows"), known)


def name(report: Document) -> str:
    """A data set in a word: its file's name, or the first of them and how many more."""
    uris = _uris(report)
    if not uris:
        return ""
    first = words.clip(uris[0].rstrip("/").rpartition("/")[2] or uris[0], 60)
    return first if len(uris) == 1 else f"{first} and {len(uris) - 1:,} more"


def _uris(report: Document) -> list[str]:
    given = report.get("source")
    if isinstance(given, list | tuple):
        return [str(uri) for uri in given]
    return [given] if isinstance(given, str) else []


def _files(report: Document) -> str:
    return words.listed([words.clip(uri, 160) for uri in _uris(report)], most=4)


def _part(report: Document) -> str:
    part = documents.text(report, "part")
    return "" if part in ("", "all") else f"the {part} part of a held-out split"


def _counted(reasons: Document) -> str:
    found = [(documents.as_number(amount) or 0, words.clip(str(reason))) for reason, amount in reasons.items()]
    return "; ".join(
        f"{words.integer(amount)} ({reason})" for amount, reason in sorted(found, reverse=True)[:8] if amount
    )


def _duplicates(report: Document) -> str:
    duplicates = documents.section(report, "duplicates")
    rows, whole = documents.number(duplicates, "rows"), documents.number(report, "rows")
    if rows is None or not whole:
        return ""
    about = "" if duplicates.get("exact") is not False else "about "
    return f"{about}{words.integer(rows)} ({words.percent(rows / whole)})"


def _about(finding: Document) -> str:
    dataset = {"both": "both data sets", "training": "training data", "evaluation": "evaluation data"}
    where = dataset.get(documents.text(finding, "dataset"), "")
    column = words.clip(documents.text(finding, "column"), 60)
    return " · ".join(part for part in (column, where) if part)
