"""Nearest neighbours: rows far from all traffic seen in training are anomalous.

Ramaswamy, Rastogi, Shim, 'Efficient Algorithms for Mining Outliers from Large Data Sets', SIGMOD 2000; neighbours are
sought in a sample, after Sugiyama, Borgwardt, 'Rapid Distance-Based Outlier Detection via Sampling', NeurIPS 2013.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector, distinct_sample
from netanomaly.models.rows import Floats

# So few that their products with all references stay in the cache.
_ROWS_AT_ONCE = 256
_PASSES_AT_MOST = 64


class KnnDetector(MatrixDetector):
    """The score is the logarithm of the mean distance to the `n_neighbors` nearest reference rows."""

    minimum_rows = 20

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Keep a sample of the distinct rows: a row seen a thousand times is as near as one seen once."""
        self.reference = distinct_sample(matrix, self.parameters["reference_rows"], seed)
        half_squares = np.einsum("ij,ij->i", self.reference, self.reference) / 2
        self.table = np.ascontiguousarray(np.column_stack([self.reference, -half_squares]).T)

    def score_matrix(self, matrix: Matrix) -> Floats:
        count = min(self.parameters["n_neighbors"], len(self.reference))
        total = np.zeros(len(matrix))
        nearness = np.empty((_ROWS_AT_ONCE, len(self.reference)), dtype=np.float32)
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            part = matrix[start : start + _ROWS_AT_ONCE]
            total[start : start + len(part)] = self._distances(part, nearness[: len(part)], count)
        return np.asarray(np.log(total / count + 1e-3), dtype=np.float64)

    def _distances(self, rows: Matrix, nearness: Matrix, count: int) -> Floats:
        """Sum of the distances to the nearest references."""
        # A constant of the row less half the squared distance: one product of matrices finds the nearest ...
        extended = np.column_stack([rows, np.ones(len(rows), dtype=np.float32)])
        np.matmul(extended, self.table, out=nearness)
        total = np.zeros(len(rows))
        for nearest in _nearest(nearness, count):
            # ... and differences give its distance, which the product would lose to cancellation.
            difference = rows - self.reference[nearest]
            total += np.sqrt(np.einsum("ij,ij->i", difference, difference, dtype=np.float64))
        return total


def _nearest(nearness: Matrix, count: int) -> Iterator[npt.NDArray[np.intp]]:
    """The places of the `count` greatest values of each row, one of each row at a time; `nearness` is used up.

    Of few a pass each; of many one partition, which costs as much as 90 passes over 4,096 references.
    """
    if count > _PASSES_AT_MOST:
        yield from np.argpartition(nearness, -count, axis=1)[:, -count:].T
        return
    rows = np.arange(len(nearness))
    for _ in range(count):
        greatest = np.argmax(nearness, axis=1)
        yield greatest
        nearness[rows, greatest] = -np.inf
