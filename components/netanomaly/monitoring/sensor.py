"""What of a shift is the sensor's doing: changes of what hosts cannot change, each told by its own mark, with a name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.monitoring import statistics
from netanomaly.monitoring.encoded import MODULI, Encoded
from netanomaly.monitoring.layout import Layout
from netanomaly.monitoring.profile import Profile
from netanomaly.monitoring.statistics import missing_share, multiples, timeouts, unseen_share

Mask = npt.NDArray[np.bool_]

# Headers differ by less: Ethernet's 14, a VLAN's 4, both, a checksum's 4.
_MOST_SHIFT = 40
# Modes fit so much better moved by this than by anything else, and well; there are so many of about equal size.
_BETTER, _WELL, _MODES = 0.2, 0.6, 1.8
# Of the flows in modes, so many at least moved.
_MUCH_MOVED = 0.2
_LEAST_FLOWS = 50
# Of a header that there is, Ethernet's or a VLAN's, so many flows tell.
_FEW_BARE = 12
_HEADERS = frozenset((4, 14, 18, -4, -14, -18))
_COUNTS = {
    **dict.fromkeys((14, 18), "frames in place of IP packets"),
    **dict.fromkeys((-14, -18), "IP packets in place of frames"),
}
_NOTICED = 0.5
# What moves where bytes are counted otherwise.
_OF_BYTES = frozenset((
    "bytes_out", "bytes_in", "bytes_per_packet_out", "bytes_per_packet_in", "share_out", "bytes_per_second",
    "src_bytes_out_120s", statistics.A_PACKET_OUT, statistics.A_PACKET_IN,
))  # fmt: skip
# Sampling leaves flows of one packet, without an answer, and no large ones.
_MORE_SILENT, _FEWER_PACKETS = 0.05, 3
# A mark's share of rows after the step, of that before; and how many standard errors make a step.
_STEP, _SURE = 1.5, 6.0
# A spike stands out from so many neighbours on each side.
_NEIGHBOURS = 4
# A time-out is a spike of at least so many flows, and what was one is half gone.
_SPIKE, _FEW_FLOWS = 0.003, 10
# Fewer values gone or come are for the table of shifts, not for a name.
_MUCH_MISSING, _MUCH_SILENT, _LEAST_VALUE = 0.2, 0.3, 0.01


@dataclass(frozen=True)
class Change:
    """A change of the sensor.

    Attributes:
        what: In a word, for programs.
        words: What it is, with its numbers.
        check: What a person looks at.
        rows: Which rows of the sample bear its mark; None where that is no matter of single rows.
    """

    what: str
    words: str
    check: str
    rows: Mask | None = None


def changes(
    window: Profile,
    reference: Profile,
    layout: Layout,
    far: Mapping[str, float],
    unseen: Mapping[str, Mapping[str, int]],
    sample: Encoded,
) -> list[Change]:
    """What the sensor does otherwise.

    Args:
        far: Distance of each statistic in parts of what is allowed. That something is out is known by now: half of what is
            allowed is enough to be a part of it.
        unseen: Values that were not in training, by column.
        sample: Of the window.
    """
    moved = {name for name, distance in far.items() if distance > _NOTICED}
    sampling = _sampling(window, reference, layout, moved, sample)
    return [
        *_headers(window, reference, sample),
        *_timeouts(window, reference, sample),
        # What is not sampled says nothing, so that values are missing, too.
        *(sampling or _values(window, reference, layout, moved, unseen, sample)),
    ]


def since(change: Change, sample: Encoded) -> float | None:
    """When it began, seconds since 1970: where the mark's share of rows steps up most; None where it was there all along."""
    known = ~np.isnan(sample.times)
    if change.rows is None or known.sum() < _LEAST_FLOWS:
        return None
    order = np.argsort(sample.times[known], kind="stable")
    times, marked = sample.times[known][order], change.rows[known][order].astype(np.float64)
    seen = np.cumsum(marked)
    cuts = np.unique(np.linspace(0.04, 0.96, 47) * len(marked)).astype(int)
    before = seen[cuts - 1] / cuts
    after = (seen[-1] - seen[cuts - 1]) / (len(marked) - cuts)
    gain = (after - before) ** 2 * cuts * (len(marked) - cuts)
    best = int(np.argmax(gain))
    chance = np.sqrt(marked.mean() * (1 - marked.mean()) * (1 / cuts[best] + 1 / (len(marked) - cuts[best])))
    if after[best] < _STEP * before[best] or after[best] - before[best] <= _SURE * chance:
        return None
    return float(times[cuts[best]])


