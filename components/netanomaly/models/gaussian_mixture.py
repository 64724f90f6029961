"""Gaussian mixture: rows of low likelihood under a few clouds of normal traffic are anomalous.

Bishop, 'Novelty detection and neural network validation', IEE Proceedings on Vision, Image and Signal Processing 1994.
"""

import warnings

import numpy as np

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector
from netanomaly.models.rows import Floats


class GaussianMixtureDetector(MatrixDetector):
    """The score is the signed logarithm of the negative log-likelihood per column, in nats."""

    rows_at_most = 20_000

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Expectation-maximisation, with covariances kept off singular by `regularisation`."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        components = min(self.parameters["n_components"], max(len(np.unique(matrix[:1000], axis=0)) // 2, 1))
        mixture = GaussianMixture(
            components,
            covariance_type=self.parameters["covariance_type"],
            reg_covar=self.parameters["regularisation"],
            max_iter=self.parameters["max_iter"],
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last iteration's mixture serves
            mixture.fit(matrix.astype(np.float64))
        columns = matrix.shape[1]
        factors = mixture.precisions_cholesky_
        if self.parameters["covariance_type"] == "diag":
            factors = np.stack([np.diag(each) for each in factors])
        log_determinants = np.log(np.einsum("kii->ki", factors)).sum(axis=1)
        self.factors = factors.astype(np.float32)
        self.means = mixture.means_.astype(np.float32)
        self.offsets = np.log(mixture.weights_) + log_determinants - 0.5 * columns * np.log(2 * np.pi)

    def score_matrix(self, matrix: Matrix) -> Floats:
        logs = np.empty((len(matrix), len(self.means)))
        for position, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            whitened = (matrix - mean) @ factor
            logs[:, position] = -0.5 * np.einsum("ij,ij->i", whitened, whitened, dtype=np.float64)
        logs += self.offsets
        nearest = logs.max(axis=1)
        surprise = -(nearest + np.log(np.exp(logs - nearest[:, np.newaxis]).sum(axis=1))) / matrix.shape[1]
        return np.asarray(np.copysign(np.log1p(np.abs(surprise)), surprise), dtype=np.float64)
