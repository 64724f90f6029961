"""The page on scored traffic: what a shift looks at, and what feedback says of it."""

import copy
from typing import Any

import pytest
from netanomaly.report import scoring_page

from tests.unit.alerts.test_forms import INCIDENT
from tests.unit.report.test_evaluation_page import Page

SUMMARY: dict[str, Any] = {
    "model": {"name": "office", "version": 3, "digest": "sha256:d5"},
    "files": [{"uri": "conn.log", "bytes": 1, "rows": 5000}],
    "rows": 5000, "unscored": 0, "dropped": {}, "repaired": {}, "alerts": 400, "alerts_expected": [2, 20], "budget": 0.01,
    "first_seen": "2026-06-12T22:00:00.000Z", "last_seen": "2026-06-13T22:00:00.000Z", "not_listed": 0, "hours": [],
    "incidents_expected": [0, 3], "feedback": None,
}  # fmt: skip
BY = {"verdict": "5d0c9a11", "by": "jo", "why": "the <inventory>", "expires_at": "2026-07-13T08:00:00+00:00"}


def page(*incidents: dict[str, Any], **changes: Any) -> str:
    made = Page(scoring_page({**SUMMARY, **changes}, incidents))
    return made.text


def suppressed() -> dict[str, Any]:
    return {**copy.deepcopy(INCIDENT), "suppressed_by": BY}


def test_what_is_suppressed_stands_apart_with_who_and_why_and_until_when():
    text = page(suppressed(), alerts=345)
    assert "Nothing stands out that feedback does not explain" in text
    assert "1 more incident is suppressed by feedback" in text
    assert "Suppressed by feedback" in text
    assert "the <inventory> jo, verdict 5d0c9a11 2026-07-13 08:00 UTC" in text
    assert "far more alerts" not in text


def test_what_is_open_counts_and_what_was_to_be_expected_is_said():
    text = page(INCIDENT, suppressed())
    assert "60 rows alert unsuppressed, where 2 to 20 were to be expected" in text
    assert "1 incident, 1 of them grave" in text
    assert "Incidents 1 0 to 3 expected of normal traffic in that time" in text


def test_precision_is_told_with_its_interval_where_alerts_were_reviewed():
    known = {
        "drawn": 20, "judged": 12, "attacks": 3, "unsure": 1, "precision": 0.25, "low": 0.0889, "high": 0.5323, "days": 90,
    }  # fmt: skip
    text = page(INCIDENT, feedback={"precision": known, "unreadable": {"verdicts/office/x.json": "it is gone"}})
    assert "Precision 25" in text
    assert "3 of 12 alerts that were drawn at random and judged in the last 90 days were attacks" in text
    assert "1 object of feedback could not be read and suppressed nothing" in text
    assert "Hosts concerned" not in text


@pytest.mark.parametrize("feedback", [None, {"precision": None, "unreadable": {}}])
def test_without_reviews_nothing_is_said_of_precision(feedback):
    text = page(INCIDENT, feedback=feedback)
    assert "Precision" not in text
    assert "Hosts concerned" in text
