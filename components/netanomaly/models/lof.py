"""Local outlier factor: rows in sparser surroundings than their neighbours are anomalous.

Breunig, Kriegel, Ng, Sander, 'LOF: Identifying Density-Based Local Outliers', SIGMOD 2000.
"""

import numpy as np

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector, distinct_sample
from netanomaly.models.rows import Floats


class LofDetector(MatrixDetector):
    """The score is the logarithm of the local outlier factor: 0 in the midst of even traffic."""

    # scikit-learn looks at its arguments for longer than at 64 rows.
    rows_per_tile = 512

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Learn the density around a sample of the distinct rows: repeated ones would make it infinite."""
        from sklearn.neighbors import LocalOutlierFactor

        reference = distinct_sample(matrix, self.parameters["reference_rows"], seed)
        if len(reference) < 3:  # one value, or two: no density to speak of
            reference = np.repeat(reference, 3, axis=0)
        count = min(self.parameters["n_neighbors"], len(reference) - 1)
        self.factor = LocalOutlierFactor(n_neighbors=count, algorithm="brute", novelty=True).fit(reference)

    def score_tile(self, matrix: Matrix) -> Floats:
        return np.asarray(np.log(np.maximum(-self.factor.score_samples(matrix), 1e-6)), dtype=np.float64)
