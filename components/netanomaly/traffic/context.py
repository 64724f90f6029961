"""What a flow looks like beside the flows before it: exact counts over the last two minutes and the last hundred flows.

A flow counts from when it ended, since no sensor knows of it sooner; flows that ended at the same moment do not see
each other. Windows look back only. Nothing depends on how the flows are cut into blocks: what is kept from one block
to the next is what later windows may still reach.

The counts of distinct values rest on intervals: a value counts for a row as long as its last occurrence lies in the
row's window, so that each occurrence adds one to a run of rows, cut short by the value's next occurrence. Sorting and
prefix sums do the rest; there is no loop over rows.
"""

import io
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.traffic.background import beside

Whole = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

WINDOW_SECONDS = 120
LAST_FLOWS = 100
LAST_FLOWS_WITHIN_SECONDS = 3600
"""The last hundred flows of a source reach back an hour at most: who was silent for longer is forgotten."""
MET_WITHIN_SECONDS = 86_400
BLOCK_ROWS = 1 << 15
"""Flows and records come in blocks of so many: what is forgotten does not depend on the batches they were read in."""
MOST_KEPT = 1 << 18
"""Flows that windows reach back over at most, all sources together: 2,184 a second for two minutes."""
MOST_MET = 1_000_000
_MICRO = 1_000_000
_PORTS = 65_537
_ALONE = 4096
"""So few flows are seen on one thread: to start another would take longer than it saves."""
STATE_FORMAT = 1


@dataclass(frozen=True)
class Flows:
    """What of flows in order of their end is looked at; one element per flow.

    Attributes:
        end: Microseconds since 1970.
        src, dst: Keys of the ends, 0 where there is none.
        port: Destination port, -1 where there is none.
        failed: 1 where the responder gave no service, 0 where it did, -1 where it is not said.
        bytes_out: 0 where it is not said.
    """

    end: Whole
    src: Keys
    dst: Keys
    port: Whole
    failed: Whole
    bytes_out: Whole

    def __len__(self) -> int:
        return len(self.end)

    def take(self, which: Any) -> "Flows":
        return Flows(*(getattr(self, item.name)[which] for item in fields(self)))

    def after(self, before: "Flows") -> "Flows":
        """These behind others."""
        return Flows(*(np.concatenate([getattr(before, item.name), getattr(self, item.name)]) for item in fields(self)))


_NO_FLOWS = Flows(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64),
    *(np.empty(0, dtype=np.int64) for _ in range(3)),
)  # fmt: skip

NAMES = (
    "src_flows_120s", "src_destinations_120s", "src_ports_120s", "src_ports_to_dst_120s", "src_failed_share_120s",
    "src_bytes_out_120s", "dst_flows_120s", "dst_sources_120s", "src_destinations_100", "src_ports_100",
    "src_ports_to_dst_100", "src_failed_share_100", "pair_gap_seconds", "pair_gap_change", "src_gap_seconds",
    "src_port_gap_seconds",
)  # fmt: skip


class Past(Protocol):
    """What flows are seen beside: those before them."""

    late: int
    cut: int

    @property
    def forgotten(self) -> int:
        """See `Context.forgotten`."""

    def features(self, flows: Flows) -> dict[str, Floats]:
        """See `Context.features`."""


