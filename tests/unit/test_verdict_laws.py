"""Gates, verdict, decision and exit never contradict each other, whatever was measured."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.metrics import gates
from netanomaly.metrics.intervals import exact_share
from netanomaly.stages.evaluate.program import decide
from netanomaly.stages.evaluate.verdict import NEVER_CHAMPION, ONLY_FIRST_CHAMPION, assess

LEAK = {"rule": "column_tells_alone", "severity": "warning", "column": "code", "message": "gives the answer away"}
COMPARISONS = [None, {"decision": "promote", "because": "gain", "reason": "", "champion": {"version": 3}}]


@st.composite
def evaluations(draw) -> dict[str, Any]:
    """Any counts of normal rows and attacks that alert, and any ROC-AUC with an interval about it; or no labels."""
    normal, attacks = draw(st.integers(1, 50_000)), draw(st.integers(1, 50_000))
    found, false = draw(st.integers(0, attacks)), draw(st.integers(0, normal))
    area, wide = draw(st.floats(0, 1)), draw(st.floats(0, 0.5))

    def share(part, whole):
        low, high = exact_share(part, whole)
        return {"value": part / whole, "low": low, "high": high}

    document = {
        "labelled": True,
        "rows": normal + attacks,
        "normal": normal,
        "attacks": attacks,
        "alert_budget": draw(st.sampled_from([0.001, 0.01, 0.05, 0.3])),
        "roc_auc": {"value": area, "low": max(area - wide, 0), "high": min(area + wide, 1)},
        "recall_at": [],
        "at_threshold": {
            "alerts": found + false,
            "recall": found / attacks,
            "recall_interval": share(found, attacks),
            "false_positive_rate": share(false, normal),
        },
        "classes": [{"name": "attack", "rows": attacks, "detected": found, "recall": found / attacks}],
    }
    if draw(st.booleans()):
        return document
    nothing: dict[str, Any] = {
        "roc_auc": None,
        "normal": None,
        "attacks": None,
        "classes": [],
        "at_threshold": {"alerts": false},
    }
    return {**document, "labelled": False, **nothing}


@settings(max_examples=300)
@given(
    evaluations(),
    st.sampled_from([{}, {"min_lift": False}, {"min_lift": False, "min_roc_auc_low": False}, {"min_lift": 3}]),
    st.sampled_from([[], [LEAK]]),
    st.sampled_from(COMPARISONS),
)
def test_gates_verdict_and_decision_agree(document, wanted, findings, comparison):
    results, reasons = gates.judge(wanted, document)
    document |= {"gates": results, "reasons": reasons, "verdict": "refuse" if reasons else "pass"}
    assessment = assess(document, {"verdict": "pass", "findings": findings}, {}, {})
    decision = decide(comparison, reasons, assessment)
    failed = [each["gate"] for each in results if each["passed"] is False]
    off = [each["gate"] for each in results if each.get("off")]

    assert (decision["decision"] == "reject") == bool(reasons) == bool(set(failed) - set(off))
    if decision["decision"] == "promote":
        assert not failed
        assert assessment["word"] not in NEVER_CHAMPION
        assert comparison is None or assessment["word"] not in ONLY_FIRST_CHAMPION
    if document["labelled"]:
        assert (assessment["word"] == "not_usable") == bool(failed)
    if findings:
        assert assessment["status"] != "good"
        assert decision["decision"] != "promote", "figures that may come from the answer make no champion"
    if off:
        assert any("witched off" in check["sentence"] for check in assessment["checks"]) or reasons
    if assessment["status"] == "good":
        assert all(check["told"] and check["status"] in ("good", "note") for check in assessment["checks"])
    if assessment["word"] == "cannot_be_told":
        assert None in [each["passed"] for each in results]
        assert decision["decision"] == ("reject" if reasons else "keep" if comparison else "promote")


def test_a_measurement_that_tells_all_is_a_reservation():
    alone = {"rule": "measurement_tells_alone", "severity": "warning", "column": "bytes", "message": "alone it tells"}
    validation = {"verdict": "pass", "findings": [alone]}
    verdict = assess({"labelled": True, "verdict": "pass", "rows": 5000}, validation, {}, {})
    assert (verdict["word"], verdict["status"]) == ("reservations", "warning")
    assert any("bytes alone tells attacks" in reason for reason in verdict["reasons"])
