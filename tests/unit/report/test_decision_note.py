"""The decision as a note: what was decided, why, and nothing that data could turn into markup."""

from netanomaly.report import decision_note
from netanomaly.stages.evaluate.program import decide

from tests.unit import report_documents as documents

COMPARISON = {
    "rule": "promote where ROC-AUC rises",
    "decision": "keep",
    "reason": "it does not rise",
    "champion": {"roc_auc": 0.91, "version": 4},
    "challenger": {"roc_auc": 0.9},
    "difference": {"roc_auc": {"value": -0.01, "low": -0.02, "high": 0.001}},
    "class_losses": [{"name": "scan", "rows": 300, "champion": 0.9, "challenger": 0.5}],
}


def lines(decision) -> list[str]:
    return decision_note(decision, documents.evaluation(), "office").splitlines()


def test_with_a_champion_both_sides_and_their_difference_are_shown():
    note = lines(COMPARISON)
    assert note[0] == "# office: keep"
    assert "**Keep**: it is registered, not as champion." in note
    choice = lines({**COMPARISON, "challenger_alias": True})
    assert "**Keep**: it is registered, not as champion but as challenger: a person has to choose." in choice
    assert "Why: it does not rise" in note
    assert "| ROC-AUC | 0.9100 | 0.9000 | -0.0100 (-0.020 to 0.001) |" in note
    assert "| scan | 300 | 90.0% | 50.0% |" in note


def test_without_a_champion_the_models_own_figures_are_shown():
    note = lines(decide(None, []))
    assert note[0] == "# office: promote"
    assert any(line.startswith("| ROC-AUC | 0.") for line in note)
    assert "Why: there is no champion yet, and no gate refused" in note


def test_a_refusal_says_that_nothing_is_registered():
    note = lines(decide(None, ["min_roc_auc is 0.99 and the model reached 0.9"]))
    assert "**Reject**: it is not registered." in note
    assert r"Why: min\_roc\_auc is 0.99 and the model reached 0.9" in note


def test_names_from_data_cannot_become_markup():
    hostile = {**COMPARISON, "class_losses": [{"name": "a|b<script>\n# [x](http://y)", "rows": 60, "champion": 1}]}
    (row,) = [line for line in lines(hostile) if "script" in line]
    assert row.startswith(r"| a\|b\<script\> \# \[x\](http://y) | 60 |")
