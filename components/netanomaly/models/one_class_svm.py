"""One-class support vector machine with random features: rows outside the envelope of training are anomalous.

Scholkopf, Platt, Shawe-Taylor, Smola, Williamson, 'Estimating the Support of a High-Dimensional Distribution', Neural
Computation 2001; the kernel by random Fourier features (Rahimi, Recht, NeurIPS 2007), so that the fit is linear in rows.
"""

import numpy as np

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector
from netanomaly.models.rows import Floats
from netanomaly.models.tiles import products, whole_tiles, with_ones


class OneClassSvmDetector(MatrixDetector):
    """The score is the distance to the envelope, outside positive."""

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Random features of the Gaussian kernel, then stochastic gradient descent."""
        from sklearn.linear_model import SGDOneClassSVM

        draw = np.random.default_rng([seed, 4])
        columns, count = matrix.shape[1], self.parameters["n_components"]
        gamma = self.parameters["gamma"]
        if gamma == "scale":  # as scikit-learn's: one over columns times variance
            gamma = 1 / (columns * max(float(matrix.var(dtype=np.float64)), 1e-9))
        self.weights = draw.normal(0, np.sqrt(2 * gamma), (columns, count)).astype(np.float32)
        self.shifts = draw.uniform(0, 2 * np.pi, count).astype(np.float32)
        machine = SGDOneClassSVM(nu=self.parameters["nu"], random_state=seed, tol=1e-4)
        machine.fit(self._features(matrix))
        self.normal = machine.coef_.astype(np.float32)
        self.offset = float(machine.offset_[0])

    def score_matrix(self, matrix: Matrix) -> Floats:
        inside = np.empty(whole_tiles(len(matrix)), dtype=np.float32)
        table = np.vstack([self.weights, self.shifts])
        # The normal takes the height of the waves, which spares a pass over them.
        normal = self.normal * self._height
        for rows, waves in products(with_ones(matrix), table):
            np.cos(waves, out=waves)
            inside[rows] = waves @ normal
        return self.offset - inside[: len(matrix)].astype(np.float64)

    def _features(self, matrix: Matrix) -> Matrix:
        features = matrix @ self.weights
        features += self.shifts
        np.cos(features, out=features)
        features *= self._height
        return features

    @property
    def _height(self) -> np.float32:
        return np.float32(np.sqrt(2 / len(self.shifts)))
