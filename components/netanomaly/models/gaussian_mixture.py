"""Gaussian mixture: rows of low likelihood under a few clouds of normal traffic are anomalous.

Bishop, 'Novelty detection and neural network validation', IEE Proceedings on Vision, Image and Signal Processing 1994.
"""

import warnings

import numpy as np

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector
from netanomaly.models.rows import Floats
from netanomaly.models.tiles import products, whole_tiles, with_ones

# Of more columns clouds lie along the axes: full ones cost the square of the columns in memory and their cube in time.
_FULL_AT_MOST = 256
# A full cloud has so many rows for each of its columns, or there are fewer clouds: of fewer rows it is a guess.
_ROWS_PER_COLUMN = 2


class GaussianMixtureDetector(MatrixDetector):
    """The score is the signed logarithm of the negative log-likelihood per column, in nats."""

    rows_at_most = 20_000

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Expectation-maximisation, with covariances kept off singular by `regularisation`."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        rows, columns = matrix.shape
        kind = self.parameters["covariance_type"] if columns <= _FULL_AT_MOST else "diag"
        components = min(self.parameters["n_components"], max(len(np.unique(matrix[:1000], axis=0)) // 2, 1))
        if kind == "full":
            components = min(components, max(rows // (_ROWS_PER_COLUMN * columns), 1))
        mixture = GaussianMixture(
            components,
            covariance_type=kind,
            reg_covar=self.parameters["regularisation"],
            max_iter=self.parameters["max_iter"],
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last iteration's mixture serves
            mixture.fit(matrix.astype(np.float64))
        # Of each cloud a matrix, or the diagonal of one.
        factors = mixture.precisions_cholesky_
        diagonals = factors if kind == "diag" else np.einsum("kii->ki", factors)
        log_determinants = np.log(diagonals).sum(axis=1)
        self.factors = factors.astype(np.float32)
        self.means = mixture.means_.astype(np.float32)
        self.offsets = np.log(mixture.weights_) + log_determinants - 0.5 * columns * np.log(2 * np.pi)

    def score_matrix(self, matrix: Matrix) -> Floats:
        squares = self._full(matrix) if self.factors.ndim == 3 else self._along_axes(matrix)
        logs = self.offsets - 0.5 * squares
        nearest = logs.max(axis=1)
        surprise = -(nearest + np.log(np.exp(logs - nearest[:, np.newaxis]).sum(axis=1))) / matrix.shape[1]
        return np.asarray(np.copysign(np.log1p(np.abs(surprise)), surprise), dtype=np.float64)

    def _full(self, matrix: Matrix) -> Floats:
        """Squares of each row's distance to each cloud, in the cloud's own units: all clouds by one product."""
        clouds, columns, _ = self.factors.shape
        centres = np.einsum("ki,kij->kj", self.means.astype(np.float64), self.factors.astype(np.float64))
        table = np.vstack([np.concatenate(self.factors, axis=1), -centres.astype(np.float32).reshape(1, -1)])
        squares = np.empty((whole_tiles(len(matrix)), clouds))
        for rows, whitened in products(with_ones(matrix), table):
            by_cloud = whitened.reshape(-1, clouds, columns)
            squares[rows] = np.einsum("rkc,rkc->rk", by_cloud, by_cloud)
        return squares[: len(matrix)]

    def _along_axes(self, matrix: Matrix) -> Floats:
        apart = (matrix - self.means[:, np.newaxis]) * self.factors[:, np.newaxis]
        return np.asarray(np.square(apart.astype(np.float64)).sum(axis=2).T, dtype=np.float64)
