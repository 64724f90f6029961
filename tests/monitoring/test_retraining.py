"""Training for a window is started at most once, whoever sees it first and whoever is killed on the way."""

import multiprocessing
import os
import random
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from netanomaly.errors import GateRefusal
from netanomaly.monitoring import retraining
from netanomaly.monitoring.retraining import Wish, against, claimed_by_run, poisoned, reason, run_of, started
from netanomaly.registry import Registry, claims, open_registry

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
            with suppress(ProcessLookupError):  # it has ended by itself
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
    old = (datetime.now(UTC) - timedelta(hours=retraining.LEASE_HOURS + 1)).isoformat()
    registry.monitored("office").change(
        lambda found: replace(found, claims=[replace(each, at=old) for each in found.claims])
    )
    assert claimed_by_run(registry, "office", window, 1, "job-3")
    assert not claimed_by_run(registry, "office", window, 1, "job-1")


def older(registry: Registry, hours: float) -> None:
    """Lets time pass."""

    def aged(found):
        return replace(
            found,
            claims=[
                replace(each, at=(datetime.fromisoformat(each.at) - timedelta(hours=hours)).isoformat())
                for each in found.claims
            ],
        )

    registry.monitored("office").change(aged)


class Run:
    """A run of the monitoring pipeline that trains by its claim, step by step."""

    def __init__(self, registry: Registry, model_file, name: str) -> None:
        self.registry, self.model_file, self.name = registry, model_file, name
        self.steps = [self.claim, self.hold, self.register, self.end]

    def step(self) -> None:
        if self.steps:
            try:
                self.steps.pop(0)()
            except GateRefusal:
                self.steps = []

    def claim(self) -> None:
        if not claimed_by_run(self.registry, "office", WINDOW, 1, self.name):
            self.steps = []

    def hold(self) -> None:
        claims.about_to_register(self.registry.monitored("office"), self.name)

    def register(self) -> None:
        self.registry.register("office", self.model_file, METADATA, run_id=self.name)

    def end(self) -> None:
        claims.ended(self.registry.monitored("office"), self.name, claims.DONE, "registered")


WINDOW = "e" * 32


def made(registry: Registry) -> list[str]:
    return [str(each.record.run_id) for each in registry.versions("office") if each.record.run_id != "first"]


@pytest.mark.parametrize("steps_before", range(5))
@pytest.mark.parametrize("slow", range(5))
def test_a_run_that_is_taken_for_dead_and_lives_never_makes_a_second_version(registry, tmp_path, steps_before, slow):
    """The first does so many steps, is taken for dead, and goes on after so many steps of the second."""
    first, second = (Run(registry, tmp_path / "model.joblib", name) for name in ("job-1", "job-2"))
    for _ in range(steps_before):
        first.step()
    older(registry, retraining.LEASE_HOURS + 1)
    for _ in range(slow):
        second.step()
    for _ in range(5):
        first.step()
    for _ in range(5):
        second.step()
    # Never two, and never none: both went on in the end.
    assert len(made(registry)) == 1


@pytest.mark.parametrize("steps_before", [1, 2, 3])
def test_a_run_that_is_killed_on_the_way_does_not_keep_its_window_for_ever(registry, tmp_path, steps_before):
    first = Run(registry, tmp_path / "model.joblib", "job-1")
    for _ in range(steps_before):
        first.step()
    # Not at once; and one that was about to register may have done so as long as it can live.
    assert not claimed_by_run(registry, "office", WINDOW, 1, "job-2")
    older(registry, (retraining.LEASE_HOURS if steps_before == 1 else retraining.LONGEST_HOURS) + 1)
    second = Run(registry, tmp_path / "model.joblib", "job-3")
    for _ in range(4):
        second.step()
    assert len(made(registry)) == 1


def test_between_the_look_at_versions_and_the_claim_nobody_slips_through(registry, tmp_path, monkeypatch):
    first = Run(registry, tmp_path / "model.joblib", "job-1")
    first.step()
    older(registry, retraining.LEASE_HOURS + 1)
    looked = retraining._registered

    def and_then_the_first_goes_on(*arguments):
        found = looked(*arguments)
        first.step()
        return found

    monkeypatch.setattr(retraining, "_registered", and_then_the_first_goes_on)
    second = Run(registry, tmp_path / "model.joblib", "job-2")
    for _ in range(5):
        second.step()
        first.step()
    assert made(registry) == ["job-1"]


def test_a_second_run_has_as_long_as_any_can_take_so_that_slow_trainings_end(registry):
    assert claimed_by_run(registry, "office", WINDOW, 1, "job-1")
    older(registry, retraining.LEASE_HOURS + 1)
    assert claimed_by_run(registry, "office", WINDOW, 1, "job-2")
    older(registry, retraining.LEASE_HOURS + 1)
    assert not claimed_by_run(registry, "office", WINDOW, 1, "job-3")


def test_what_a_gate_refused_is_not_tried_again_by_a_later_run(registry):
    assert claimed_by_run(registry, "office", WINDOW, 1, "job-1")
    claims.ended(registry.monitored("office"), "job-1", claims.FAILED, "the quality gate refused")
    older(registry, 1000)
    assert not claimed_by_run(registry, "office", WINDOW, 1, "job-2")


def verdict(**replaced: Any) -> dict[str, Any]:
    return {
        "verdict": "quiet", "reasons": [], "rows": 1000, "alerts": 10,
        "alert_rate": {"usual": 0.01, "high": 0.02}, **replaced,
    }  # fmt: skip


def test_training_does_not_go_back_in_time():
    """A window given late, or of a sensor whose clock was reset, ends before what was learnt does."""
    ended = {"training_ended": "2026-02-01T00:00:00.000Z"}
    late = verdict(verdict="network changed", alerts=40, last_seen="2026-01-31T23:00:00.000Z", **ended)
    assert "learnt from traffic up to 2026-02-01 00:00 UTC: give newer traffic" in against(late)
    assert not against(verdict(alerts=40, last_seen="2026-02-02T00:00:00.000Z", **ended))
    # Without times nothing is known to be late.
    assert not against(verdict(alerts=40, last_seen=None, **ended))
    assert not against(verdict(alerts=40, last_seen="1970-01-01T00:00:00.000Z", training_ended=None))
    assert against(verdict(alerts=200)).endswith("look at its alerts first")


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


def test_reviews_that_say_decay_do_not_vouch_for_a_surge_of_alerts():
    """They are of alerts of 90 days, and a surge is of now: what it is nobody looked at yet."""
    found = verdict(verdict="decay", reasons=["precision is 10%"], alerts=200)
    assert reason(found, Wish(("decay",)), "2026-01-01T00:00:00+00:00", NOW)
    assert "calls 20.0% of the rows attacks" in poisoned(found)
