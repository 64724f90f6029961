"""The catalogue of detectors: what a configuration may say."""

import subprocess
import sys

import numpy as np
import pytest
from netanomaly.errors import ConfigError, NetanomalyError
from netanomaly.models import catalogue
from netanomaly.models.catalogue import CATALOGUE, check
from netanomaly.models.detector import make
from netanomaly.models.rows import learn_schema
from sklearn.metrics import roc_auc_score

from tests.unit.models_data import CATEGORICAL, FEATURES, traffic


def test_the_parameters_of_the_original_configuration_are_taken_over_and_the_rest_is_filled_in():
    resolved = check("isolation_forest", {"n_estimators": 100, "contamination": "auto", "random_state": 42})
    assert (resolved["n_estimators"], resolved["contamination"], resolved["random_state"]) == (100, "auto", 42)
    assert resolved["max_samples"] == 4096


@pytest.mark.parametrize("model_type", list(CATALOGUE))
def test_every_default_is_a_value_that_may_be_given(model_type):
    defaults = check(model_type, {})
    assert check(model_type, dict(defaults)) == defaults


def test_a_whole_number_may_arrive_as_a_double():
    assert check("isolation_forest", {"n_estimators": 50.0})["n_estimators"] == 50
    assert isinstance(check("isolation_forest", {"n_estimators": 50.0})["n_estimators"], int)


def test_one_means_all_for_a_share_since_json_cannot_tell_1_from_1_0():
    assert check("isolation_forest", {"max_features": 1})["max_features"] == 1.0
    assert isinstance(check("isolation_forest", {"max_features": 1})["max_features"], float)


@pytest.mark.parametrize(
    ("model_type", "parameters", "says"),
    [
        ("isolation_forrest", {}, "did you mean 'isolation_forest'"),
        ("zzz", {}, "known are .*isolation_forest"),
        ("isolation_forest", {"n_estimator": 1}, "did you mean 'n_estimators'"),
        ("isolation_forest", {"n_estimators": "many"}, "n_estimators is 'many'; give a whole number of at least 1"),
        ("isolation_forest", {"n_estimators": 0}, "at least 1"),
        ("isolation_forest", {"n_estimators": 1.5}, "whole number"),
        ("isolation_forest", {"n_estimators": True}, "whole number"),
        ("isolation_forest", {"contamination": 0.7}, "'auto' or a number of at least 0 and at most 0.5"),
        ("isolation_forest", {"contamination": -0.1}, "at least 0"),
        ("gaussian_mixture", {"covariance_type": "round"}, "give 'full' or 'diag'"),
        ("pca", {"variance": 1.1}, "over 0 and at most 1"),
        ("knn", {"n_neighbors": 0}, "at least 1"),
        ("lof", {"reference_rows": 2}, "at least 10"),
        ("one_class_svm", {"nu": 0}, "over 0"),
        ("one_class_svm", {"gamma": "wide"}, "'scale' or a number over 0"),
        ("autoencoder", {"learning_rate": 2}, "at most 1"),
        ("ensemble", {"members": []}, "a list of one or more of isolation_forest, "),
        ("ensemble", {"members": ["knn", "knn"]}, "each once"),
        ("ensemble", {"members": ["ensemble"]}, "one or more of"),
        ("ensemble", {"members": "knn"}, "a list of one or more"),
        ("isolation_forest", {"contamination": "some"}, "'auto'"),
        ("isolation_forest", {"max_samples": 1.5}, "share over 0 and at most 1"),
        ("isolation_forest", {"max_samples": float("nan")}, "share"),
        ("isolation_forest", {"bootstrap": 1}, "true or false"),
        ("isolation_forest", {"random_state": -1}, "at least 0"),
    ],
)
def test_what_a_detector_cannot_take_is_refused_with_what_it_can(model_type, parameters, says):
    with pytest.raises(ConfigError, match=says):
        check(model_type, parameters)


def test_the_catalogue_and_the_gates_load_no_numeric_library():
    code = (
        "import sys, netanomaly.models.catalogue, netanomaly.metrics.gates\n"
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_detector_is_one_module_and_one_line(tmp_path, monkeypatch):
    (tmp_path / "distance_from_zero.py").write_text(
        "from netanomaly.models.matrix_detector import MatrixDetector\n"
        "class ZeroDetector(MatrixDetector):\n"
        "    def fit_matrix(self, matrix, seed):\n"
        "        self.power = self.parameters['power']\n"
        "    def score_tile(self, matrix):\n"
        "        return (abs(matrix) ** self.power).sum(axis=1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    parameters = {"power": catalogue.number(2.0, 0, above=True), **catalogue.COMMON}
    monkeypatch.setitem(CATALOGUE, "zero", catalogue.Entry("distance_from_zero:ZeroDetector", parameters))
    training = traffic(500, seed=1)
    schema = learn_schema(training, FEATURES, CATEGORICAL)
    detector = make("zero", check("zero", {}))
    detector.fit(schema.rows(training), seed=0)
    scores = detector.score(schema.rows(traffic(300, 100, seed=2)))
    assert roc_auc_score(np.arange(400) >= 300, scores) > 0.8
    with pytest.raises(ConfigError, match="zero_params: power is 0; give a number over 0"):
        check("zero", {"power": 0})


@pytest.mark.parametrize("name", ["knn", "isolation_forest"])
def test_a_member_whose_scores_are_no_number_is_named(name, monkeypatch):
    training = traffic(500, seed=1)
    rows = learn_schema(training, FEATURES, CATEGORICAL).rows(training)
    detector = make(
        "ensemble", check("ensemble", {"members": ["isolation_forest", "pca", "knn"], "contamination": 0.0})
    )
    detector.fit(rows, seed=0)
    member = detector.everything.members[name]  # type: ignore[attr-defined]
    method = "score_matrix" if hasattr(member, "score_matrix") else "score"
    monkeypatch.setattr(member, method, lambda given: np.full(len(given), np.nan))
    with pytest.raises(NetanomalyError, match=f"member {name} of the ensemble gave scores that are no number"):
        detector.score(rows)
