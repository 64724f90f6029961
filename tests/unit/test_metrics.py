"""Thresholds, metrics and gates on plain values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.errors import ConfigError, DataError
from netanomaly.metrics import detection, gates
from netanomaly.metrics.distribution import Distribution, ScoreCounts
from netanomaly.metrics.intervals import Ranking, bootstrap, exact_share
from netanomaly.metrics.thresholds import calibrate, operating_points, rows_needed
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=60)


@given(SCORES, st.floats(0.01, 0.99))
def test_no_more_calibration_rows_than_the_budget_allows_score_over_the_threshold(scores, budget):
    if rows_needed(budget) > len(scores):
        with pytest.raises(DataError, match=f"at least {rows_needed(budget)} calibration rows"):
            calibrate(np.array(scores), budget)
    else:
        point = calibrate(np.array(scores), budget)
        # The new row counts as one that alerts: (alerts + 1) / (rows + 1) is within the budget for distinct scores.
        assert (np.count_nonzero(np.array(scores) > point.threshold)) <= budget * (len(scores) + 1) + 1e-9


def test_the_promised_rate_is_kept_on_average_over_calibrations():
    draw = np.random.default_rng(0)
    rates = [1 - calibrate(draw.random(199), 0.05).threshold for _ in range(3000)]
    assert np.mean(rates) == pytest.approx(0.05, abs=0.001)
    low, high = calibrate(draw.random(199), 0.05).rate(0.95)
    assert np.mean([low <= rate <= high for rate in rates]) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("budget", "rows"), [(0.01, 99), (0.05, 19), (0.001, 999), (0.5, 1), (0.3, 3)])
def test_the_rows_a_budget_needs_are_the_fewest_that_do(budget, rows):
    assert rows_needed(budget) == rows
    calibrate(np.arange(rows, dtype=float), budget)
    with pytest.raises(DataError, match=f"there are {rows - 1}"):
        calibrate(np.arange(rows - 1, dtype=float), budget)


def test_operating_points_are_those_the_rows_can_resolve_and_the_one_asked_for():
    points = operating_points(np.arange(500.0), 0.03)
    assert [point.budget for point in points] == [0.005, 0.01, 0.02, 0.03, 0.05, 0.1]


@settings(max_examples=200)
@given(SCORES, SCORES)
def test_values_are_those_of_scikit_learn(normal, attack):
    truth, scores = np.r_[np.zeros(len(normal)), np.ones(len(attack))], np.r_[normal, attack]
    normal, attack = Distribution.of(normal), Distribution.of(attack)
    assert detection.roc_auc(normal, attack) == pytest.approx(roc_auc_score(truth, scores))
    assert detection.average_precision(normal, attack) == pytest.approx(average_precision_score(truth, scores))
    rates, recalls, _ = roc_curve(truth, scores, drop_intermediate=False)
    for rate in (0.01, 0.1, 0.5):
        assert detection.recall_at(normal, attack, rate)[0] == pytest.approx(recalls[rates <= rate + 1e-12].max())


def test_bootstrap_intervals_hold_the_truth_as_often_as_they_say():
    """Normal scores N(0, 1), attacks N(1.5, 1): the area is known in closed form, Phi(1.5 / sqrt 2)."""
    draw = np.random.default_rng(1)
    truth, held = 0.8555, 0
    for seed in range(60):
        normal = Distribution.of(draw.normal(0, 1, 300))
        attack = Distribution.of(draw.normal(1.5, 1, 200))
        values = detection.ranking(normal, attack)
        low, high = bootstrap(normal, attack, values, detection.FALSE_POSITIVE_RATES, seed).roc_auc
        held += low <= truth <= high
    assert held >= 51


def test_intervals_hold_their_value_and_stay_within_0_and_1():
    normal, attack = Distribution.of(np.zeros(50)), Distribution.of(np.ones(3))
    intervals = bootstrap(normal, attack, Ranking(1.0, 1.0, [1.0, 1.0, 1.0]), detection.FALSE_POSITIVE_RATES, 0)
    assert intervals.roc_auc == (1.0, 1.0)
    assert exact_share(0, 0) == (0.0, 1.0)
    assert exact_share(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)  # the textbook value


def test_a_score_equal_to_the_threshold_is_no_alert():
    scores = np.array([0.1, 0.2, 0.2, 0.9, 0.2, 0.9], np.float32)
    classes = np.array([0, 0, 0, 0, 1, 1], np.int32)
    points = operating_points(np.array([0.0, 0.1, 0.2]), 0.3)
    counts = ScoreCounts([0.2])
    counts.add(scores, classes)
    document = detection.measure(counts, True, ["normal", "scan"], {"normal"}, points, 0.3, 0)
    assert document["threshold"] == 0.2
    point = document["at_threshold"]
    assert (point["true_positives"], point["false_positives"], point["alerts"]) == (1, 1, 2)
    assert document["classes"] == [
        {
            "name": "scan",
            "rows": 2,
            "detected": 1,
            "recall": 0.5,
            "low": pytest.approx(0.0126, abs=1e-3),
            "high": pytest.approx(0.9874, abs=1e-3),
        }
    ]
    assert sum(document["scores"]["normal"]) == 4
    assert sum(document["scores"]["attack"]) == 2


def test_curves_have_few_points_begin_and_end_in_the_corners_and_never_go_back():
    draw = np.random.default_rng(0)
    normal, attack = (Distribution.of(draw.normal(mean, 1, 5000)) for mean in (0, 1))
    curves = detection.curves(normal, attack)
    assert len(curves["roc"]) <= 200
    assert len(curves["precision_recall"]) <= 200
    assert (curves["roc"][0], curves["roc"][-1]) == ([0.0, 0.0], [1.0, 1.0])
    assert curves["roc"] == sorted(curves["roc"])
    points = detection.confidence_metrics(normal, attack)
    assert len(points) <= 100
    assert all(np.isfinite(list(point.values())).all() for point in points)


METRICS = {
    "roc_auc": {"value": 0.8, "low": 0.75, "high": 0.85},
    "alert_budget": 0.01,
    "average_precision": None,
    "recall_at": [{"false_positive_rate": 0.01, "recall": 0.5}],
    "at_threshold": {
        "recall": 0.4,
        "recall_interval": {"value": 0.4, "low": 0.35, "high": 0.45},
        "false_positive_rate": {"value": 0.02},
    },
    "classes": [{"name": "scan", "recall": 0.3}],
    "replay": {"patterns": [{"name": "scan", "recall": 0.4}]},
}


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ({"min_roc_auc": 0.8}, None),
        ({"min_roc_auc": 0.81}, "min_roc_auc is 0.81 and the model reached 0.8000"),
        ({"min_recall_at_1_percent": 0.6}, "reached 0.5000"),
        ({"max_false_positive_rate": 0.02}, None),
        ({"max_false_positive_rate": 0.01}, "reached 0.0200"),
        ({"min_average_precision": 0.1}, "cannot be judged"),
        ({"min_class_recall": {"scan": 0.3}}, None),
        ({"min_class_recall": {"sacn": 0.3}}, r"no attack class 'sacn' \(it has scan\)"),
        ({"min_replay_recall": {"scan": 0.4}}, None),
        ({"min_replay_recall": {"scan": 0.5}}, "min_replay_recall.scan is 0.5 and the model reached 0.4000"),
        (
            {"min_replay_recall": {"beacon": 0.5}},
            "cannot be judged: attacks are injected among normal flows of a sensor",
        ),
    ],
)
def test_a_gate_passes_or_says_why_not(gate, reason):
    import re

    gates.check(gate)
    results, reasons = gates.judge(gate, METRICS)
    assert results[0]["passed"] == (reason is None)
    assert len(reasons) == (reason is not None)
    if reason:
        assert re.search(reason, reasons[0])


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ({"min_auc": 0.9}, "did you mean 'min_roc_auc'"),
        ({"min_roc_auc": 1.2}, "a number from 0 to 1"),
        ({"min_roc_auc": "0.9"}, "a number from 0 to 1"),
        ({"min_roc_auc": True}, "a number from 0 to 1"),
        ({"min_class_recall": 0.5}, "object of attack class"),
        ({"min_class_recall": {"scan": 2}}, "min_class_recall.scan is 2"),
        ({"min_replay_recall": 0.5}, "object of pattern"),
        ({"min_replay_recall": {"becon": 0.5}}, "did you mean 'beacon'"),
        ({"min_replay_recall": {"beacon": 2}}, "min_replay_recall.beacon is 2"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(gate, says):
    with pytest.raises(ConfigError, match=says):
        gates.check(gate)


def judged(normal, attacks, false_alarms, found, area=(0.9, 0.88, 0.92), budget=0.01, **wanted):
    """The default gates on so many rows of which so many alert: passed by gate, and the reasons."""
    low, high = exact_share(found, attacks)
    document = {
        **METRICS,
        "alert_budget": budget,
        "roc_auc": dict(zip(("value", "low", "high"), area, strict=True)),
        "at_threshold": {
            "recall_interval": {"value": found / attacks, "low": low, "high": high},
            "false_positive_rate": {"value": false_alarms / normal},
        },
        "budgets": [{"budget": 0.05, "recall": 0.41, "false_positive_rate": 0.05}],
    }
    gates.check(wanted)
    results, reasons = gates.judge(wanted, document)
    return {each["gate"]: each["passed"] for each in results}, reasons


@pytest.mark.parametrize(
    ("rows", "passed"),
    [
        ((9711, 12833, 117, 167), False),  # 1.3% of attacks at 1.2% false alarms
        ((10**6, 10**6, 12_000, 13_000), False),  # the same, and no chance about it
        ((9711, 12833, 97, 6000), True),
        ((9711, 12833, 7575, 12000), False),  # 78% of normal rows alert
        ((500, 5, 5, 0), None),
        ((500, 5, 5, 3), True),
        ((500, 10, 5, 1), None),
        ((500, 200, 5, 3), False),  # at most 4.3%, whatever chance did
    ],
)
def test_an_attack_must_be_twice_as_likely_to_alert_as_chance_makes_it(rows, passed):
    found, reasons = judged(*rows)
    assert found == {"min_roc_auc_low": True, "min_lift": passed}
    assert bool(reasons) == (passed is False)
    if reasons:
        assert reasons[-1] == "with alert_budget 0.05 it would catch 41%"


@pytest.mark.parametrize(
    ("area", "passed"),
    [((0.55, 0.51, 0.59), True), ((0.53, 0.49, 0.57), False), ((0.6, 0.4, 0.8), None), ((0.3, 0.2, 0.4), False)],
)
def test_a_ranking_must_be_better_than_a_coin_toss_by_more_than_its_interval(area, passed):
    found, reasons = judged(1000, 400, 10, 200, area)
    assert found["min_roc_auc_low"] is passed
    assert bool(reasons) == (passed is False)
    if passed is False:
        # Other columns are no way out where the ranking is upside down.
        assert ("look at what it was trained on" in reasons[-1]) is (area[2] < 0.5)


def test_default_gates_can_be_switched_off_or_set_and_what_is_set_has_to_be_shown():
    assert judged(500, 200, 5, 3, min_lift=False)[1] == []
    assert judged(500, 5, 5, 0, min_lift=2)[0]["min_lift"] is False
    assert judged(1000, 400, 10, 40, min_lift=5)[0]["min_lift"] is True
    assert judged(1000, 400, 10, 40, min_lift=9)[0]["min_lift"] is False
    unlabelled = {**METRICS, "roc_auc": None, "at_threshold": {"alerts": 3}}
    assert gates.judge({}, unlabelled) == ([], [])
    assert "cannot be judged" in gates.judge({"min_lift": 2}, unlabelled)[1][0]
    with pytest.raises(ConfigError, match="or false to do without"):
        gates.check({"min_lift": None})
