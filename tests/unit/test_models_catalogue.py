"""The catalogue of detectors: what a configuration may say."""

import subprocess
import sys

import pytest
from netanomaly.errors import ConfigError
from netanomaly.models.catalogue import CATALOGUE, check


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
        ("isolation_forest", {"contamination": 0.7}, "'auto' or a number over 0 and at most 0.5"),
        ("isolation_forest", {"contamination": 0}, "over 0"),
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
