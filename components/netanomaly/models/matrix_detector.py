"""What detectors that work on a matrix of scaled columns have in common."""

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from netanomaly.models.detector import Detector
from netanomaly.models.encoding import Matrix
from netanomaly.models.rows import Floats, Rows
from netanomaly.models.scaled import Scaled
from netanomaly.models.trimming import untrimmed

_ROWS_PER_BLOCK = 4096
_THREADS = 2


class MatrixDetector(Detector):
    """A detector of scaled rows: says how it fits and scores a matrix, and how many rows it can use."""

    # More rows than this are sampled before the fit; None: every row is used.
    rows_at_most: int | None = None

    def fit(self, rows: Rows, seed: int) -> None:
        """Leave out the rows most likely contaminated, learn scales from the rest, the detector from a sample of it."""
        rows = rows.take(untrimmed(rows, self.parameters["contamination"], seed))
        self.encoding = Scaled.learn(rows)
        self.fit_encoded(self.encoding(rows), seed)

    def fit_encoded(self, matrix: Matrix, seed: int) -> None:
        """As `fit`, of rows already scaled."""
        if self.rows_at_most is not None and len(matrix) > self.rows_at_most:
            chosen = np.random.default_rng([seed, 2]).choice(len(matrix), self.rows_at_most, replace=False)
            matrix = matrix[np.sort(chosen)]
        with one_thread_each():
            self.fit_matrix(matrix, seed)

    def score(self, rows: Rows) -> Floats:
        return self.score_encoded(self.encoding(rows))

    def score_encoded(self, matrix: Matrix) -> Floats:
        """As `score`, of rows already scaled."""
        return in_blocks(self.score_matrix, matrix)

    @abstractmethod
    def fit_matrix(self, matrix: Matrix, seed: int) -> None:
        """Learn from these rows (float32, rows x columns)."""

    @abstractmethod
    def score_matrix(self, matrix: Matrix) -> Floats:
        """Scores of these rows; may be called from several threads at once."""


def in_blocks(score: Callable[[Matrix], Floats], matrix: Matrix) -> Floats:
    """Scores of blocks that stay in the cache, two at a time; numpy releases the interpreter lock."""
    starts = range(0, len(matrix), _ROWS_PER_BLOCK)
    if len(starts) < 2:
        return score(matrix)
    with one_thread_each(), ThreadPoolExecutor(_THREADS) as threads:
        parts = threads.map(lambda start: score(matrix[start : start + _ROWS_PER_BLOCK]), starts)
        return np.concatenate(list(parts))


def one_thread_each() -> AbstractContextManager[Any]:
    """Matrix products on the calling thread alone.

    Several threads that each call a library which starts threads of its own wait for each other: ten times slower on
    a busy machine. And results stay the same whatever the number of cores.
    """
    limited: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limited


def distinct_sample(matrix: Matrix, most: int, seed: int) -> Matrix:
    """At most so many of the distinct rows, each as likely as any other."""
    distinct = np.unique(matrix, axis=0)
    if len(distinct) <= most:
        return distinct
    chosen = np.random.default_rng([seed, 3]).choice(len(distinct), most, replace=False)
    return distinct[np.sort(chosen)]
