"""A whole search on small traffic: planned, asked for, tried, selected; and what goes wrong on the way."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import ConfigError, DataError, GateRefusal
from netanomaly.models.detector import Detector
from netanomaly.report import tuning_page
from netanomaly.stages.tune.lane import try_lane, with_names, without_names
from netanomaly.stages.tune.program import ask, in_short, plan, select
from netanomaly.stages.tune.settings import Settings
from netanomaly.tuning import measuring
from netanomaly.tuning.apart import Trials
from netanomaly.tuning.measuring import Fitting
from netanomaly.tuning.rounds import IN_A_ROUND
from netanomaly.tuning.state import load
from netanomaly.tuning.trial import Ground

from tests.unit.models_data import FEATURES, traffic, write

SETTINGS = Settings(
    model_type="pca",
    model_parameters={"variance": 0.9},
    normal_labels=[],
    training_rows="auto",
    categorical_columns=[],
    alert_budget=0.05,
    alerts_per_day=None,
    random_state=5,
    trials=4,
    parallelism=2,
    space={"model_type": ["pca", "knn"], "knn": {"reference_rows": [256, 512]}},
)
TRAIN = {"model_type": "pca", "model_parameters": {"variance": 0.9}, "random_state": 5}


def dossier(table: pa.Table, verdict: str = "pass", per_day: float | None = None) -> dict[str, Any]:
    findings = [] if verdict == "pass" else [{"severity": "error", "message": "too much is missing"}]
    return {
        "validation": {
            "verdict": verdict,
            "findings": findings,
            "columns": [{"name": name, "role": "number"} for name in FEATURES],
            "training": {"rows": table.num_rows, "normal_rows": None, "rows_per_day": per_day},
        },
        "ingest": {"training": {"identity": "sha256:1"}},
    }


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return traffic(900, 120)


@pytest.fixture(scope="module")
def flows(table, tmp_path_factory):
    return write(table, tmp_path_factory.mktemp("flows") / "flows.parquet", rows_per_group=128)


@pytest.fixture(scope="module")
def planned(flows, table):
    return plan(flows, dossier(table), SETTINGS)


@pytest.fixture(scope="module")
def files(planned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    pq.write_table(planned.sample.table, folder / "rows")
    planned.shared.save(folder / "shared")
    return folder / "rows", folder / "shared"


def changed(**values: Any) -> Settings:
    return dataclasses.replace(SETTINGS, **values)


def fitting() -> Fitting:
    return Fitting((), "normal", 5)


def asked(**parameters: Any) -> dict[str, Any]:
    candidate = {"model_type": "knn", "parameters": parameters, "context": True}
    return {"number": 1, "round": 1, "params": {}, "candidate": candidate, "cut": None}


def tried(files: tuple[Path, Path], question: dict[str, Any]) -> dict[str, Any]:
    with Trials(*files, {"categorical": [], "training_rows": "normal", "seed": 5}, 0.05) as trials:
        return trials.judged(question)


def without_seconds(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**each, "seconds": 0} for lane in results for each in lane["trials"]]


@pytest.fixture(scope="module")
def searched(planned, files):
    """A search of four rounds; what every step handed on."""
    search: dict[str, Any] = planned.search
    results: list[dict[str, Any]] = []
    steps: list[Any] = []
    for _ in range(4):
        search, lanes = ask(search, results, SETTINGS)
        search, lanes = json.loads(json.dumps([search, lanes]))
        results = [try_lane(files[0], files[1], planned.search, lane) for lane in lanes]
        steps.append((search, lanes, results))
    document, train = select(planned.sample.table, planned.shared, search, results, TRAIN)
    return steps, document, train


def test_a_search_ends_in_a_decision_that_every_figure_of_is_written_down(searched):
    steps, document, train = searched
    assert document["outcome"] in ("tuned", "defaults_kept")
    assert [each["number"] for each in document["trials"]] == [1, 2, 3, 4]
    complete = [each["classes"] for each in document["trials"] if "classes" in each]
    assert complete
    assert all(set(classes) == {"flood"} and 0 <= classes["flood"] <= 1 for classes in complete)
    assert "flood" not in json.dumps([results for _, _, results in steps])
    assert document["counts"]["failed"] == 0
    assert document["objective"]["kind"] == "classes"
    assert [fold["name"] for fold in document["defaults"]["folds"]] == ["fold 1", "fold 2"]
    assert set(document["defaults"]["classes"]) == {"flood"}
    assert set(document["final"]["classes"]) == {"scan"}
    if document["outcome"] == "defaults_kept":
        assert train == TRAIN
        assert document["configuration"] == {}
    json.dumps(document, allow_nan=False)


def test_a_step_that_is_repeated_comes_to_the_same(searched, planned, files):
    steps, _, _ = searched
    search, lanes, results = steps[0]
    repeated = [try_lane(files[0], files[1], planned.search, lane) for lane in lanes]
    assert without_seconds(repeated) == without_seconds(results)
    assert ask(planned.search, [], SETTINGS) == (search, lanes)


def test_how_many_trials_run_at_a_time_changes_nothing(planned, searched):
    wide = changed(trials=16, parallelism=4)
    _, lanes = ask(planned.search, [], wide)
    _, narrow = ask(planned.search, [], changed(trials=16, parallelism=1))
    assert (len(lanes), len(narrow)) == (4, 1)
    every = sorted((each for lane in lanes for each in lane["trials"]), key=lambda each: each["number"])
    assert every == narrow[0]["trials"]


def test_the_shared_file_brings_folds_and_scores_back(planned, files):
    found = load(files[1].read_bytes())
    assert [split.document() for split in found.splits] == [
        {**split.document(), "from": None, "to": None} for split in planned.shared.splits
    ]
    for key, judged in planned.shared.defaults.items():
        assert (found.defaults[key].normal == judged.normal).all()
        assert (found.defaults[key].attack == judged.attack).all()


def test_a_winner_is_what_training_is_told(planned, files, searched):
    steps, _, _ = searched
    search = steps[-1][0]
    [best] = steps[0][2][0]["trials"][:1]
    sure = {"value": 0.2, "low": 0.1, "high": 0.3}
    folds = [{"name": name, "before": sure, "after": sure, "difference": sure} for name in ("fold 1", "fold 2")]
    chosen = {"model_type": "knn", "parameters": {"n_neighbors": 3, "reference_rows": 256}, "context": True}
    won = {**best, "number": 9, "state": "complete", "value": 0.9, "folds": folds, "candidate": chosen, "quarter": 0.9}
    document, train = select(planned.sample.table, planned.shared, search, [{"trials": [won]}], TRAIN)
    if document["outcome"] == "tuned":
        assert (train["model_type"], train["model_parameters"]["n_neighbors"]) == ("knn", 3)
        assert document["configuration"] == {
            "model_type": "knn",
            "knn_params": {"n_neighbors": 3, "reference_rows": 256},
        }
    else:
        assert "never saw" in document["reason"]
    short = in_short(document)
    assert short["outcome"] == document["outcome"]
    assert "trials" not in short


def test_a_candidate_that_cannot_be_fitted_is_a_failed_trial_and_says_why(files, planned):
    found = tried(files, asked(n_neighbors=0))
    assert found["state"] == "failed"
    assert "n_neighbors is 0" in found["why"]
    lane = {"trials": [asked(n_neighbors=0), asked(n_neighbors=1)]}
    states = [each["state"] for each in try_lane(files[0], files[1], planned.search, lane)["trials"]]
    assert states[0] == "failed"
    assert states[1] in ("complete", "stopped")


def test_a_trial_that_is_killed_is_a_failed_trial(files, monkeypatch, tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))
    found = tried(files, asked())
    assert (found["state"], found["why"]) == ("failed", "killed by signal 9 (9: probably out of memory)")


def test_a_trial_that_says_nothing_is_a_failed_trial(files, monkeypatch, tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho nothing works >&2\nexit 7\n")
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))
    found = tried(files, asked())
    assert (found["state"], found["why"]) == ("failed", "exit code 7: nothing works")


def test_after_a_trial_that_was_killed_the_next_one_is_what_it_would_have_been(files, planned, monkeypatch, tmp_path):
    lane = {"trials": [asked(n_neighbors=1), asked(n_neighbors=2)]}
    undisturbed = try_lane(files[0], files[1], planned.search, lane)
    script = tmp_path / "python"
    script.write_text(
        f"#!/bin/sh\n[ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; kill -9 $$; }}\nexec {sys.executable} $@\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))
    found = try_lane(files[0], files[1], planned.search, lane)["trials"]
    assert found[0]["why"].startswith("killed by signal 9")
    assert found[1] | {"seconds": 0} == undisturbed["trials"][1] | {"seconds": 0}


def test_what_a_candidate_prints_is_no_answer():
    """C libraries write where they like."""
    script = "import os; from netanomaly.tuning import apart; apart._tried = lambda *_: os.write(1, b'{}\\n') and {'state': 'x'}; apart.main()"
    ended = subprocess.run([sys.executable, "-c", script], input=b"{}\n{}\n", capture_output=True, check=True)
    assert (ended.stdout, ended.stderr) == (b'{"state": "x"}\n', b"{}\n")


def test_no_trial_begins_after_the_time_allowed_and_one_that_runs_is_ended(files, planned):
    over = {**planned.search, "deadline": time.time() - 1}
    [found] = try_lane(files[0], files[1], over, {"trials": [asked()]})["trials"]
    assert (found["state"], found["why"]) == ("not_run", "the time allowed was over")
    [found] = try_lane(files[0], files[1], {**over, "deadline": time.time() + 0.2}, {"trials": [asked()]})["trials"]
    assert (found["state"], found["why"]) == ("not_run", "the time allowed was over before it ended")


def test_after_the_time_allowed_nothing_more_is_asked_for(planned):
    _, lanes = ask(planned.search, [], changed(deadline=time.time() - 1))
    assert lanes == [{"trials": []}]


def test_too_little_time_for_one_trial_is_refused_with_what_it_takes(flows, table):
    with pytest.raises(
        ConfigError, match=r"tuning\.minutes leaves 0 s, too little for one trial: .* give at least 0\.\d"
    ):
        plan(flows, dossier(table), changed(deadline=time.time()))


def test_data_that_the_gate_refused_is_not_tuned_on(flows, table):
    with pytest.raises(GateRefusal, match="too much is missing"):
        plan(flows, dossier(table, "refuse"), SETTINGS)


def test_without_attacks_and_without_flows_of_a_sensor_there_is_nothing_to_judge_by(tmp_path):
    table = traffic(600, label=None)
    with pytest.raises(DataError, match="no labels, and is not of a sensor"):
        plan(write(table, tmp_path / "a"), dossier(table), SETTINGS)
    few = traffic(600, 6)
    with pytest.raises(DataError, match="6 labelled attacks, too few to hold some out"):
        plan(write(few, tmp_path / "b"), dossier(few), SETTINGS)


def test_no_normal_row_is_refused_with_the_classes_there_are(tmp_path):
    table = traffic(0, 60)
    with pytest.raises(DataError, match="no training row is normal: column 'label' holds 'flood', 'scan'"):
        plan(write(table, tmp_path / "a"), dossier(table), SETTINGS)


def test_one_class_of_attacks_falls_back_to_rows_and_says_so(tmp_path):
    table = traffic(900, 120)
    one = table.set_column(
        table.column_names.index("label"),
        "label",
        pa.array(["0" if name == "normal" else "1" for name in table.column("label").to_pylist()]),
    ).replace_schema_metadata(table.schema.metadata)
    found = plan(write(one, tmp_path / "a"), dossier(one), SETTINGS).search["objective"]
    assert found["kind"] == "rows"
    assert "the labels name no second class of attacks" in found["said"]


def test_alerts_a_day_are_a_share_of_the_rows_of_a_day(flows, table):
    with pytest.raises(ConfigError, match="no column of times"):
        plan(flows, dossier(table), changed(alerts_per_day=20))
    with pytest.raises(ConfigError, match="ask for fewer"):
        plan(flows, dossier(table, per_day=10.0), changed(alerts_per_day=20))
    found = plan(flows, dossier(table, per_day=1000.0), changed(alerts_per_day=50))
    assert found.search["objective"]["budget"] == pytest.approx(0.05)


def test_a_trial_is_stopped_where_the_defaults_catch_clearly_more_or_two_of_three_trials_did(planned, monkeypatch):
    ground = Ground(planned.sample.table, planned.shared, fitting(), 0.05)
    answer = ground.run({**asked(n_neighbors=1), "cut": 1.1})
    assert answer["state"] == "stopped"
    assert "two of three earlier trials" in answer["why"]

    class Blind(Detector):
        minimum_rows = 1

        def fit(self, rows, seed):
            pass

        def score(self, rows):
            return np.zeros(len(rows))

    monkeypatch.setattr(measuring, "make", lambda kind, parameters: Blind(parameters))
    answer = ground.run(asked(n_neighbors=1))
    assert answer["state"] == "stopped"
    assert "on every fold clearly less than the defaults" in answer["why"]


def test_the_report_shows_every_trial_and_escapes_what_it_shows(searched):
    _, document, _ = searched
    hostile = json.loads(json.dumps(document).replace("scan", "<script>alert(1)</script>"))
    hostile["trials"][0] |= {"state": "failed", "why": "<b>no</b>"}
    page = tuning_page(hostile)
    assert "<script>" not in page
    assert "<b>no</b>" not in page
    assert "&lt;script&gt;alert(1)" in page
    for number in range(1, 5):
        assert f'<th scope="row">{number}</th>' in page


@pytest.mark.parametrize(
    "document", [{}, {"trials": [{}], "final": {}, "defaults": {}}, {"outcome": "tuned", "winner": 1}]
)
def test_a_report_of_little_is_still_a_page(document):
    assert "</html>" in tuning_page(document)


def test_the_trials_of_a_round_are_one_argument_of_the_next_task_whatever_classes_are_called(planned, files):
    """Linux takes none of more than 128 KiB, and the last stages of a round would never start."""
    _, lanes = ask(planned.search, [], SETTINGS)
    (tried, *_) = try_lane(files[0], files[1], planned.search, lanes[0])["trials"]
    named = {f"{number}: {'a very long name, ' * 20}": 0.123456 for number in range(200)}
    trial = {**tried, "classes": named, "why": "x" * 500}
    carried = without_names(trial)
    assert len(json.dumps([carried] * IN_A_ROUND)) < 100_000
    assert with_names(json.loads(json.dumps(carried)), reversed(list(named))) == trial
