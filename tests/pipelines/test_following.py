"""`netanomaly run --pipeline following`: what is new since the last run, each record once, as a schedule would run it."""

import json
from pathlib import Path

import pytest

from tests.command import Ended
from tests.warm import netanomaly_warm

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "configs/data/zeek/conn.log"


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder with a registry that holds a model of Zeek's flows."""
    folder = tmp_path_factory.mktemp("following")
    config = {"model_name": "office", "data_source": str(LOG), "model_type": "isolation_forest", "alert_budget": 0.05}
    (folder / "config.json").write_text(json.dumps(config))
    run = netanomaly_warm("run", folder / "config.json", "--workdir", folder, "--json")
    assert run.code == 0, run.stderr
    return folder


@pytest.fixture
def logs(tmp_path) -> Path:
    """A folder that is followed, with one file in it, which rests."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/first.log").write_bytes(LOG.read_bytes())
    return tmp_path / "logs"


def hourly(work: Path, logs: Path, *options: str, **fields) -> Ended:
    config = {"model": "office@champion", "data_source": str(logs), "registry": str(work / "registry")}
    path = logs.parent / "hourly.json"
    path.write_text(json.dumps({**config, "out": str(logs.parent / "scored"), **fields}))
    return netanomaly_warm(
        "run", path, "--pipeline", "following", "--workdir", logs.parent / "runs", "--json", *options
    )


def test_each_run_scores_what_is_new_and_its_incidents_are_its_artefact(work, logs):
    first = hourly(work, logs)
    assert first.code == 0, first.stderr
    assert (first.json["version"], first.json["followed"]["rows"]) == (1, 360)
    incidents = (Path(first.json["run_dir"]) / "alerts.ndjson").read_text().splitlines()
    assert len(incidents) == first.json["followed"]["incidents"] > 0
    assert (logs.parent / "scored/alerts/00000001.ndjson").read_text().splitlines() == incidents

    second = hourly(work, logs)
    assert (second.json["followed"]["rows"], second.json["followed"]["files"]) == (0, 0)
    assert (Path(second.json["run_dir"]) / "alerts.ndjson").read_bytes() == b""

    # Rotated by a sensor: another name, the same records, and new ones in a new file.
    (logs / "first.log").rename(logs / "conn.2013-09-15.log")
    lines = LOG.read_text().splitlines(keepends=True)
    head = [line for line in lines if line.startswith("#") and not line.startswith("#close")]
    flows = [line.replace("1379", "1389", 1) for line in lines if not line.startswith("#")][:100]
    (logs / "second.log").write_text("".join(head + flows))
    third = hourly(work, logs)
    assert third.json["followed"]["rows"] == 100


def test_without_a_place_for_results_nothing_runs(work, logs):
    ended = hourly(work, logs, "--set", "out=null")
    assert ended.code == 2
    assert "out is not set" in ended.json["error"]
    assert not (logs.parent / "runs").exists()


def test_the_scoring_pipeline_takes_no_place_for_results(work, logs):
    ended = hourly(work, logs, "--pipeline", "scoring")
    assert ended.code == 2
    assert "--pipeline following" in ended.json["error"]


def test_results_among_what_is_followed_are_refused(work, logs):
    ended = hourly(work, logs, out=str(logs / "scored"))
    assert ended.code == 2
    assert "lies within what is followed" in ended.json["error"]
