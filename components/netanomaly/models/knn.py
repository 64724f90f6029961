"""Nearest neighbours: rows far from all traffic seen in training are anomalous.

Ramaswamy, Rastogi, Shim, 'Efficient Algorithms for Mining Outliers from Large Data Sets', SIGMOD 2000; neighbours are
sought in a sample, after Sugiyama, Borgwardt, 'Rapid Distance-Based Outlier Detection via Sampling', NeurIPS 2013.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector, distinct_rows
from netanomaly.models.rows import Floats


class KnnDetector(MatrixDetector):
    """The score is the logarithm of the mean distance to the `n_neighbors` nearest reference rows."""

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Keep a sample of the distinct rows: a row seen a thousand times is as near as one seen once."""
        reference = distinct_rows(matrix)
        if len(reference) > self.parameters["reference_rows"]:
            chosen = np.random.default_rng([seed, 3]).choice(
                len(reference), self.parameters["reference_rows"], replace=False
            )
            reference = reference[np.sort(chosen)]
        self.reference = reference

    def score_encoded(self, matrix: Matrix) -> Floats:
        return self.score_matrix(matrix)  # scikit-learn's search has threads of its own

    def score_matrix(self, matrix: Matrix) -> Floats:
        count = min(self.parameters["n_neighbors"], len(self.reference))
        search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(self.reference)
        distances, _ = search.kneighbors(matrix)
        return np.asarray(np.log(distances.mean(axis=1, dtype=np.float64) + 1e-3), dtype=np.float64)
