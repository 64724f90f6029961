"""A profile: counts of rows by bin and by what hosts cannot change. Profiles of parts add up to that of the whole, exactly.

All of it is whole numbers, so that merging is associative and free of order.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.monitoring.encoded import MODULI, MOST_SECONDS, NOT_WHOLE, SEVERAL, SMALL_PACKET, Encoded
from netanomaly.monitoring.layout import Layout

Counts = npt.NDArray[np.int64]

BUCKETS = 1024
"""Sources by a hash of their address: a sketch of who sends how much, which adds up."""
WEEK_HOURS = 168
_THURSDAY = 3 * 24
"""1970 began on a Thursday; hours of the week are counted from Monday, 00:00 UTC."""

_ARRAYS = ("bins", "seconds", "a_packet", "multiples", "buckets", "week", "week_alerts")


@dataclass(frozen=True)
class Profile:
    """Counts of rows.

    Attributes:
        rows: How many.
        bins: By bin, all columns one after the other.
        seconds: By whole seconds that they lasted.
        a_packet: Out and back, by whole bytes a packet up to `SMALL_PACKET`.
        multiples: Whose packets are a multiple of each of `MODULI`.
        silent, single, several: Without an answer; with one packet out; with more.
        buckets: By hash of the source.
        week, week_alerts: By hour of the week; rows with a time, and those that alert.
        alerts: That alert.
        first, last: Their times, seconds since 1970; infinite where none is known.
    """

    rows: int
    bins: Counts
    seconds: Counts
    a_packet: Counts
    multiples: Counts
    silent: int
    single: int
    several: int
    buckets: Counts
    week: Counts
    week_alerts: Counts
    alerts: int
    first: float
    last: float

    @classmethod
    def of(cls, encoded: Encoded, layout: Layout) -> "Profile":
        """Of rows."""
        begins = layout.begins
        bins = np.zeros(begins[-1], dtype=np.int64)
        for line, begin, end in zip(encoded.bins, begins[:-1], begins[1:], strict=True):
            bins[begin:end] = np.bincount(line, minlength=end - begin)
        known = ~np.isnan(encoded.times)
        times = encoded.times[known]
        hours = (times // 3600).astype(np.int64) + _THURSDAY
        week = hours % WEEK_HOURS
        single = int(encoded.single.sum())
        return cls(
            rows=len(encoded),
            bins=bins,
            seconds=np.bincount(encoded.seconds, minlength=MOST_SECONDS + 1),
            a_packet=np.stack([np.bincount(end, minlength=NOT_WHOLE + 1)[:SMALL_PACKET] for end in encoded.a_packet]),
            multiples=np.array([int(((encoded.multiples >> bit) & 1).sum()) for bit in range(len(MODULI))]),
            silent=int(encoded.silent.sum()),
            single=single,
            several=int(((encoded.multiples & SEVERAL) != 0).sum()),
            buckets=np.bincount((encoded.source % np.uint64(BUCKETS)).astype(np.int64), minlength=BUCKETS)
            if encoded.source.any()
            else np.zeros(BUCKETS, dtype=np.int64),
            week=np.bincount(week, minlength=WEEK_HOURS),
            week_alerts=np.bincount(week[encoded.alerts[known]], minlength=WEEK_HOURS),
            alerts=int(encoded.alerts.sum()),
            first=float(times.min()) if len(times) else np.inf,
            last=float(times.max()) if len(times) else -np.inf,
        )

    @classmethod
    def empty(cls, layout: Layout) -> "Profile":
        """Of no rows: what merging begins with."""
        nothing = {
            "bins": int(layout.begins[-1]), "seconds": MOST_SECONDS + 1, "multiples": len(MODULI), "buckets": BUCKETS,
            "week": WEEK_HOURS, "week_alerts": WEEK_HOURS,
        }  # fmt: skip
        zeros: dict[str, Any] = {name: np.zeros(length, dtype=np.int64) for name, length in nothing.items()}
        counts: dict[str, Any] = dict.fromkeys(("rows", "silent", "single", "several", "alerts"), 0)
        return cls(
            **zeros, **counts, a_packet=np.zeros((2, SMALL_PACKET), dtype=np.int64), first=np.inf, last=-np.inf
        )  # fmt: skip

    def merged(self, other: "Profile") -> "Profile":
        """Of these rows and the others."""
        return self._combined(other, 1)

    def without(self, part: "Profile") -> "Profile":
        """Of these rows but a part of them, whose profile this is; first and last stay as they are."""
        return self._combined(part, -1)

    def _combined(self, other: "Profile", sign: int) -> "Profile":
        counts: dict[str, Any] = {
            name: getattr(self, name) + sign * getattr(other, name)
            for name in (*_ARRAYS, "rows", "silent", "single", "several", "alerts")
        }
        ends = (min(self.first, other.first), max(self.last, other.last)) if sign > 0 else (self.first, self.last)
        return Profile(**counts, first=ends[0], last=ends[1])

    def document(self) -> dict[str, Any]:
        """As JSON has it: counts compressed."""
        known = self.first <= self.last
        return {
            **{name: getattr(self, name) for name in ("rows", "silent", "single", "several", "alerts")},
            "first": self.first if known else None,
            "last": self.last if known else None,
            **{name: _packed(getattr(self, name)) for name in _ARRAYS},
        }

    @classmethod
    def read(cls, document: Mapping[str, Any], layout: Layout) -> "Profile":
        """What `document` made. Raises ValueError, KeyError or TypeError where it is none of this layout."""
        like = cls.empty(layout)
        arrays: dict[str, Any] = {name: _unpacked(document[name], getattr(like, name).shape) for name in _ARRAYS}
        counts: dict[str, Any] = {
            name: int(document[name]) for name in ("rows", "silent", "single", "several", "alerts")
        }
        first, last = document["first"], document["last"]
        return cls(
            **arrays,
            **counts,
            first=np.inf if first is None else float(first),
            last=-np.inf if last is None else float(last),
        )


def _packed(counts: Counts) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(counts, dtype="<i8").tobytes(), 9)).decode()


def _unpacked(text: str, shape: tuple[int, ...]) -> Counts:
    size = int(np.prod(shape)) * 8
    # No more than it is to hold is ever unpacked.
    data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    if len(data) != size:
        raise ValueError("counts of another shape")
    found = np.frombuffer(data, dtype="<i8").astype(np.int64).reshape(shape)
    if len(found) and found.min() < 0:
        raise ValueError("a count is negative")
    return found
