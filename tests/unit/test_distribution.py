"""Scores as distributions: what they say is what the scores themselves say, and how much is kept is bounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.metrics.detection import roc_auc
from netanomaly.metrics.distribution import Distribution, ScoreCounts

FLOATS = st.floats(-(2.0**100), 2.0**100, width=32) | st.sampled_from([-1.0, -0.0, 0.0, 0.25, 1.0, 1e-45])
SCORES = st.lists(FLOATS, min_size=1, max_size=60)


@given(SCORES, SCORES)
def test_rows_below_up_to_and_at_are_those_of_the_sorted_scores(scores, asked):
    distribution, ascending = Distribution.of(scores), np.sort(np.array(scores, np.float32))
    assert distribution.rows == len(scores)
    assert distribution.below(asked).tolist() == [int((ascending < np.float32(each)).sum()) for each in asked]
    assert distribution.up_to(asked).tolist() == [int((ascending <= np.float32(each)).sum()) for each in asked]
    assert distribution.above(asked[0]) == int((ascending > np.float32(asked[0])).sum())
    assert distribution.at(np.arange(len(scores) + 3)).tolist() == [*ascending, *[ascending[-1]] * 3]


def test_an_empty_distribution_has_no_rows_below_anything():
    empty = Distribution.of(np.empty(0))
    assert (empty.rows, empty.above(0.0), empty.below([1.0]).tolist()) == (0, 0, [0])


@given(st.lists(st.tuples(FLOATS, st.integers(0, 3)), min_size=1, max_size=80), st.integers(1, 30), FLOATS)
def test_counts_by_class_are_those_of_the_rows_however_they_were_batched(rows, batch, threshold):
    scores = np.array([score for score, _ in rows], np.float32)
    classes = np.array([place for _, place in rows], np.int32)
    counts = ScoreCounts(different=1000)
    for start in range(0, len(rows), batch):
        counts.add(scores[start : start + batch], classes[start : start + batch])
    above = scores > np.float32(threshold)
    assert counts.rows(4).tolist() == np.bincount(classes, minlength=4).tolist()
    assert counts.above(threshold, 4).tolist() == np.bincount(classes[above], minlength=4).tolist()
    assert counts.of().upto.tolist() == Distribution.of(scores).upto.tolist()
    for wanted in ([0], [1, 3], []):
        expected = Distribution.of(scores[np.isin(classes, wanted)])
        assert counts.of(wanted).values.tolist() == expected.values.tolist()
        assert counts.of(wanted).upto.tolist() == expected.upto.tolist()


@given(st.integers(0, 20), st.integers(50, 400), st.sampled_from([16, 64]))
def test_rounding_keeps_the_order_the_thresholds_and_few_enough_scores_in_any_order_of_rows(seed, rows, different):
    draw = np.random.default_rng(seed)
    scores = draw.normal(0, 1, rows).astype(np.float32)
    thresholds = [*draw.choice(scores, 2).tolist(), float(draw.normal())]
    found = []
    for order in (np.arange(rows), draw.permutation(rows)):
        counts = ScoreCounts(thresholds, different)
        for start in range(0, rows, 37):
            counts.add(scores[order][start : start + 37])
        for threshold in thresholds:
            assert counts.above(threshold, 1).tolist() == [int((scores > np.float32(threshold)).sum())]
        found.append(counts.of([0]))
    assert found[0].values.tolist() == found[1].values.tolist()
    assert found[0].upto.tolist() == found[1].upto.tolist()
    assert len(found[0].values) <= different
    assert (found[0].at(np.arange(rows)) <= np.sort(scores)).all()


def test_what_is_rounded_together_hardly_moves_the_area():
    draw = np.random.default_rng(0)
    normal, attack = (draw.normal(mean, 1, 200_000).astype(np.float32) for mean in (0, 1))
    counts = ScoreCounts(different=20_000)
    counts.add(np.concatenate([normal, attack]), np.repeat([0, 1], 200_000))
    exact = roc_auc(Distribution.of(normal), Distribution.of(attack))
    assert roc_auc(counts.of([0]), counts.of([1])) == pytest.approx(exact, abs=1e-5)
    assert len(counts.of([0, 1]).values) > 5_000
