"""Detectors of other people, to be beaten: scikit-learn's forest, and what PyOD has where that is installed.

They get the rows as netanomaly's neighbours see them (scaled logarithms, rarity of categories), which is better for them
than plain figures. PyOD is no dependency, not even for development, since it brings a compiler: `uv pip install pyod`, and
`torch` for the two that learn networks, in an environment of their own.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from netanomaly.models.rows import Floats, Rows
from netanomaly.models.scaled import Scaled

Matrix = npt.NDArray[np.float32]
Make = Callable[[int, int], Any]
"""A detector, from a seed and the number of columns."""


def _forest(seed: int, _: int) -> Any:
    from sklearn.ensemble import IsolationForest

    return IsolationForest(random_state=seed)


def _of_pyod(module: str, name: str, **given: Any) -> Make:
    return lambda seed, columns: getattr(import_module(f"pyod.models.{module}"), name)(**given)


def _inne(seed: int, _: int) -> Any:
    return import_module("pyod.models.inne").INNE(random_state=seed)


def _lunar(seed: int, _: int) -> Any:
    import_module("torch").manual_seed(seed)
    return import_module("pyod.models.lunar").LUNAR()


def _deep_svdd(seed: int, columns: int) -> Any:
    return import_module("pyod.models.deep_svdd").DeepSVDD(columns, random_state=seed, verbose=0)


NETWORKS: Mapping[str, Make] = {"LUNAR": _lunar, "Deep SVDD": _deep_svdd}
OTHERS: Mapping[str, Make] = {"scikit-learn's forest": _forest}
if find_spec("pyod"):
    OTHERS = {
        **OTHERS,
        "ECOD": _of_pyod("ecod", "ECOD"),
        "COPOD": _of_pyod("copod", "COPOD"),
        "HBOS": _of_pyod("hbos", "HBOS"),
        "INNE": _inne,
        "kNN of PyOD": _of_pyod("knn", "KNN"),
    }
    if find_spec("torch"):
        OTHERS = {**OTHERS, **NETWORKS}


class Other:
    """One of `OTHERS`, fitted and asked as a detector of netanomaly is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def fit(self, rows: Rows, seed: int) -> None:
        self._encoding = Scaled.learn(rows)
        matrix = self._encoding(rows)
        self._detector = OTHERS[self._name](seed, matrix.shape[1])
        self._detector.fit(matrix)

    def score(self, rows: Rows) -> Floats:
        """Higher is more anomalous."""
        matrix = self._encoding(rows)
        if hasattr(self._detector, "decision_scores_"):  # PyOD's own sign
            return np.asarray(self._detector.decision_function(matrix), dtype=np.float64)
        return -np.asarray(self._detector.score_samples(matrix), dtype=np.float64)
