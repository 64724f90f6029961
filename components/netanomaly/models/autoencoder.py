"""Autoencoder: rows that a network with a narrow middle cannot repeat are anomalous.

Hawkins, He, Williams, Baxter, 'Outlier Detection Using Replicator Neural Networks', DaWaK 2002. Trained by
scikit-learn's multi-layer perceptron.
"""

import warnings

import numpy as np

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector
from netanomaly.models.pca import log_mean_square
from netanomaly.models.rows import Floats


class AutoencoderDetector(MatrixDetector):
    """The score is the logarithm of the mean squared error of reconstruction, per column."""

    rows_at_most = 50_000

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Adam on the squared error; middle layers never wider than the data."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor

        columns = matrix.shape[1]
        middle = min(self.parameters["bottleneck"], max(columns // 2, 1))
        width = self.parameters["width"]
        network = MLPRegressor(
            hidden_layer_sizes=(width, middle, width),
            activation="relu",
            batch_size=min(self.parameters["batch_size"], len(matrix)),
            learning_rate_init=self.parameters["learning_rate"],
            max_iter=self.parameters["epochs"],
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # epochs are a budget
            network.fit(matrix, matrix if columns > 1 else matrix[:, 0])
        self.layers = [
            (weights.astype(np.float32), biases.astype(np.float32))
            for weights, biases in zip(network.coefs_, network.intercepts_, strict=True)
        ]

    def score_tile(self, matrix: Matrix) -> Floats:
        value = matrix
        for position, (weights, biases) in enumerate(self.layers):
            value = value @ weights
            value += biases
            if position < len(self.layers) - 1:
                np.maximum(value, 0, out=value)
        return log_mean_square(value - matrix)
