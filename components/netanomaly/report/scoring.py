"""The report on scored traffic: what a shift looks at."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from netanomaly.report import documents, svg, words
from netanomaly.report.documents import Document
from netanomaly.report.page import render
from netanomaly.report.status import Status
from netanomaly.report.verdict import Verdict

_MOST_INCIDENTS, _MOST_HOSTS = 200, 20
# Times the most that is to be expected of normal traffic: no chance, and no slow change.
_FAR_MORE = 3
_STATUS: dict[str, Status] = {"critical": "bad", "high": "bad", "medium": "warning", "low": "note"}
_WIDTH, _HEIGHT, _BARS = 900, 150, 168


@dataclass(frozen=True)
class Host:
    """A host that incidents are of."""

    ip: str
    incidents: int
    flows: int
    worst: str
    status: Status


def scoring_page(summary: Document, incidents: Sequence[Document]) -> str:
    """The report on one scoring run, as one self-contained HTML page.

    Args:
        summary: As `summary.json` has it.
        incidents: Every incident, the gravest first.
    """
    model = documents.section(summary, "model")
    suppressed = [each for each in incidents if _is_suppressed(each)]
    incidents = [each for each in incidents if not _is_suppressed(each)]
    return render(
        "scoring.html.j2",
        model=f"{documents.text(model, 'name')}:{documents.text(model, 'version')}",
        period=_period(summary),
        verdict=_verdict(summary, incidents, suppressed),
        lead=_lead(summary),
        tiles=_tiles(summary, incidents),
        timeline=_timeline(documents.numbers_rows(summary, "hours")),
        incidents=[_shown(each) for each in incidents[:_MOST_INCIDENTS]],
        more_incidents=max(0, len(incidents) - _MOST_INCIDENTS),
        suppressed=[_suppressed(each) for each in suppressed[:_MOST_INCIDENTS]],
        more_suppressed=max(0, len(suppressed) - _MOST_INCIDENTS),
        precision=_precision(summary),
        hosts=_hosts(incidents),
        counted=_counted(summary),
    )


def _period(summary: Document) -> str:
    first, last = documents.text(summary, "first_seen"), documents.text(summary, "last_seen")
    return f"{words.moment(first)} to {words.moment(last)}" if first else ""


def _is_suppressed(incident: Document) -> bool:
    return bool(documents.section(incident, "suppressed_by"))


def _verdict(summary: Document, incidents: Sequence[Document], suppressed: Sequence[Document]) -> Verdict:
    if not documents.count(summary, "rows"):
        return Verdict("note", "No flows were there to score")
    grave = sum(each["severity"] in ("critical", "high") for each in incidents)
    low, high = _expected(summary)
    # What feedback explains is no reason to worry, and is said apart.
    alerts = (documents.count(summary, "alerts") or 0) - sum(documents.count(each, "flows") or 0 for each in suppressed)
    briefs = []
    if alerts > high:
        briefs.append(
            f"{words.integer(alerts)} rows alert{' unsuppressed' if suppressed else ''}, where {words.integer(low)} to {words.integer(high)} were to be expected of "
            "normal traffic like that in training"
        )
    elif alerts < low and not suppressed:
        briefs.append(
            f"only {words.integer(alerts)} rows alert, where {words.integer(low)} to {words.integer(high)} were to be "
            "expected: this traffic is not quite like that in training"
        )
    if unscored := documents.count(summary, "unscored"):
        briefs.append(f"{words.plural(unscored, 'row')} could not be scored; scores.parquet says why")
    remarks = summary.get("remarks")
    briefs += [words.clip(str(each), 300) for each in remarks] if isinstance(remarks, list) else []
    if suppressed:
        count = "1 more incident is" if len(suppressed) == 1 else f"{words.integer(len(suppressed))} more incidents are"
        briefs.append(f"{count} suppressed by feedback")
    if unreadable := len(documents.section(documents.section(summary, "feedback"), "unreadable")):
        briefs.append(f"{words.plural(unreadable, 'object')} of feedback could not be read and suppressed nothing")
    if not incidents:
        return Verdict(
            "good", "Nothing stands out" + (" that feedback does not explain" if suppressed else ""), briefs=briefs
        )
    found = words.plural(len(incidents), "incident")
    if alerts > _FAR_MORE * max(high, 1.0):
        return Verdict("bad", f"{found}, and far more alerts than normal traffic raises", briefs=briefs)
    if not grave:
        return Verdict("note", f"{found}, none of them grave", briefs=briefs)
    return Verdict("bad", f"{found}, {words.integer(grave)} of them grave", briefs=briefs)


def _expected(summary: Document) -> tuple[float, float]:
    found = documents.numbers(summary, "alerts_expected")
    return (found[0], found[1]) if len(found) == 2 else (0.0, float("inf"))


def _lead(summary: Document) -> str:
    files = documents.objects(summary, "files")
    named = words.listed([documents.text(each, "uri").rsplit("/", 1)[-1] for each in files], most=3)
    return (
        f"{words.plural(documents.count(summary, 'rows') or 0, 'flow')} of {named}, scored at an alert budget of "
        f"{words.budget(documents.number(summary, 'budget'))}."
    )


def _tiles(summary: Document, incidents: Sequence[Document]) -> list[dict[str, str]]:
    low, high = _expected(summary)
    hosts = {entity for each in incidents if (entity := _entity(each))}
    precision = documents.section(documents.section(summary, "feedback"), "precision")
    return [
        {
            "name": "Incidents",
            "figure": words.integer(len(incidents)),
            "meaning": _promised(summary),
        },
        {
            "name": "Alerting flows",
            "figure": words.integer(documents.number(summary, "alerts")),
            "meaning": f"{words.integer(low)} to {words.integer(high)} expected of normal traffic",
        },
        {
            "name": "Flows scored",
            "figure": words.integer(documents.number(summary, "rows")),
            "meaning": _period(summary),
        },
        _precision_tile(precision)
        if precision
        else {
            "name": "Hosts concerned",
            "figure": words.integer(len(hosts)),
            "meaning": "Sources or targets of incidents",
        },
    ]


def _promised(summary: Document) -> str:
    """What incidents are, or how many of them were to be expected where that is known."""
    expected = documents.numbers(summary, "incidents_expected")
    if len(expected) != 2:
        return "What one host did in one stretch of time"
    return f"{words.integer(expected[0])} to {words.integer(expected[1])} expected of normal traffic in that time"


def _precision_tile(found: Document) -> dict[str, str]:
    low, high = (words.percent(documents.number(found, end)) for end in ("low", "high"))
    return {
        "name": "Precision",
        "figure": words.percent(documents.number(found, "precision")),
        "meaning": f"{low} to {high}, by {words.plural(documents.count(found, 'judged') or 0, 'reviewed alert')}",
    }


def _precision(summary: Document) -> str:
    """How precision is known, in a sentence."""
    found = documents.section(documents.section(summary, "feedback"), "precision")
    if not found:
        return ""
    low, high = (words.percent(documents.number(found, end)) for end in ("low", "high"))
    unsure = documents.count(found, "unsure") or 0
    return (
        f"{words.integer(documents.number(found, 'attacks'))} of {words.integer(documents.number(found, 'judged'))} alerts "
        f"that were drawn at random and judged in the last {words.integer(documents.number(found, 'days'))} days were "
        f"attacks: {words.percent(documents.number(found, 'precision'))} (95% interval by Wilson's score: {low} to {high})."
        f" {words.integer(documents.number(found, 'drawn'))} were drawn"
        + (f", of {words.integer(unsure)} nobody was sure." if unsure else ".")
    )


def _suppressed(incident: Document) -> dict[str, str]:
    by = documents.section(incident, "suppressed_by")
    return {
        "title": words.clip(documents.text(incident, "title"), 160),
        "severity": documents.text(incident, "severity"),
        "status": _STATUS.get(documents.text(incident, "severity"), "note"),
        "first": words.moment(documents.text(incident, "first_seen")),
        "id": documents.text(incident, "id"),
        "verdict": documents.text(by, "verdict"),
        "by": words.clip(documents.text(by, "by"), 60),
        "why": words.clip(documents.text(by, "why"), 160),
        "expires": words.moment(documents.text(by, "expires_at")),
    }


def _entity(incident: Document) -> str:
    return documents.text(documents.section(incident, "entity"), "ip")


def _timeline(hours: list[tuple[str, float, float]]) -> Markup | None:
    """Alerting flows hour by hour, or over longer stretches where there are many hours."""
    if len(hours) < 2:
        return None
    step = -(-len(hours) // _BARS)
    bars = [
        (hours[begin][0], sum(alerts for _, _, alerts in hours[begin : begin + step]))
        for begin in range(0, len(hours), step)
    ]
    highest = max(1.0, *(alerts for _, alerts in bars))
    left, right, top, bottom = 46.0, float(_WIDTH), 18.0, _HEIGHT - 26.0
    wide = (right - left) / len(bars)
    y = svg.linear(0, highest, bottom, top)
    parts = [
        svg.element("rect", x=left + at * wide, y=y(alerts), width=max(1.0, wide - 1), height=max(0.0, bottom - y(alerts)), class_="filled-attack")
        for at, (_, alerts) in enumerate(bars)
        if alerts
    ]  # fmt: skip
    parts.append(svg.element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="base"))
    parts.append(svg.element("text", words.integer(highest), x=left - 6, y=top + 4, text_anchor="end", class_="tick"))
    parts.append(svg.element("text", "0", x=left - 6, y=bottom + 4, text_anchor="end", class_="tick"))
    for at, anchor in ((0, "start"), (len(bars) - 1, "end")):
        x = left if anchor == "start" else right
        parts.append(
            svg.element("text", words.moment(bars[at][0]), x=x, y=_HEIGHT - 6.0, text_anchor=anchor, class_="tick")
        )
    each = "hour" if step == 1 else f"{step} hours"
    return svg.drawing(
        _WIDTH,
        _HEIGHT,
        "Alerting flows over time",
        f"One bar for each {each}; at most {words.integer(highest)}",
        svg.joined(parts),
    )


def _shown(incident: Document) -> dict[str, object]:
    technique = documents.section(incident, "technique")
    return {
        "status": _STATUS.get(documents.text(incident, "severity"), "note"),
        "severity": documents.text(incident, "severity"),
        "risk": words.integer(documents.number(incident, "risk_score")),
        "title": words.clip(documents.text(incident, "title"), 160),
        "id": documents.text(incident, "id"),
        "first": words.moment(documents.text(incident, "first_seen")),
        "last": words.moment(documents.text(incident, "last_seen")),
        "rarity": words.percent(documents.number(incident, "tail_probability")),
        "technique": f"{documents.text(technique, 'id')} {documents.text(technique, 'name')}".strip(),
        "because": documents.text(technique, "reason"),
        "features": [
            words.clip(documents.text(each, "words"), 160) for each in documents.objects(incident, "features")
        ],
        "samples": [_sample(each) for each in documents.objects(incident, "samples")],
    }


def _sample(sample: Document) -> dict[str, str]:
    def end(which: str) -> str:
        port = documents.text(sample, f"{which}_port")
        return documents.text(sample, f"{which}_ip") + (f":{port}" if port else "")

    ends = f"{end('src')} -> {end('dst')}" if end("src") or end("dst") else ""
    return {
        "where": f"{documents.text(sample, 'file')}, record {documents.text(sample, 'record')}",
        "time": documents.text(sample, "time"),
        "ends": ends,
        "protocol": documents.text(sample, "protocol"),
        "score": words.decimal(documents.number(sample, "score")),
        "community_id": documents.text(sample, "community_id"),
    }


def _hosts(incidents: Sequence[Document]) -> list[Host]:
    found: dict[str, Host] = {}
    for each in incidents:
        ip, severity = _entity(each), documents.text(each, "severity")
        if not ip:
            continue
        before = found.get(ip)
        flows = documents.count(each, "flows") or 0
        # The gravest comes first.
        worst = before.worst if before else severity
        found[ip] = Host(
            ip,
            (before.incidents if before else 0) + 1,
            (before.flows if before else 0) + flows,
            worst,
            _STATUS.get(worst, "note"),
        )
    return sorted(found.values(), key=lambda host: (-host.incidents, -host.flows, host.ip))[:_MOST_HOSTS]


def _counted(summary: Document) -> list[tuple[str, str]]:
    """What was left out or repaired while reading."""
    found = []
    for kind in ("dropped", "repaired"):
        for reason, count in documents.section(summary, kind).items():
            found.append((f"{words.clip(str(reason), 120)} ({kind})", words.integer(documents.as_number(count))))
    if rest := documents.count(summary, "not_listed"):
        found.append(("alerts of incidents beyond the strongest, which are not listed", words.integer(rest)))
    return found
