"""Which rows are fitted on and judged on: no fold sees what another holds out, and none what the final check is of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.tuning.folds import CLASSES, FINAL, INJECTED, ROWS, described, kind_of, splits, usable


def laid(classes, normal=2000, *, times=None, keys=None, kind=None, budget=0.05, seed=1, share=0.0):
    attacks, first = {}, normal
    for name, rows in classes.items():
        attacks[name] = np.arange(first, first + rows)
        first += rows
    found = usable(attacks)
    return splits(
        np.arange(normal),
        found,
        kind=kind or kind_of(found) or "",
        budget=budget,
        seed=seed,
        times=None if times is None else np.concatenate([times, np.full(first - normal, np.nan)]),
        keys=keys,
        attack_share=share,
    )


@given(
    sizes=st.lists(st.integers(10, 60), min_size=2, max_size=9),
    seed=st.integers(0, 99),
    timed=st.booleans(),
    share=st.sampled_from([0.0, 0.05]),
)
@settings(max_examples=60, deadline=None)
def test_what_is_held_out_is_seen_by_nobody_else(sizes, seed, timed, share):
    times = np.sort(np.random.default_rng(seed).uniform(0, 1e6, 2000)) if timed else None
    found = laid({f"attack {place}": size for place, size in enumerate(sizes)}, times=times, seed=seed, share=share)
    folds, final = found[:-1], found[-1]
    assert final.name == FINAL
    assert 2 <= len(folds) <= 3
    judged = [set(split.normal.tolist()) for split in found]
    caught = [set(split.attack.tolist()) for split in found]
    for place, split in enumerate(found):
        assert len(split.attack)
        assert len(split.normal)
        # What is fitted on is not judged on, and no attack that is held out is fitted on.
        fitted = set(split.fit.tolist())
        assert not fitted & judged[place]
        assert not fitted & (caught[place] | caught[-1])
        assert all(
            not (caught[place] & other) and not (judged[place] & other) for other in [*caught[:place], *judged[:place]]
        )
    # The final check's rows and classes are nothing to any fold.
    for split in folds:
        assert not set(split.fit.tolist()) & judged[-1]
        assert not set(split.classes) & set(final.classes)


def test_the_same_rows_and_seed_give_the_same_folds():
    sizes = {"a": 30, "b": 20, "c": 20, "d": 40}
    one, other = laid(sizes), laid(sizes)
    for first, second in zip(one, other, strict=True):
        assert first.document() == second.document()
        assert (first.fit == second.fit).all()


def test_where_rows_have_times_a_fold_is_judged_on_what_came_after_a_gap():
    times = np.random.default_rng(3).permutation(np.arange(2000) * 60.0)
    for split in laid({"a": 20, "b": 20, "c": 20}, times=times):
        assert times[split.fit].max() < times[split.normal].min() - 600
        assert split.begin == times[split.normal].min()


def test_times_that_tell_nothing_apart_leave_folds_at_random():
    assert laid({"a": 20, "b": 20}, times=np.zeros(2000))[0].begin == 0.0
    assert len(laid({"a": 20, "b": 20}, times=np.full(2000, np.nan))) == 3


def test_equal_rows_fall_to_one_side():
    keys = np.repeat(np.arange(400, dtype=np.uint64), 5)
    for split in laid({"a": 20, "b": 20, "c": 20}, keys=keys):
        assert not set(keys[split.fit].tolist()) & set(keys[split.normal].tolist())


def test_one_class_is_judged_by_its_rows_and_named_so():
    found = laid({"1": 80})
    assert {split.classes for split in found} == {("1",)}
    assert "the labels name no second class" in described(ROWS, found)
    assert "injected attacks" in described(INJECTED, laid({"a": 20, "b": 20, "c": 20}))


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [
        ({"a": 10, "b": 10}, CLASSES),
        ({"a": 400}, ROWS),
        ({"a": 19}, None),
        ({}, None),
        ({"a": 400, "b": 3}, ROWS),
        ({"a": 400, "b": 5, "c": 5}, CLASSES),
        ({"b": 9, "c": 9}, None),
    ],
)
def test_what_can_be_held_out(sizes, kind):
    assert kind_of(usable({name: np.arange(rows) for name, rows in sizes.items()})) == kind


def test_rare_classes_are_one_together():
    found = usable({"flood": np.arange(50), "a": np.arange(5), "b": np.arange(6), "none": np.arange(0)})
    assert {name: len(rows) for name, rows in found.items()} == {"flood": 50, "2 rare classes": 11}


@pytest.mark.parametrize(("normal", "budget"), [(100, 0.01), (2000, 0.001)])
def test_too_few_normal_rows_for_the_budget_are_refused_in_numbers(normal, budget):
    with pytest.raises(DataError, match=f"{normal} normal rows are too few to tune on: .* allow more alerts"):
        laid({"a": 20, "b": 20}, normal=normal, budget=budget)


def test_where_nobody_says_which_rows_are_normal_other_folds_attacks_are_fitted_on_as_often_as_there_are_any():
    found = laid({"a": 60, "b": 60, "c": 60, "d": 60}, share=0.02)
    for split in found:
        attacks = (split.fit >= 2000).sum()
        assert attacks / len(split.fit) == pytest.approx(0.02, abs=0.002)
