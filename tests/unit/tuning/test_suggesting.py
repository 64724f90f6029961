"""Suggestions are the same wherever they are asked for, none comes twice, and those of a small space come to an end."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.models.catalogue import CATALOGUE, check
from netanomaly.tuning.rounds import IN_A_ROUND, ROUNDS, TRIALS_AT_MOST, in_rounds
from netanomaly.tuning.space import candidate, narrowed, resolve
from netanomaly.tuning.suggesting import candidate_of, cut, point_of, suggest

BASE = candidate({"model_type": "ensemble"})
SPACE = narrowed(resolve({}, "ensemble"), doubted=True, context=True)


def tried(points, state="complete"):
    return [
        {
            "number": number,
            "params": params,
            "candidate": candidate_of(params, SPACE, BASE),
            "state": state,
            "value": 0.3 + number / 100,
            "quarter": 0.2 + number / 200,
        }
        for number, params in enumerate(points, 1)
    ]


def test_the_same_trials_space_and_seed_give_the_same_suggestions():
    first = suggest(SPACE, BASE, 0.5, [], 8, 3)
    assert first == suggest(SPACE, BASE, 0.5, [], 8, 3)
    assert first != suggest(SPACE, BASE, 0.5, [], 8, 4)
    # As they come back from Kubeflow, and told anew each time.
    trials = json.loads(json.dumps(tried(first)))
    assert suggest(SPACE, BASE, 0.5, trials, 8, 3) == suggest(SPACE, BASE, 0.5, tried(first), 8, 3)


def test_the_first_are_the_defaults_of_each_detector():
    found = suggest(SPACE, BASE, 0.5, [], 9, 3)
    kinds = [(params["model_type"], params["context"]) for params in found]
    assert kinds[:4] == [(name, "true") for name in SPACE.detectors if name != "ensemble"]
    for params in found[:4]:
        assert candidate_of(params, SPACE, BASE)["parameters"] == check(params["model_type"], {})


def test_no_candidate_comes_twice_over_all_rounds():
    trials: list[dict] = []
    for wanted in in_rounds(40):
        trials += tried(suggest(SPACE, BASE, 0.5, trials, wanted, 1))
    seen = [json.dumps(each["candidate"], sort_keys=True) for each in trials]
    assert len(seen) == len(set(seen)) == 40
    assert json.dumps(BASE, sort_keys=True) not in seen


def test_a_small_space_is_tried_out_and_no_more():
    given = {
        "model_type": ["knn"],
        "context": [True],
        "knn": {"n_neighbors": [1, 2, 3], "reference_rows": [1024, 4096]},
    }
    space = narrowed(resolve(given, "knn"), doubted=False, context=True)
    base = candidate({"model_type": "knn"})
    found = suggest(space, base, 0.5, [], 16, 1)
    candidates = {(params["knn.n_neighbors"], params["knn.reference_rows"]) for params in found}
    assert len(found) == len(candidates) == 5  # and the defaults, which are a sixth


@given(seed=st.integers(0, 50), doubted=st.booleans(), context=st.booleans())
@settings(max_examples=15, deadline=None)
def test_every_suggestion_is_one_that_its_detector_takes(seed, doubted, context):
    space = narrowed(resolve({"model_type": list(CATALOGUE)}, "ensemble"), doubted=doubted, context=context)
    for params in suggest(space, BASE, 0.5, [], 12, seed):
        found = candidate_of(params, space, BASE)
        assert found["parameters"] == check(found["model_type"], found["parameters"])
        assert point_of(found, space) == params


def test_what_the_configuration_sets_beside_the_space_every_candidate_of_its_kind_keeps():
    base = candidate({"model_type": "isolation_forest", "parameters": {"bootstrap": True}})
    space = narrowed(resolve({}, "isolation_forest"), doubted=False, context=False)
    found = [candidate_of(params, space, base) for params in suggest(space, base, 0.5, [], 16, 1)]
    assert {each["parameters"]["bootstrap"] for each in found if each["model_type"] == "isolation_forest"} == {True}


def test_failed_trials_are_not_asked_for_again():
    first = suggest(SPACE, BASE, 0.5, [], 8, 3)
    later = suggest(SPACE, BASE, 0.5, tried(first, "failed"), 8, 3)
    assert not [params for params in later if params in first]


@pytest.mark.parametrize("trials", [1, 2, 5, 8, 31, 32, 33, 63, 64])
def test_trials_are_cut_into_rounds_of_at_most_sixteen(trials):
    rounds = in_rounds(trials)
    assert (len(rounds), sum(rounds)) == (ROUNDS, trials)
    assert max(rounds) <= IN_A_ROUND
    assert TRIALS_AT_MOST == 64


def test_nobody_is_cut_off_before_it_is_known_what_the_best_third_is():
    assert cut(tried(suggest(SPACE, BASE, 0.5, [], 4, 3)), 0.2) is None
    known = [{"quarter": place / 10} for place in range(8)] + [{"quarter": None}]
    limit = cut(known, 0.8)
    assert limit is not None
    assert sum(place / 10 >= limit for place in range(9)) == 3
