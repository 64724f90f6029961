"""`alerts_per_day` counts what people look at where times and ends are known, and rows elsewhere."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import ModelError
from netanomaly.flows.contract import Contract
from netanomaly.metrics.incident_rate import DAY, IncidentRate
from netanomaly.stages.train.program import train

from tests.unit.test_train import SETTINGS

ROWS, DAYS = 6000, 6
WANTED = replace(SETTINGS, model_type="gaussian_mixture", model_parameters={"n_components": 2}, training_rows="normal")


def written(path, *, hosts: bool = True, scanners: int = 3):
    """Six days of flows; on the last two hosts send bursts of odd ones, each of them one incident of many alerts."""
    draw = np.random.default_rng(4)
    times = np.sort(draw.uniform(0, DAYS * DAY, ROWS))
    size = draw.uniform(400, 500, ROWS)
    sources = np.array([f"10.0.0.{host}" for host in draw.integers(1, 60, ROWS)], dtype=object)
    for burst in range(4 * scanners, DAYS * scanners):
        begin = np.searchsorted(times, (burst + 0.5) * DAY / scanners)
        size[begin : begin + 20] *= 1000
        sources[begin : begin + 20] = f"10.9.0.{burst % 9}"
        times[begin : begin + 20] = times[begin] + np.arange(20)
    identity = {"src_ip": "src_ip", "dst_ip": "dst_ip"} if hosts else {}
    contract = Contract(("bytes", "ratio"), (), None, "time", identity=identity)
    beside = {"src_ip": pa.array(sources), "dst_ip": pa.array(["192.0.2.1"] * ROWS)} if hosts else {}
    table = pa.table({"bytes": size, "ratio": draw.uniform(size=ROWS), "time": times, **beside})
    order = pa.array(np.argsort(times, kind="stable"))
    pq.write_table(table.take(order).replace_schema_metadata(contract.metadata()), path)
    return pq.ParquetFile(path)


def trained(file, asked, **changes):
    return train(file, replace(WANTED, alerts_per_day=asked, **changes), source_rows_per_day=ROWS / DAYS)


def test_alerts_a_day_are_incidents_where_ends_are_known(tmp_path):
    made = trained(written(tmp_path / "flows.parquet"), 5.0)
    rate = made.model.incident_rate(made.model.alert_budget)
    assert rate is not None
    assert 2.5 <= rate.per_day <= 5.0
    # Three bursts a day of twenty rows each are three incidents, and sixty alerting rows.
    assert made.model.alert_budget * ROWS / DAYS > 40
    low, high = rate.expected()
    assert low <= 5 <= high


def test_they_are_rows_where_ends_are_not_known(tmp_path):
    made = trained(written(tmp_path / "flows.parquet", hosts=False), 5.0)
    assert made.model.alert_budget == pytest.approx(5 / (ROWS / DAYS))
    assert made.model.incidents == ()
    with pytest.raises(ModelError, match="does not know how many incidents a day"):
        made.model.budget_for(5.0)


def test_a_sample_of_the_rows_promises_as_many_incidents_as_all(tmp_path):
    """The replay scores rows that were not drawn for the fit: of a sample alone there would be fewer incidents."""
    file = written(tmp_path / "flows.parquet")
    rate = trained(file, 5.0, rows_at_most=2000).model
    found = rate.incident_rate(rate.alert_budget)
    assert found is not None
    assert 2.5 <= found.per_day <= 5.0
    assert rate.thresholds[0].rows == pytest.approx(ROWS / 4, rel=0.1)


def test_without_being_asked_for_thresholds_are_as_they_were_and_incidents_are_known(tmp_path):
    file = written(tmp_path / "flows.parquet")
    made = trained(file, None)
    assert made.model.alert_budget == SETTINGS.alert_budget
    assert {rate.budget for rate in made.model.incidents} >= {0.01, 0.05, 0.1}
    assert [each["budget"] for each in made.summary["incidents"]] == [rate.budget for rate in made.model.incidents]
    plain = train(written(tmp_path / "plain.parquet", hosts=False), WANTED).model
    assert [point.threshold for point in plain.thresholds] == [point.threshold for point in made.model.thresholds]


def test_scoring_chooses_the_point_with_the_most_alerts_for_so_many_incidents(tmp_path):
    model = trained(written(tmp_path / "flows.parquet"), None).model
    rates = {rate.budget: rate.per_day for rate in model.incidents}
    asked = (rates[0.05] + rates[0.02]) / 2
    assert model.budget_for(asked) == max(budget for budget, rate in rates.items() if rate <= asked)
    loud = replace(model, incidents=(IncidentRate(0.01, 50, DAY, 8, 0.2),))
    with pytest.raises(ModelError, match="at its strictest operating point the model raises 50 incidents a day"):
        loud.budget_for(49.0)
