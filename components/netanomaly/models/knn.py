"""Nearest neighbours: rows far from all traffic seen in training are anomalous.

Ramaswamy, Rastogi, Shim, 'Efficient Algorithms for Mining Outliers from Large Data Sets', SIGMOD 2000; neighbours are
sought in a sample, after Sugiyama, Borgwardt, 'Rapid Distance-Based Outlier Detection via Sampling', NeurIPS 2013.
"""

import numpy as np

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector, distinct_sample
from netanomaly.models.rows import Floats


class KnnDetector(MatrixDetector):
    """The score is the logarithm of the mean distance to the `n_neighbors` nearest reference rows."""

    minimum_rows = 20

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Keep a sample of the distinct rows: a row seen a thousand times is as near as one seen once."""
        self.reference = distinct_sample(matrix, self.parameters["reference_rows"], seed)
        self.half_squares = np.einsum("ij,ij->i", self.reference, self.reference) / 2

    def score_matrix(self, matrix: Matrix) -> Floats:
        # Half the squared distance less a constant of the row: one product of matrices finds the nearest ...
        apart = self.half_squares - matrix @ self.reference.T
        total = np.zeros(len(matrix))
        rows = np.arange(len(matrix))
        count = min(self.parameters["n_neighbors"], len(self.reference))
        for _ in range(count):
            nearest = np.argmin(apart, axis=1)
            # ... and differences give their distance, which the product would lose to cancellation.
            difference = matrix - self.reference[nearest]
            total += np.sqrt(np.einsum("ij,ij->i", difference, difference, dtype=np.float64))
            apart[rows, nearest] = np.inf
        return np.asarray(np.log(total / count + 1e-3), dtype=np.float64)
