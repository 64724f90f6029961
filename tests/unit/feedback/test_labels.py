"""Verdicts as labels: benign flows are trained on, confirmed attacks are judged, and both are told of."""

import dataclasses
import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import ConfigError
from netanomaly.feedback.confirmed import Confirmed
from netanomaly.feedback.kept import Kept
from netanomaly.flows.contract import read_contract
from netanomaly.report.figures import confirmed as in_words
from netanomaly.stages.evaluate.program import evaluate
from netanomaly.stages.prepare.program import Overrides, prepare
from netanomaly.stages.train.program import train

from tests.unit.ingest.test_ingest import Ingested, csv_of
from tests.unit.models_data import traffic, write
from tests.unit.test_evaluate import settings
from tests.unit.test_prepare import DOCUMENT, NOW
from tests.unit.test_train import SETTINGS


def keep(path, table, verdict="5d0c9a11"):
    pq.write_table(table, path)
    return Kept(verdict, "a scan", str(path), hashlib.sha256(path.read_bytes()).hexdigest(), table.num_rows)


def benign(path, rows=20, **columns):
    own = {"bytes": np.full(rows, 7e9), "proto": ["gre"] * rows, "src_ip": ["10.0.0.5"] * rows, **columns}
    return keep(path, pa.table(own))


def test_benign_flows_join_the_training_rows_as_normal_ones(tmp_path):
    source = csv_of(tmp_path / "a.csv", 1000)
    done = Ingested(tmp_path, source, confirmed=[benign(tmp_path / "kept.parquet")])
    assert done.report["rows_read"] == 1000
    assert done.report["rows"] == done.table.num_rows == 1020
    assert done.report["confirmed"] == {"verdicts": 1, "rows": 20, "over": 0, "of_other_columns": []}
    assert done.rows()[-20:] == [(7e9, "gre", "normal")] * 20
    assert done.rows()[:1000] == Ingested(tmp_path, source).rows()
    assert set(done.beside.column("netanomaly:file").to_pylist()[-20:]) == {"feedback 5d0c9a11"}
    assert done.report["normal_rows"] == done.report["labels"]["normal"]


def test_they_have_no_time_so_that_they_set_no_threshold(tmp_path):
    lines = [f"{1_700_000_000 + row},{row % 50},tcp" for row in range(1000)]
    (tmp_path / "a.csv").write_text("\n".join(["ts,bytes,proto", *lines]) + "\n")
    done = Ingested(tmp_path, tmp_path / "a.csv", label_column="", confirmed=[benign(tmp_path / "kept.parquet")])
    contract = read_contract(done.file.schema_arrow)
    times = done.file.read().column(contract.time_column).to_pylist()
    assert times[-20:] == [None] * 20
    assert None not in times[:1000]
    wanted = dataclasses.replace(SETTINGS, training_rows="all", model_parameters={"contamination": 0.0})
    trained = train(done.file, wanted)
    assert trained.summary["calibration"]["by"] == "time"
    assert trained.summary["rows_fitted"] + trained.summary["rows_calibrated"] <= 1020
    assert trained.summary["rows_fitted"] >= 700


def test_of_too_many_an_even_part_is_taken_and_the_rest_counted(tmp_path):
    source = csv_of(tmp_path / "a.csv", 1000)
    several = [benign(tmp_path / f"{number}.parquet", 150) for number in range(2)]
    report = Ingested(tmp_path, source, confirmed=several).report["confirmed"]
    assert (report["rows"], report["over"]) == (100, 200)


def test_flows_judged_by_a_model_that_left_a_constant_out_join_and_the_column_tells_nothing_still(tmp_path):
    """A model has no column that told nothing in its training; the data that a new one is trained on has it again."""
    lines = [f"{row % 50},tcp,normal,7,eth0" for row in range(1000)]
    (tmp_path / "a.csv").write_text("\n".join(["bytes,proto,label,hops,interface", *lines]) + "\n")
    done = Ingested(tmp_path, tmp_path / "a.csv", confirmed=[benign(tmp_path / "kept.parquet")])
    assert done.report["confirmed"] == {"verdicts": 1, "rows": 20, "over": 0, "of_other_columns": []}
    columns = {column["name"]: column for column in done.report["columns"]}
    assert [(columns[name]["distinct"], columns[name]["missing"]) for name in ("hops", "interface")] == [(1, 0)] * 2


def test_flows_with_other_features_are_left_out_and_named(tmp_path):
    source = csv_of(tmp_path / "a.csv", 1000)
    others = keep(tmp_path / "kept.parquet", pa.table({"octets": [1.0], "proto": ["tcp"]}), "0badc0de")
    report = Ingested(tmp_path, source, confirmed=[others]).report
    assert (report["rows"], report["confirmed"]["of_other_columns"]) == (1000, ["0badc0de"])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    file = write(traffic(1000, 50), tmp_path_factory.mktemp("training") / "flows.parquet")
    return train(file, SETTINGS).model