@dataclass
class Context:
    """Adds features to flows, block after block, in order of their end."""

    kept: Flows = _NO_FLOWS
    met: dict[str, "Met"] = field(default_factory=lambda: {name: Met() for name in ("src", "pair", "src_port")})
    late: int = 0
    """Flows that came after flows of a later block: seen, and counted, as of the moment when they came."""
    cut: int = 0
    """Blocks after which more flows were within reach than are kept."""
    _last: int = -(2**62)

    def features(self, flows: Flows) -> dict[str, Floats]:
        """The features of `NAMES` of the next flows, which are in order of their end. NaN where nothing can be said."""
        # Flows without ends are no part of it. What comes late was not known sooner: it counts from now on.
        usable = (flows.src != 0) & (flows.dst != 0)
        self.late += int((flows.end < self._last).sum())
        chosen = np.flatnonzero(usable)
        if not len(chosen):
            return {name: np.full(len(flows), np.nan) for name in NAMES}
        if len(chosen) < len(flows):
            made = self.features(flows.take(chosen))
            return {name: _scattered(made[name], chosen, len(flows)) for name in NAMES}
        new = replace(flows, end=np.maximum(flows.end, self._last))
        everything = new.after(self.kept)
        windows = _Windows(everything, len(self.kept))
        self._last = int(new.end[-1])

        def others() -> dict[str, Floats]:
            self._keep(everything, windows.sources)
            return {**windows.of_target(), **self._gaps(new)}

        of_source, of_others = (
            beside(windows.of_source, others) if len(new) > _ALONE else (windows.of_source(), others())
        )
        return {**of_source, **of_others}

    @property
    def forgotten(self) -> int:
        """Sources, pairs, and sources with a port, met within a day and forgotten, as there were over `MOST_MET` of their kind."""
        return sum(met.forgotten for met in self.met.values())

    @property
    def last(self) -> float | None:
        """When the last flow ended, in seconds since 1970; None before any."""
        return self._last / _MICRO if self._last > _NEVER else None

    def state(self) -> bytes:
        """All that the next flows need to know of the past; `resumed` takes it up."""
        buffer = io.BytesIO()
        arrays = {f"kept_{item.name}": getattr(self.kept, item.name) for item in fields(Flows)}
        for name, met in self.met.items():
            arrays |= {f"met_{name}_{part}": values for part, values in met.merged()._asdict().items()}
            arrays[f"forgotten_{name}"] = np.array([met.forgotten + met.over])
        np.savez_compressed(
            buffer, format=np.array([STATE_FORMAT]), counts=np.array([self.late, self.cut, self._last]), **arrays
        )
        return buffer.getvalue()

    @classmethod
    def resumed(cls, state: bytes) -> "Context":
        """As it was when `state` was called.

        Raises:
            ValueError: It is no such state, or one of a newer format.
        """
        with np.load(io.BytesIO(state), allow_pickle=False) as held:
            if int(held["format"][0]) != STATE_FORMAT:
                raise ValueError(f"the state is of format {int(held['format'][0])}; this version reads {STATE_FORMAT}")
            late, cut, last = (int(value) for value in held["counts"])
            kept = Flows(*(held[f"kept_{item.name}"] for item in fields(Flows)))
            met = {
                name: Met(
                    [_Level(*(held[f"met_{name}_{part}"] for part in _Level._fields))],
                    # States of before did not count them.
                    int(held[f"forgotten_{name}"][0]) if f"forgotten_{name}" in held else 0,
                )
                for name in ("src", "pair", "src_port")
            }
        return cls(kept, met, late, cut, last)

    def _gaps(self, new: Flows) -> dict[str, Floats]:
        pair, served = _both(new.src, new.dst), _both(new.src, (new.port + 1).astype(np.uint64))
        gap, change = self.met["pair"].gaps(pair, new.end)
        return {
            "pair_gap_seconds": gap,
            "pair_gap_change": change,
            "src_gap_seconds": self.met["src"].gaps(new.src, new.end)[0],
            "src_port_gap_seconds": self.met["src_port"].gaps(served, new.end)[0],
        }

    def _keep(self, flows: Flows, sources: Whole) -> None:
        """What windows of flows that end now or later may reach."""
        last = flows.end[-1]
        in_window = flows.end >= last - WINDOW_SECONDS * _MICRO
        recent = np.flatnonzero(flows.end >= last - LAST_FLOWS_WITHIN_SECONDS * _MICRO)
        source, order = _ordered(sources[recent])
        order = recent[order]
        # Flows of this very moment count for later ones, and not for those of this moment that the next block may hold.
        before = np.cumsum(flows.end[order] < last)
        ends = np.flatnonzero(np.append(source[1:] != source[:-1], True))
        behind = np.repeat(before[ends], np.diff(np.append(-1, ends))) - before
        among_last = np.zeros(len(flows), dtype=bool)
        among_last[order] = behind < LAST_FLOWS
        chosen = np.flatnonzero(in_window | among_last)
        if len(chosen) > MOST_KEPT:
            self.cut += 1
            chosen = chosen[-MOST_KEPT:]
        self.kept = flows.take(chosen)


