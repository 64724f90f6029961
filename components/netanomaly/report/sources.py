"""What the reports say alike about data sets and findings."""

from dataclasses import dataclass
from datetime import UTC, datetime

from netanomaly.report import documents, words
from netanomaly.report.documents import Document
from netanomaly.report.status import Status

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
    # Times are those of all that was read, whichever part of it is kept.
    begin, end = ("Source begins", "Source ends") if _part(report) else ("From", "To")
    facts = [
        ("Files", _files(report)),
        ("Flows made by", _capture(documents.section(report, "capture"))),
        ("Sensor", _sensor(documents.section(report, "traffic"))),
        ("Part", _part(report)),
        ("Flows read", words.integer(documents.number(report, "rows_read"))),
        ("Flows kept", words.integer(documents.number(report, "rows"))),
        ("Between the parts", _counted(documents.section(documents.section(report, "split"), "left_out"))),
        (begin, _moment(report, "first")),
        (end, _moment(report, "last")),
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


def _sensor(traffic: Document) -> str:
    """What recorded the flows, its version and from how many places, as far as they say."""
    said = [documents.text(traffic, "words")]
    versions = traffic.get("sensor_versions")
    if isinstance(versions, list | tuple) and versions:
        said.append(f"version {words.listed([words.clip(str(each), 40) for each in versions], most=3)}")
    points = documents.number(traffic, "vantage_points")
    if points is not None and points > 1:
        said.append(f"seen from {words.integer(points)} points")
    if late := documents.number(traffic, "late_flows"):
        said.append(f"{words.integer(late)} flows came late")
    return "; ".join(words.clip(part, 120) for part in said if part)


def _capture(capture: Document) -> str:
    """What made flows of captures, and how many packets are in none."""
    tool = " ".join(filter(None, (documents.text(capture, "tool"), documents.text(capture, "version"))))
    packets = documents.number(capture, "packets")
    if packets is None:
        return words.clip(tool, 60)
    share = words.percent(documents.number(capture, "share_in_no_flow") or 0)
    return f"{words.clip(tool, 60)} of {words.integer(packets)} packets, {share} of them in no flow"


def _part(report: Document) -> str:
    part = documents.text(report, "part")
    if part in ("", "all"):
        return ""
    how = split_in_words(report)
    return f"the {part} part of a held-out split" + (f": {how}" if how else "")


def split_in_words(report: Document) -> str:
    """How a held-out part was split off; empty where the report does not say."""
    split = documents.section(report, "split")
    method = documents.text(split, "method")
    if method == "time":
        gap = documents.number(split, "gap_seconds")
        between = f", {words.duration(gap)} apart" if gap else ""
        return f"trained on what came before {words.moment(documents.text(split, 'cut'))}, judged on what came after{between}"
    said = {"random": "at random, equal flows together", "host": "by host, no address on both sides"}
    return said.get(method, "")


def _moment(report: Document, end: str) -> str:
    seconds = documents.number(documents.section(report, "time"), end)
    try:
        return "" if seconds is None else words.moment(datetime.fromtimestamp(seconds, UTC).isoformat())
    except (ValueError, OverflowError, OSError):  # no time of any calendar
        return f"{seconds:g} s since 1970"


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
