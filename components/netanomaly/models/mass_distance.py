"""Distance to the mass of the rows: rows far from a fifth of all traffic are anomalous, however many are beside them.

Chazal, Cohen-Steiner, Merigot, 'Geometric Inference for Probability Measures', Foundations of Computational Mathematics
2011, whose distance to a measure this is; as a detector: Gu, Akoglu, Rinaldo, 'Statistical Analysis of Nearest Neighbor
Methods for Anomaly Detection', NeurIPS 2019. Attacks that make up less than the fifth do not look familiar to each other.
"""

import numpy as np

from netanomaly.models.encoding import Matrix
from netanomaly.models.matrix_detector import MatrixDetector
from netanomaly.models.rows import Floats
from netanomaly.models.tiles import products, whole_tiles, with_ones


class MassDistanceDetector(MatrixDetector):
    """The score is the logarithm of the mean distance to the nearest `share` of the reference rows, drawn at random."""

    minimum_rows = 20
    sees_categories = True
    bears_contamination = True

    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Keep a sample of the rows, copies too: what is frequent is the mass."""
        count = min(self.parameters["reference_rows"], len(matrix))
        chosen = np.random.default_rng([seed, 7]).choice(len(matrix), count, replace=False)
        reference = matrix[np.sort(chosen)]
        self.table = np.ascontiguousarray(
            np.column_stack([-2 * reference, np.einsum("ij,ij->i", reference, reference)]).T
        )

    def score_matrix(self, matrix: Matrix) -> Floats:
        references = self.table.shape[1]
        count = max(int(self.parameters["share"] * references), 1)
        means = np.empty(whole_tiles(len(matrix)))
        own = np.zeros(len(means), dtype=np.float32)
        np.einsum("ij,ij->i", matrix, matrix, out=own[: len(matrix)])
        for rows, squares in products(with_ones(matrix), self.table):
            squares += own[rows, np.newaxis]
            squares.partition(count - 1, axis=1)
            means[rows] = np.sqrt(np.maximum(squares[:, :count], 0)).mean(axis=1, dtype=np.float64)
        return np.log(means[: len(matrix)] + 1e-2)
