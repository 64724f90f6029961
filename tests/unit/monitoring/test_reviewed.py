"""What reviews of alerts say of a version, beside what its alert budget promises."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.feedback.book import Pages, now
from netanomaly.feedback.documents import ATTACK, BENIGN, Review, Verdict
from netanomaly.feedback.suppression import NOTHING, Heard
from netanomaly.monitoring.finding import scored_in
from netanomaly.monitoring.judging import judge
from netanomaly.monitoring.reviewed import Feedback, quality
from netanomaly.monitoring.scored import watch_scores

from tests.unit.alerts.test_forms import INCIDENT
from tests.unit.feedback.conftest import verdict
from tests.unit.monitoring.worlds import World, flows

ROWS = 10_000


def feedback(attacks: int, benign: int, version: int = 3) -> Feedback:
    """Alerts that were drawn for review today, with what was said of them."""
    today = now()
    alerts = [f"{number:032x}" for number in range(attacks + benign)]
    said = [ATTACK] * attacks + [BENIGN] * benign
    verdicts: list[Verdict] = [
        verdict({**INCIDENT, "id": alert}, id=alert, said=each, version=version)
        for alert, each in zip(alerts, said, strict=True)
    ]
    drawn = Review(
        id="r",
        model="office",
        by="jo",
        at=(today - timedelta(days=1)).isoformat(),
        incidents=200,
        drawn=alerts,
        loudest=[],
    )
    return Feedback("file:///book", Pages(verdicts, {}, [drawn]), NOTHING)


def version(budget: float | None = 0.01) -> Any:
    return SimpleNamespace(number=3, record=SimpleNamespace(metadata={"evaluation": {"alert_budget": budget}}))


def test_more_false_alarms_than_the_budget_promises_are_decay():
    world = World.make(days=14)
    window = world.window(flows(world.network, np.random.default_rng(3), 6000, 35))
    found = quality(feedback(2, 18), version(), None, ROWS, 600)
    judged = judge(world.reference, window, quality=found)
    assert judged["verdict"] == "decay", judged["reasons"]
    assert judged["retrain"]
    assert judged["reasons"][0] == (
        "precision is 10% (3% to 30%, 2 attacks of 20 alerts reviewed in 90 days, Wilson's interval), under the 83% that the "
        "alert budget promises: up to 1.00% of rows may be false alarms, and 6.00% alert"
    )
    assert judged["quality"][0]["low"] == pytest.approx(0.0279, abs=1e-4)
    # Few reviews, or as many attacks as were promised: the same window is quiet.
    for few in (feedback(1, 1), feedback(16, 4)):
        same = judge(world.reference, window, quality=quality(few, version(), None, ROWS, 600))
        assert same["verdict"] == "quiet"


@given(st.integers(1, 60), st.integers(1, 100))
def test_a_model_within_its_budget_never_decays_however_many_of_its_alerts_are_false(benign, alerts):
    (found,) = quality(feedback(0, benign), version(), None, ROWS, alerts)
    assert found.registered_low == 0
    assert not found.high < found.registered_low


def test_reviews_of_another_versions_alerts_say_nothing_of_this_one():
    assert quality(feedback(0, 40, version=2), version(), None, ROWS, 900) == ()
    assert quality(Feedback(), version(), None, ROWS, 900) == ()
    assert quality(feedback(0, 40), version(None), None, ROWS, 900) == ()


def test_what_feedback_suppresses_does_not_count_as_an_alert_and_is_counted_beside(tmp_path):
    incident = {
        **INCIDENT, "targets": {"count": 1, "examples": ["10.0.0.9"]}, "first_seen": "2026-06-12T00:00:00.000Z",
        "last_seen": "2026-06-12T00:00:09.000Z",
    }  # fmt: skip
    ip, other = incident["entity"]["ip"], "10.9.9.9"
    times = np.arange(20) * 1_000_000 + 1_781_222_400_000_000
    table = pa.table(
        {
            "file": ["conn.log"] * 20,
            "record": pa.array(range(1, 21), pa.int64()),
            "time": pa.array(times, pa.timestamp("us", tz="UTC")),
            "src_ip": [ip, other] * 10,
            "dst_ip": ["10.0.0.9"] * 20,
            "score": [0.9] * 19 + [None],
            "alert": [True] * 19 + [None],
        }
    )
    pq.write_table(table, tmp_path / "scores.parquet")
    (tmp_path / "alerts.ndjson").write_text(json.dumps(incident) + "\n")
    (tmp_path / "summary.json").write_text(
        json.dumps({"model": {"name": "office", "version": 3, "digest": "x"}, "identity": "y"})
    )
    scored = scored_in([str(tmp_path)])
    assert scored is not None
    before = watch_scores(scored, 0.5)
    assert (before.window.profile.alerts, before.suppressed) == (19, 0)
    heard = Heard("file:///book", [verdict(incident)])
    after = watch_scores(scored, 0.5, heard)
    # Its host's rows of its ten seconds; those of others, and after it, are alerts as before.
    assert (after.window.profile.alerts, after.suppressed) == (14, 5)
    # Nor are they kept from being learnt.
    assert (before.open_alerts.rows, after.open_alerts.rows) == (19, 14)
    assert sum(alerts for _, alerts in after.window.hours.values()) == 14
    attack = Heard("file:///book", [verdict(incident), verdict(incident, id="2", said=ATTACK)])
    assert watch_scores(scored, 0.5, attack).suppressed == 0
