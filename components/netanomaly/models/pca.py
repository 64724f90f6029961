"""Principal components: rows that the few directions of normal traffic cannot describe are anomalous.

Shyu, Chen, Sarinnapakorn, Chang, 'A Novel Anomaly Detection Scheme Based on Principal Component Classifier', IEEE
Foundations and New Directions of Data Mining Workshop 2003. Here the score is the reconstruction error.
"""

import numpy as np

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector
from netanomaly.models.rows import Floats


class PcaDetector(MatrixDetector):
    """The score is the logarithm of the mean squared error of reconstruction, per column."""

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Keep the fewest components that explain `variance`, and leave at least one direction out."""
        from sklearn.decomposition import PCA

        components = PCA(svd_solver="covariance_eigh", random_state=seed).fit(matrix.astype(np.float64))
        explained = np.cumsum(np.nan_to_num(components.explained_variance_ratio_))
        kept = int(np.searchsorted(explained, self.parameters["variance"])) + 1
        kept = max(min(kept, matrix.shape[1] - 1), 0)
        self.centre = components.mean_.astype(np.float32)
        self.components = components.components_[:kept].astype(np.float32)

    def score_tile(self, matrix: Matrix) -> Floats:
        centred = matrix - self.centre
        residual = centred - (centred @ self.components.T) @ self.components
        return log_mean_square(residual)


def log_mean_square(residual: Matrix) -> Floats:
    """Logarithm of each row's mean square; an exact reconstruction is finite."""
    squares = np.square(residual.astype(np.float64)).sum(axis=1)
    return np.asarray(np.log(squares / residual.shape[1] + 1e-6), dtype=np.float64)
