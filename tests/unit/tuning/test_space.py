"""Where tuning looks, and what of a configuration's space is refused."""

import pytest
from netanomaly.errors import ConfigError
from netanomaly.models.catalogue import CATALOGUE, Span, check
from netanomaly.tuning.space import Dimension, narrowed, resolve


@pytest.mark.parametrize("detector", CATALOGUE)
def test_the_catalogue_s_own_spaces_hold_nothing_that_the_detector_refuses(detector):
    entry = CATALOGUE[detector]
    assert entry.search
    for name, found in entry.search.items():
        ends = [found.low, found.high] if isinstance(found, Span) else list(found)
        for value in ends:
            assert check(detector, {name: value})[name] == value


def test_the_configured_detector_is_searched_beside_the_usual_ones():
    assert resolve({}, "lof").detectors[0] == "lof"
    assert "ensemble" in resolve({}, "lof").detectors
    assert resolve({"model_type": ["knn"]}, "lof").detectors == ["knn"]


def test_a_list_a_range_and_one_value_narrow_a_parameter_or_widen_it():
    given = {"knn": {"n_neighbors": {"low": 1, "high": 200}, "reference_rows": [1024, 4096], "contamination": 0.1}}
    found = resolve({"model_type": ["knn"], **given}, "knn").dimensions["knn"]
    assert found["n_neighbors"] == Dimension(None, 1, 200, whole=True, by_ratio=True)
    assert found["reference_rows"].choices == [1024, 4096]
    assert found["contamination"].choices == [0.1]


def test_a_list_of_members_is_one_value_and_a_list_of_such_lists_a_choice():
    def members(given):
        return resolve({"ensemble": {"members": given}}, "ensemble").dimensions["ensemble"]["members"].choices

    assert members(["knn", "pca"]) == [["knn", "pca"]]
    assert members([["knn"], ["pca"]]) == [["knn"], ["pca"]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"knn": {"n_neighbors": {"low": 1, "high": 5000}}}, "has 5000, which it cannot take; give a whole number"),
        ({"knn": {"n_neighbors": [1, 2.5]}}, "has 2.5, which it cannot take"),
        ({"knn": {"n_neighbors": {"low": 9, "high": 3}}}, "goes from 9 to 3"),
        ({"knn": {"n_neighbors": {"low": 1}}}, 'give {"low": 1, "high": 10}'),
        ({"knn": {"n_neighbors": {"low": 1, "hihg": 3}}}, "did you mean 'high'"),
        ({"knn": {"n_neighbors": []}}, "is an empty list"),
        ({"knn": {"n_neighbours": [1]}}, "did you mean 'n_neighbors'"),
        ({"knn": 3}, "give an object of its parameters"),
        ({"kn": {}}, "did you mean 'knn'"),
        ({"model_type": ["knn"], "pca": {}}, "which its model_type leaves out (knn)"),
        ({"model_type": []}, "give a list of detectors"),
        ({"model_type": ["forest"]}, "'forest'"),
        ({"context": "yes"}, "give true, false or [true, false]"),
        ({"ensemble": {"members": [["knn", "knn"]]}}, "each once"),
        ({"isolation_forest": {"max_samples": {"low": 0.5, "high": 100}}}, "keep to one of them"),
        (
            {"autoencoder": {"learning_rate": {"low": 0.001, "high": 0.1, "by_ratio": 1}}},
            "by_ratio is 1; it must be true or false",
        ),
        ({"knn": {"n_neighbors": {"low": 1, "high": 50, "by_ratio": "yes"}}}, 'is "yes"; it must be true or false'),
    ],
)
def test_a_space_that_contradicts_the_detector_is_refused_with_the_way_out(given, said):
    with pytest.raises(ConfigError, match=r"tuning\.space") as refused:
        resolve(given, "ensemble")
    assert said in str(refused.value)


def test_what_cannot_make_a_difference_is_not_searched():
    space = resolve({}, "ensemble")
    assert "ensemble.contamination" in space.names()
    assert "context" in space.names()
    small = narrowed(space, doubted=False, context=False)
    assert not [name for name in small.names() if "contamination" in name or name == "context"]


def test_candidates_are_counted_where_they_can_be():
    given = {
        "model_type": ["knn"],
        "context": [True],
        "knn": {"n_neighbors": [1, 2, 3], "reference_rows": [1024, 4096]},
    }
    assert narrowed(resolve(given, "knn"), doubted=False, context=True).points() == 6
    assert resolve({"model_type": ["pca"]}, "pca").points() is None