def _headers(window: Profile, reference: Profile, sample: Encoded) -> list[Change]:
    """Bytes a packet of bare headers moved by a constant."""
    for end in range(2):
        ours, theirs = _spikes(window.a_packet[end]), _spikes(reference.a_packet[end])
        if not _tells(theirs) or ours.sum() < _FEW_BARE:
            continue
        # What there is too much of, where before and after are in one window, too.
        excess = np.maximum(ours / ours.sum() - theirs / theirs.sum(), 0.0)
        if excess.sum() < _MUCH_MOVED:
            continue
        fits = {shift: _overlap(excess, theirs, shift) for shift in range(-_MOST_SHIFT, _MOST_SHIFT + 1)}
        best = max(fits, key=lambda shift: (fits[shift], -abs(shift)))
        second = sorted(fits.values())[-2]
        enough = ours.sum() >= _LEAST_FLOWS or best in _HEADERS
        if best and enough and fits[best] >= _WELL and fits[best] - second >= _BETTER:
            modes = np.argsort(-theirs, kind="stable")[:6]
            moved = [int(mode) + best for mode in modes if theirs[mode]]
            return [
                Change(
                    "bytes_a_packet",
                    f"{best:+d} bytes a packet: the sensor counts {_COUNTS.get(best, 'another header')}",
                    "whether the sensor was upgraded or set to count other layers; bytes of before and after do not compare",
                    np.isin(sample.a_packet[end], moved),
                )
            ]
    return []


def undecided(window: Profile, reference: Profile, out: Collection[str]) -> str:
    """Why it cannot be told whether the sensor counts other layers now, where that may be what moved; empty where it can.

    Args:
        out: Names of the statistics that are out.
    """
    if not out or not _OF_BYTES.issuperset(out):
        return ""
    for end in range(2):
        ours, theirs = _spikes(window.a_packet[end]), _spikes(reference.a_packet[end])
        if not _tells(theirs):
            continue
        if ours.sum() < _LEAST_FLOWS:
            why = f"{int(ours.sum())} flows of bare headers are too few to tell whether the sensor counts otherwise"
        elif _overlap(ours, theirs, 0) < _WELL:
            why = "bare headers are neither of the sizes that they were nor all moved by one header"
        else:
            continue
        return f"{', '.join(sorted(out))} moved, and {why}: look at a longer window"
    return ""


def _tells(reference: npt.NDArray[np.float64]) -> bool:
    """Whether bare headers had modes by which a shift is told: one alone would fit whatever comes, somewhere."""
    return bool(reference.sum() >= _LEAST_FLOWS and reference.sum() ** 2 >= _MODES * (reference**2).sum())


def _timeouts(window: Profile, reference: Profile, sample: Encoded) -> list[Change]:
    """Many flows last exactly so long, and did not."""
    ours, theirs = timeouts(window), timeouts(reference)
    new = int(np.argmax(ours - theirs))
    if ours[new] < _SPIKE or window.seconds[new] < _FEW_FLOWS or theirs[new] > ours[new] / 3:
        return []
    old = int(np.argmax(theirs - ours))
    gone = theirs[old] >= _SPIKE and ours[old] < theirs[old] / 2
    words = (
        f"time-out {old} s -> {new} s"
        if gone
        else f"{ours[new]:.1%} of flows last {new} s, where {theirs[new]:.1%} did"
    )
    return [
        Change(
            "timeout",
            words,
            "the sensor's active and idle time-outs; flows cut otherwise have other durations, bytes and packets",
            sample.seconds == new,
        )
    ]


def _sampling(window: Profile, reference: Profile, layout: Layout, moved: set[str], sample: Encoded) -> list[Change]:
    check = "whether the sensor, or a switch before it, samples packets now; train on sampled data, or switch it off"
    if statistics.MULTIPLES in moved:
        ours, theirs = multiples(window), multiples(reference)
        times = max(
            (m for m, share, before in zip(MODULI, ours, theirs, strict=True) if share > 0.95 and before < 0.7),
            default=0,
        )
        if times:
            return [Change("sampling", f"packets are multiples of {times}: sampled 1:{times} and scaled up", check)]
    if statistics.SILENT not in moved:
        return []
    silent, before = window.silent / window.rows, reference.silent / reference.rows
    single, single_before = window.single / window.rows, reference.single / reference.rows
    fewer = _upper(reference, layout, "packets_out") / max(_upper(window, layout, "packets_out"), 1.0)
    if silent > before + _MORE_SILENT and single > single_before and fewer >= _FEWER_PACKETS:
        words = (
            f"packets are sampled, about 1:{_round(fewer)}: {single:.0%} of flows have one packet ({single_before:.0%} before) "
            f"and {silent:.0%} no answer ({before:.0%} before)"
        )
        return [Change("sampling", words, check, sample.single & sample.silent)]
    if silent - before > _MUCH_SILENT and silent > 0.9:
        words = f"{silent:.0%} of flows have no answer, where {before:.0%} had none: one direction is not seen"
        return [Change("one_direction", words, "the sensor's tap or mirror port: both directions?", sample.silent)]
    return []


