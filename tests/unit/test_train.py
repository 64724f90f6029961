"""The train stage's work: which rows, how split, what is refused."""

import dataclasses
import json
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import ConfigError, DataError
from netanomaly.models.row_keys import are_among, distinct_keys
from netanomaly.models.rows import UNSEEN, Rows
from netanomaly.stages.train import sampling
from netanomaly.stages.train.calibration import parts
from netanomaly.stages.train.program import refusal, train
from netanomaly.stages.train.settings import Settings

from tests.unit.models_data import traffic, write

SETTINGS = Settings(
    model_type="isolation_forest",
    model_parameters={"n_estimators": 20, "max_samples": 256},
    label_column="label",
    normal_labels=[],
    training_rows="auto",
    categorical_columns=[],
    alert_budget=0.01,
    alerts_per_day=None,
    random_state=5,
)


def changed(**values):
    return dataclasses.replace(SETTINGS, **values)


@pytest.fixture
def flows(tmp_path):
    return write(traffic(800, 100), tmp_path / "flows.parquet", rows_per_group=128)


def test_the_summary_says_what_was_fitted_on_what(flows):
    summary = train(flows, SETTINGS).summary
    assert (summary["rows"], summary["rows_used"], summary["training_rows"]) == (900, 800, "normal")
    assert (summary["rows_fitted"], summary["rows_calibrated"]) == (600, 200)
    assert summary["categorical"] == ["service", "state"]
    assert summary["parameters"]["n_estimators"] == 20
    assert {"budget": 0.01, "threshold": summary["threshold"]} in summary["thresholds"]


def test_labelled_data_is_trained_on_its_normal_rows_unless_told_otherwise(flows):
    assert train(flows, changed(training_rows="all")).summary["rows_used"] == 900
    assert train(flows, changed(normal_labels=["scan", "flood"], alert_budget=0.1)).summary["rows_used"] == 100


def test_unlabelled_data_is_trained_on_all_rows(tmp_path):
    file = write(traffic(500, label=None), tmp_path / "flows.parquet")
    assert train(file, SETTINGS).summary["training_rows"] == "all"


def test_rows_known_to_be_normal_are_all_fitted_on_others_are_doubted(flows, tmp_path):
    """Known by labels, or because the configuration says so of data without them; unless the opposite is asked for."""
    unlabelled = write(traffic(500, label=None), tmp_path / "unlabelled.parquet")
    ensemble = {"model_type": "ensemble", "model_parameters": {"members": ["gaussian_mixture"]}}

    def doubted(file, **values):
        return train(file, changed(**(ensemble | values))).summary["contamination"]["doubted"]

    assert not doubted(flows)
    assert not doubted(unlabelled, training_rows="normal")
    assert doubted(unlabelled)
    assert doubted(flows, training_rows="all")
    assert doubted(flows, model_parameters={"members": ["gaussian_mixture"], "contamination": 0.1})
    assert train(unlabelled, changed(training_rows="normal")).model.training_rows == "normal"


def test_the_models_do_not_depend_on_how_the_file_is_cut_into_row_groups(flows, tmp_path):
    other = write(traffic(800, 100), tmp_path / "other.parquet", rows_per_group=700)
    mixed = traffic(50, 50, seed=3)
    parameters = changed(rows_at_most=500)
    assert (train(flows, parameters).model.score(mixed) == train(other, parameters).model.score(mixed)).all()


def test_no_more_rows_are_held_than_the_sample(flows):
    assert train(flows, changed(rows_at_most=400)).summary["rows_used"] == 400


def test_a_sample_is_as_likely_to_take_any_row_and_the_same_each_time():
    taken = np.zeros(100)
    for seed in range(2000):
        taken[sampling.sample(100, 10, seed)] += 1
    assert abs(taken - 200).max() < 5 * np.sqrt(180)
    assert (sampling.sample(100, 10, 1) == sampling.sample(100, 10, 1)).all()


