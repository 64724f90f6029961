"""Nearest neighbours: rows far from all traffic seen in training are anomalous.

Ramaswamy, Rastogi, Shim, 'Efficient Algorithms for Mining Outliers from Large Data Sets', SIGMOD 2000; neighbours are
sought in a sample, after Sugiyama, Borgwardt, 'Rapid Distance-Based Outlier Detection via Sampling', NeurIPS 2013. Half of
the sample covers what the other half missed, after Gonzalez, 'Clustering to minimize the maximum intercluster distance',
Theoretical Computer Science 1985: a rare kind of normal traffic that no reference stands for would be the loudest of all.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector, distinct_sample
from netanomaly.models.rows import Floats
from netanomaly.models.tiles import products, whole_tiles, with_ones

# So few that their products with all references stay in the cache.
_ROWS_AT_ONCE = 256
_PASSES_AT_MOST = 64

# The rows that references are chosen among, at most; and in so many steps the farthest from those chosen are added.
# Measured on seven data sets of normal rows: 4,096 references chosen so found as many attacks at 1% and at 0.1% false
# positives as 32,768 drawn at random, 2,048 hardly fewer, 8,192 at random a fifth fewer at 0.1% (docs/detectors.md).
_CANDIDATES_AT_MOST = 65_536
_STEPS = 4


class KnnDetector(MatrixDetector):
    """The score is the logarithm of the mean distance to the `n_neighbors` nearest reference rows."""

    minimum_rows = 20
    sees_categories = True

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Keep some of the distinct rows: a row seen a thousand times is as near as one seen once."""
        candidates = distinct_sample(matrix, _CANDIDATES_AT_MOST, seed)
        self._refer_to(covering(candidates, self.parameters["reference_rows"], seed))

    def _refer_to(self, reference: Matrix) -> None:
        self.reference = reference
        half_squares = np.einsum("ij,ij->i", reference, reference) / 2
        self.table = np.ascontiguousarray(np.column_stack([reference, -half_squares]).T)

    def score_matrix(self, matrix: Matrix) -> Floats:
        count = min(self.parameters["n_neighbors"], len(self.reference))
        nearest = np.empty((count, whole_tiles(len(matrix))), dtype=np.int32)
        # A constant of the row less half the squared distance: one product of matrices finds the nearest ...
        for rows, nearness in products(with_ones(matrix), self.table):
            for each, found in zip(nearest, _nearest(nearness, count), strict=True):
                each[rows] = found
        total = np.zeros(len(matrix))
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            for each in nearest[:, : len(matrix)]:
                # ... and differences give its distance, which the product would lose to cancellation.
                difference = matrix[part] - self.reference[each[part]]
                total[part] += np.sqrt(np.square(difference, dtype=np.float64).sum(axis=1))
        return np.asarray(np.log(total / count + 1e-3), dtype=np.float64)


def covering(candidates: Matrix, most: int, seed: int) -> Matrix:
    """At most so many of these rows: half of them drawn at random, half those farthest from what was chosen before."""
    if len(candidates) <= most:
        return candidates
    order = np.random.default_rng([seed, 6]).permutation(len(candidates))
    chosen = order[: most - most // 2]
    distances = _squares_to_nearest(candidates, candidates[chosen])
    left = most // 2
    for step in range(_STEPS, 0, -1):
        count = -(-left // step)
        left -= count
        added = np.argsort(-distances, kind="stable")[:count]
        chosen = np.concatenate([chosen, added])
        if left:
            distances = np.minimum(distances, _squares_to_nearest(candidates, candidates[added]))
            distances[chosen] = -1.0
    return candidates[np.sort(chosen)]


def _squares_to_nearest(rows: Matrix, reference: Matrix) -> npt.NDArray[np.float32]:
    """The square of each row's distance to the nearest of the references, but for rounding."""
    squares = np.einsum("ij,ij->i", rows, rows)
    table = np.column_stack([reference, -np.einsum("ij,ij->i", reference, reference) / 2]).T
    found = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        extended = np.column_stack([rows[part], np.ones(len(rows[part]), dtype=np.float32)])
        found[part] = squares[part] - 2 * (extended @ table).max(axis=1)
    return found


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
