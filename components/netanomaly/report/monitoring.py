"""The report on a window of traffic: what changed, where, and what to do next."""

from collections.abc import Sequence

from markupsafe import Markup

from netanomaly.report import documents, svg, words
from netanomaly.report.documents import Document
from netanomaly.report.page import render
from netanomaly.report.status import Status
from netanomaly.report.verdict import Verdict

_STATUS: dict[str, Status] = {
    "quiet": "good",
    "sensor changed": "warning",
    "hosts changed": "bad",
    "network changed": "warning",
    "decay": "bad",
    "too little data": "note",
}
_HEADLINE = {
    "quiet": "Quiet: traffic is as it was in training",
    "sensor changed": "The sensor changed",
    "hosts changed": "Few hosts changed",
    "network changed": "The network changed",
    "decay": "Decay: it catches less than it did",
    "too little data": "Too little data to tell",
}
_KINDS = {"column": "column", "invariant": "sensor", "hosts": "hosts"}
_MOST_SHIFTS, _MOST_HOSTS, _MOST_HISTORY, _MOST_REASONS = 30, 20, 60, 12
_WIDTH, _HEIGHT, _POINTS = 900, 190, 170


def monitoring_page(verdict: Document, history: Sequence[Document] = ()) -> str:
    """The report on one verdict, as one self-contained HTML page.

    Args:
        verdict: As `netanomaly.monitoring` made it.
        history: Verdicts of the model before, oldest first.
    """
    model = documents.section(verdict, "model")
    found = documents.text(verdict, "verdict")
    return render(
        "monitoring.html.j2",
        model=f"{documents.text(model, 'name')}:{documents.text(model, 'version')}",
        period=_period(verdict),
        verdict=Verdict(_STATUS.get(found, "note"), _headline(found, verdict), briefs=_texts(verdict, "reasons")),
        next_step=words.title(words.clip(documents.text(verdict, "do"), 600)),
        retraining=words.clip(documents.text(documents.section(verdict, "retraining"), "words"), 600),
        notes=_texts(verdict, "notes"),
        tiles=_tiles(verdict),
        timeline=_timeline(verdict),
        usual_known=documents.number(documents.section(verdict, "alert_rate"), "usual") is not None,
        shifts=_shifts(verdict),
        sensor=_sensor(verdict),
        hosts=_hosts(verdict),
        host_features=", ".join(_texts(verdict, "host_features")),
        quality=_quality(verdict),
        history=_history(history),
        blocks=words.integer(documents.number(verdict, "blocks")),
        block_rows=words.integer(documents.number(verdict, "block_rows")),
    )


def _headline(found: str, verdict: Document) -> str:
    worse = {
        documents.text(each, "name")
        for each in documents.objects(verdict, "quality")
        if (documents.number(each, "high") or 0.0) < (documents.number(each, "registered_low") or 0.0)
    }
    if found == "decay" and worse == {"precision"}:
        return "Decay: more of its alerts are false than its budget promises"
    return _HEADLINE.get(found, found)


def _period(verdict: Document) -> str:
    first, last = documents.text(verdict, "first_seen"), documents.text(verdict, "last_seen")
    return f"{words.moment(first)} to {words.moment(last)}" if first else ""


def _texts(document: Document, name: str) -> list[str]:
    found = document.get(name)
    return [words.clip(str(each), 400) for each in found[:_MOST_REASONS]] if isinstance(found, list) else []


