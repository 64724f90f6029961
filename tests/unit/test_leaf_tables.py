"""Trees of few leaves say the same as tables and walked from node to node."""

import subprocess
import sys
from typing import cast

import numpy as np
import pytest
from netanomaly.models import isolation_forest
from netanomaly.models.encoding import TwoViews
from netanomaly.models.isolation_forest import Forest
from sklearn.ensemble import IsolationForest


class AsItIs:
    width_of_one_view = 7

    def cuts_in_one_view(self, columns, cuts):
        return columns, cuts


def forest_of(matrix, trees=40, rows=32):
    forest = IsolationForest(n_estimators=trees, max_samples=rows, random_state=3).fit(matrix)
    return Forest.of(forest, cast(TwoViews, AsItIs()))


def drawn(rows, seed):
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(rows, AsItIs.width_of_one_view)).astype(np.float32)
    matrix[:, 0] = draw.integers(0, 3, rows)
    matrix[:, 1] = 5
    return matrix


@pytest.mark.parametrize(("trees", "rows"), [(40, 32), (1, 2), (700, 32), (3, 5)])
def test_the_scores_are_those_of_the_trees_bit_for_bit(trees, rows, monkeypatch):
    """Also of values that are a cut, and beyond every cut. 700 trees have columns of more cuts than are compared with."""
    forest = forest_of(drawn(500, 1), trees, rows)
    matrix = drawn(3000, 2)
    cuts = forest.thresholds[forest.right != 0]
    matrix[: len(cuts), 2] = cuts[:3000]
    matrix[-2:] = [[np.inf], [-np.inf]]
    found = forest.score(matrix)
    assert "tables" in forest.__dict__
    monkeypatch.setattr(isolation_forest, "MOST_LEAVES", 0)
    np.testing.assert_array_equal(found, forest.score(matrix))
    np.testing.assert_array_equal(found[-16:], forest.score(matrix[-16:]))


def test_a_forest_of_rows_that_are_all_the_same_has_leaves_alone():
    forest = forest_of(np.ones((100, AsItIs.width_of_one_view), dtype=np.float32))
    np.testing.assert_array_equal(forest.score(drawn(20, 1)), forest.score(drawn(1, 1))[0])


def test_a_tree_of_more_leaves_than_bits_is_walked():
    forest = forest_of(drawn(500, 1), rows=256)
    forest.score(drawn(100, 2))
    assert "tables" not in forest.__dict__


def test_the_default_model_scores_without_importing_scikit_learn(tmp_path):
    """It takes one to two processor seconds, which is what scoring 100,000 flows takes."""
    fit = """
import sys
from tests.unit.models_data import CATEGORICAL, FEATURES, traffic
from tests.unit.test_models_behaviour import fitted
from pathlib import Path
fitted("ensemble").save(Path(sys.argv[1]))
"""
    score = """
import sys
from pathlib import Path
from netanomaly.models.model import load
from tests.unit.models_data import traffic
model = load(Path(sys.argv[1]))
assert model.detector.trusted is not None
model.score(traffic(400))
print(*sys.modules)
"""
    path = str(tmp_path / "model")
    subprocess.run([sys.executable, "-c", fit, path], check=True)
    ran = subprocess.run([sys.executable, "-c", score, path], check=True, capture_output=True, text=True)
    assert not {"sklearn", "scipy"}.intersection(ran.stdout.split())
