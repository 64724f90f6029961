"""What a network gives that nobody has labelled: flows with times and addresses, from which a model is wanted."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.command import Ended
from tests.warm import netanomaly_warm

ROWS = 6000


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Ended:
    folder = tmp_path_factory.mktemp("unlabelled")
    random = np.random.default_rng(3)
    lines = ["StartTime,SrcAddr,DstAddr,Dport,TotBytes,Dur"]
    for row in range(ROWS):
        time = np.datetime64("2024-05-01T00:00:00") + np.timedelta64(row * 30, "s")
        size, port = random.lognormal(7, 2), random.choice([53, 80, 443])
        lines.append(f"{time},10.0.0.{random.integers(50)},10.1.0.{random.integers(9)},{port},{size:.0f},{row % 7}")
    (folder / "flows.csv").write_text("\n".join(lines) + "\n")
    config = {
        "model_name": "office",
        "data_source": "flows.csv",
        "categorical_columns": ["Dport"],
        "alerts_per_day": 30,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return netanomaly_warm("run", folder / "config.json", "--workdir", folder / "work", "--json")


def found(run: Ended, name: str) -> dict:
    paths = Path(run.json["run_dir"]).rglob(name)
    return json.loads(next(path for path in paths if path.is_file()).read_text())


def promise(run: Ended) -> dict:
    """Incidents a day."""
    return found(run, "evaluation_metrics.json")["false_alarms"]["incidents_per_day"]


def test_a_model_is_registered_whose_threshold_allows_so_many_alerts_a_day(run):
    assert run.code == 0, run.stderr
    assert run.json["version"] == 1
    summary = found(run, "model_metadata.json")["training"]
    # Alerts of one host within half an hour are one: more rows may alert than there are to be incidents.
    assert summary["alert_budget"] >= 30 / summary["rows_per_day"]
    assert 25 <= promise(run)["per_day"] <= 30
    assert summary["rows_per_day"] == pytest.approx(2880, rel=0.01)
    assert "StartTime" not in summary["features"]


def test_it_is_judged_on_what_came_after_and_the_report_says_so(run):
    metrics = found(run, "evaluation_metrics.json")
    assert not metrics["labelled"]
    assert metrics["rows"] == pytest.approx(0.3 * ROWS, rel=0.1)
    assert metrics["false_alarms"]["per_day"]["expected"] >= 30
    assert promise(run)["low"] < 30 < promise(run)["high"]
    report = (Path(run.json["run_dir"]) / "report.html").read_text()
    assert "trained on what came before 2024-05-02" in report
    assert "false alarms a day" in report
    assert "Alerts of one host at one time are one incident: expect" in report
