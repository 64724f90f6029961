"""The default detector on data that nobody would choose: it is fitted, or one line says why not."""

import dataclasses
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from netanomaly.models.catalogue import check
from netanomaly.models.detector import make
from netanomaly.models.rows import learn_schema
from netanomaly.stages.train.program import train

from tests.unit.models_data import write
from tests.unit.test_train import SETTINGS

DEFAULT = dataclasses.replace(SETTINGS, model_type="ensemble", model_parameters={})
DRAW = np.random.default_rng(0)


def table_of(columns, times=None):
    categorical = [name for name, values in columns.items() if isinstance(values[0], str)]
    document: dict[str, Any] = {
        "format": 1,
        "label_column": None,
        "features": list(columns),
        "categorical": categorical,
    }
    if times is not None:
        document["time_column"] = "at"
        columns = {**columns, "at": times}
    return pa.table(columns).replace_schema_metadata({"netanomaly": json.dumps(document)})


def numbers(rows, columns, seed=0):
    draw = np.random.default_rng(seed)
    return {f"x{position}": draw.lognormal(0, 1, rows) for position in range(columns)}


def nearly_equal(rows):
    return {"x": np.r_[np.full(rows - 10, 5.0), np.arange(10.0)], "y": np.full(rows, 1.0), "z": ["tcp"] * rows}


ODD = {
    "200 rows of 20 columns": numbers(200, 20),
    "one column": numbers(500, 1),
    "one category": {"service": DRAW.choice(["http", "dns", "smtp"], 500).tolist()},
    "all categories": {f"c{each}": DRAW.choice(list("abcdefgh"), 600).tolist() for each in range(5)},
    "every category once": {"name": [f"host{row}" for row in range(400)], "x": DRAW.normal(size=400)},
    "all rows equal but ten": nearly_equal(1000),
    "extreme values": {
        "x": np.r_[DRAW.normal(size=390), [1e308, -1e308, 5e-324, 0, 1e300, -1e300, 1e-300, 1, 2, 3]],
        "y": DRAW.normal(size=400),
    },
    "a normal kind seen once": {
        "x": np.r_[DRAW.normal(0, 1, 999), 500.0],
        "service": ["http"] * 999 + ["ntp"],
    },
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("training_rows", ["normal", "all"])
def test_odd_data_can_be_learnt_and_keeps_its_promise_nearly(name, training_rows, tmp_path):
    table = table_of(ODD[name])
    file = write(table, tmp_path / "flows.parquet")
    trained = train(file, dataclasses.replace(DEFAULT, training_rows=training_rows))
    scores = trained.model.score(table)
    assert np.isfinite(scores).all()
    assert (scores > trained.model.threshold).mean() <= 0.05


@pytest.mark.parametrize("training_rows", ["normal", "all"])
def test_five_thousand_columns_take_neither_minutes_nor_gigabytes(training_rows):
    """Full clouds of so many columns would be 1.6 GB, and hours."""
    table = table_of(numbers(300, 5000))
    schema = learn_schema(table, table.column_names, [])
    contamination = {"contamination": 0.0} if training_rows == "normal" else {}
    detector = make("ensemble", check("ensemble", contamination))
    rows = schema.rows(table)
    detector.fit(rows, 0)
    assert np.isfinite(detector.score(rows)).all()


def test_an_hour_of_traffic_calibrates_on_its_last_quarter(tmp_path):
    times = 1_700_000_000 + np.sort(DRAW.uniform(0, 3600, 2000))
    file = write(table_of(numbers(2000, 4), times), tmp_path / "flows.parquet")
    calibration = train(file, dataclasses.replace(DEFAULT, training_rows="normal")).summary["calibration"]
    assert (calibration["by"], calibration["days"]) == ("time", 1)
    assert calibration["rows"] == 500
    assert 30 < calibration["gap_seconds"] <= 36