def judged(model, tmp_path, *kept, dossier=None):
    wanted = dataclasses.replace(settings(), confirmed=list(kept))
    return evaluate(
        model, write(traffic(300, 30, seed=2), tmp_path / "flows.parquet"), wanted, dossier=dossier
    ).document


def test_a_confirmed_attack_that_is_missed_is_a_warning(model, tmp_path):
    attacks, ordinary = traffic(0, 200, seed=5).drop_columns(["label"]), traffic(3, seed=6).drop_columns(["label"])
    caught = keep(tmp_path / "a.parquet", attacks)
    scores = model.score_rows(model.schema.rows(ordinary))
    missed = keep(tmp_path / "b.parquet", ordinary.filter(pa.array(scores <= model.threshold)), "0badc0de")
    document = judged(model, tmp_path, caught, missed)
    found = document["confirmed"]
    assert (found["attacks"], found["caught"], found["flows"]) == (2, 1, 200 + missed.rows)
    assert [each["verdict"] for each in found["missed"]] == ["0badc0de"]
    messages = [finding["message"] for finding in document["findings"]]
    assert any("an attack that people confirmed raises no alert: a scan" in message for message in messages)
    assert in_words(document)[-1].startswith("Of 2 attacks that people confirmed 1 raise an alert (")


def test_they_are_never_mixed_with_the_evaluation_rows(model, tmp_path):
    attacks = keep(tmp_path / "a.parquet", traffic(0, 200, seed=5).drop_columns(["label"]))
    with_them, without = judged(model, tmp_path, attacks), judged(model, tmp_path)
    assert without["confirmed"] is None
    for name in ("rows", "attacks", "roc_auc", "at_threshold", "scores_digest", "classes"):
        assert with_them[name] == without[name]


def test_what_was_trained_on_is_said(model, tmp_path):
    dossier = {
        "ingest": {"training": {"confirmed": {"verdicts": 2, "rows": 100, "over": 7, "of_other_columns": ["x"]}}}
    }
    document = judged(model, tmp_path, dossier=dossier)
    assert in_words(document) == ["100 flows that people judged to be benign (2 verdicts) were trained on."]
    messages = " ".join(finding["message"] for finding in document["findings"])
    assert "7 flows judged to be benign are left out" in messages
    assert "1 verdict is not used (benign): on flows with other features" in messages


def resolved(feedback, **more):
    asked = []

    def confirmed_of(uri, model):
        asked.append((uri, model))
        title = "10.0.0.5 -> 10.0.0.9 tcp port 80: 1 flow"
        return Confirmed(uri, [Kept("b", title, "u", "0" * 64, 3)], [Kept("a", title, "v", "1" * 64, 4)])

    made = prepare(
        {**DOCUMENT, "feedback": feedback, **more},
        Overrides(),
        run_id="run-1",
        identity_of=lambda source: f"sha256:{source[0]}",
        champion_of=lambda *_: None,
        now=NOW,
        confirmed_of=confirmed_of,
    )
    return made, asked


@pytest.mark.parametrize(
    ("feedback", "place"), [(True, "s3://r/x/feedback"), ("s3://soc/feedback", "s3://soc/feedback")]
)
def test_prepare_fixes_which_verdicts_count(feedback, place):
    made, asked = resolved(feedback)
    assert asked == [(place, "m")]
    assert [kept.verdict for kept in made.ingest_training.confirmed] == ["b"]
    assert made.ingest_evaluation.confirmed == []
    assert [kept.verdict for kept in made.evaluate.confirmed] == ["a"]
    assert made.configuration["confirmed"] == {"benign": ["b"], "attacks": ["a"]}


def test_a_training_without_identities_is_told_of_no_ends():
    made, _ = resolved(True, identities=False)
    assert "10.0.0." not in json.dumps(dataclasses.asdict(made), default=str)
    assert [kept.title for kept in made.evaluate.confirmed] == ["an alert whose ends are not named"]


def test_without_being_asked_for_feedback_is_not_looked_at():
    made, asked = resolved(False)
    assert asked == []
    assert (made.ingest_training.confirmed, made.evaluate.confirmed) == ([], [])


@pytest.mark.parametrize("feedback", [3, [], ""])
def test_what_is_no_place_is_refused(feedback):
    with pytest.raises(ConfigError, match="it must be true, false, a folder or s3://bucket/prefix"):
        resolved(feedback)
