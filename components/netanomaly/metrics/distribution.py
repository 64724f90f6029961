"""Scores as what metrics need of them: how many rows score up to any value, of each class, in bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

# Of so many different scores (of one class) the ranking is exact; more are rounded together, to half as many or more.
DIFFERENT_SCORES = 2_000_000

_CLASS_BITS = np.uint64(32)
_MARK = np.uint64(2**31)
_CLASS = np.uint64(2**31 - 1)
_BELOW_SCORE = _MARK | _CLASS
_SIGN = np.uint32(2**31)


@dataclass(frozen=True)
class Distribution:
    """Rows by score: each different score, ascending, and how many rows score up to it."""

    values: Scores
    upto: Counts

    @classmethod
    def of(cls, scores: npt.NDArray[np.floating]) -> "Distribution":
        """Of scores in any order."""
        values, counts = np.unique(np.asarray(scores, dtype=np.float32), return_counts=True)
        return cls(values, np.cumsum(counts))

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.upto[-1]) if len(self.upto) else 0

    @property
    def counts(self) -> Counts:
        """Rows of each value."""
        return np.diff(self.upto, prepend=0)

    def below(self, scores: npt.ArrayLike) -> Counts:
        """Rows that score less than each of these."""
        return self._rows_before(np.searchsorted(self.values, np.asarray(scores, dtype=np.float32), side="left"))

    def up_to(self, scores: npt.ArrayLike) -> Counts:
        """Rows that score as much as each of these, or less."""
        return self._rows_before(np.searchsorted(self.values, np.asarray(scores, dtype=np.float32), side="right"))

    def above(self, score: float) -> int:
        """Rows that score more than this."""
        return self.rows - int(self.up_to(score))

    def at(self, places: npt.ArrayLike) -> Scores:
        """The scores at these places of the ascending order, counted from 0; a place past the end is the last."""
        last = np.minimum(np.asarray(places), self.rows - 1)
        return np.asarray(self.values[np.searchsorted(self.upto, last, side="right")])

    def at_shares(self, shares: npt.NDArray[np.float64]) -> Scores:
        """The scores that these shares of the rows are below."""
        return self.at((shares * self.rows).astype(np.int64))

    def _rows_before(self, places: npt.NDArray[np.intp]) -> Counts:
        return (
            np.where(places > 0, self.upto[np.maximum(places, 1) - 1], 0) if len(self.upto) else np.zeros_like(places)
        )


class ScoreCounts:
    """How often each class got each score, gathered batch by batch.

    What is found does not depend on the order of the rows. Beyond `DIFFERENT_SCORES` the lowest bits of scores are
    left out, as few as will do, but never across one of the scores named in `exact_at`: how many rows score above
    those stays exact.
    """

    def __init__(self, exact_at: Sequence[float] = (), different: int = DIFFERENT_SCORES) -> None:
        """Args: exact_at: Thresholds in use. different: Pairs of score and class to keep apart; tests lower it."""
        self._points = _ordered(np.unique(np.asarray(exact_at, dtype=np.float32)))
        self._different = different
        self._bits_left_out = 0
        self._waiting: list[npt.NDArray[np.uint64]] = []
        self._rows_waiting = 0
        # Score, mark and class in one number, ascending, and its rows.
        self._keys = np.empty(0, dtype=np.uint64)
        self._rows = np.empty(0, dtype=np.int64)

    def add(
        self,
        scores: Scores,
        classes: npt.NDArray[np.integer] | None = None,
        marked: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Count more rows; without classes all are of class 0. Those that are marked can be told from the others."""
        keys = _ordered(scores).astype(np.uint64) << _CLASS_BITS
        if classes is not None:
            keys |= classes.astype(np.uint64)
        if marked is not None:
            keys |= np.where(marked, _MARK, np.uint64(0))
        self._waiting.append(keys)
        self._rows_waiting += len(keys)
        if self._rows_waiting >= self._different:
            self._settle()

    def of(self, classes: Sequence[int] | None = None, marked: bool | None = None) -> Distribution:
        """Of the rows of these classes (None: of all) together: every one, those that are marked, or the others."""
        self._settle()
        wanted = np.ones(len(self._keys), dtype=bool)
        if classes is not None:
            wanted = np.isin(self._keys & _CLASS, np.asarray(classes, dtype=np.uint64))
        if marked is not None:
            wanted &= ((self._keys & _MARK) != 0) == marked
        scores, rows = _together(self._keys[wanted] >> _CLASS_BITS, self._rows[wanted])
        return Distribution(_scores(scores.astype(np.uint32)), np.cumsum(rows))

    def rows(self, classes: int) -> Counts:
        """Rows of each class, of so many classes."""
        return self._by_class(slice(None), classes)

    def above(self, score: float, classes: int) -> Counts:
        """Rows of each class that score more than this, of so many classes."""
        self._settle()
        bound = (_ordered(np.array([score], dtype=np.float32)).astype(np.uint64)[0] << _CLASS_BITS) | _BELOW_SCORE
        return self._by_class(slice(int(np.searchsorted(self._keys, bound, side="right")), None), classes)

    def _by_class(self, part: slice, classes: int) -> Counts:
        self._settle()
        counts = np.zeros(classes, dtype=np.int64)
        np.add.at(counts, (self._keys[part] & _CLASS).astype(np.intp), self._rows[part])
        return counts

    def _settle(self) -> None:
        """Take in what waits, and round until few enough pairs are left."""
        if not self._waiting:
            return
        fresh = np.concatenate(self._waiting)
        self._waiting, self._rows_waiting = [], 0
        if self._bits_left_out:
            fresh = self._rounded(fresh)
        fresh.sort()
        keys, rows = _together(fresh, np.ones(len(fresh), dtype=np.int64))
        if len(self._keys):
            keys, rows = _merged(np.concatenate([self._keys, keys]), np.concatenate([self._rows, rows]))
        while len(keys) > self._different and self._bits_left_out < 31:
            self._bits_left_out += 1
            keys, rows = _merged(self._rounded(keys), rows)
        self._keys, self._rows = keys, rows

    def _rounded(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """With the lowest bits of each score zero, or the least score above the greatest point below, if that is more."""
        scores = (keys >> _CLASS_BITS).astype(np.uint32)
        down = (scores >> np.uint32(self._bits_left_out)) << np.uint32(self._bits_left_out)
        if len(self._points):
            passed = np.searchsorted(self._points, scores, side="left")
            floor = np.where(passed > 0, self._points[np.maximum(passed, 1) - 1] + np.uint32(1), np.uint32(0))
            down = np.maximum(down, floor)
        return (down.astype(np.uint64) << _CLASS_BITS) | (keys & _BELOW_SCORE)


def _merged(keys: npt.NDArray[np.uint64], rows: Counts) -> tuple[npt.NDArray[np.uint64], Counts]:
    order = np.argsort(keys, kind="stable")  # which finds runs that are in order already
    return _together(keys[order], rows[order])


def _together(keys: npt.NDArray[np.uint64], rows: Counts) -> tuple[npt.NDArray[np.uint64], Counts]:
    """Equal neighbours as one."""
    if not len(keys):
        return keys, rows
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[first], np.add.reduceat(rows, first)


def _ordered(scores: Scores) -> npt.NDArray[np.uint32]:
    """Whole numbers in the order of the scores; those of neighbouring scores differ by one."""
    bits = (scores + np.float32(0)).view(np.uint32)  # adding zero makes one number of -0.0 and 0.0
    return bits ^ ((bits.view(np.int32) >> 31).view(np.uint32) | _SIGN)


def _scores(ordered: npt.NDArray[np.uint32]) -> Scores:
    """The scores that `_ordered` made these of."""
    return (ordered ^ (((ordered >> np.uint32(31)) - np.uint32(1)) | _SIGN)).view(np.float32)
