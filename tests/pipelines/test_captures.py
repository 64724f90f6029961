"""Captures through the commands and the pipelines: on a host with Suricata as logs are, without it one line that says so."""

import json
from pathlib import Path

import pytest

from tests.command import netanomaly
from tests.unit.capture import made
from tests.unit.capture.test_flows import ARP, conversation, need
from tests.warm import netanomaly_warm

SECONDS = 1_000_000


@pytest.fixture(scope="module")
def captures(tmp_path_factory) -> Path:
    """A folder of two captures, of 300 connections a second apart."""
    folder = tmp_path_factory.mktemp("captures")
    packets = [packet for number in range(300) for packet in conversation(number, made.START + number * SECONDS)]
    (folder / "office.pcap").write_bytes(made.pcap(*packets[:1000], ARP))
    (folder / "office.pcap1").write_bytes(made.pcap(*packets[1000:]))
    return folder


@pytest.fixture(scope="module")
def trained(captures, tmp_path_factory) -> dict:
    need("suricata")
    folder = tmp_path_factory.mktemp("trained")
    configuration = folder / "office.json"
    configuration.write_text(json.dumps({"model_name": "office", "data_source": str(captures), "model_type": "pca"}))
    ended = netanomaly_warm("run", configuration, "--workdir", folder, "--json")
    assert ended.code == 0, ended.stderr
    return ended.json


def test_a_folder_of_captures_is_trained_on(trained):
    assert {stage["name"] for stage in trained["stages"]} >= {"capture", "capture-2", "ingest", "ingest-2", "register"}
    metadata = json.loads((Path(trained["run_dir"]) / "model_metadata.json").read_text())
    assert metadata["training"]["sensor"] == "suricata"
    page = (Path(trained["run_dir"]) / "data_report.html").read_text()
    assert "3,001 packets" in page
    assert "in no flow" in page


def test_captures_are_scored_by_the_command_and_by_the_pipeline_alike(trained, captures, tmp_path):
    by_command = netanomaly(
        "score", "office", captures, "--registry", trained["registry"], "--out", tmp_path / "out", "--json"
    )
    assert by_command.code == 0, by_command.stderr
    assert by_command.json["rows"] == 600
    configuration = tmp_path / "scoring.json"
    configuration.write_text(
        json.dumps({"model": "office", "data_source": str(captures), "registry": trained["registry"]})
    )
    by_pipeline = netanomaly_warm("run", configuration, "--pipeline", "scoring", "--workdir", tmp_path, "--json")
    assert by_pipeline.code == 0, by_pipeline.stderr
    scores = Path(by_pipeline.json["run_dir"]) / "scores.parquet"
    assert scores.read_bytes() == (tmp_path / "out" / "scores.parquet").read_bytes()


def test_captures_are_tuned_on_by_attacks_that_are_injected(captures, tmp_path):
    need("suricata")
    configuration = tmp_path / "office.json"
    space = {"model_type": ["pca"]}
    document = {"model_name": "office", "data_source": str(captures), "model_type": "pca", "alert_budget": 0.05}
    configuration.write_text(json.dumps({**document, "tuning": {"trials": 1, "space": space}}))
    ended = netanomaly_warm("run", configuration, "--workdir", tmp_path, "--json")
    assert ended.code == 0, ended.stderr
    assert ended.json["pipeline"] == "training-tuned-from-captures"
    assert {stage["name"] for stage in ended.json["stages"]} >= {"capture", "tune-plan", "tune-select", "register"}
    found = json.loads((Path(ended.json["run_dir"]) / "tuning.json").read_text())
    assert found["objective"]["kind"] == "injected"


def test_ingest_says_what_it_made_of_captures(captures):
    need("suricata")
    ended = netanomaly("ingest", captures)
    assert ended.code == 0, ended.stderr
    assert "captures    2 files, by suricata " in ended.stdout
    assert "3,001 packets, 0.03% of them in no flow" in ended.stdout


def test_without_suricata_the_command_that_installs_it_is_named(captures, tmp_path):
    ended = netanomaly("ingest", captures, PATH=str(tmp_path))
    assert ended.code == 2
    assert "sudo apt-get install suricata nfdump, or give --runner docker" in ended.last_line
