"""What MLflow is told of a training run, and that it is told the same each time."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.stages.track.component import track
from netanomaly.tracking import runs
from netanomaly.tracking.training import parameters, training_run

from tests.tracking import documents


def test_figures_come_with_their_intervals():
    metrics = documents.run().metrics
    assert (metrics["roc_auc_low"], metrics["roc_auc"], metrics["roc_auc_high"]) == (0.941, 0.955, 0.968)
    assert metrics["recall_at_1_percent_fpr_low"] == pytest.approx(0.56)
    assert metrics["false_positive_rate_high"] == 0.0183
    assert metrics["rows"] == 1400


def test_each_field_of_the_configuration_that_is_set_is_a_parameter():
    found = parameters(
        documents.configuration(columns={"dst port": "category"}, csv={"delimiter": ";", "header": None})
    )
    assert found["model_parameters.trees"] == "100"
    assert found["csv.delimiter"] == ";"
    # Names of the data's columns are no names that MLflow takes.
    assert json.loads(found["columns"]) == {"dst port": "category"}
    assert not {"feature_columns", "csv.header", "model_parameters.random_state", "run_id"} & set(found)


@given(st.text(min_size=1, max_size=20_000))
def test_no_value_is_cut_off_by_mlflow(text):
    found = parameters(documents.configuration(data_source=text))
    mine = {name: value for name, value in found.items() if name.partition(".")[0] == "data_source"}
    assert all(len(value) < 6000 for value in mine.values())
    assert "".join(mine[name] for name in sorted(mine, key=lambda name: int(name.partition(".")[2] or 0))) == text


def test_a_request_holds_no_more_than_mlflow_takes():
    many = runs.Run(
        "k",
        "n",
        0,
        1,
        parameters={f"p{n}": "é" * 5_999 for n in range(250)},
        metrics={f"m{n}": 1.0 for n in range(2_500)},
    )
    sent = list(runs.batches(many))
    assert all(len(each.get("params", [])) <= 100 for each in sent)
    assert all(len(each.get("metrics", [])) <= 1000 for each in sent)
    assert all(len(json.dumps(each)) < 1_000_000 for each in sent)
    assert sum(len(each.get("params", [])) for each in sent) == 250
    assert sum(len(each.get("metrics", [])) for each in sent) == 2_500


def test_data_are_named_by_their_digest():
    training, evaluation = documents.run().datasets
    assert (training.name, training.context, training.digest) == ("train.csv.xz", "training", "sha256:train")
    assert json.loads(evaluation.profile)["num_rows"] == 700
    digest = "sha256:" + "0123456789abcdef" * 4
    (made,) = runs.inputs(runs.Run("k", "n", 0, 1, datasets=[runs.Dataset("x" * 600, digest, "s3", "{}", "training")]))
    assert len(made["dataset"]["digest"]) == 36
    assert len(made["dataset"]["name"]) == 500


def test_report_curves_and_decision_are_files_the_largest_last():
    files = documents.run().artifacts
    assert list(files)[-1] == "report.html"
    assert {"decision.json", "curves/roc.csv", "curves/thresholds.csv", "configuration.json"} < set(files)
    assert json.loads(files["decision.json"])["decision"]["decision"] == "promote"
    assert files["curves/roc.csv"].startswith(b"false_positive_rate,recall\n0.0,")


def test_the_same_documents_tell_the_same():
    assert documents.run() == documents.run()


def test_a_run_that_began_after_its_model_was_trained_does_not_end_before_it_began():
    assert documents.run().ended - documents.run().started == 7000
    cached = documents.run(prepared_at="2026-01-02T00:00:00+00:00")
    assert cached.started == cached.ended


def test_a_run_that_a_gate_refused_failed():
    refused = training_run(documents.configuration(), documents.dossier(verdict="refuse"), b"", {})
    assert refused.status == "FAILED"
    assert refused.tags["netanomaly.gate"] == "refuse"


def test_the_description_is_text_and_no_markup():
    note = documents.run(description="[click](http://evil) <img src=x> `x`\x1b").tags["mlflow.note.content"]
    assert "\\[click\\]" in note
    assert "\\<img" in note
    assert "\x1b" not in note


def test_what_kubeflow_logs_of_the_task_is_not_logged_twice():
    """Its launcher logs a task's parameters, and the figures of its metrics artefacts."""
    run = documents.run()
    assert not set(track.component_spec.inputs) & (set(run.parameters) | set(run.metrics))
    assert {each.type for each in track.component_spec.outputs.values()} == {"system.Artifact@0.0.1"}
