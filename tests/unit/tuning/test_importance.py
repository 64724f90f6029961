"""What goes with what trials catch, and how sure that is."""

import numpy as np
from netanomaly.tuning.importance import importance
from netanomaly.tuning.space import narrowed, resolve

SPACE = narrowed(resolve({"model_type": ["knn", "pca"]}, "knn"), doubted=False, context=False)


def trials(count, caught, seed=0):
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        neighbours = int(draw.integers(1, 17))
        params = (
            {"model_type": "knn", "knn.n_neighbors": neighbours, "knn.reference_rows": int(draw.integers(1024, 16384))}
            if number % 2
            else {"model_type": "pca", "pca.variance": float(draw.uniform(0.5, 0.99))}
        )
        found.append({"params": params, "quarter": caught(params, draw)})
    return found


def by_name(found):
    return {each["name"]: each for each in found}


def test_what_decides_is_found_and_what_does_not_is_not():
    def caught(params, draw):
        return (0.8 if params["model_type"] == "knn" else 0.4) + draw.normal(0, 0.02)

    found = importance(SPACE, trials(40, caught), 1)
    assert found[0]["name"] == "model_type"
    assert found[0]["share"] > 0.9
    assert found[0]["low"] > 0.5
    rest = by_name(found)
    assert rest["knn.reference_rows"]["share"] < 0.2
    assert rest["knn.reference_rows"]["trials"] == 20


def test_chance_alone_foretells_nothing_and_few_trials_say_so():
    found = importance(SPACE, trials(16, lambda params, draw: draw.normal(0.5, 0.1)), 1)
    assert all(each["share"] < 0.4 and each["low"] == 0 for each in found)
    assert by_name(found)["model_type"]["high"] > 0.3


def test_what_too_few_trials_have_is_left_out():
    assert importance(SPACE, trials(6, lambda params, draw: draw.random()), 1) == []
    assert importance(SPACE, trials(20, lambda params, draw: 0.5), 1) == []
    failed = [{"params": {"model_type": "knn"}, "quarter": None}] * 20
    assert importance(SPACE, failed, 1) == []
