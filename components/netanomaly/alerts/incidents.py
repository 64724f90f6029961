"""What is said of an incident: one document, from which every form of alert is made."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from netanomaly.alerts import techniques
from netanomaly.alerts.collecting import PARTS, AlertRows
from netanomaly.alerts.community import community_id, port_number
from netanomaly.alerts.grouping import ROW, SOURCE, Group, group
from netanomaly.models.explanation import Contribution
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.traffic.scope import PRIVATE, PUBLIC, scope

_SAMPLES = 5
_BYTES = "bytes_out"
_EXAMPLES = 10
_FEATURES = 5
# Of each incident so many rows are explained; the incidents beyond the strongest so many are not.
_EXPLAINED_OF_EACH, _EXPLAINED = 3, 1500
# Alerts of rows without known ends stand alone; the strongest are listed, and of incidents of hosts, too: whoever
# forges addresses makes millions of hosts.
_LISTED_ROWS, _LISTED = 1000, 10_000
SEVERITIES = ((80, "critical"), (60, "high"), (40, "medium"), (0, "low"))

Document = dict[str, Any]


def incidents(
    alerts: AlertRows,
    model: AnomalyModel,
    source_of: Mapping[str, Any],
    tail: Callable[[Any], Any],
    in_words: Callable[[str, Any], str | None],
) -> tuple[list[Document], int]:
    """The incidents, the gravest first, and how many alerts were left out of the list.

    Args:
        alerts: The rows that alert.
        model: What found them.
        source_of: The model's name, version and digest, as each document carries them.
        tail: Of scores the share of normal rows that score as high.
        in_words: A feature's value in words; None where there are none for it.
    """
    scores = alerts.scores
    groups = group(alerts.times, alerts.identity["src_ip"], alerts.identity["dst_ip"])
    alone = sorted(
        (each for each in groups if each.kind == ROW), key=lambda each: (-scores[each.places[0]], each.places[0])
    )
    hosts = sorted(
        (each for each in groups if each.kind != ROW),
        key=lambda each: (-scores[each.places].max(), -len(each.places), each.places[0]),
    )
    left_out = alerts.not_kept + sum(len(each.places) for each in (*hosts[_LISTED:], *alone[_LISTED_ROWS:]))
    groups = sorted(hosts[:_LISTED], key=lambda each: int(each.places.min())) + alone[:_LISTED_ROWS]
    reasons = _reasons(alerts, model, groups)
    found = [
        _document(each, alerts, reasons.get(number, []), source_of, tail, in_words, model)
        for number, each in enumerate(groups)
    ]
    found.sort(key=lambda document: (-document["risk_score"], document["first_seen"] or "", document["id"]))
    return found, left_out


def _reasons(alerts: AlertRows, model: AnomalyModel, groups: list[Group]) -> dict[int, list[Contribution]]:
    """Of each group, by its number, the features that explain its strongest rows, the largest share first."""
    if model.typical is None:
        return {}
    row_of, scores = alerts.whole, alerts.scores
    strongest = sorted(range(len(groups)), key=lambda number: -float(scores[groups[number].places].max()))
    asked: list[tuple[int, Rows]] = []
    for number in strongest[:_EXPLAINED]:
        kept = sorted(
            (place for place in groups[number].places.tolist() if place in row_of), key=lambda at: (-scores[at], at)
        )
        asked += [(number, row_of[place]) for place in kept[:_EXPLAINED_OF_EACH]]
    found: dict[int, list[list[Contribution]]] = {}
    for begin in range(0, len(asked), 256):
        part = asked[begin : begin + 256]
        rows = Rows(np.concatenate([row.numbers for _, row in part]), np.concatenate([row.codes for _, row in part]))
        for (number, _), explained in zip(part, model.explain_rows(rows, _FEATURES), strict=True):
            found.setdefault(number, []).append(explained)
    return {number: _together(several) for number, several in found.items()}


def _together(several: list[list[Contribution]]) -> list[Contribution]:
    """The features of several rows as one list: shares averaged, values those of the strongest row that names them."""
    shares: Counter[str] = Counter()
    first: dict[str, Contribution] = {}
    for row in several:
        for each in row:
            shares[each.name] += each.contribution / len(several)  # type: ignore[assignment]
            first.setdefault(each.name, each)
    return [first[name] for name, _ in sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:_FEATURES]]


def _document(
    each: Group,
    alerts: AlertRows,
    reasons: list[Contribution],
    source_of: Mapping[str, Any],
    tail: Callable[[Any], Any],
    in_words: Callable[[str, Any], str | None],
    model: AnomalyModel,
) -> Document:
    places, scores, times = each.places, alerts.scores, alerts.times
    of = {part: [value for value in alerts.identity[part][places] if value is not None] for part in PARTS}
    highest = float(scores[places].max())
    share = float(tail(np.array([highest]))[0])
    first, last = _ends(times[places])
    ports, targets, sources = (Counter(of[part]) for part in ("dst_port", "dst_ip", "src_ip"))
    known = times[places][~np.isnan(times[places])]
    pattern = techniques.Pattern(
        flows=len(places),
        sources=len(sources),
        targets=len(targets),
        ports=len(ports),
        port=next(iter(ports)) if len(ports) == 1 else "",
        seconds=float(known.max() - known.min()) if len(known) else 0.0,
        beat_seconds=techniques.beat(times[places]),
        bytes_out=_bytes_out(each, alerts, model),
        outward=all(scope(host) == PRIVATE for host in sources) and all(scope(host) == PUBLIC for host in targets),
    )
    technique = techniques.hint(pattern) if each.kind != ROW else None
    risk = _risk(share, len(places))
    strongest = places[np.lexsort((places, -scores[places]))][:_SAMPLES]
    samples = [_sample(int(place), alerts, model.sensor) for place in strongest]
    features = [
        {
            "name": reason.name,
            "value": reason.value,
            "usual_low": reason.normal_low,
            "usual_high": reason.normal_high,
            "share": round(reason.contribution, 4),
            "words": _in_words(reason, in_words),
        }
        for reason in reasons
    ]
    entity = {"type": each.kind, "ip": each.entity or None}
    named = {**source_of, "entity": entity, "first": _first_of(int(places[0]), alerts), "flows": len(places)}
    return {
        "id": hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:32],
        "model": dict(source_of),
        "title": _title(each, of, len(places), first, last),
        "severity": next(word for least, word in SEVERITIES if risk >= least),
        "risk_score": risk,
        "entity": entity,
        "first_seen": first,
        "last_seen": last,
        "flows": len(places),
        "sources": _counted(sources),
        "targets": _counted(targets),
        "ports": _counted(ports),
        "protocols": sorted(set(of["protocol"])),
        "highest_score": round(highest, 6),
        "tail_probability": share,
        "features": features,
        "technique": None if technique is None else asdict(technique),
        "samples": samples,
    }


def _bytes_out(each: Group, alerts: AlertRows, model: AnomalyModel) -> float:
    """What the flows of an incident that are kept whole sent together; 0 where the model does not see bytes."""
    numeric = model.schema.numeric
    if _BYTES not in numeric:
        return 0.0
    at = numeric.index(_BYTES)
    rows = [alerts.whole[place] for place in each.places.tolist() if place in alerts.whole]
    return float(np.nansum([row.numbers[0, at] for row in rows]))


def _ends(times: Any) -> tuple[str | None, str | None]:
    known = times[~np.isnan(times)]
    if not len(known):
        return None, None
    return moment(float(known.min())), moment(float(known.max()))


def moment(seconds: float) -> str:
    """A point in time, ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _risk(share: float, flows: int) -> int:
    """0 to 100: 20 for each power of ten by which the strongest row is rarer than all, up to 10 more for many rows."""
    rare = -20 * math.log10(max(share, 1e-5))
    return int(min(100, round(rare + min(10.0, 3 * math.log10(flows)))))


