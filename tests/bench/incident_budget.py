"""Whether days of traffic like that in training bring the incidents that were promised: `make bench-incidents`.

Each of ten made-up networks trains on sixteen days with `alerts_per_day`, and is then shown ten days that it has not seen;
who is there, and how busy, is drawn anew for each day. Asked is in how many of the hundred days the incidents lie within
the range that the model promises. Then the same for models whose budget is a share of the rows.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from netanomaly import output
from netanomaly.alerts.grouping import group
from netanomaly.flows import columns
from netanomaly.flows.contract import Contract
from netanomaly.models.model import AnomalyModel
from netanomaly.stages.train.program import train
from netanomaly.stages.train.settings import Settings
from netanomaly.traffic import feature_list, features
from netanomaly.traffic.context import Context

from tests.bench.drift_traffic import DAY, MONDAY, Network, flow_table

_NAMES = feature_list.names("zeek", context=True)
_CATEGORIES = tuple(name for name in _NAMES if feature_list.EVERY[name].category)
_CONTRACT = Contract(
    _NAMES, _CATEGORIES, None, "start_time", identity={"src_ip": "src_ip", "dst_ip": "dst_ip"}, sensor="zeek"
)
_TRAINING_DAYS, _ROWS_A_DAY = 16, 5000
_SETTINGS = Settings(
    model_type="isolation_forest",
    model_parameters={"n_estimators": 60},
    label_column="label",
    normal_labels=[],
    training_rows="normal",
    categorical_columns=[],
    alert_budget=0.01,
    alerts_per_day=None,
    random_state=1,
)


def day(network: Network, draw: np.random.Generator, number: int) -> pa.Table:
    """A day's flows as a flow file has them; a day has more or less to say than the one before."""
    rows = int(_ROWS_A_DAY * draw.lognormal(0, 0.15))
    flows = flow_table(network.connections(draw, rows, MONDAY + number * DAY, DAY))
    made: dict[str, Any] = {**features.flow_features(flows), **features.context_features(flows, Context())}
    arrays = {
        name: columns.categories(made[name]).cast(pa.string())
        if name in _CATEGORIES
        else pa.array(made[name], from_pandas=True)
        for name in _NAMES
    }
    beside = {name: features.whole(flows, name).cast(pa.string()) for name in ("src_ip", "dst_ip")}
    return pa.table({**arrays, "start_time": features.whole(flows, "start_time"), **beside})


def incidents(model: AnomalyModel, flows: pa.Table) -> int:
    """Of a day."""
    places = np.flatnonzero(model.score_rows(model.schema.rows(flows)) > model.threshold)
    taken = flows.take(pa.array(places))
    times = taken.column("start_time").to_numpy()
    sources, targets = (np.array(taken.column(name).to_pylist(), dtype=object) for name in ("src_ip", "dst_ip"))
    return len(group(times, sources, targets))


def measure(networks: int, days: int, asked: float | None) -> dict[str, Any]:
    """How often the range held, and what the mean was."""
    held, counts, ranges = 0, [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flows.parquet"
        for seed in range(networks):
            network, draw = Network(seed), np.random.default_rng([seed, 1])
            past = pa.concat_tables([day(network, draw, number) for number in range(_TRAINING_DAYS)])
            pq.write_table(past.replace_schema_metadata(_CONTRACT.metadata()), path, row_group_size=65_536)
            wanted = replace(_SETTINGS, alerts_per_day=asked)
            model = train(pq.ParquetFile(path), wanted, source_rows_per_day=past.num_rows / _TRAINING_DAYS).model
            rate = model.incident_rate(model.alert_budget)
            assert rate is not None
            low, high = rate.expected()
            ranges.append((low, high))
            for number in range(days):
                found = incidents(model, day(network, draw, _TRAINING_DAYS + number))
                counts.append(found)
                held += low <= found <= high
    return {
        "asked": asked,
        "days": len(counts),
        "within": held,
        "mean": round(float(np.mean(counts)), 2),
        "least": min(counts),
        "most": max(counts),
        "ranges": ranges,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=10)
    parser.add_argument("--days", type=int, default=10)
    wanted = parser.parse_args()
    for asked in (5.0, 20.0, 60.0, None):
        output.say_json(measure(wanted.networks, wanted.days, asked))


if __name__ == "__main__":
    main()
