"""Small made-up traffic for tests of detectors: heavy tails, categories, missing values, a constant column."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FEATURES = ["duration_seconds", "bytes_out", "packets", "always_one", "service", "state"]
CATEGORICAL = ["service", "state"]


def traffic(normal: int, attacks: int = 0, seed: int = 0, label: str | None = "label") -> pa.Table:
    """Normal rows first, then attacks: long, loud flows to a service that normal traffic never uses."""
    draw = np.random.default_rng(seed)
    rows = normal + attacks
    attack = np.arange(rows) >= normal
    packets = draw.lognormal(2, 1, rows)
    columns: dict[str, Any] = {
        "duration_seconds": np.where(attack, draw.lognormal(5, 1, rows), draw.exponential(1.0, rows)),
        "bytes_out": np.where(attack, packets * 9000, packets * draw.normal(100, 5, rows)),
        "packets": pa.array(packets, mask=draw.random(rows) < 0.02),
        "always_one": np.ones(rows),
        "service": pa.array(np.where(attack & (draw.random(rows) < 0.5), "irc", draw.choice(["http", "dns"], rows))),
        "state": pa.array(draw.choice(["SF", "S0"], rows, p=[0.95, 0.05]), mask=draw.random(rows) < 0.01),
    }
    if label:
        columns[label] = pa.array(np.where(attack, np.where(np.arange(rows) % 3 == 0, "scan", "flood"), "normal"))
    document = {"format": 1, "label_column": label, "features": FEATURES, "categorical": CATEGORICAL}
    return pa.table(columns).replace_schema_metadata({"netanomaly": json.dumps(document)})


def write(table: pa.Table, path: Path, rows_per_group: int = 65_536) -> pq.ParquetFile:
    """The table as a flow file, opened."""
    pq.write_table(table, path, row_group_size=rows_per_group)
    return pq.ParquetFile(path)