class Met:
    """When each key was last met, and the two gaps before that; keys silent for a day are forgotten."""

    def __init__(self, levels: list["_Level"] | None = None, forgotten: int = 0) -> None:
        self._levels = levels or []
        self.over = 0
        self.forgotten = forgotten
        """Keys met within a day that there was no room for: the longest silent."""

    def gaps(self, keys: Keys, end: Whole) -> tuple[Floats, Floats]:
        """Seconds since the key was last met, and how much that differs from the gap before: 0 as regular as can be, near 1 not.

        A day, and 1, where it was not met within a day (twice, for the second).
        """
        order = _order_of_keys(keys)
        key, time = keys[order], end[order]
        fresh = np.append(True, key[1:] != key[:-1])
        moment = fresh | np.append(True, time[1:] != time[:-1])
        # One for each key and moment.
        at = np.flatnonzero(moment)
        key, time, fresh = key[at], time[at], fresh[at]
        begins = np.flatnonzero(fresh)
        gap = np.diff(time, prepend=0)
        known_end, known_gap, known_before = self._look_up(key[begins])
        gap[begins] = np.where(known_end == _NEVER, _NEVER, time[begins] - known_end)
        gap[gap > MET_WITHIN_SECONDS * _MICRO] = _NEVER
        # The very moment that it was last met is not over: its gap is the one known.
        still = known_end == time[begins]
        gap[begins[still]] = known_gap[still]
        before = np.append(_NEVER, gap[:-1])
        before[begins] = np.where(still, known_before, known_gap)
        ends = np.append(begins[1:], len(key)) - 1
        self._learn(_Level(key[ends], time[ends], gap[ends], before[ends]))
        seconds = np.where(gap == _NEVER, float(MET_WITHIN_SECONDS), gap / _MICRO)
        change = np.abs(gap - before) / np.maximum(np.maximum(gap, before), 1)
        change[(gap == _NEVER) | (before == _NEVER)] = 1.0
        which = np.cumsum(moment) - 1
        found, changed = np.empty(len(keys)), np.empty(len(keys))
        found[order], changed[order] = seconds[which], change[which]
        return found, changed

    def merged(self) -> "_Level":
        """All that is known, one of each key."""
        if not any(len(level.key) for level in self._levels):
            return _Level(np.empty(0, dtype=np.uint64), *(np.empty(0, dtype=np.int64) for _ in range(3)))
        parts = [np.concatenate(values) for values in zip(*self._levels, strict=True)]
        # Later levels know better.
        order = np.argsort(parts[0], kind="stable")
        keys = parts[0][order]
        last = order[np.append(keys[1:] != keys[:-1], True)]
        ends = parts[1]
        last = last[ends[last] >= ends.max(initial=0) - MET_WITHIN_SECONDS * _MICRO]
        self.over = max(len(last) - MOST_MET, 0)
        if self.over:
            last = last[np.sort(np.lexsort((parts[0][last], ends[last]))[-MOST_MET:])]
        return _Level._make(values[last] for values in parts)

    def _look_up(self, keys: Keys) -> tuple[Whole, Whole, Whole]:
        found = tuple(np.full(len(keys), _NEVER) for _ in range(3))
        for known in self._levels:
            if len(known.key):
                place = np.minimum(np.searchsorted(known.key, keys), len(known.key) - 1)
                same = known.key[place] == keys
                for values, learnt in zip(found, known[1:], strict=True):
                    values[same] = learnt[place[same]]
        return found  # type: ignore[return-value]

    def _learn(self, level: "_Level") -> None:
        self._levels.append(level)
        if len(self._levels) > _LEVELS:
            self._levels = [self.merged()]
            # Once for each time that it is forgotten: what was is not known any more.
            self.forgotten += self.over


class _Level(NamedTuple):
    """What is known of some keys, in their order."""

    key: Keys
    end: Whole
    gap: Whole
    before: Whole


_NEVER = -(2**62)
_LEVELS = 4


