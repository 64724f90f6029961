"""What MLflow is told of a search, and in which order."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from netanomaly.stages.track.program import track
from netanomaly.tracking import recording, runs
from netanomaly.tracking.recording import Recorded
from netanomaly.tracking.runs import Run
from netanomaly.tracking.searches import searched, tuning_run

from tests.tracking import documents
from tests.tracking.conftest import MLflow, values
from tests.tracking.test_faults import settings
from tests.tracking.test_recording import STANDING
from tests.unit.tuning import making

TRIALS = [
    making.trial(1, "complete", 0.6, (0.05, 0.15), (-0.02, 0.2)),
    making.trial(2, "complete", 0.7, (0.1, 0.3), (0.1, 0.3), internal={"agreement": 0.9, "stability": 0.8}),
    making.trial(3, "stopped", 0.1, why="a quarter of the rows: 5% caught"),
    making.trial(4, "failed", why="ValueError: \x1b[31mno"),
    making.trial(5, "not_run", why="the time allowed was over"),
]


def search(**changed: Any) -> dict[str, Any]:
    """As select writes it."""
    return {
        "outcome": "tuned",
        "reason": "trial 2 beats the defaults on every fold",
        "objective": {"kind": "classes", "said": "by classes", "budget": 0.01},
        "defaults": {"value": 0.5},
        "best": 2,
        "winner": 2,
        "final": {"name": "final", **making.difference(0.2, 0.1, 0.3)},
        "trials": TRIALS,
        "counts": {"complete": 2, "stopped": 1, "failed": 1, "not_run": 1},
        "seconds": 12.5,
        **changed,
    }


def alone(**changed: Any) -> Run:
    return tuning_run(documents.configuration(), documents.dossier(), search(**changed), b"<!doctype html>", {})


def test_a_search_is_a_run_with_its_figures_files_data_and_a_run_for_each_trial():
    run = alone()
    assert (run.key, run.name, run.status, run.ended - run.started) == ("run-1", "tuning of office", "FINISHED", 12_500)
    assert (run.metrics["tuning_defaults_recall"], run.metrics["tuning_best_recall"]) == (0.5, 0.7)
    assert run.metrics["tuning_final_difference_low"] == 0.1
    assert run.metrics["tuning_trials_failed"] == 1
    assert [each.context for each in run.datasets] == ["training"]
    assert list(run.artifacts) == ["configuration.json", "tuning.json", "tuning_report.html"]
    assert run.tags["netanomaly.tuning"] == "tuned"
    assert [each.status for each in run.trials] == ["FINISHED", "FINISHED", "KILLED", "FAILED", "KILLED"]
    # The best come first.
    assert [each.tags["netanomaly.trial"] for each in run.trials] == ["2", "1", "3", "4", "5"]
    won = run.trials[0]
    assert (won.tags["netanomaly.trial_won"], won.metrics["recall"], won.metrics["agreement"]) == ("yes", 0.7, 0.9)
    assert won.metrics["fold 2_difference_low"] == 0.1
    assert won.parameters["model_parameters.n_neighbors"] == "2"
    assert won.parameters["model_type"] == "knn"
    assert "\x1b" not in run.trials[3].tags["netanomaly.trial_why"]


def test_a_training_that_was_tuned_keeps_what_is_told_of_it_and_has_the_trials_below():
    plain = documents.run()
    run = searched(plain, search(), b"<!doctype html>")
    assert len(run.trials) == 5
    for kind in ("metrics", "tags", "artifacts", "parameters"):
        assert dict(getattr(plain, kind)).items() <= dict(getattr(run, kind)).items()
    assert len({run.key, *(each.key for each in run.trials)}) == 6


@pytest.mark.parametrize("final", [None, {"name": "final", "why": "a class has no rows"}])
def test_a_search_in_which_nothing_ended_is_told_too(final):
    run = alone(outcome="defaults_kept", best=None, winner=None, final=final, trials=TRIALS[3:])
    assert "tuning_best_recall" not in run.metrics
    assert all("netanomaly.trial_won" not in each.tags for each in run.trials)


def test_the_same_documents_tell_the_same():
    assert alone() == alone()


def test_a_trial_is_one_request():
    assert [len(list(runs.batches(each))) for each in alone().trials] == [1] * 5


def test_trials_take_neither_the_time_nor_the_place_of_the_run_and_its_version(monkeypatch):
    told: list[str] = []
    shown = Recorded("1", "1", "", "http://mlflow/1")

    def record(*given: Any) -> Recorded:
        told.append(f"run and {len(given[2].trials)}")
        return shown

    monkeypatch.setattr(recording, "record", record)
    monkeypatch.setattr(recording, "set_tags", lambda *_: told.append("version"))

    def slow(*_: Any) -> Iterator[Recorded]:
        told.append("trials")
        yield from (shown, shown)
        time.sleep(20)

    monkeypatch.setattr(recording, "told_trials", slow)
    began = time.monotonic()
    tracked = track(alone(), settings("http://mlflow"), lambda: STANDING, seconds=2)
    assert time.monotonic() - began < 10
    assert told == ["run and 0", "version", "trials"]
    assert (tracked.url, tracked.version) == ("http://mlflow/1", 3)
    assert tracked.warning.startswith("MLflow was told of 2 of 5 trials: it took longer than")


@pytest.mark.xdist_group("mlflow")
def test_sixty_four_trials_are_told_once_however_often(mlflow: MLflow):
    trials = [{**TRIALS[1], "number": number} for number in range(1, 65)]
    run = replace(alone(trials=trials), key="many")
    first = track(run, settings(mlflow.uri, "many"), None, seconds=120)
    assert first.warning == ""
    before = mlflow.runs("many")
    nested = [each for each in before if "mlflow.parentRunId" in values(each, "tags")]
    assert len(before) - len(nested) == 1
    assert sorted(int(values(each, "tags")["netanomaly.trial"]) for each in nested) == list(range(1, 65))
    assert values(nested[0], "metrics")["fold_1_recall_low"] == pytest.approx(0.6)
    assert track(run, settings(mlflow.uri, "many"), None, seconds=120) == first
    assert mlflow.runs("many") == before
