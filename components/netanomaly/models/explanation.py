"""Why a row scores as high as it does: the features without which it would score lower.

One feature at a time is set to its typical value in training (median, or most frequent category) and the row is scored
again; how far the score falls is the feature's contribution. This is occlusion (Robnik-Sikonja, Kononenko, 'Explaining
Classifications For Individual Instances', IEEE TKDE 2008): it needs nothing of the detector but its score, and one
scored row for each feature. Features that only together are odd share no fall, and may go unnamed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.models.rows import Floats, Rows, Schema

# The normal range of a number leaves out so much of the training rows on either side.
_TAIL = 0.01
# Of more features than these the ones farthest from what is typical are tried: of 5,000 each row was as much work as 5,000.
_TRIED_AT_MOST = 256
# So many values are scored at once, 64 MiB of them: ten alerts of 5,000 features were 10 GiB.
_VALUES_AT_ONCE = 8_388_608


@dataclass(frozen=True)
class Typical:
    """Of each numeric column the median and the ends of its normal range, in training rows; NaN where all are missing.

    The typical value of a category is the first of its vocabulary, which is ordered by frequency.
    """

    medians: Floats
    lows: Floats
    highs: Floats

    @classmethod
    def learn(cls, rows: Rows) -> "Typical":
        """From training rows, at least one."""
        quantiles = np.full((3, rows.numbers.shape[1]), np.nan)
        for position, column in enumerate(rows.numbers.T):
            present = column[~np.isnan(column)]
            if len(present):
                quantiles[:, position] = np.quantile(present, [0.5, _TAIL, 1 - _TAIL], method="nearest")
        return cls(*quantiles)


@dataclass(frozen=True)
class Contribution:
    """What one feature has to do with a row's score."""

    name: str
    value: float | str | None
    """As the row has it; None is missing."""
    normal_low: float | str | None
    normal_high: float | str | None
    """The range that 98% of the training rows keep; of a category its most frequent value, twice."""
    contribution: float
    """Its part of all that the row's score falls, over 0 and at most 1."""


def contributions(
    score: Callable[[Rows], npt.NDArray[np.floating]], rows: Rows, schema: Schema, typical: Typical, most: int
) -> list[list[Contribution]]:
    """The features that contribute most to each row's score, the largest first.

    Args:
        score: Scores of rows, higher is more anomalous.
        rows: The rows to explain; the time is that of scoring rows x features, of which at most 256 of each row are tried.
        schema: Of the rows.
        typical: Learnt from training rows.
        most: Features at most for each row; fewer where fewer contribute, none where no feature alone does.
    """
    falls = _falls(score, rows, typical)
    totals = falls.sum(axis=1)
    found = []
    for row, order in enumerate(np.argsort(-falls, axis=1, kind="stable")[:, :most]):
        found.append(
            [
                _contribution(rows, schema, typical, row, int(position), falls[row, position] / totals[row])
                for position in order
                if falls[row, position] > 0
            ]
        )
    return found


def _falls(score: Callable[[Rows], npt.NDArray[np.floating]], rows: Rows, typical: Typical) -> Floats:
    """How far each row's score falls with each feature typical, rows x features; numbers first. 0 of what is not tried."""
    numbers, features = rows.numbers.shape[1], rows.numbers.shape[1] + rows.codes.shape[1]
    falls = np.zeros((len(rows), features))
    tried = _tried(rows, typical)
    steps = tried.shape[1]
    at_once = max(_VALUES_AT_ONCE // ((steps + 1) * max(features, 1)), 1)
    for start in range(0, len(rows), at_once):
        part, places = rows.take(slice(start, start + at_once)), tried[start : start + at_once]
        count = len(part)
        # One call scores every row as it is and, after it, with each feature typical.
        changed = part.take(np.tile(np.arange(count), steps + 1))
        for step in range(steps):
            copies, place = np.arange((step + 1) * count, (step + 2) * count), places[:, step]
            number = place < numbers
            changed.numbers[copies[number], place[number]] = typical.medians[place[number]]
            changed.codes[copies[~number], place[~number] - numbers] = 0
        scores = np.asarray(score(changed), dtype=np.float64).reshape(steps + 1, count)
        np.put_along_axis(falls[start : start + at_once], places, np.maximum(scores[0] - scores[1:], 0).T, axis=1)
    return falls


def _tried(rows: Rows, typical: Typical) -> npt.NDArray[np.intp]:
    """Positions of the features to try of each row: all, or the farthest from what is typical, in normal ranges."""
    features = rows.numbers.shape[1] + rows.codes.shape[1]
    if features <= _TRIED_AT_MOST:
        return np.tile(np.arange(features), (len(rows), 1))
    ranges = np.maximum(typical.highs - typical.lows, np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):
        numbers = np.abs(rows.numbers - typical.medians) / ranges
    # What is missing, and what is not the most frequent category, is as far as a number at the end of its range.
    codes = np.where(rows.codes < 0, np.inf, rows.codes > 0)
    far = np.concatenate([np.nan_to_num(numbers, nan=1.0, posinf=np.inf), codes], axis=1)
    return np.argsort(-far, axis=1, kind="stable")[:, :_TRIED_AT_MOST]


def _contribution(rows: Rows, schema: Schema, typical: Typical, row: int, position: int, share: float) -> Contribution:
    if position < len(schema.numeric):
        value = float(rows.numbers[row, position])
        ends = (float(typical.lows[position]), float(typical.highs[position]))
        low, high = (None if np.isnan(end) else end for end in ends)
        return Contribution(schema.numeric[position], None if np.isnan(value) else value, low, high, float(share))
    column = position - len(schema.numeric)
    vocabulary, code = schema.vocabularies[column], int(rows.codes[row, column])
    said: Any = "never seen in training" if code < 0 else vocabulary[code]
    usual = vocabulary[0] if vocabulary else None
    return Contribution(schema.categorical[column], said, usual, usual, float(share))


class Strongest:
    """The rows of highest score in a stream, one for each score: copies of a row are one finding.

    `places`, `scores`, `labels` and `rows`, the highest score first; `rows` is None while nothing was offered.
    """

    def __init__(self, most: int) -> None:
        """Args: most: How many to keep."""
        self._most = most
        self.scores: Floats = np.empty(0)
        self.places: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.labels: list[str | None] = []
        self.rows: Rows | None = None

    def offer(
        self, start: int, rows: Rows, scores: npt.NDArray[np.floating], label: Callable[[int], str | None]
    ) -> None:
        """Rows at places `start` and on, counted from 0; `label` gives the class of one, by its position in `rows`."""
        least = self.scores[-1] if len(self.scores) >= self._most else -np.inf
        chosen = np.flatnonzero(scores > least)
        if not len(chosen):
            return
        every_score = np.concatenate([self.scores, scores[chosen]])
        every_place = np.concatenate([self.places, start + chosen])
        offered = rows.take(chosen)
        every_row = offered if self.rows is None else self.rows.joined(offered)
        order = np.lexsort((every_place, -every_score))
        first = np.flatnonzero(np.diff(every_score[order], prepend=np.inf))
        kept = order[first][: self._most]
        self.labels = [
            self.labels[place] if place < len(self.labels) else label(int(chosen[place - len(self.labels)]))
            for place in kept.tolist()
        ]
        self.scores, self.places, self.rows = every_score[kept], every_place[kept], every_row.take(kept)
