"""Training for a window is started at most once, whoever sees it first and whoever is killed on the way."""

import multiprocessing
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from netanomaly.errors import GateRefusal
from netanomaly.monitoring import retraining
from netanomaly.monitoring.retraining import Wish, claimed_by_run, poisoned, reason, run_of, started
from netanomaly.registry import Registry, open_registry

from tests.monitoring.retraining_work import METADATA, retrain

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.monitoring.retraining_work"])

RUNS = int(os.environ.get("NETANOMALY_SOAK_RETRAININGS", "6"))


@pytest.fixture
def registry(tmp_path) -> Registry:
    (tmp_path / "model.joblib").write_bytes(b"a model")
    opened = open_registry(tmp_path / "registry")
    opened.register("office", tmp_path / "model.joblib", METADATA, run_id="first")
    return opened


def test_two_monitors_and_kills_never_train_twice_for_a_window_and_never_not_at_all(registry, tmp_path):
    chosen = random.Random(7)
    for number in range(RUNS):
        window, notes = f"{number:032x}", tmp_path / f"notes-{number}"
        notes.mkdir()
        arguments = (str(tmp_path / "registry"), str(tmp_path / "model.joblib"), window, str(notes), 0.15)
        both = [CONTEXT.Process(target=retrain, args=arguments, daemon=True) for _ in range(2)]
        for process in both:
            process.start()
        time.sleep(chosen.uniform(0.0, 0.4))
        killed = chosen.sample(both, chosen.choice((0, 1, 1, 2)))
        for process in killed:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
        for process in both:
            process.join(60)
            assert process.exitcode is not None
        # The next monitor that looks at the window.
        retrain(*arguments)
        registered = [each for each in registry.versions("office") if each.record.run_id == run_of("office", window)]
        assert len(registered) == 1
        events = sorted(path.name for path in notes.iterdir())
        ends = [name for name in events if name.startswith("end")]
        assert len(ends) <= 1
        begun = [name.rpartition("-")[2] for name in events if name.startswith("begin")]
        dead = {str(process.pid) for process in killed}
        # Another begins only where the one before was killed.
        assert set(begun[:-1]) <= dead


def test_what_ended_is_never_started_again(registry):
    calls = []

    def train(run: str) -> str:
        calls.append(run)
        return "version 2"

    claim = started(registry, "office", "a" * 32, 1, train)
    assert claim is not None
    assert (claim.state, claim.words) == ("done", "version 2")
    assert started(registry, "office", "a" * 32, 1, train) is None
    assert calls == [f"retrain-office-{'a' * 16}"]


def test_a_training_that_a_gate_refused_is_told_and_not_repeated_for_its_window(registry):
    def train(_run: str) -> str:
        raise GateRefusal("the quality gate refused")

    with pytest.raises(GateRefusal):
        started(registry, "office", "b" * 32, 1, train)
    assert started(registry, "office", "b" * 32, 1, train) is None
    assert registry.monitored("office").read().claims[0].words == "the quality gate refused"


def test_of_runs_of_the_pipeline_the_first_keeps_its_window_and_a_retry_of_it_goes_on(registry):
    window = "c" * 32
    assert claimed_by_run(registry, "office", window, 1, "job-1")
    assert not claimed_by_run(registry, "office", window, 1, "job-2")
    assert claimed_by_run(registry, "office", window, 1, "job-1")
    old = (datetime.now(UTC) - timedelta(days=retraining.LEASE_DAYS + 1)).isoformat()
    registry.monitored("office").change(
        lambda found: replace(found, claims=[replace(each, at=old) for each in found.claims])
    )
    assert claimed_by_run(registry, "office", window, 1, "job-3")
    assert not claimed_by_run(registry, "office", window, 1, "job-1")


def verdict(**replaced: Any) -> dict[str, Any]:
    return {
        "verdict": "quiet", "reasons": [], "rows": 1000, "alerts": 10,
        "alert_rate": {"usual": 0.01, "high": 0.02}, **replaced,
    }  # fmt: skip


NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("found", "wish", "why"),
    [
        ("network changed", ("network changed", "decay"), "network changed"),
        ("decay", ("decay",), "decay"),
        ("network changed", ("decay",), ""),
        ("sensor changed", ("network changed", "decay", "age"), ""),
        ("hosts changed", ("network changed", "decay", "age"), ""),
        ("too little data", ("network changed", "decay", "age"), ""),
        ("quiet", ("age",), "the version is 59 days old, over 30"),
        ("network changed", ("never", "network changed"), ""),
    ],
)
def test_what_is_a_reason_to_retrain(found, wish, why):
    said = reason(verdict(verdict=found), Wish(wish), "2026-01-01T00:00:00+00:00", NOW)
    assert said.startswith(why)
    assert bool(said) == bool(why)


def test_a_window_full_of_what_the_champion_calls_attacks_is_not_learnt_as_normal():
    assert not poisoned(verdict(alerts=40))
    assert "calls 20.0% of the rows attacks" in poisoned(verdict(alerts=200))
    assert "10.0.0.9" in poisoned(verdict(largest_newcomer={"name": "10.0.0.9", "share": 0.7}))
    assert not poisoned(verdict(largest_newcomer={"name": "10.0.0.9", "share": 0.1}))
