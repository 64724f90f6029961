"""The evaluate stage's work: scores in batches, figures, verdict."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest
from netanomaly.errors import ConfigError, DataError
from netanomaly.models.row_keys import distinct_keys
from netanomaly.stages.evaluate.champion import Champion
from netanomaly.stages.evaluate.program import evaluate
from netanomaly.stages.evaluate.settings import Settings as EvaluateSettings
from netanomaly.stages.register.program import promotion
from netanomaly.stages.train import program as training
from sklearn.metrics import confusion_matrix, roc_auc_score

from tests.unit.models_data import traffic, write
from tests.unit.test_train import SETTINGS


def settings(gates=None, random_state=0) -> EvaluateSettings:
    return EvaluateSettings([], gates or {}, False, random_state, "registry", "m", None, {})


# The model of these tests is small and weak: what it catches is not what they are about.
UNDEMANDING = {"min_lift": False, "min_roc_auc_low": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    file = write(traffic(1000, 50), tmp_path_factory.mktemp("training") / "flows.parquet")
    return training.train(file, SETTINGS).model


@pytest.fixture(scope="module")
def usable(tmp_path_factory):
    """One that catches what these attacks need: a tenth of normal rows may alert."""
    file = write(traffic(1000, 50), tmp_path_factory.mktemp("training") / "flows.parquet")
    return training.train(file, dataclasses.replace(SETTINGS, alert_budget=0.1)).model


def judged(model, table, path, gates=None, rows_per_group=65_536):
    return evaluate(model, write(table, path, rows_per_group), settings(gates, random_state=3))


def test_figures_are_those_of_the_scores(model, tmp_path):
    table = traffic(400, 200, seed=9)
    evaluation = judged(model, table, tmp_path / "flows.parquet")
    document, scores, truth = evaluation.document, model.score(table), np.arange(600) >= 400
    assert document["roc_auc"]["value"] == pytest.approx(roc_auc_score(truth, scores))
    matrix = confusion_matrix(truth, scores > model.threshold).tolist()
    assert [row["row"] for row in evaluation.classification["confusionMatrix"]["rows"]] == matrix
    assert [entry["rows"] for entry in document["classes"]] == [134, 66]
    assert sum(entry["detected"] for entry in document["classes"]) == matrix[1][1]
    assert (document["labelled"], document["normal"], document["attacks"]) == (True, 400, 200)


def test_the_evaluation_does_not_depend_on_row_groups(model, tmp_path):
    table = traffic(400, 200, seed=9)
    whole = judged(model, table, tmp_path / "one.parquet")
    pieces = judged(model, table, tmp_path / "two.parquet", rows_per_group=37)
    assert whole == pieces


def test_kubeflow_gets_flat_finite_numbers(model, tmp_path):
    evaluation = judged(model, traffic(400, 200, seed=9), tmp_path / "flows.parquet")
    json.dumps([evaluation.document, evaluation.classification], allow_nan=False)
    assert all(isinstance(value, int | float) and np.isfinite(value) for value in evaluation.headline.values())
    assert {"roc_auc", "recall_at_1_percent", "recall_at_0_1_percent"} <= set(evaluation.headline)
    assert len(evaluation.classification["confidenceMetrics"]) <= 100


@pytest.mark.parametrize(
    ("normal", "attacks", "label", "says"),
    [
        (300, 0, None, "no labels"),
        (300, 0, "label", "no attacks"),
        (0, 300, "label", "no normal rows"),
    ],
)
def test_what_can_be_reported_of_one_kind_of_rows_is(model, tmp_path, normal, attacks, label, says):
    evaluation = judged(model, traffic(normal, attacks, label=label), tmp_path / "flows.parquet")
    document = evaluation.document
    assert document["roc_auc"] is None
    assert document["at_threshold"]["alerts"] >= 0
    assert (document["at_threshold"]["false_positive_rate"] is not None) == (normal > 0 and label is not None)
    assert says in document["findings"][0]["message"]
    json.dumps([document, evaluation.classification], allow_nan=False)
    assert sum(document["scores"]["all"]) == 300
    assert evaluation.classification == {}


def test_a_failed_gate_refuses_with_its_reason(model, tmp_path):
    document = judged(model, traffic(400, 200), tmp_path / "flows.parquet", {"max_false_positive_rate": 0.0}).document
    assert document["verdict"] == "refuse"
    assert document["reasons"][0].startswith("max_false_positive_rate is 0 and the model reached")


def test_a_gate_on_detection_is_not_passed_without_labels(model, tmp_path):
    document = judged(model, traffic(400, label=None), tmp_path / "flows.parquet", {"min_roc_auc": 0.1}).document
    assert document["verdict"] == "refuse"
    assert "cannot be judged" in document["reasons"][0]


def test_a_broken_promise_is_a_finding_and_a_kept_one_is_none(model, tmp_path):
    kept = judged(model, traffic(2000, 50, seed=4), tmp_path / "kept.parquet").document
    assert not kept["findings"]
    eager = [dataclasses.replace(point, threshold=point.threshold - 0.1) for point in model.thresholds]
    loose = dataclasses.replace(model, thresholds=eager)
    broken = judged(loose, traffic(2000, 50, seed=4), tmp_path / "broken.parquet").document
    assert "over the promised 1.00%" in broken["findings"][0]["message"]


def test_no_rows_are_refused(model, tmp_path):
    with pytest.raises(DataError, match="no rows"):
        judged(model, traffic(10).slice(0, 0), tmp_path / "flows.parquet")


def test_an_unknown_gate_is_refused():
    with pytest.raises(ConfigError, match="min_roc_auc"):
        settings({"min_rocauc": 0.5})


def test_the_loudest_alerts_are_explained_with_their_row_and_class(model, tmp_path):
    document = judged(model, traffic(400, 200), tmp_path / "flows.parquet").document
    alerts = document["top_alerts"]
    assert 0 < len(alerts) <= 20
    assert [alert["score"] for alert in alerts] == sorted((alert["score"] for alert in alerts), reverse=True)
    assert all(alert["score"] > document["threshold"] for alert in alerts)
    # Attacks come last in the file, and its rows are counted from 1.
    for alert in alerts:
        assert (alert["label"] in ("scan", "flood")) == (alert["row"] > 400)
        assert {"name", "value", "normal_low", "normal_high", "contribution", "words"} == set(alert["features"][0])
    unlabelled = judged(model, traffic(400, label=None), tmp_path / "unlabelled.parquet").document
    assert {alert["label"] for alert in unlabelled["top_alerts"]} <= {None}


def test_an_alert_tells_where_its_row_is_in_the_source(model, tmp_path):
    table = traffic(400, 200)
    rows = table.num_rows
    beside = {
        "netanomaly:file": pa.array(["monday.csv"] * 300 + ["tuesday.csv"] * 300),
        "netanomaly:record": pa.array([*range(7, 307), *range(1, 301)]),
        "sport": pa.array([float(port) for port in range(rows)]),
    }
    contract = {**json.loads(table.schema.metadata[b"netanomaly"]), "identity": {
        "file": "netanomaly:file", "record": "netanomaly:record", "src_port": "sport",
    }}  # fmt: skip
    for name, column in beside.items():
        table = table.append_column(name, column)
    table = table.replace_schema_metadata({"netanomaly": json.dumps(contract)})
    evaluation = judged(model, table, tmp_path / "flows.parquet", rows_per_group=128)
    alerts = evaluation.document["top_alerts"]
    assert len(alerts) > 1
    for alert in alerts:
        place = int(alert["flow"]["src_port"])
        expected = ("monday.csv", place + 7) if place < 300 else ("tuesday.csv", place - 299)
        assert (alert["flow"]["file"], alert["row"]) == expected
        assert alert["flow"]["record"] == alert["row"]


def test_a_champion_is_scored_on_the_same_rows_and_its_version_is_in_the_decision(model, tmp_path):
    file = write(traffic(400, 200), tmp_path / "flows.parquet")
    evaluation = evaluate(model, file, settings(), champion=Champion(model, 4))
    decision = evaluation.decision
    assert decision["champion"]["version"] == 4
    assert (
        decision["champion"]["roc_auc"] == decision["challenger"]["roc_auc"] == evaluation.document["roc_auc"]["value"]
    )
    assert evaluation.document["comparison"] == decision
    json.dumps(decision, allow_nan=False)


def test_a_champion_that_cannot_be_compared_stays_and_the_new_model_is_challenger_with_the_reason(usable, tmp_path):
    file = write(traffic(400, 200), tmp_path / "flows.parquet")
    schema = dataclasses.replace(usable.schema, features=(*usable.schema.features, "port"))
    kinds = dataclasses.replace(usable.schema, numeric=("service", *usable.schema.numeric[1:]))
    champions = {
        "version 4, needs column port": Champion(dataclasses.replace(usable, schema=schema), 4),
        "version 4, cannot score the evaluation data": Champion(dataclasses.replace(usable, schema=kinds), 4),
        "made with scikit-learn 1.2": Champion(None, 4, "the champion was made with scikit-learn 1.2"),
    }
    for reason, champion in champions.items():
        evaluation = evaluate(usable, file, settings(), champion=champion)
        decision = evaluation.decision
        assert reason in decision["reason"]
        assert (decision["decision"], decision["because"], decision["champion"]["version"]) == (
            "keep",
            "incomparable",
            4,
        )
        assert promotion(decision).aliases == ("challenger",)
        assert evaluation.document["comparison"] == decision


def test_binary_labels_are_called_normal_and_attack(model, tmp_path):
    table = traffic(400, 200)
    codes = pa.array(np.where(np.arange(600) >= 400, "1", "0"))
    table = table.set_column(table.schema.get_field_index("label"), "label", codes)
    evaluation = judged(model, table, tmp_path / "flows.parquet", {**UNDEMANDING, "min_class_recall": {"1": 0.9}})
    assert [entry["name"] for entry in evaluation.document["classes"]] == ["attack"]
    assert {alert["label"] for alert in evaluation.document["top_alerts"]} <= {"normal", "attack"}
    assert evaluation.document["gates"][0]["gate"] == "min_class_recall.attack"


def test_rows_that_the_model_was_trained_on_are_counted_and_left_out_beside(model, tmp_path):
    fresh, trained_on = traffic(300, 200, seed=9), traffic(1000, 50).slice(0, 100)
    document = judged(model, pa.concat_tables([fresh, trained_on]), tmp_path / "flows.parquet").document
    assert (document["repeats"]["rows"], document["repeats"]["normal"], document["repeats"]["attacks"]) == (100, 100, 0)
    alone = judged(model, fresh, tmp_path / "fresh.parquet").document
    assert alone["repeats"]["rows"] == 0
    assert document["repeats"]["without"]["roc_auc"] == pytest.approx(alone["roc_auc"]["value"])
    assert document["repeats"]["without"]["recall_at"][1]["recall"] == pytest.approx(alone["recall_at"][1]["recall"])
    unlabelled = judged(model, trained_on.drop_columns(["label"]), tmp_path / "none.parquet").document["repeats"]
    assert (unlabelled["rows"], unlabelled["normal"], unlabelled["without"]) == (100, None, None)


def test_false_alarms_are_foretold_for_the_rows_judged_and_for_a_day(model, tmp_path):
    document = judged(
        dataclasses.replace(model, rows_per_day=5e4), traffic(400, 9), tmp_path / "flows.parquet"
    ).document
    evaluated, day = document["false_alarms"]["evaluated"], document["false_alarms"]["per_day"]
    assert (evaluated["rows"], evaluated["expected"]) == (400, 4)
    assert evaluated["low"] < 4 < evaluated["high"]
    assert day["expected"] == 500
    assert 0 < day["low"] < 500 < day["high"]
    assert judged(model, traffic(400), tmp_path / "plain.parquet").document["false_alarms"]["per_day"] is None


def test_a_model_trained_on_attacks_is_found_out(tmp_path):
    mostly = training.train(
        write(traffic(100, 2000), tmp_path / "training.parquet"), dataclasses.replace(SETTINGS, training_rows="all")
    )
    document = judged(mostly.model, traffic(400, 200, seed=9), tmp_path / "flows.parquet").document
    assert any("its training data is probably mostly attacks" in each["message"] for each in document["findings"])


def test_of_a_model_of_normal_rows_that_finds_attacks_usual_it_is_not_said_that_it_learnt_from_attacks(tmp_path):
    """The attacks are what is most common among the normal rows, to the last digit."""
    table = traffic(1000)
    model = training.train(write(table, tmp_path / "training.parquet"), SETTINGS).model
    order = np.argsort(model.score(table))
    hidden = table.take(pa.array(order[:100]))
    names = pa.array(["scan"] * len(hidden))
    hidden = hidden.set_column(hidden.column_names.index("label"), "label", names)
    document = judged(model, pa.concat_tables([traffic(400, seed=9), hidden]), tmp_path / "flows.parquet").document
    [message] = [each["message"] for each in document["findings"] if "odder to the model" in each["message"]]
    assert "it learnt from normal rows alone" in message
    assert "mostly attacks" not in message


def test_a_champion_that_was_trained_on_what_it_is_judged_on_is_told(model, tmp_path):
    judged_on = traffic(300, 200, seed=9)
    file = write(judged_on, tmp_path / "flows.parquet")
    theirs = dataclasses.replace(model, seen=distinct_keys(model.schema.rows(judged_on.slice(0, 60))))
    for champion, told in ((theirs, True), (model, False)):
        evaluation = evaluate(model, file, settings(), champion=Champion(champion, 4))
        said = [finding["message"] for finding in evaluation.document["findings"]]
        assert (
            any("version 4, was trained on 60 of the evaluation rows and this model on 0" in each for each in said)
            == told
        )


def test_scores_spread_as_in_training_are_stable_and_others_are_not(model, tmp_path):
    alike = judged(model, traffic(3000, seed=4, label=None), tmp_path / "alike.parquet").document["stability"]
    assert (alike["index"] < 0.05, alike["rows"]) == (True, 3000)
    changed = judged(model, traffic(2000, 1000, seed=4, label=None), tmp_path / "changed.parquet").document["stability"]
    assert changed["index"] > 0.25
    labelled = judged(model, traffic(2000, 1000, seed=4), tmp_path / "labelled.parquet").document["stability"]
    assert (labelled["index"] < 0.05, labelled["rows"]) == (True, 2000)
    assert judged(model, traffic(0, 300), tmp_path / "attacks.parquet").document["stability"] is None


def test_what_stands_apart_among_rows_that_nobody_vouches_for_is_told(tmp_path):
    """A tight cluster that is like nothing else: attacks, or a rare kind of normal traffic; who knows may say."""
    table = pa.concat_tables([traffic(1500, label=None), traffic(0, 80, label=None)])
    default = dataclasses.replace(SETTINGS, model_type="ensemble", model_parameters={})
    file = write(table, tmp_path / "flows.parquet")
    said = {}
    for rows in ("all", "normal"):
        model = training.train(file, dataclasses.replace(default, training_rows=rows)).model
        document = judged(model, traffic(300, 100, seed=4), tmp_path / "judged.parquet").document
        said[rows] = [each["message"] for each in document["findings"] if "stand clearly apart" in each["message"]]
    assert len(said["all"]) == 1
    assert "set training_rows to 'normal'" in said["all"][0]
    assert not said["normal"]
