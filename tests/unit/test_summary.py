"""What a run says at its end: the verdict, the decision and what matters, in lines that fit a terminal."""

import pytest
from netanomaly.cli.summary import WIDTH, lines
from netanomaly.metrics.outcome import outcome

ASSESSMENT = {
    "word": "reservations",
    "status": "warning",
    "headline": "Usable, with 1 reservation",
    "reasons": ["it misses most of guess_passwd"],
    "checks": [],
}
FINDINGS = [
    {"severity": "note", "message": "nothing"},
    {"severity": "warning", "message": "column 'a' is constant"},
    {"severity": "error", "message": "column 'label' is gone"},
]
FIRST = {"decision": "promote", "because": "first", "reason": "there is no champion yet", "champion": None}


def summary(decision=FIRST, aliases=("champion",), reason="", version=1, findings=FINDINGS, assessment=ASSESSMENT):
    registration = {"aliases": list(aliases), "reason": reason} if version else None
    dossier = {
        "validation": {"findings": findings},
        "evaluation": {"assessment": assessment, "findings": []},
        "decision": decision,
    }
    found = outcome(dossier, registration)
    return {"model_name": "office", "version": version, "metrics": {"roc_auc": 0.9731}, **found}


def test_the_findings_that_matter_are_errors_and_warnings_errors_first():
    assert [each["severity"] for each in summary()["findings"]] == ["error", "warning"]


def test_verdict_decision_and_findings_are_said():
    text = "\n".join(lines(summary()))
    assert text.splitlines()[:3] == [
        "verdict     Usable, with 1 reservation",
        "            - it misses most of guess_passwd",
        "decision    champion: there is no champion yet",
    ]
    assert "findings    1 error and 1 warning" in text


def test_a_challenger_comes_with_the_command_that_promotes_it():
    keep = {"decision": "keep", "because": "incomparable", "reason": "other columns", "champion": {"version": 3}}
    text = "\n".join(lines(summary(keep, ("challenger",), version=4), "/a place/registry"))
    assert "challenger, not champion: other columns" in text
    assert "The champion is still version 3." in text
    command = text[text.index("netanomaly registry") :].partition("\n\n")[0].replace("\\\n", "").split()
    assert " ".join(command).startswith(
        "netanomaly registry alias set office:4 champion --registry '/a place/registry'"
    )


def test_a_champion_that_changed_meanwhile_is_told():
    found = summary({**FIRST, "champion": {"version": 1}}, ("challenger",), "the champion was version 2", version=3)
    assert found["decision"]["because"] == "champion_changed"
    assert "the champion was version 2" in "\n".join(lines(found))


def test_a_refusal_says_that_nothing_was_registered():
    reject = {"decision": "reject", "because": "gate", "reason": "min_roc_auc is missed", "champion": None}
    assert "decision    rejected: nothing was registered" in lines(summary(reject, version=None))


@pytest.mark.parametrize("word", ["short", "x" * 300, "many words " * 60])
def test_every_line_fits_but_for_words_that_cannot_be_cut(word):
    long = {**ASSESSMENT, "headline": word, "reasons": [word] * 9}
    found = summary(
        {**FIRST, "reason": word}, findings=[{"severity": "warning", "message": word}] * 50, assessment=long
    )
    shown = lines(found)
    assert len(shown) < 50
    for line in shown:
        assert len(line) <= WIDTH or " " not in line.strip().removeprefix("- ").removeprefix("verdict").strip()


def test_of_a_run_that_got_nowhere_nothing_is_said():
    assert lines({"model_name": "office", "version": None, "metrics": {}, **outcome()}) == []


def test_findings_by_one_rule_are_one_and_those_of_many_columns_come_last():
    constant = [
        {"severity": "warning", "rule": "constant_column", "message": f"column {name} is constant"} for name in "abc"
    ]
    leak = {"severity": "warning", "rule": "leakage", "message": "half of it is in the training data"}
    shown = lines(summary(findings=[*constant, leak]))
    start = shown.index("findings    4 warnings")
    assert shown[start + 1 :] == [
        "            - half of it is in the training data",
        "            - column a is constant (and 2 more like this)",
    ]
