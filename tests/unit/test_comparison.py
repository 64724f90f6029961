"""Champion and challenger: what wins, what is noise, and what a lost attack class does."""

import numpy as np
import pytest
from netanomaly.metrics.comparison import Pairs, compare
from netanomaly.metrics.detection import roc_auc
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
    assert "a rise of at least 0.1 is asked for" in slight["reason"]


def test_a_lead_within_noise_leaves_the_champion():
    found = compared(scores(0.5, seed=1), scores(0.51, seed=2))
    if found["difference"]["roc_auc"]["value"] < 0:
        found = compared(scores(0.5, seed=2), scores(0.51, seed=1))
    assert found["decision"] == "keep"
    assert "within noise" in found["reason"]


def test_pairing_makes_the_interval_narrow_where_both_models_err_alike():
    alike = compared(scores(1), scores(1.05))["difference"]["roc_auc"]
    apart = compared(scores(1), scores(1.05, seed=1))["difference"]["roc_auc"]
    assert alike["high"] - alike["low"] < (apart["high"] - apart["low"]) / 5


def test_the_interval_of_equal_models_is_nothing():
    found = compared(scores(1), scores(1))
    assert found["difference"]["roc_auc"] == {"value": 0, "low": 0, "high": 0}
    assert found["decision"] == "promote"


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
