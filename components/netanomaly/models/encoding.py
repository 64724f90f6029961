"""Rows to a matrix of comparable columns, learnt from training rows only.

Numbers of network traffic are heavy-tailed, with most of the mass on a few values. Two monotone views keep what
each alone loses: the signed logarithm keeps distances in the tail, the normal quantile keeps order in the bulk.
A category is the logarithm of its share of the training rows: rare is far from common, and unseen is farther still.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from netanomaly.models.rows import Codes, Floats, Rows

Matrix = npt.NDArray[np.float32]

_NORMAL = NormalDist()

# Knots of the empirical distribution: a thousandth of the rows between two of them.
_KNOTS = 1000
# As many rows of an encoded matrix as stay in the cache while column after column is written.
_ROWS_PER_BLOCK = 4096


def signed_log(values: Floats) -> Floats:
    """log(1 + |x|) with the sign of x: linear near zero, logarithmic in the tails, defined for any number."""
    return np.copysign(np.log1p(np.abs(values)), values)


def signed_exp(values: Floats) -> Floats:
    """The inverse of `signed_log`."""
    return np.copysign(np.expm1(np.abs(values)), values)


@dataclass(frozen=True)
class NormalQuantile:
    """Values to the standard normal quantile of their rank in training; outside the range seen, its ends."""

    values: Floats
    quantiles: Floats

    @classmethod
    def learn(cls, values: Floats) -> "NormalQuantile":
        """From training values without NaN, at least one."""
        distinct, counts = np.unique(values, return_counts=True)
        # A value's rank is the middle of the ranks it takes: ties stay one point, and 0 < rank < 1.
        ranks = (np.cumsum(counts) - counts / 2) / len(values)
        if len(distinct) > _KNOTS:
            kept = np.unique(np.searchsorted(ranks, np.linspace(ranks[0], ranks[-1], _KNOTS)))
            distinct, ranks = distinct[kept], ranks[kept]
        return cls(distinct, np.array([_NORMAL.inv_cdf(rank) for rank in ranks.tolist()]))

    def __call__(self, values: Floats) -> Floats:
        return np.interp(values, self.values, self.quantiles)

    def inverse(self, quantiles: Floats) -> Floats:
        """The values of these quantiles; outside the range seen, its ends."""
        return np.interp(quantiles, self.quantiles, self.values)


@dataclass(frozen=True)
class Filled:
    """Missing numbers filled with the training median, and where they were in columns that had some in training.

    A column that was never missing in training gets no indicator: a sensor that stops reporting is for the data
    gate to say, not for every row to be an alert.
    """

    medians: Floats
    sometimes_missing: npt.NDArray[np.intp]

    @classmethod
    def learn(cls, numbers: Floats) -> "Filled":
        missing = np.isnan(numbers)
        medians = np.array(
            [
                np.median(column[~gone]) if not gone.all() else 0.0
                for column, gone in zip(numbers.T, missing.T, strict=True)
            ],
            dtype=np.float64,
        )
        return cls(medians, np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0)))

    def __call__(self, numbers: Floats) -> tuple[Floats, Floats]:
        """The numbers without NaN, and one 0/1 column for each column that was sometimes missing in training."""
        missing = np.isnan(numbers)
        indicators = missing[:, self.sometimes_missing].astype(np.float64)
        if not missing.any():
            return numbers, indicators
        return np.where(missing, self.medians, numbers), indicators


@dataclass(frozen=True)
class Rarity:
    """Categories to the logarithm of their share of training rows, an unseen one counted as half a row."""

    shares: tuple[Floats, ...]

    @classmethod
    def learn(cls, codes: Codes) -> "Rarity":
        shares = []
        for column in codes.T:
            counts = np.bincount(column + 1, minlength=2).astype(np.float64)
            # Position 0 is the unseen value, which is also where code -1 lands.
            counts[0] = 0.5
            shares.append(np.log(np.maximum(counts, 0.5) / len(column)))
        return cls(tuple(shares))

    def __call__(self, codes: Codes) -> Floats:
        columns = [
            share[np.where(column + 1 < len(share), column + 1, 0)]
            for column, share in zip(codes.T, self.shares, strict=True)
        ]
        return np.stack(columns, axis=1) if columns else np.empty((len(codes), 0))


@dataclass(frozen=True)
class TwoViews:
    """Every number as signed logarithm and as normal quantile, every category as rarity twice, missing as 0/1.

    The order of a forest's random choices is that of columns; a category counts as much as a number.
    """

    filled: Filled
    quantiles: tuple[NormalQuantile, ...]
    rarity: Rarity

    @classmethod
    def learn(cls, rows: Rows) -> "TwoViews":
        filled = Filled.learn(rows.numbers)
        numbers, _ = filled(rows.numbers)
        return cls(filled, tuple(NormalQuantile.learn(column) for column in numbers.T), Rarity.learn(rows.codes))

    def __call__(self, rows: Rows) -> Matrix:
        """float32, rows x columns, C order."""
        count, kinds = len(self.quantiles), len(self.rarity.shares)
        end = 2 * count + len(self.filled.sometimes_missing)
        matrix = np.empty((len(rows), end + 2 * kinds), dtype=np.float32)
        for start in range(0, len(rows), _ROWS_PER_BLOCK):
            block = slice(start, start + _ROWS_PER_BLOCK)
            part, out = rows.take(block), matrix[block]
            numbers, out[:, 2 * count : end] = self.filled(part.numbers)
            for position, quantile in enumerate(self.quantiles):
                column = numbers[:, position]
                out[:, position] = signed_log(column)
                out[:, count + position] = quantile(column)
            out[:, end : end + kinds] = out[:, end + kinds :] = self.rarity(part.codes)
        return matrix

    @property
    def width_of_one_view(self) -> int:
        """Columns of `one_view`."""
        return len(self.quantiles) + len(self.filled.sometimes_missing) + len(self.rarity.shares)

    def one_view(self, rows: Rows) -> Matrix:
        """Numbers as they are, missing and rarity once: what cuts taken back by `cuts_in_one_view` are compared with."""
        numbers, missing = self.filled(rows.numbers)
        rarity = self.rarity(rows.codes)
        matrix = np.empty((len(rows), self.width_of_one_view), dtype=np.float32)
        end = numbers.shape[1] + missing.shape[1]
        with np.errstate(over="ignore"):  # greater than any float32 is infinite, and above every cut
            matrix[:, : numbers.shape[1]] = numbers
        matrix[:, numbers.shape[1] : end] = missing
        matrix[:, end:] = rarity
        return matrix

    def cuts_in_one_view(self, columns: npt.NDArray[np.intp], cuts: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """Cuts of encoded columns as cuts of the columns of `one_view`.

        Every view rises with the number it is made of, so rows fall on the same side of a cut before and after; what
        a cut is compared with costs neither logarithm nor interpolation.
        """
        count = len(self.quantiles)
        missing = len(self.filled.sometimes_missing)
        kinds = len(self.rarity.shares)
        second = columns >= 2 * count + missing + kinds
        places = np.where(columns < count, columns, columns - count) - np.where(second, kinds, 0)
        values = np.where(columns < count, signed_exp(np.where(columns < count, cuts, 0.0)), cuts)
        for position, quantile in enumerate(self.quantiles):
            there = columns == count + position
            values[there] = quantile.inverse(cuts[there])
        return places, values
