"""Recall at the budget, each class counting the same, and whether one detector catches more than another."""

import numpy as np
import pytest
from netanomaly.metrics.detection import recall_at
from netanomaly.metrics.distribution import Distribution
from netanomaly.tuning.judging import Judged, _Side, agreement, compared

from tests.unit.tuning.making import judged


def test_each_class_counts_the_same():
    found = judged(normal=[0.0] * 99 + [5.0], attack=[9.0] * 90 + [1.0] * 10, codes=[0] * 90 + [1] * 10)
    assert found.recalls(0.02) == [1.0, 1.0]
    assert found.recalls(0.001) == [1.0, 0.0]
    assert found.recall(0.001) == 0.5


def test_recall_is_that_of_the_evaluation():
    draw = np.random.default_rng(0)
    normal, attack = draw.normal(0, 1, 500).round(1), draw.normal(1, 1, 200).round(1)
    found = judged(normal, attack, np.zeros(200))
    for budget in (0.002, 0.01, 0.1, 0.5):
        assert found.recall(budget) == recall_at(Distribution.of(normal), Distribution.of(attack), budget)[0]


def test_a_detector_does_not_differ_from_itself():
    draw = np.random.default_rng(1)
    one = judged(draw.normal(0, 1, 300), draw.normal(2, 1, 90), np.arange(90) % 3)
    found = compared(one, one, 0.05, 7)
    assert found.difference == (0.0, 0.0, 0.0)
    low, value, high = found.before[1], found.before[0], found.before[2]
    assert low <= value <= high
    assert low < high


def test_a_better_detector_is_better_beyond_the_interval_and_a_shuffled_one_is_not():
    draw = np.random.default_rng(2)
    normal, attack, codes = draw.normal(0, 1, 1000), draw.normal(2, 1, 300), np.arange(300) % 3
    one = judged(normal, attack, codes)
    better = judged(normal, attack + 1.5, codes)
    same = judged(draw.permutation(normal), draw.normal(2, 1, 300), codes)
    assert compared(one, better, 0.02, 7).difference[1] > 0
    assert compared(better, one, 0.02, 7).difference[2] < 0
    _, low, high = compared(one, same, 0.02, 7).difference
    assert low < 0 < high


def test_ties_at_the_threshold_are_resampled_as_they_are_counted():
    """Scores of few values: what each replicate catches is what recall_at says of it."""
    one = judged([0.0] * 95 + [1.0] * 5, [1.0] * 50 + [2.0] * 50, np.zeros(100))
    found = compared(one, one, 0.05, 3)
    assert found.before[0] == one.recall(0.05) == 1.0
    assert one.recall(0.01) == 0.5
    assert compared(one, one, 0.01, 3).before[0] == 0.5


def test_what_a_resample_catches_is_what_lies_above_its_own_threshold():
    draw = np.random.default_rng(5)
    for _ in range(50):
        one = judged(draw.integers(0, 30, 100), draw.integers(0, 40, 60), np.zeros(60))
        weights = np.bincount(draw.integers(0, 100, 100), minlength=100)
        quiet = int(draw.integers(1, 101))
        threshold = np.sort(np.repeat(one.normal, weights))[quiet - 1]
        assert (_Side(one).caught(weights, quiet) == (one.attack > threshold)).all()


def test_the_interval_covers_the_difference_as_often_as_it_says():
    draw = np.random.default_rng(4)
    covered = 0
    for trial in range(40):
        normal = draw.normal(0, 1, 400)
        one = judged(normal, draw.normal(1.0, 1, 200), np.zeros(200))
        other = judged(draw.normal(0, 1, 400), draw.normal(1.0, 1, 200), np.zeros(200))
        _, low, high = compared(one, other, 0.1, trial).difference
        covered += low <= 0 <= high
    assert covered >= 33


def test_agreement_is_a_rank_correlation():
    scores = np.arange(50, dtype=np.float32)
    assert agreement(scores, scores**2) == pytest.approx(1)
    assert agreement(scores, -scores) == pytest.approx(-1)
    assert agreement(scores, np.zeros(50, dtype=np.float32)) == 0
    assert isinstance(Judged(scores, scores, scores.astype(np.int32)).recall(0.5), float)
