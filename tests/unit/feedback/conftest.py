"""Incidents as scoring makes them, and verdicts on them."""

import copy
from typing import Any

import pytest
from netanomaly.feedback import scopes
from netanomaly.feedback.documents import BENIGN, Verdict

from tests.unit.alerts.test_forms import INCIDENT


@pytest.fixture
def incident() -> dict[str, Any]:
    """A horizontal scan of ten hosts at port 445."""
    changed = copy.deepcopy(INCIDENT)
    changed["targets"] = {"count": 2, "examples": ["10.0.0.9", "10.0.0.8"]}
    return changed


def verdict(incident: dict[str, Any], **changes: Any) -> Verdict:
    fields: dict[str, Any] = {
        "id": "",
        "model": "office",
        "version": 3,
        "alert": incident["id"],
        "title": incident["title"],
        "said": BENIGN,
        "why": "the inventory",
        "by": "jo",
        "at": "2026-06-13T08:00:00+00:00",
        "scope": scopes.of_incident(incident),
        "expires_at": "2026-07-13T08:00:00+00:00",
    }
    return Verdict(**{**fields, **changes})