def _counted(values: "Counter[str]") -> Document:
    most = sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))[:_EXAMPLES]
    return {"count": len(values), "examples": [value for value, _ in most]}


def _first_of(place: int, alerts: AlertRows) -> list[Any]:
    return [alerts.files[place], int(alerts.records[place])]


def _sample(place: int, alerts: AlertRows, sensor: str) -> Document:
    row = {part: alerts.identity[part][place] for part in PARTS}
    time = float(alerts.times[place])
    ends = [row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"], row["protocol"]]
    named = None
    ports = port_number(ends[1]), port_number(ends[3])
    if ports[0] is not None and ports[1] is not None and all(end is not None for end in ends):
        named = community_id(str(ends[0]), ports[0], str(ends[2]), ports[1], str(ends[4]), sensor)
    return {
        "file": alerts.files[place],
        "record": int(alerts.records[place]),
        "time": None if math.isnan(time) else moment(time),
        **row,
        "score": round(float(alerts.scores[place]), 6),
        "community_id": named,
    }


def _title(each: Group, of: Mapping[str, list[str]], flows: int, first: str | None, last: str | None) -> str:
    """Who did what to whom, how often and for how long, in one line."""
    if each.kind == ROW:
        return "one row that stands out"
    sources, targets, ports = (sorted(set(of[part])) for part in ("src_ip", "dst_ip", "dst_port"))
    who = each.entity if each.kind == SOURCE else f"{len(sources):,} sources"
    whom = targets[0] if len(targets) == 1 else f"{len(targets):,} hosts"
    protocols = "/".join(sorted(set(of["protocol"]))[:3])
    what = f" {protocols}" if protocols else ""
    where = f" port {ports[0]}" if len(ports) == 1 else f" {len(ports):,} ports" if ports else ""
    return f"{who} -> {whom}{what}{where}: {_flows(flows)}{_span(first, last)}"


def _flows(count: int) -> str:
    return "1 flow" if count == 1 else f"{count:,} flows"


def _span(first: str | None, last: str | None) -> str:
    if first is None or last is None or first == last:
        return ""
    seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    for size, one in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f" in {count} {one}{'' if count == 1 else 's'}"
    return f" in {seconds:.1f} seconds"


def _in_words(reason: Contribution, in_words: Callable[[str, Any], str | None]) -> str:
    """What a feature is, and what it usually is."""
    said = in_words(reason.name, reason.value) or f"{reason.name} is {_shown(reason.value)}"
    if reason.normal_low is None:
        return said
    low, high = _shown(reason.normal_low), _shown(reason.normal_high)
    return f"{said}; usually {low}" if low == high else f"{said}; usually {low} to {high}"


def _shown(value: float | str | None) -> str:
    if value is None:
        return "missing"
    return value if isinstance(value, str) else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