def _values(
    window: Profile,
    reference: Profile,
    layout: Layout,
    moved: set[str],
    unseen: Mapping[str, Mapping[str, int]],
    sample: Encoded,
) -> list[Change]:
    """Columns that are not said any more, and values that are called otherwise."""
    found = []
    for place, name in enumerate(layout.names):
        bins = sample.bins[place]
        if statistics.MISSING + name in moved:
            ours, theirs = (missing_share(profile, layout, place) for profile in (window, reference))
            if abs(ours - theirs) >= _MUCH_MISSING:
                words = f"{name} is missing in {ours:.0%} of flows, where it was in {theirs:.0%}"
                missing = layout.missing_bin(place)
                found.append(
                    Change(
                        "column",
                        words,
                        f"whether the sensor still writes {name}",
                        bins == missing if ours > theirs else None,
                    )
                )
        if place < len(layout.numeric) or statistics.UNSEEN + name not in moved:
            continue
        renamed = _renamed(window, reference, layout, place, unseen.get(name, {}))
        if renamed:
            never = layout.widths[place] - 1
            found.append(Change("value", renamed, f"how the sensor names {name} now; a new version may", bins == never))
    return found


def _renamed(window: Profile, reference: Profile, layout: Layout, place: int, unseen: Mapping[str, int]) -> str:
    """`http in service is www now`, where one value went and another of about its share came; empty otherwise."""
    name = layout.names[place]
    begin, end = layout.begins[place], layout.begins[place + 1]
    ours, theirs = window.bins[begin:end] / window.rows, reference.bins[begin:end] / reference.rows
    new = unseen_share(window, layout, place - len(layout.numeric))
    gone = [bin_ for bin_ in range(len(ours) - 2) if theirs[bin_] >= _LEAST_VALUE and ours[bin_] < theirs[bin_] / 5]
    share = float(sum(theirs[bin_] for bin_ in gone))
    if not gone or not share / 3 <= new <= share * 3:
        return ""
    was = layout.bin_names(place)[max(gone, key=lambda bin_: float(theirs[bin_]))]
    now = max(unseen, key=lambda value: unseen[value]) if unseen else "a value never met"
    return f"{was} in {name} ({share:.1%} of flows) is gone, and {now} ({new:.1%}) is new: renamed?"


def _spikes(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """What stands out from its neighbours: bare headers are of few sizes, payload of all."""
    padded = np.pad(counts.astype(np.float64), _NEIGHBOURS, mode="edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1), axis=1)
    above = counts - around
    found: npt.NDArray[np.float64] = np.where(above > 3 * np.sqrt(around + 1), above, 0.0)
    return found


def _overlap(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], shift: int) -> float:
    """How alike two histograms are once theirs is moved; 1 is alike."""
    moved = np.zeros(len(theirs))
    if shift >= 0:
        moved[shift:] = theirs[: len(theirs) - shift]
    else:
        moved[:shift] = theirs[-shift:]
    return float(np.sqrt((ours / ours.sum()) * (moved / theirs.sum())).sum())


def _upper(profile: Profile, layout: Layout, name: str) -> float:
    """About the 90th percentile of a numeric column, from its bins; NaN where it is not known."""
    place = layout.roles.get(name)
    if place is None:
        return float("nan")
    edges = layout.numeric[place][1]
    counts = profile.bins[layout.begins[place] : layout.begins[place + 1] - 1].astype(np.float64)
    if not counts.sum():
        return float("nan")
    at = int(np.searchsorted(np.cumsum(counts), 0.9 * counts.sum()))
    return float(edges[min(at, len(edges) - 1)])


def _round(times: float) -> int:
    known: list[Any] = [2, 5, 10, 20, 50, 100, 200, 500, 1000]
    return int(min(known, key=lambda each: abs(np.log(each / times))))