class _Windows:
    """Counts in the windows of the last flows of a stretch; those of the first, which are the past, are not asked for."""

    def __init__(self, flows: Flows, past: int) -> None:
        self._flows = flows
        self._past = past
        self.sources, _ = _codes(flows.src)
        self._dst, targets = _codes(flows.dst)
        self._pairs = _Group(self.sources * np.int64(targets) + self._dst, past)
        self._next_pair = self._pairs.next_in_time()
        self._ports = flows.port + 1
        end, asked = flows.end, flows.end[past:]
        # The first flow, in order of time, of each window; and the first that ended at the flow's own moment.
        self._since = np.searchsorted(end, asked - WINDOW_SECONDS * _MICRO)
        self._since_hour = np.searchsorted(end, asked - LAST_FLOWS_WITHIN_SECONDS * _MICRO)
        self._moments = _run_starts(end)
        self._now = self._moments[past:]

    def of_source(self) -> dict[str, Floats]:
        flows = self._flows
        group = _Group(self.sources, self._past)
        now = group.now(self._moments)
        since = group.places(self._since)
        last = np.maximum(now - LAST_FLOWS, group.begins)
        if self._since_hour[-1]:  # it never falls, and mostly all that is kept is of the last hour
            last = np.maximum(last, group.places(self._since_hour))
        pairs = self._pairs
        next_pair = group.following(self._next_pair)
        next_port = group.next_same(self._ports, _PORTS)
        failed = flows.failed[group.order]
        known, bad = np.cumsum(np.append(0, failed >= 0)), np.cumsum(np.append(0, failed == 1))
        sent = np.cumsum(np.append(0, flows.bytes_out[group.order]))

        def share(begin: Whole) -> Floats:
            asked = known[now] - known[begin]
            with np.errstate(invalid="ignore", divide="ignore"):
                found = np.where(asked > 0, (bad[now] - bad[begin]) / np.maximum(asked, 1), np.nan)
            # No flow failed where there was none.
            return np.where(now == begin, 0.0, found)

        distinct = _Distinct(now, len(flows))
        made = {
            "src_flows_120s": now - since,
            "src_destinations_120s": distinct(since, next_pair),
            "src_ports_120s": distinct(since, next_port),
            "src_failed_share_120s": share(since),
            "src_bytes_out_120s": sent[now] - sent[since],
            "src_destinations_100": distinct(last, next_pair),
            "src_ports_100": distinct(last, next_port),
            "src_failed_share_100": share(last),
        }
        # Where the last hundred begin, in order of time, for the windows of pairs.
        since_last = self._now.copy()
        any_before = last < now
        since_last[group.asked[any_before]] = group.order[last[any_before]]
        found = {name: group.back(values) for name, values in made.items()}
        now, since, last = pairs.now(self._moments), pairs.places(self._since), pairs.places(since_last)
        next_same = pairs.next_same(self._ports, _PORTS)
        distinct = _Distinct(now, len(flows))
        found["src_ports_to_dst_120s"] = pairs.back(distinct(since, next_same))
        found["src_ports_to_dst_100"] = pairs.back(distinct(last, next_same))
        return found

    def of_target(self) -> dict[str, Floats]:
        group = _Group(self._dst, self._past)
        now, since = group.now(self._moments), group.places(self._since)
        made = {
            "dst_flows_120s": now - since,
            "dst_sources_120s": _Distinct(now, len(self._dst))(since, group.following(self._next_pair)),
        }
        return {name: group.back(values) for name, values in made.items()}


class _Group:
    """Flows by group, in order of time within each.

    Attributes:
        order: Positions of the flows, group after group.
        asked: Of those that are asked for, in that order, the positions among them.
    """

    def __init__(self, codes: Whole, past: int) -> None:
        """Args: past: How many of the first flows are not asked for."""
        self._count = max(len(codes), 1)
        ordered, self.order = _ordered(codes)
        places = np.flatnonzero(self.order >= past)
        self.asked = self.order[places] - past
        self._places = places
        self._begins = np.append(True, ordered[1:] != ordered[:-1])
        # Small numbers, group after group: they have to fit into 63 bits together with a value and a position.
        self._codes = np.cumsum(self._begins) - 1
        self._keys = self._codes * np.int64(self._count) + self.order
        self._asked_from = self._codes[places] * np.int64(self._count)

    @property
    def begins(self) -> Whole:
        """Where the group of each that is asked for begins."""
        return _last_true(self._begins)[self._places]

    def places(self, since: Whole) -> Whole:
        """For each flow that is asked for the first place of its group that is not before a position in time."""
        return np.searchsorted(self._keys, self._asked_from + since[self.asked])

    def now(self, moments: Whole) -> Whole:
        """For each flow that is asked for the first place of its group that ended at the same moment.

        Args:
            moments: Of each flow, in order of time, the first one that ended when it did.
        """
        moment = moments[self.order]
        return _last_true(self._begins | np.append(True, moment[1:] != moment[:-1]))[self._places]

    def next_same(self, values: Whole, most: int) -> Whole:
        """For each place the next one in its group of the same value; a place behind all where there is none."""
        inside, order = _ordered(self._codes * np.int64(most) + values[self.order])
        following = np.empty(len(order), dtype=np.int64)
        following[order[:-1]] = np.where(inside[1:] == inside[:-1], order[1:], len(order))
        following[order[-1]] = len(order)
        return following

    def next_in_time(self) -> Whole:
        """For each flow, in order of time, the next one of its group; one behind all where there is none."""
        found = np.empty(len(self.order), dtype=np.int64)
        found[self.order] = np.append(np.where(self._begins[1:], len(self.order), self.order[1:]), len(self.order))
        return found

    def following(self, next_in_time: Whole) -> Whole:
        """What `next_same` gives, of values of which each flow's next one is known; it is in the same group."""
        place = np.empty(len(self.order) + 1, dtype=np.int64)
        place[self.order] = np.arange(len(self.order))
        place[-1] = len(self.order)
        following: Whole = place[next_in_time[self.order]]
        return following

    def back(self, values: npt.NDArray[Any]) -> Floats:
        """Values in order of groups as values by flow."""
        found = np.empty(len(self.asked))
        found[self.asked] = values
        return found