def _tiles(verdict: Document) -> list[dict[str, str]]:
    rows, alerts = documents.number(verdict, "rows"), documents.number(verdict, "alerts")
    rate = documents.section(verdict, "alert_rate")
    tiles = [{"name": "Flows looked at", "figure": words.integer(rows), "meaning": _period(verdict)}]
    share = alerts / rows if rows and alerts is not None else None
    usual = (
        f"{words.percent(documents.number(rate, 'low'))} to {words.percent(documents.number(rate, 'high'))} is usual"
        if rate
        else "what is usual is not known"
    )
    tiles.append({"name": "Alert rate", "figure": words.percent(share), "meaning": usual})
    agreement = documents.section(verdict, "agreement")
    if agreement:
        low, high = (words.percent(documents.number(agreement, name)) for name in ("low", "high"))
        members = words.integer(documents.number(agreement, "members"))
        tiles.append(
            {
                "name": "Members that agree",
                "figure": words.percent(documents.number(agreement, "rate")),
                "meaning": f"of {members} alert where any of them does; {low} to {high} is usual",
            }
        )
    farthest = documents.objects(verdict, "shifts")
    if farthest:
        over = documents.number(farthest[0], "over") or 0.0
        tiles.append(
            {
                "name": "Farthest of all",
                "figure": f"{over:.2f}",
                "meaning": f"{words.clip(documents.text(farthest[0], 'name'), 60)}, in parts of its own limit; over 1 is out",
            }
        )
    explained = documents.number(verdict, "explained_by_ten")
    if explained is not None:
        tiles.append(
            {
                "name": "Explained by few hosts",
                "figure": words.percent(max(0.0, min(1.0, explained))),
                "meaning": "of what is over the limits is gone without ten hosts at most",
            }
        )
    return tiles


def _timeline(verdict: Document) -> Markup | None:
    """The alert rate hour by hour, or over longer stretches, with its limits."""
    hours = documents.numbers_rows(verdict, "hours")
    if len(hours) < 2:
        return None
    step = -(-len(hours) // _POINTS)
    points = []
    for begin in range(0, len(hours), step):
        part = hours[begin : begin + step]
        rows = sum(each[1] for each in part)
        points.append((part[0][0], sum(each[2] for each in part) / rows if rows else 0.0, rows))
    rate = documents.section(verdict, "alert_rate")
    low, high, usual = (documents.number(rate, name) for name in ("low", "high", "usual"))
    top_value = min(max([share for _, share, _ in points] + [high or 0.0]) * 1.1, 1.0) or 0.01
    left, right, top, bottom = 56.0, float(_WIDTH) - 10, 20.0, _HEIGHT - 28.0
    x, y = svg.linear(0, max(len(points) - 1, 1), left, right), svg.linear(0, top_value, bottom, top)
    parts = []
    if low is not None and high is not None:
        parts.append(svg.element("rect", x=left, y=y(high), width=right - left, height=y(low) - y(high), class_="band"))
        parts.append(svg.path([(left, y(high)), (right, y(high))], "threshold"))
        parts.append(
            svg.element(
                "text",
                f"up to {words.percent(high)} is usual",
                x=right,
                y=y(high) - 5,
                text_anchor="end",
                class_="name",
            )
        )
    if usual is not None:
        parts.append(svg.path([(left, y(usual)), (right, y(usual))], "chance"))
    parts.append(svg.path([(x(place), y(share)) for place, (_, share, _) in enumerate(points)], "line main"))
    parts += [
        svg.element("circle", cx=x(place), cy=y(share), r=3.5, class_="dot")
        for place, (_, share, _) in enumerate(points)
        if high is not None and share > high
    ]
    parts.append(svg.element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="base"))
    parts.append(svg.element("text", words.percent(top_value), x=left - 6, y=top + 4, text_anchor="end", class_="tick"))
    parts.append(svg.element("text", "0%", x=left - 6, y=bottom + 4, text_anchor="end", class_="tick"))
    for place, anchor in ((0, "start"), (len(points) - 1, "end")):
        parts.append(
            svg.element(
                "text", words.moment(points[place][0]), x=left if anchor == "start" else right, y=_HEIGHT - 8.0,
                text_anchor=anchor, class_="tick",
            )
        )  # fmt: skip
    each = "hour" if step == 1 else f"{step} hours"
    return svg.drawing(
        _WIDTH, _HEIGHT, "Alert rate over time", f"One point for each {each}; circles are above the limit of the whole window",
        svg.joined(parts),
    )  # fmt: skip


