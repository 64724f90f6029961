"""The verdict on a window: what changed, and so what is to be done."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from netanomaly.alerts.incidents import moment
from netanomaly.monitoring import hosts as concentration
from netanomaly.monitoring import limits as usual
from netanomaly.monitoring import sensor, statistics
from netanomaly.monitoring.encoded import Encoded
from netanomaly.monitoring.profile import Profile
from netanomaly.monitoring.rates import RateLimits, agreement_limits, rate_limits
from netanomaly.monitoring.reference import Reference
from netanomaly.monitoring.statistics import Named
from netanomaly.monitoring.window import Window

QUIET, SENSOR, HOSTS, NETWORK, DECAY, TOO_LITTLE = VERDICTS = (
    "quiet", "sensor changed", "hosts changed", "network changed", "decay", "too little data",
)  # fmt: skip
RETRAIN_FOR = (NETWORK, DECAY)
"""Verdicts that are a reason to train again."""

_DO = {
    QUIET: "nothing",
    SENSOR: "do not retrain on data that mixes before and after; {checks}; then train on data of after the change",
    HOSTS: "look at these hosts: this is a matter for people, and no reason to retrain",
    NETWORK: "train again on newer data, once nothing in it is an attack",
    DECAY: "train again on newer data, with what was learnt from the labels or the reviewed alerts",
    TOO_LITTLE: "conclude nothing of this window; what is missing is said above",
}
_SHOWN = 40
_WEEKEND_SHARE = 0.8
_AHEAD_SECONDS = 86_400
_HOURS = 24 * 62


@dataclass(frozen=True)
class Quality:
    """What labels or reviews say of a window, and the least that was registered or promised; a share with its interval."""

    name: str
    value: float
    low: float
    high: float
    registered_low: float
    counted: str
    promise: str = "that it had at least when it was registered"


@dataclass
class _Judged:
    """What was found so far."""

    verdict: str = QUIET
    reasons: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)


def judge(
    reference: Reference | None,
    window: Window,
    *,
    gone: str = "",
    quality: tuple[Quality, ...] = (),
    now: float | None = None,
    lacking: str = "",
) -> dict[str, Any]:
    """The verdict as a document.

    Args:
        reference: What was usual; None: the version has none.
        window: The rows.
        gone: Why the source cannot be read as the model's was, where a column that it needs is not there any more.
        quality: What labels or reviews say.
        now: Seconds since 1970.
        lacking: Why there is no reference, and what to do.
    """
    document = _about(window)
    if gone:
        return _said(document, _Judged(SENSOR, [gone], ["what the sensor writes now, and restore what is gone"]))
    if reference is None:
        return _said(document, _Judged(TOO_LITTLE, [lacking or "the version has no reference"]))
    rows = window.profile.rows
    limits = usual.for_rows(reference.limits, rows)
    document["notes"] = _notes(window, reference, now)
    trained = reference.profile
    document["training_ended"] = moment(trained.last) if trained.first <= trained.last else None
    if limits is None:
        return _said(document, _Judged(TOO_LITTLE, [_too_few(rows, reference.limits[0].rows)]))
    named = statistics.names(reference.layout)
    sample = window.sample
    newcomers = reference.known.newcomers(sample)
    measured = statistics.measure(window.profile, reference.profile, reference.layout, newcomers)
    far = limits.distances(measured)
    rate = rate_limits(reference.rates, rows)
    agreement = _agreement(reference, window)
    document["notes"] += _of_agreement(agreement)
    document |= {
        "blocks": limits.blocks,
        "block_rows": limits.rows,
        "distance": round(float(far.max()), 4),
        "shifts": _shifts(named, measured, far, limits, window, reference),
        "alert_rate": None if rate is None else _rate(rate, window.profile.alerts / rows),
        "agreement": agreement,
        "hosts": [],
        "sensor": [],
        "largest_newcomer": _largest_newcomer(window, reference),
    }
    judged = _judged(reference, window, far, rate, document)
    _weigh_quality(judged, quality, document)
    return _said(document, judged)


def _too_few(rows: int, least: int) -> str:
    if not rows:
        return "the window has no rows: check that the sensor still writes"
    return f"{rows:,} {'row' if rows == 1 else 'rows'}, and limits are known for {least:,} or more"


def _judged(
    reference: Reference, window: Window, far: Any, rate: RateLimits | None, document: dict[str, Any]
) -> _Judged:
    out = bool(far.max() > 1)
    too_many = rate is not None and window.profile.alerts / window.profile.rows > rate.high
    if not out and not too_many:
        return _Judged()
    if out:
        few, explained = concentration.few(window, reference, far)
    else:
        few, explained = _alerting(window)
    document["explained_by_ten"] = round(explained, 3)
    changes = _changes(window, reference, far, few) if out else []
    if changes:
        return _of_sensor(changes, window, document)
    lacking = _lacking(window, reference) if out else ""
    if lacking:
        return _Judged(TOO_LITTLE, [lacking])
    if few is not None:
        return _of_hosts(few, window, reference, document)
    undecided = sensor.undecided(window.profile, reference.profile, _out(reference, far))
    if undecided and not too_many:
        return _Judged(TOO_LITTLE, [undecided])
    found = _Judged(NETWORK)
    if out:
        worst = [each for each in document["shifts"] if each["over"] > 1]
        said = ", ".join(each["name"] for each in worst[:3]) + (f" and {len(worst) - 3} more" if len(worst) > 3 else "")
        found.reasons.append(f"{said} moved at many hosts (ten hosts explain {max(0.0, explained):.0%})")
    if too_many and rate is not None:
        share = window.profile.alerts / window.profile.rows
        found.reasons.append(f"{share:.2%} of rows alert, where up to {rate.high:.2%} is usual")
    return found


def _out(reference: Reference, far: Any) -> list[str]:
    """Names of the statistics that are out."""
    return [each.name for each, value in zip(statistics.names(reference.layout), far, strict=True) if value > 1]


def _changes(window: Window, reference: Reference, far: Any, few: concentration.Few | None) -> list[sensor.Change]:
    """What the sensor does otherwise: marks that are there without the few hosts, too, where few there are."""
    distances = {each.name: float(value) for each, value in zip(statistics.names(reference.layout), far, strict=True)}

    def changes(profile: Profile, sample: Encoded) -> list[sensor.Change]:
        return sensor.changes(profile, reference.profile, reference.layout, distances, window.unseen, sample)

    found = changes(window.profile, window.sample)
    if few is None or not found:
        return found
    rest = window.sample.take(~few.rows)
    if len(rest) < concentration.least(reference):
        return []
    remaining = {each.what for each in changes(Profile.of(rest, reference.layout), rest)}
    return [each for each in found if each.what in remaining]


def _of_hosts(few: concentration.Few, window: Window, reference: Reference, document: dict[str, Any]) -> _Judged:
    what = concentration.features(few, window, reference)
    document["hosts"] = [
        {"kind": few.kind, "name": name, "share": round(share, 5)}
        for name, share in zip(few.names, few.shares, strict=True)
    ]
    document["host_features"] = what
    kind = few.kind if len(few.names) == 1 else f"{few.kind}s"
    explain = "explains" if len(few.names) == 1 else "explain"
    listed = ", ".join(few.names[:3]) + (f" and {len(few.names) - 3} more" if len(few.names) > 3 else "")
    reason = (
        f"{kind} {listed} ({sum(few.shares):.1%} of flows) {explain} {min(1.0, few.explained):.0%} of what is unusual"
        + (f": {', '.join(what[:3])}" if what else "")
        + (
            "; a flood, or address translation before the sensor?"
            if few.kind == "source" and max(few.shares) > 0.5
            else ""
        )
    )
    return _Judged(HOSTS, [reason])


def _of_sensor(changes: list[sensor.Change], window: Window, document: dict[str, Any]) -> _Judged:
    found = _Judged(SENSOR)
    for each in changes:
        began = sensor.since(each, window.sample)
        seen = _seen_at(each, window)
        document["sensor"].append(
            {
                "what": each.what,
                "words": each.words,
                "check": each.check,
                "since": None if began is None else moment(began),
                "sources_share": seen,
            }
        )
        found.reasons.append(
            each.words + ("" if began is None else f", since {moment(began)[:16].replace('T', ' ')} UTC")
        )
        found.checks.append(each.check)
    return found


def _seen_at(change: sensor.Change, window: Window) -> float | None:
    """The share of sources of twenty sampled rows or more that show it at least once."""
    sample = window.sample
    if change.rows is None or not sample.source.any():
        return None
    _, places, counts = np.unique(sample.source, return_inverse=True, return_counts=True)
    marked = np.bincount(places, weights=change.rows)
    large = counts >= 20
    return round(float((marked[large] > 0).mean()), 3) if large.any() else None


def _alerting(window: Window) -> tuple[concentration.Few | None, float]:
    """The ten sources of most alerts, where most alerts are theirs."""
    sample = window.sample
    alerting = sample.alerts & (sample.source != 0)
    if not alerting.any():
        return None, 0.0
    keys, counts = np.unique(sample.source[alerting], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:10]
    part = counts[order] / sample.alerts.sum()
    share = float(part.sum())
    everybody = len(np.unique(sample.source))
    if share < 0.8 or everybody <= 2 * len(order):
        return None, share
    chosen = keys[order]
    return concentration.Few(
        "source",
        tuple(window.names.get(int(key), "an address that is not kept") for key in chosen),
        tuple(float((sample.source == key).mean()) for key in chosen),
        share,
        np.isin(sample.source, chosen),
    ), share


def _largest_newcomer(window: Window, reference: Reference) -> dict[str, Any] | None:
    """The source of most rows among those that were not met in training."""
    sample = window.sample
    new = reference.known.new_sources(sample)
    if not new.any():
        return None
    keys, counts = np.unique(sample.source[new], return_counts=True)
    most = int(np.argmax(counts))
    name = window.names.get(int(keys[most]), "an address that is not kept")
    return {"name": name, "share": round(float(counts[most]) / len(sample), 4)}


def _lacking(window: Window, reference: Reference) -> str:
    """Which part of the week the window is of and the training period has none of; empty where it has."""
    week = window.profile.week
    if not week.sum():
        return ""
    weekend = float(week[5 * 24 :].sum() / week.sum())
    if weekend >= _WEEKEND_SHARE and reference.has_weekend() is False:
        return "the window is of a week-end, and the training period has none: train on a week or more"
    if weekend <= 1 - _WEEKEND_SHARE and reference.has_weekdays() is False:
        return "the window is of working days, and the training period has none: train on a week or more"
    return ""


def _weigh_quality(judged: _Judged, quality: tuple[Quality, ...], document: dict[str, Any]) -> None:
    document["quality"] = [
        {
            "name": each.name, "value": each.value, "low": each.low, "high": each.high,
            "registered_low": each.registered_low, "counted": each.counted, "promise": each.promise,
        }
        for each in quality
    ]  # fmt: skip
    worse = [each for each in quality if each.high < each.registered_low]
    if worse and judged.verdict in (QUIET, NETWORK):
        judged.verdict = DECAY
        judged.reasons = [
            f"{each.name} is {each.value:.0%} ({each.low:.0%} to {each.high:.0%}, {each.counted}), under the {each.registered_low:.0%} "
            f"{each.promise}"
            for each in worse
        ] + judged.reasons


def _said(document: dict[str, Any], judged: _Judged) -> dict[str, Any]:
    do = _DO[judged.verdict].format(checks="check " + "; ".join(dict.fromkeys(judged.checks)) if judged.checks else "")
    return {
        **document,
        "verdict": judged.verdict,
        "reasons": judged.reasons,
        "do": do,
        "retrain": judged.verdict in RETRAIN_FOR,
    }


def _about(window: Window) -> dict[str, Any]:
    profile = window.profile
    known = profile.first <= profile.last
    hours = sorted(window.hours.items())[-_HOURS:]
    return {
        "rows": profile.rows,
        "alerts": profile.alerts,
        "first_seen": moment(profile.first) if known else None,
        "last_seen": moment(profile.last) if known else None,
        "hours": [[moment(hour * 3600), *both] for hour, both in hours],
        "notes": [],
    }


def _notes(window: Window, reference: Reference, now: float | None) -> list[str]:
    """What a reader has to know of the window."""
    profile, trained = window.profile, reference.profile
    found = []
    if profile.first > profile.last:
        found.append("the window has no times: moments and hours are not told")
    elif trained.first <= trained.last:
        if profile.last < trained.first:
            found.append("the window lies before the training period")
        elif profile.first <= trained.last:
            found.append("the window overlaps the training period: what was learnt is partly compared with itself")
    if not trained.week.sum():
        found.append("the training data had no times: its blocks are in order of its rows, and weeks are not known")
    if now is not None and np.isfinite(profile.last) and profile.last > now + _AHEAD_SECONDS:
        found.append(
            f"flows of {datetime.fromtimestamp(profile.last, UTC):%Y-%m-%d} lie ahead: check the sensor's clock"
        )
    return found


def _rate(limits: RateLimits, rate: float) -> dict[str, Any]:
    return {"rate": rate, "usual": limits.usual, "low": limits.low, "high": limits.high, "blocks": limits.blocks}


def _agreement(reference: Reference, window: Window) -> dict[str, Any] | None:
    """Where any member of an ensemble alerts, the share of them that do, beside what is usual; None where it is not known."""
    limits = agreement_limits(reference.rates, window.asked)
    if limits is None:
        return None
    voters = reference.rates.voters
    return {**_rate(limits, window.votes / (voters * window.asked)), "rows": window.asked, "members": voters}


def _of_agreement(agreement: dict[str, Any] | None) -> list[str]:
    """A note where members agree otherwise than is usual. It is no verdict: that they agree proves nothing."""
    if agreement is None or agreement["low"] <= agreement["rate"] <= agreement["high"]:
        return []
    return [
        f"where any of its {agreement['members']} members alerts {agreement['rate']:.0%} of them do, and "
        f"{agreement['low']:.0%} to {agreement['high']:.0%} is usual: its alerts are of another kind than they were; review some"
    ]


def _shifts(
    named: tuple[Named, ...],
    measured: statistics.Measured,
    far: Any,
    limits: usual.Limits,
    window: Window,
    reference: Reference,
) -> list[dict[str, Any]]:
    """Statistics by how far they are over their own limit, the farthest first; of columns both distributions."""
    layout = reference.layout
    columns = statistics.columns(window.profile, reference.profile, layout)
    values = measured.distances
    allowed = limits.limits
    # Of a histogram of which hardly a row moved it is not the distance that keeps it in.
    few = (far > 0) & (far <= 1) & (values > allowed)
    allowed[few] = values[few] / far[few]
    found = []
    for place in np.argsort(-far, kind="stable")[:_SHOWN]:
        each = named[place]
        if not values[place] and far[place] <= 1:
            continue
        if each.kind == statistics.COLUMN and not layout.is_judged(int(place)):
            continue
        shift: dict[str, Any] = {
            "name": each.name,
            "kind": each.kind,
            "value": round(float(values[place]), 5),
            "limit": round(float(allowed[place]), 5),
            "over": round(float(values[place] / allowed[place]), 4) if allowed[place] > 0 else 0.0,
        }
        # The ratio of two distances, with 1 at the same place as in the verdict.
        shift["over"] = max(shift["over"], 1.0001) if far[place] > 1 else min(shift["over"], 1.0)
        if place < len(layout.names):
            ours, theirs = columns[place]
            shift["bins"] = layout.bin_names(int(place))
            shift["window"] = [round(float(value), 6) for value in ours / max(ours.sum(), 1)]
            shift["reference"] = [round(float(value), 6) for value in theirs / max(theirs.sum(), 1)]
        found.append(shift)
    return sorted(found, key=lambda each: -each["over"])