class _Distinct:
    """Counts of distinct values in windows that end where `now` says, of each flow that is asked for."""

    def __init__(self, now: Whole, count: int) -> None:
        """Args: now: The place behind each window's last; never falls. count: How many places there are."""
        self._count, self._asked = count, len(now)
        # Place j counts for those after its moment ...
        self._first = np.cumsum(np.bincount(now, minlength=count + 1))[:count]
        self._first_or_none = np.append(self._first, self._asked)
        self._begun = np.cumsum(np.bincount(self._first, minlength=self._asked + 1))

    def __call__(self, since: Whole, following: Whole) -> Whole:
        """How many distinct values lie in places since..now-1.

        Args:
            since: The first place of each window; never falls.
            following: The next place of the same value in the same group, of every place.
        """
        # ... whose window still begins at or before it, until the value comes again.
        last = np.cumsum(np.bincount(since, minlength=self._count + 1))[: self._count]
        until = np.minimum(last, self._first_or_none[following])
        # What ends before it begins counts for none.
        np.maximum(until, self._first, out=until)
        ended = np.cumsum(np.bincount(until, minlength=self._asked + 1))
        total: Whole = (self._begun - ended)[: self._asked]
        return total


def _codes(keys: Keys) -> tuple[Whole, int]:
    """Small whole numbers for keys, and how many there are."""
    encoded = pa.array(keys).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), max(len(encoded.dictionary), 1)


def _ordered(codes: Whole) -> tuple[Whole, Whole]:
    """The codes in order, and their positions, of the same code in order, too.

    Sorting one number of both is several times as fast as argsort.
    """
    bits = max(len(codes) - 1, 1).bit_length()
    joined = (codes << bits) | np.arange(len(codes), dtype=np.int64)
    joined.sort()
    return joined >> bits, joined & ((1 << bits) - 1)


def _order_of_keys(keys: Keys) -> Whole:
    """A stable order of keys that use all of their 64 bits: of the same key by position.

    Positions take the place of the last bits, which hardly ever decide.
    """
    mask = np.uint64((1 << max(len(keys) - 1, 1).bit_length()) - 1)
    joined = (keys & ~mask) | np.arange(len(keys), dtype=np.uint64)
    joined.sort()
    order: Whole = (joined & mask).astype(np.int64)
    found = keys[order]
    return order if (found[1:] >= found[:-1]).all() else np.argsort(keys, kind="stable")


def _scattered(values: Floats, places: Whole, count: int) -> Floats:
    """Values at their places among so many, NaN in between."""
    found = np.full(count, np.nan)
    found[places] = values
    return found


def _run_starts(values: npt.NDArray[Any]) -> Whole:
    """For each place where its run of equal values begins."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    return _last_true(np.append(True, values[1:] != values[:-1]))


def _last_true(flags: npt.NDArray[np.bool_]) -> Whole:
    """For each place the last one up to it that is true, of which the first is one."""
    places = np.arange(len(flags))
    others = np.flatnonzero(~flags)
    if len(others) > len(flags) // 8:
        return np.maximum.accumulate(np.where(flags, places, 0))
    # Of few that are not true each run has the place before it.
    if len(others):
        runs = _run_starts(others - np.arange(len(others)))
        places[others] = others[runs] - 1
    return places


def _both(one: Keys, other: Keys) -> Keys:
    return (one * np.uint64(0x9E3779B97F4A7C15)) ^ (
        other * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(0x165667B19E3779F9)
    )
