"""How much of held-out attacks is caught at the alert budget, and whether one detector catches more than another.

Recall is the mean of the recalls of the classes, each class counting the same: a flood of ten thousand flows is one kind of
attack, as a single intrusion is. The threshold is the one that lets at most the budget of the normal rows judged alert.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.metrics.detection import recall_at
from netanomaly.metrics.distribution import Distribution
from netanomaly.metrics.intervals import CONFIDENCE

Scores = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

_REPLICATES = 300


@dataclass(frozen=True)
class Judged:
    """Scores of one fold: of its normal rows, and of its attacks, whose classes are `codes`."""

    normal: Scores
    attack: Scores
    codes: Codes

    def recalls(self, budget: float) -> list[float]:
        """The recall of each class."""
        _, threshold = recall_at(Distribution.of(self.normal), Distribution.of(self.attack), budget)
        rows = np.bincount(self.codes)
        caught = np.bincount(self.codes, weights=self.attack > np.float32(threshold), minlength=len(rows))
        return [float(each) for each in caught / np.maximum(rows, 1)]

    def recall(self, budget: float) -> float:
        """The mean of the recalls of the classes."""
        return float(np.mean(self.recalls(budget)))


@dataclass(frozen=True)
class Compared:
    """Recall of the one and of the other, how much more the other catches, and the interval of each, 95%."""

    before: tuple[float, float, float]
    after: tuple[float, float, float]
    difference: tuple[float, float, float]

    def document(self) -> dict[str, Any]:
        return {name: _with_ends(getattr(self, name)) for name in ("before", "after", "difference")}


def compared(before: Judged, after: Judged, budget: float, seed: int) -> Compared:
    """Two detectors on the same rows, in the same order: `Resampled` of the one, and the other beside it."""
    return Resampled({1.0: before}, budget, seed).beside(1.0, after)


class Resampled:
    """One detector on a fold, drawn so often that others are compared with it at the cost of their own scores.

    Intervals are percentiles of a bootstrap over rows, the same rows for both. Normal rows are resampled together, attacks
    within their class; each replicate sets its own thresholds. Efron, Tibshirani, 'An Introduction to the Bootstrap', 1993,
    section 13.3.

    Args:
        scores: Its scores by the share of the rows that it was fitted on, all of the same rows.
        budget: Share of normal rows that may alert.
        seed: Of the draws.
    """

    def __init__(self, scores: Mapping[float, Judged], budget: float, seed: int) -> None:
        draw = np.random.default_rng([seed, 13])
        one = next(iter(scores.values()))
        codes, normals = one.codes, len(one.normal)
        self._budget = budget
        self._quiet = max(math.ceil(normals * (1 - budget) - 1e-9), 1)
        self._codes, self._rows = codes, np.bincount(codes, minlength=int(codes.max()) + 1)
        # Attacks by class, so that each class is resampled by itself.
        order = np.argsort(codes, kind="stable")
        first = np.repeat(np.concatenate([[0], np.cumsum(self._rows)[:-1]]), self._rows)
        size = self._rows[codes[order]]
        # How often a replicate has each row; no row is drawn 65,536 times.
        self._normal = np.empty((_REPLICATES, normals), dtype=np.uint16)
        self._attack = np.empty((_REPLICATES, len(codes)), dtype=np.uint16)
        for replicate in range(_REPLICATES):
            self._normal[replicate] = np.bincount(draw.integers(0, normals, normals), minlength=normals)
            drawn = order[first + (draw.random(len(codes)) * size).astype(np.intp)]
            self._attack[replicate] = np.bincount(drawn, minlength=len(codes))
        self._before = {share: (judged.recall(budget), self._recalls(judged)) for share, judged in scores.items()}

    def beside(self, share: float, after: Judged) -> Compared:
        """Another one beside it.

        Args:
            share: Which of its scores.
            after: The other's, of the same rows in the same order.
        """
        point, before = self._before[share]
        other, found = after.recall(self._budget), self._recalls(after)
        low, high = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
        ends = [np.quantile(each, [low, high]) for each in (before, found, found - before)]
        return Compared(_around(point, ends[0]), _around(other, ends[1]), _around(other - point, ends[2]))

    def _recalls(self, judged: Judged) -> npt.NDArray[np.float64]:
        """The mean of the classes' recalls in each replicate."""
        side = _Side(judged)
        found = np.empty(_REPLICATES)
        for replicate, (normal, attack) in enumerate(zip(self._normal, self._attack, strict=True)):
            caught = np.bincount(
                self._codes, weights=side.caught(normal, self._quiet) * attack, minlength=len(self._rows)
            )
            found[replicate] = np.mean(caught / np.maximum(self._rows, 1))
        return found


class _Side:
    """Scores sorted once, so that what a resample catches costs a sum over its rows."""

    def __init__(self, judged: Judged) -> None:
        self._order = np.argsort(judged.normal, kind="stable")
        self._below = np.searchsorted(judged.normal[self._order], judged.attack, "left")

    def caught(self, weights: npt.NDArray[np.integer[Any]], quiet: int) -> npt.NDArray[np.bool_]:
        """Which attacks score above the normal row up to which so many of the weighted rows score."""
        place = int(np.searchsorted(np.cumsum(weights[self._order]), quiet))
        caught: npt.NDArray[np.bool_] = self._below > place
        return caught


def _around(point: float, ends: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    # What all rows say belongs to the interval of a resampling of them.
    return float(point), float(min(ends[0], point)), float(max(ends[1], point))


def _with_ends(each: tuple[float, float, float]) -> dict[str, float]:
    return {"value": round(each[0], 6), "low": round(each[1], 6), "high": round(each[2], 6)}


def agreement(one: Scores, other: Scores) -> float:
    """How alike two detectors rank the same rows: Spearman's rank correlation, ties sharing their mean rank."""
    first, second = _ranks(one), _ranks(other)
    spread = float(first.std() * second.std())
    return float(((first - first.mean()) * (second - second.mean())).mean() / spread) if spread else 0.0


def _ranks(scores: Scores) -> npt.NDArray[np.float64]:
    _, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
    upto = np.cumsum(counts)
    return np.asarray((upto - (counts - 1) / 2)[group], dtype=np.float64)
