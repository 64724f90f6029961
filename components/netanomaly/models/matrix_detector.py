"""What detectors that work on a matrix of scaled columns have in common."""

from abc import abstractmethod

import numpy as np

from netanomaly.models.blocks import in_blocks, one_thread_each
from netanomaly.models.detector import Detector
from netanomaly.models.encoding import Matrix
from netanomaly.models.rows import Floats, Rows
from netanomaly.models.scaled import Scaled
from netanomaly.models.tiles import ROWS_PER_TILE
from netanomaly.models.trimming import untrimmed

# What the widest product of a block takes stays in the cache.
ROWS_PER_BLOCK = 4096


class MatrixDetector(Detector):
    """A detector of scaled rows: says how it fits and scores a matrix, and how many rows it can use."""

    # More rows than this are sampled before the fit; None: every row is used.
    rows_at_most: int | None = None
    # Whether frequent categories have a column each, beside their rarity. Distances gain by it; what describes rows by a
    # few clouds or directions loses.
    sees_categories = False
    # Whether it is little harmed by attacks among its rows as it is: "auto" then leaves nothing out.
    bears_contamination = False
    rows_per_tile = ROWS_PER_TILE

    def fit(self, rows: Rows, seed: int) -> None:
        """Leave out the rows most likely contaminated, learn scales from the rest, the detector from a sample of it."""
        contamination = self.parameters["contamination"]
        if contamination != "auto" or not self.bears_contamination:
            rows = rows.take(untrimmed(rows, contamination, seed))
        self.encoding = Scaled.learn(rows)
        self.fit_encoded(self.columns(self.encoding, self.encoding(rows)), seed)

    def columns(self, encoding: Scaled, matrix: Matrix) -> Matrix:
        """What this detector sees of encoded rows: all columns, or those that are no frequent category's."""
        return matrix if self.sees_categories else matrix[:, : encoding.plain]

    def fit_encoded(self, matrix: Matrix, seed: int) -> None:
        """As `fit`, of rows already scaled, in the columns that this detector sees."""
        if self.rows_at_most is not None and len(matrix) > self.rows_at_most:
            chosen = np.random.default_rng([seed, 2]).choice(len(matrix), self.rows_at_most, replace=False)
            matrix = matrix[np.sort(chosen)]
        with one_thread_each():
            self.fit_matrix(matrix, seed)

    def score(self, rows: Rows) -> Floats:
        def block(part: slice) -> Floats:
            return self.score_matrix(self.columns(self.encoding, self.encoding(rows.take(part))))

        return in_blocks(block, len(rows), ROWS_PER_BLOCK)

    @abstractmethod
    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Learn from these rows (float32, rows x columns)."""

    def score_matrix(self, matrix: Matrix) -> Floats:
        """Scores of these rows; may be called from several threads at once.

        A row's score is the same in whatever company it comes, and products of matrices differ by that: so whoever
        overrides this makes them with `tiles.products`. Others say what the scores of a tile are.
        """
        rows, tile = len(matrix), self.rows_per_tile
        scores = np.empty(rows)
        for start in range(0, rows - rows % tile, tile):
            scores[start : start + tile] = self.score_tile(matrix[start : start + tile])
        if left := rows % tile:
            padded = np.zeros((tile, matrix.shape[1]), dtype=np.float32)
            padded[:left] = matrix[rows - left :]
            scores[rows - left :] = self.score_tile(padded)[:left]
        return scores

    def score_tile(self, matrix: Matrix) -> Floats:
        """Scores of `rows_per_tile` rows, zeros for those that are missing: never of another number."""
        raise NotImplementedError


def distinct_sample(matrix: Matrix, most: int, seed: int) -> Matrix:
    """At most so many of the distinct rows, each as likely as any other."""
    distinct = np.unique(matrix, axis=0)
    if len(distinct) <= most:
        return distinct
    chosen = np.random.default_rng([seed, 3]).choice(len(distinct), most, replace=False)
    return distinct[np.sort(chosen)]
