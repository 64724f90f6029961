"""Trees of few leaves as tables: which leaf a row reaches is told by where its numbers stand among the cuts.

Lucchese, Nardini, Orlando, Perego, Tonellotto, Venturini, 'QuickScorer: A Fast Algorithm to Rank Documents with Additive
Ensembles of Regression Trees', SIGIR 2015: a node whose test a row fails rules out the leaves on its left, and of those that
no node rules out the leftmost is the row's. Here all nodes of a column are one table: for each place among the column's cuts
the leaves of every tree that are left over, a bit each.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netanomaly.models.encoding import Matrix
from netanomaly.models.rows import Floats

MOST_LEAVES = 32
"""A bit for each leaf of a tree."""

# So few that what is made of them on the way stays in the cache.
_ROWS_AT_ONCE = 2048
# Of more cuts, places are found by search; of fewer by a comparison with each, which no branch slows down.
_COMPARED_AT_MOST = 96

_Bits = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class _Column:
    """A column's number, its cuts, rising, and for each place among them (cuts + 1) the leaves left over in each tree."""

    number: int
    cuts: npt.NDArray[np.float32]
    left_over: _Bits

    def places(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        """How many cuts lie below each value."""
        if len(self.cuts) > _COMPARED_AT_MOST:
            return np.searchsorted(self.cuts, values)
        below = np.less(self.cuts[:, np.newaxis], values).view(np.uint8)
        found: npt.NDArray[np.intp] = np.add.reduce(below, axis=0, dtype=np.uint8).astype(np.intp)
        return found


class LeafTables:
    """What a forest of trees with at most `MOST_LEAVES` leaves says of rows."""

    def __init__(
        self,
        starts: npt.NDArray[np.int64],
        columns: npt.NDArray[np.signedinteger],
        thresholds: npt.NDArray[np.float32],
        right: npt.NDArray[np.int32],
        values: npt.NDArray[np.float32],
    ) -> None:
        """Args: as the fields of `isolation_forest.Forest`."""
        trees = len(starts) - 1
        self._values = np.zeros((trees, MOST_LEAVES))
        ruled_out = np.zeros(len(right), dtype=np.uint32)
        for tree, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
            leaf = right[start:end] == 0
            before = np.concatenate([[0], np.cumsum(leaf)])
            self._values[tree, : before[-1]] = values[start:end][leaf]
            # The left subtree of a node is what stands between it and its right child.
            first, beyond = before[1:].astype(np.uint64), before[right[start:end]].astype(np.uint64)
            bits = (np.uint64(1) << beyond) - (np.uint64(1) << first)
            ruled_out[start:end] = np.where(leaf, 0, bits).astype(np.uint32)
        tree_of = np.repeat(np.arange(trees), np.diff(starts))
        self._columns = []
        for number in np.unique(columns[right != 0]).tolist():
            nodes = np.flatnonzero((right != 0) & (columns == number))
            cuts = np.unique(thresholds[nodes])
            gone = np.zeros((len(cuts) + 1, trees), dtype=np.uint32)
            places = np.searchsorted(cuts, thresholds[nodes]) + 1
            np.bitwise_or.at(gone, (places, tree_of[nodes]), ruled_out[nodes])
            self._columns.append(_Column(number, cuts, ~np.bitwise_or.accumulate(gone, axis=0)))
        # What `_sums` finds is a place in `_values` and, of each, 127 too many.
        self._begins = np.arange(trees) * MOST_LEAVES - 127

    def sums(self, matrix: Matrix) -> Floats:
        """Of each row the sum of the values of the leaves it reaches, one of each tree.

        Values are float32 of like size, so that float64 holds their sum exactly, in whatever order they are added.
        """
        sums = np.empty(len(matrix))
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            sums[part] = self._sums(np.ascontiguousarray(matrix[part].T))
        return sums

    def _sums(self, by_column: Matrix) -> Floats:
        """Args: by_column: Columns x rows."""
        left = np.full((by_column.shape[1], len(self._begins)), 0xFFFFFFFF, dtype=np.uint32)
        found = np.empty_like(left)
        for column in self._columns:
            # To clip what needs none spares a copy: `take` checks places beforehand otherwise.
            np.take(column.left_over, column.places(by_column[column.number]), axis=0, out=found, mode="clip")
            left &= found
        # The lowest bit alone, as a float, whose exponent is the bit's number.
        left &= np.negative(left, out=found)
        numbers = left.astype(np.float32).view(np.uint32)
        numbers >>= np.uint32(23)
        leaves = numbers + self._begins
        return np.asarray(self._values.ravel().take(leaves).sum(axis=1), dtype=np.float64)
