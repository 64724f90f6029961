"""Champion and challenger: what wins, what is noise, and what a lost attack class does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.metrics.comparison import Pairs, _Ranked, compare
from netanomaly.metrics.detection import recall_at, roc_auc
from netanomaly.metrics.distribution import Distribution, ScoreCounts
from netanomaly.stages.evaluate.program import decide
from netanomaly.stages.register.program import promotion

ATTACK = np.arange(3000) >= 2000
CLASSES = np.where(ATTACK, np.where(np.arange(3000) % 5 == 0, 2, 1), 0).astype(np.int32)
NAMES = ["normal", "flood", "scan"]


def scores(shift, seed=0, scan=None):
    found = np.random.default_rng(seed).normal(0, 1, 3000) + shift * ATTACK
    if scan is not None:
        found[CLASSES == 2] += scan
    return found.astype(np.float32)


def compared(champion, challenger, min_improvement=0.0, attack=ATTACK):
    pairs, before, after = Pairs(0), ScoreCounts(), ScoreCounts()
    pairs.add(champion, challenger, attack)
    before.add(champion, np.where(attack, CLASSES, 0))
    after.add(challenger, np.where(attack, CLASSES, 0))
    return compare(before, after, pairs, NAMES, {"normal"}, 0.01, min_improvement, 0)


def test_a_clearly_better_model_is_promoted_with_the_interval_of_its_lead():
    document = compared(scores(1), scores(2))
    difference = document["difference"]["roc_auc"]
    assert document["decision"] == "promote"
    assert 0 < difference["low"] < difference["value"] < difference["high"]
    normal, attack = Distribution.of(scores(2)[~ATTACK]), Distribution.of(scores(2)[ATTACK])
    assert document["challenger"]["roc_auc"] == roc_auc(normal, attack)


def test_a_worse_model_and_one_that_misses_the_improvement_asked_for_leave_the_champion():
    assert compared(scores(2), scores(1))["decision"] == "keep"
    slight = compared(scores(1), scores(1.2), min_improvement=0.1)
    assert slight["decision"] == "keep"
    assert "at least 0.1 and more than chance explains" in slight["reason"]


def test_a_lead_within_noise_leaves_the_champion():
    found = compared(scores(0.5, seed=1), scores(0.51, seed=2))
    if found["difference"]["roc_auc"]["value"] < 0:
        found = compared(scores(0.5, seed=2), scores(0.51, seed=1))
    assert (found["decision"], found["because"]) == ("keep", "no_gain")
    assert "more than chance explains" in found["reason"]


def test_recall_at_the_budget_decides_before_the_ranking():
    """A challenger that ranks the bulk better and catches less at the budget does not win; the other way round it does."""
    loud = scores(1)
    loud[ATTACK & (np.arange(3000) % 2 == 0)] += 8
    broad = scores(2)
    assert compared(loud, broad)["difference"]["roc_auc"]["low"] > 0
    assert compared(loud, broad)["decision"] == "keep"
    assert "catches less" in compared(loud, broad)["reason"]
    won = compared(broad, loud)
    assert won["difference"]["recall_at_1_percent"]["low"] > 0 > won["difference"]["roc_auc"]["high"]
    assert won["decision"] == "promote"


def test_recall_of_a_resample_is_that_of_its_rows_written_out():
    draw = np.random.default_rng(5)
    normal, attack = draw.integers(0, 40, 300).astype(float), draw.integers(20, 60, 100).astype(float)
    normals, attacks = draw.integers(0, 4, 300), draw.integers(0, 4, 100)
    found = _Ranked.of(normal, attack).measured(normals, attacks, 0.05)
    written = Distribution.of(np.repeat(normal, normals)), Distribution.of(np.repeat(attack, attacks))
    assert found == pytest.approx([roc_auc(*written), recall_at(*written, 0.05)[0]])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-0.3, 0.3), st.floats(0.01, 0.3))
def test_of_two_models_at_most_one_beats_the_other(seed, lead, noise):
    first = scores(1, seed)
    second = (first + lead * ATTACK + np.random.default_rng(seed).normal(0, noise, 3000)).astype(np.float32)
    decisions = {compared(first, second)["decision"], compared(second, first)["decision"]}
    assert decisions in ({"keep"}, {"keep", "promote"})


def test_pairing_makes_the_interval_narrow_where_both_models_err_alike():
    alike = compared(scores(1), scores(1.05))["difference"]["roc_auc"]
    apart = compared(scores(1), scores(1.05, seed=1))["difference"]["roc_auc"]
    assert alike["high"] - alike["low"] < (apart["high"] - apart["low"]) / 5


def test_the_interval_of_equal_models_is_nothing_and_the_champion_stays():
    found = compared(scores(1), scores(1))
    assert found["difference"]["roc_auc"] == {"value": 0, "low": 0, "high": 0}
    assert (found["decision"], found["because"]) == ("keep", "no_gain")
    assert "exactly as good" in found["reason"]


def test_a_better_model_that_loses_an_attack_class_leaves_the_champion_and_says_which():
    found = compared(scores(1.5), scores(5, scan=-5))
    assert found["decision"] == "keep"
    assert "attack class 'scan'" in found["reason"]
    assert found["class_losses"][0]["rows"] == 200


def test_data_that_cannot_tell_them_apart_leaves_the_champion():
    nothing = compared(scores(1), scores(2), attack=np.zeros(3000, dtype=bool))
    assert nothing["decision"] == "keep"
    assert "labelled rows" in nothing["reason"]


@pytest.mark.parametrize(
    ("comparison", "reasons", "decision", "aliases", "champion"),
    [
        (None, [], "promote", ("champion",), None),
        (None, ["min_roc_auc is missed"], "reject", (), None),
        ({"decision": "promote", "reason": "", "champion": {"version": 3}}, [], "promote", ("champion",), 3),
        ({"decision": "keep", "reason": "", "champion": {"version": 3}}, [], "keep", (), 3),
        ({"decision": "promote", "reason": "", "champion": {"version": 3}}, ["no"], "reject", (), 3),
    ],
)
def test_the_decision_becomes_the_promotion_that_is_asked_of_the_registry(
    comparison, reasons, decision, aliases, champion
):
    found = decide(comparison, reasons)
    assert found["decision"] == decision
    asked = promotion(found)
    assert (asked.aliases, asked.compared, asked.champion) == (aliases, True, champion)