@pytest.mark.parametrize("label", [None, "label"])
def test_rows_taken_are_those_chosen_among_the_eligible(flows, label):
    eligible = sampling.Eligible(flows, label, lambda name: name != "normal")
    everything = flows.read(["packets", "bytes_out", "label"])
    names = np.array(everything.column("label").to_pylist())
    places = np.arange(len(names)) if label is None else np.flatnonzero(names != "normal")
    assert eligible.rows == len(places)
    chosen = np.array([0, 3, 64, len(places) - 1])
    table = sampling.take(flows, eligible, chosen, ["packets", "bytes_out"], int)
    assert table.equals(everything.select(["packets", "bytes_out"]).take(pa.array(places[chosen])))


def test_the_schema_of_a_file_is_not_made_anew_for_each_column(flows, monkeypatch):
    """Of 5000 columns that took most of a minute."""
    made: Any = pq.ParquetFile.schema_arrow.fget
    look = Mock(side_effect=made)
    monkeypatch.setattr(pq.ParquetFile, "schema_arrow", property(lambda file: look(file)))
    train(flows, SETTINGS)
    assert look.call_count < 7, "as often as the file has columns"


@pytest.mark.parametrize(("rows", "budget"), [(1000, 0.01), (198, 0.01), (250, 0.01), (40, 0.1)])
def test_the_split_is_a_partition_that_leaves_the_budget_enough_rows(rows, budget):
    told_apart = parts(None, rows, budget, 20, 0)
    fitting, calibrating = told_apart.fitting, told_apart.calibrating
    assert sorted([*fitting, *calibrating]) == list(range(rows))
    assert len(calibrating) >= max(1 / budget - 1, rows // 4)


@pytest.mark.parametrize(
    ("rows", "budget", "says"), [(197, 0.01, "needs 198 of them"), (30, 0.5, "needs 40|at least 40")]
)
def test_too_few_rows_are_refused_with_how_many_are_needed(rows, budget, says):
    with pytest.raises(DataError, match=says):
        parts(None, rows, budget, 40 if rows == 30 else 20, 0)


def test_data_without_a_normal_row_is_refused_with_the_names_there_are(flows):
    with pytest.raises(DataError, match=r"no training row is normal: column 'label' holds 'normal', .*normal_labels"):
        train(flows, changed(normal_labels=["fine"]))


def test_constant_data_is_refused(tmp_path):
    table = pa.concat_tables([traffic(1)] * 300)
    with pytest.raises(DataError, match=r"every feature column \(.*\) has one value in all 300"):
        train(write(table, tmp_path / "flows.parquet"), SETTINGS)


@pytest.mark.parametrize("values", [{"alert_budget": 0.0}, {"alert_budget": 1.0}, {"training_rows": "some"}])
def test_parameters_out_of_range_are_refused(values):
    with pytest.raises(ConfigError):
        changed(**values)


def test_the_reasons_of_the_data_gate_are_one_line():
    report = {"findings": [{"severity": "error", "message": "a"}, {"severity": "warning", "message": "b"}]}
    assert refusal(report) == "the data gate refused the data: a"
    many = {"findings": [{"severity": "error", "message": str(number)} for number in range(77)]}
    assert refusal(many) == "the data gate refused the data: 0; 1; 2; 3; 4; and 72 more, all in the data report"


def test_the_promised_false_positive_rate_is_kept_on_other_normal_rows(tmp_path):
    """Twenty random halves: one trained and calibrated on, the other scored."""
    everything = traffic(40_000)
    rates = []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(40_000)
        file = write(everything.take(pa.array(order[:20_000])), tmp_path / "flows.parquet")
        model = train(file, changed(random_state=seed)).model
        scores = model.score(everything.take(pa.array(order[20_000:])))
        rates.append(np.mean(scores > model.threshold))
    # Half of 20,000 rows calibrate: the rates spread by 0.0012, so that one in a hundred may be out of the range.
    assert np.mean([0.007 <= rate <= 0.013 for rate in rates]) >= 0.9
    assert np.mean(rates) == pytest.approx(0.01, abs=0.0008)


@pytest.mark.parametrize(("rows", "calibrating"), [(8000, 2000), (12_000, 6000), (60_000, 20_000), (200_000, 50_000)])
def test_more_rows_calibrate_where_enough_are_left_to_fit_on(rows, calibrating):
    assert len(parts(None, rows, 0.01, 20, 0).calibrating) == calibrating


def with_column(name, values):
    table = traffic(800, 100)
    document = json.loads(table.schema.metadata[b"netanomaly"])
    document["features"].append(name)
    table = table.append_column(name, pa.array(values))
    return table.replace_schema_metadata({"netanomaly": json.dumps(document)})


def test_columns_without_the_role_of_a_feature_are_not_learnt(tmp_path):
    table = write(with_column("flow_id", np.arange(900.0)), tmp_path / "flows.parquet")
    features = pq.ParquetFile(tmp_path / "flows.parquet").schema_arrow.names[:2]
    assert train(table, SETTINGS, columns=features).summary["features"] == features
    assert "flow_id" in train(table, SETTINGS).summary["features"], "all that the file has, where nothing is said"


def test_alerts_a_day_are_the_budget_that_they_are_of_a_days_rows(flows):
    """Of 900 rows 800 are normal: at 1,800 rows a day, 1,600 of them."""
    trained = train(flows, changed(alerts_per_day=32.0), source_rows_per_day=1800.0)
    assert trained.model.alert_budget == pytest.approx(0.02)
    assert trained.summary["rows_per_day"] == pytest.approx(1600)
    assert trained.model.operating_point(trained.model.alert_budget).threshold == trained.model.threshold
    assert {0.01, 0.02, 0.05, 0.1} <= {point.budget for point in trained.model.thresholds}


@pytest.mark.parametrize(
    ("rows_per_day", "alerts", "error", "says"),
    [
        (
            None,
            5.0,
            ConfigError,
            "alerts_per_day is 5 and the training data has no column of times; name it in time_col",
        ),
        (1800.0, 1600.0, ConfigError, "has 1600 rows a day to fit on; ask for fewer"),
        (1.8e6, 5.0, DataError, "an alert budget of 3.125e-06 needs 639998 of them"),
    ],
)
def test_alerts_a_day_that_cannot_be_kept_are_refused(flows, rows_per_day, alerts, error, says):
    with pytest.raises(error, match=says):
        train(flows, changed(alerts_per_day=alerts), source_rows_per_day=rows_per_day)


def test_a_budget_that_rows_are_too_few_for_is_refused_with_one_that_they_are_enough_for(flows):
    with pytest.raises(DataError, match="are enough for an alert_budget of ") as refused:
        train(flows, changed(alert_budget=0.0005))
    advised = float(str(refused.value).rsplit(" ", 1)[1])
    assert train(flows, changed(alert_budget=advised)).model.alert_budget == advised


def test_the_model_knows_the_rows_it_was_trained_on(flows):
    model = train(flows, SETTINGS).model
    assert model.seen is not None
    table = traffic(800, 100)
    seen = are_among(model.schema.rows(table), model.seen)
    assert seen[:800].all()
    assert not seen[800:].any()
    other = table.set_column(table.column_names.index("service"), "service", pa.array(["gopher"] * 900))
    assert not are_among(model.schema.rows(other), model.seen).any()


def test_a_category_that_the_model_does_not_know_has_no_equal():
    rows = Rows(np.array([[1.0], [np.nan], [-0.0], [1.0]]), np.array([[0], [0], [0], [UNSEEN]], dtype=np.int32))
    assert are_among(rows, distinct_keys(rows)).tolist() == [True, True, True, False]
    assert are_among(Rows(np.array([[0.0]]), np.array([[0]], dtype=np.int32)), distinct_keys(rows)).all()