def _shifts(verdict: Document) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for shift in documents.objects(verdict, "shifts")[:_MOST_SHIFTS]:
        over = documents.number(shift, "over") or 0.0
        ours, theirs = documents.numbers(shift, "window"), documents.numbers(shift, "reference")
        rows.append(
            {
                "name": words.clip(documents.text(shift, "name"), 60),
                "kind": _KINDS.get(documents.text(shift, "kind"), ""),
                "over": f"{max(0.0, over):.2f}",
                "status": "bad" if over > 1 else "note",
                "is_out": over > 1,
                "value": words.value(documents.number(shift, "value")),
                "limit": words.value(documents.number(shift, "limit")),
                "picture": _two_lines(theirs, ours),
                "moved": _moved(shift, ours, theirs),
            }
        )
    return rows


def _moved(shift: Document, ours: list[float], theirs: list[float]) -> str:
    """The bin whose share moved most, in words."""
    names = shift.get("bins")
    if not isinstance(names, list) or not ours or not len(names) == len(ours) == len(theirs):
        return ""
    place = max(range(len(ours)), key=lambda at: abs(ours[at] - theirs[at]))
    return f"{words.clip(str(names[place]), 40)}: {words.percent(theirs[place])} → {words.percent(ours[place])}"


def _two_lines(first: list[float], second: list[float]) -> Markup:
    """Two distributions over the same bins, as steps: reference and window. The cell beside says it in numbers."""
    if not first or len(first) != len(second):
        return Markup("")
    width, height = 120.0, 34.0
    most = max(*first, *second) or 1.0
    y = svg.linear(0, most**0.5, height - 2, 3)
    wide = (width - 4) / len(first)

    def steps(shares: list[float]) -> list[tuple[float, float]]:
        points = []
        for place, share in enumerate(shares):
            points += [(2 + place * wide, y(share**0.5)), (2 + (place + 1) * wide, y(share**0.5))]
        return points

    lines = [svg.path(steps(shares), class_) for shares, class_ in ((first, "first"), (second, "second"))]
    return svg.element(
        "svg", svg.joined(lines), viewBox=f"0 0 {width:g} {height:g}", class_="spark", aria_hidden="true"
    )


def _sensor(verdict: Document) -> list[dict[str, str]]:
    found = []
    for each in documents.objects(verdict, "sensor")[:_MOST_REASONS]:
        since, seen = documents.text(each, "since"), documents.number(each, "sources_share")
        found.append(
            {
                "words": words.title(words.clip(documents.text(each, "words"), 300)),
                "check": words.clip(documents.text(each, "check"), 300),
                "since": words.moment(since) if since else "the whole window",
                "seen": "" if seen is None else f"{words.percent(seen)} of busy sources show it",
            }
        )
    return found


def _hosts(verdict: Document) -> list[dict[str, str]]:
    return [
        {
            "name": words.clip(documents.text(each, "name"), 80),
            "kind": documents.text(each, "kind"),
            "share": words.percent(documents.number(each, "share")),
        }
        for each in documents.objects(verdict, "hosts")[:_MOST_HOSTS]
    ]


def _quality(verdict: Document) -> list[dict[str, str]]:
    return [
        {
            "name": words.title(documents.text(each, "name")),
            "value": words.percent(documents.number(each, "value")),
            "ends": f"{words.percent(documents.number(each, 'low'))} to {words.percent(documents.number(each, 'high'))}",
            "registered": words.percent(documents.number(each, "registered_low")),
            "counted": words.clip(documents.text(each, "counted"), 120),
            "promise": words.clip(documents.text(each, "promise"), 160),
        }
        for each in documents.objects(verdict, "quality")[:_MOST_REASONS]
    ]


def _history(history: Sequence[Document]) -> list[dict[str, str]]:
    rows = []
    for each in list(history)[-_MOST_HISTORY:][::-1]:
        found = documents.text(each, "verdict")
        first, last = documents.text(each, "first"), documents.text(each, "last")
        rows.append(
            {
                "at": words.moment(documents.text(each, "at")),
                "version": documents.text(each, "version"),
                "verdict": found,
                "status": _STATUS.get(found, "note"),
                "window": f"{words.moment(first)} to {words.moment(last)}" if first else "",
                "rows": words.integer(documents.number(each, "rows")),
                "words": words.clip(documents.text(each, "words"), 200),
            }
        )
    return rows
