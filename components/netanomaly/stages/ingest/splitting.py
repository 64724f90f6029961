"""Which rows of a source are trained on and which are judged, where one source serves both.

- `random`: a random part, and rows that are equal in all features go to one side.
- `time`: trained on what came first, judged on what came last, with a gap between, since flows last and counts over
  the last seconds or connections reach back.
- `host`: every address is on one side; flows between the sides are left out.

Both sides are ingested apart, each from the whole source: a split depends on nothing but the source and its settings.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from netanomaly.errors import ConfigError, DataError
from netanomaly.flows import row_hash
from netanomaly.flows.batch import Batch
from netanomaly.flows.row_sample import RowSample

METHODS = ("auto", "time", "random", "host")

# What a gap is where none is asked for: this share of the time that the source spans, at most an hour, and never more than
# this share of the rows: a burst at the cut would else be thrown away.
_GAP_SHARE, _GAP_AT_MOST, _GAP_ROWS = 0.01, 3600.0, 0.01

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Wish:
    """How a source is to be split; `gap_seconds` None: chosen by the time that the source spans."""

    method: str
    gap_seconds: float | None
    fraction: float
    seed: int

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"split is {self.method!r}; choose one of {', '.join(METHODS)}")


class Split(Protocol):
    """Tells the rows of a batch apart, and remembers how many it left out."""

    def sides(self, batch: Batch, hashes: row_hash.Hashes, /) -> tuple[Mask, Mask]:
        """Which rows are for training and which for evaluation; a row may be neither, never both."""

    def report(self) -> dict[str, Any]:
        """What the ingest report says of it."""


def choose(wish: Wish, has_times: bool, times: Callable[[], Iterator[npt.NDArray[np.float64]]]) -> Split:
    """The split that is wished for; `auto` is by time where there are times that differ, else random.

    Args:
        wish: The configuration's.
        has_times: Whether the source has a column of times.
        times: Reads the times of the whole source, seconds since 1970, NaN where missing. Called for a split by time.

    Raises:
        DataError: A split by time that was asked for, of a source without times or of one that all happened at once.
    """
    if wish.method == "time" and not has_times:
        raise DataError(
            "split is 'time' and the data has no column of times that is known by its name; name it in time_column, or "
            "set split to 'random'"
        )
    if wish.method == "host":
        return ByHost(wish)
    if wish.method == "time":
        return ByTime.of(wish, times())
    if wish.method == "random" or not has_times:
        return Random(wish)
    try:
        return ByTime.of(wish, times())
    except CannotSplitByTime as error:
        return Random(wish, error.why)


class CannotSplitByTime(DataError):
    """The records' times do not tell earlier from later."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the data cannot be split by time: {why}; set split to 'random'")
        self.why = why


class Random:
    """Equal rows fall together, by their hash."""

    def __init__(self, wish: Wish, not_by_time: str = "") -> None:
        """Args: not_by_time: Why it is not by time, where there is a column of times."""
        self._wish = wish
        self._not_by_time = not_by_time

    def sides(self, _batch: Batch, hashes: row_hash.Hashes, /) -> tuple[Mask, Mask]:
        held_out = row_hash.in_fraction(hashes, self._wish.fraction, self._wish.seed)
        return ~held_out, held_out

    def report(self) -> dict[str, Any]:
        reason = {"not_by_time": self._not_by_time} if self._not_by_time else {}
        return {"method": "random", "left_out": {}, **reason}


class ByTime:
    """Before the cut, and from the cut and a gap on."""

    def __init__(self, cut: float, gap: float) -> None:
        self._cut, self._gap = cut, gap
        self._in_gap = self._without_time = 0

    @classmethod
    def of(cls, wish: Wish, times: Iterator[npt.NDArray[np.float64]]) -> "ByTime":
        """The cut leaves the wished part of the rows after it, as a sample of 20,000 of them tells."""
        sample = RowSample(1, wish.seed)
        first, last = np.inf, -np.inf
        for batch in times:
            present = batch[~np.isnan(batch)]
            sample.add(present[np.newaxis], np.ones(len(present), dtype=bool))
            first, last = min(first, present.min(initial=np.inf)), max(last, present.max(initial=-np.inf))
        if not first < last:
            raise CannotSplitByTime("no record has a time" if first > last else f"all of it is of {_written(first)}")
        sampled = sample.rows()[0][0]
        cut = float(np.quantile(sampled, 1 - wish.fraction, method="higher"))
        cut = max(cut, float(np.nextafter(first, last)))
        gap = wish.gap_seconds
        if gap is None:
            after = np.sort(sampled[sampled >= cut])
            within = (
                float(after[min(max(int(_GAP_ROWS * len(sampled)), 1), len(after) - 1)]) - cut if len(after) else 0.0
            )
            gap = min(_GAP_SHARE * (last - first), _GAP_AT_MOST, within)
        return cls(cut, gap)

    def sides(self, batch: Batch, _hashes: row_hash.Hashes, /) -> tuple[Mask, Mask]:
        assert batch.times is not None  # noqa: S101 - or it would not be chosen
        before, after = batch.times < self._cut, batch.times >= self._cut + self._gap
        missing = int(np.isnan(batch.times).sum())
        self._without_time += missing
        self._in_gap += int((~before & ~after).sum()) - missing
        return before, after

    def report(self) -> dict[str, Any]:
        return {
            "method": "time",
            "cut": _written(self._cut),
            "gap_seconds": self._gap,
            "left_out": _counted({"in the gap": self._in_gap, "without a time": self._without_time}),
        }


class ByHost:
    """Each address falls to a side by its hash; a flow belongs where both its ends do."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._between = self._without_address = 0

    def sides(self, batch: Batch, _hashes: row_hash.Hashes, /) -> tuple[Mask, Mask]:
        training, evaluation = np.ones((2, batch.rows), dtype=bool)
        known = np.zeros(batch.rows, dtype=bool)
        for column in batch.hosts:
            held_out = row_hash.in_fraction(
                _hashed(column.dictionary.to_pylist()), self._wish.fraction, self._wish.seed
            )
            codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            side = np.append(held_out, False)[codes]
            training &= ~side | (codes < 0)
            evaluation &= side | (codes < 0)
            known |= codes >= 0
        self._without_address += int((~known).sum())
        training, evaluation = training & known, evaluation & known
        self._between += int((known & ~training & ~evaluation).sum())
        return training, evaluation

    def report(self) -> dict[str, Any]:
        counts = {"between hosts of both sides": self._between, "without an address": self._without_address}
        return {"method": "host", "left_out": _counted(counts)}


def _hashed(addresses: list[str]) -> row_hash.Hashes:
    digests = [hashlib.blake2b(address.encode(), digest_size=8).digest() for address in addresses]
    return np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)


def _counted(counts: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}


def _written(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
