"""A sensor's log through the whole pipeline: two fields of configuration, and a model of its flows."""

import json
import pickle
import re
from pathlib import Path

import joblib
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.command import Ended, netanomaly, netanomaly_here
from tests.unit.traffic.test_in_context import HEAD, lines
from tests.unit.traffic.test_ingest import traffic
from tests.unit.traffic.test_suricata import event
from tests.unit.traffic.zeek_logs import FIELDS, tsv
from tests.warm import netanomaly_warm

ADDRESS = re.compile(rb"\b10\.[0-9]+\.[0-9]+\.[0-9]+\b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("traffic")
    (folder / "conn.log").write_text(tsv(*traffic(2000, label=True), fields=[*FIELDS, "label"]))
    (folder / "eve.json").write_text("".join(event(flow_id=number) for number in range(200)))
    return folder


def run(folder: Path, **document: object) -> Ended:
    path = folder / f"config-{len(document)}.json"
    path.write_text(json.dumps({"model_name": "office", "data_source": "conn.log"} | document))
    return netanomaly_warm("run", path, "--workdir", folder / f"work-{len(document)}", "--json")


def test_a_log_and_a_name_are_enough(folder):
    ended = run(folder)
    assert ended.code == 0, ended.stderr
    run_dir = Path(ended.json["run_dir"])
    metadata = json.loads((run_dir / "model_metadata.json").read_text())
    assert metadata["training"]["sensor"] == "zeek"
    assert not {"src_ip", "start_time", "uid"} & set(metadata["training"]["features"])
    evaluation = json.loads((run_dir / "evaluation_metrics.json").read_text())
    patterns = {each["name"]: each for each in evaluation["replay"]["patterns"]}
    assert patterns["exfiltration"]["recall"] > 0.9
    assert "Attacks made by code" in (run_dir / "report.html").read_text()
    alerts = evaluation["top_alerts"]
    scan = next(alert for alert in alerts if alert["label"] == "Malicious")
    assert scan["flow"]["src_ip"] == "10.9.9.9"
    assert any(alert["context"] for alert in alerts)
    assert any(feature["words"] for feature in scan["features"])
    assert "10.9.9.9:51013 → 10.0.0.9:" in (run_dir / "report.html").read_text()


def test_a_training_without_identities_keeps_no_address_and_no_uid_anywhere(folder, tmp_path):
    records = [[ts, f"Quid{number:06}", *rest] for number, (ts, _, *rest) in enumerate(traffic(2000, label=True))]
    (tmp_path / "conn.log").write_text(tsv(*records, fields=[*FIELDS, "label"]))
    (tmp_path / "private.json").write_text(json.dumps({"model_name": "private", "data_source": "conn.log"}))
    ended = netanomaly_warm(
        "run", tmp_path / "private.json", "--workdir", tmp_path / "work", "--no-identities", "--json"
    )
    assert ended.code == 0, ended.stderr
    secrets = {record[place].encode() for record in records for place in (1, 2, 4)}
    assert len(secrets) > 2000
    files = [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"model.joblib", "report.html", "training_run_config.json"}
    for path in files:
        found = {token for token in re.findall(rb"[A-Za-z0-9.:]+", _content(path)) if token.strip(b".:") in secrets}
        assert not found, (path, found)
    assert not ADDRESS.search(ended.stdout.encode() + ended.stderr.encode())
    metrics = json.loads((Path(ended.json["run_dir"]) / "evaluation_metrics.json").read_text())
    assert metrics["top_alerts"][0]["flow"]["src_ip"].startswith("host-")
    assert metrics["replay"] is None


def test_a_table_in_context_is_trained_on_scored_and_watched_as_one(tmp_path):
    (tmp_path / "flows.csv").write_text(HEAD + "".join(lines(1500)))
    (tmp_path / "table.json").write_text(
        json.dumps({
            "model_name": "table", "data_source": "flows.csv", "context": True, "label_column": "",  "ignore_columns": ["src_ip", "dst_ip", "src_port"],
        })
    )  # fmt: skip
    trained = netanomaly_warm("run", tmp_path / "table.json", "--workdir", tmp_path / "work", "--json")
    assert trained.code == 0, trained.stderr
    metadata = json.loads((Path(trained.json["run_dir"]) / "model_metadata.json").read_text())
    assert {"src_destinations_100", "pair_gap_seconds"} <= set(metadata["training"]["features"])
    command = ("score", "table", tmp_path / "flows.csv", "--registry", trained.json["registry"])
    scored = netanomaly_here(*command, "--out", tmp_path / "scored", "--json")
    assert scored.code == 0, scored.stderr
    table = pq.read_table(tmp_path / "scored" / "scores.parquet")
    scan = table.filter(pc.equal(table.column("src_ip"), "10.0.0.66"))
    assert scan.num_rows == 60
    assert pc.mean(scan.column("alert").cast("int8")).as_py() > 0.5
    watched = netanomaly_here(
        "monitor", "table", tmp_path / "flows.csv", "--registry", trained.json["registry"], "--json"
    )
    assert watched.code == 0, watched.stderr


def _content(path: Path) -> bytes:
    """All that is in a file, however it is packed."""
    if path.suffix in (".joblib", ".model") or path.name == "model":
        return pickle.dumps(joblib.load(path), protocol=0)
    content = path.read_bytes()
    if content[:4] == b"PAR1":
        table = pq.read_table(path)
        return json.dumps(table.to_pylist(), default=str).encode() + str(table.schema.metadata).encode()
    assert content[:2] not in (b"\x1f\x8b", b"PK", b"\x28\xb5"), path
    return content


def test_flows_of_another_sensor_are_refused_before_anything_is_trained(folder):
    ended = run(folder, evaluation_data_source="eve.json", label_column="")
    assert ended.code == 2
    assert "flows of zeek taught the model and flows of suricata are to be judged" in ended.last_line


def test_ingest_says_what_it_understood(folder):
    ended = netanomaly("ingest", folder / "conn.log", "--out", folder / "flows.parquet", "--head", "3")
    assert ended.code == 0, ended.stderr
    assert "Zeek conn log (tab-separated), sensor zeek" in ended.stdout
    assert "2,000" in ended.stdout
    assert "src_destinations_120s" in ended.stdout
    assert (folder / "flows.parquet").is_file()
    document = netanomaly_here("ingest", folder / "eve.json", "--json").json
    assert (document["sensor"], document["rows"], document["out"]) == ("suricata", 200, None)


def test_ingest_names_what_is_no_flow(folder):
    (folder / "dns.log").write_text(
        tsv(["1", "C1", "1.1.1.1", "1", "1.1.1.2", "53", "udp"], fields=FIELDS[:7], path="dns")
    )
    ended = netanomaly_here("ingest", folder / "dns.log")
    assert ended.code == 2
    assert "is a Zeek dns log: flows are in its conn log" in ended.last_line


def test_results_without_identities_tell_hosts_apart_and_name_none(folder, tmp_path):
    trained = run(folder)
    named = ("--registry", trained.json["registry"])
    assert netanomaly_here("score", "office", folder / "conn.log", *named, "--out", tmp_path / "named").code == 0
    alert = json.loads((tmp_path / "named/alerts.ndjson").read_text().splitlines()[0])
    why = ("--verdict", "benign", "--expires", "30d", "--why", f"{alert['entity']['ip']} is ours")
    assert netanomaly_here("feedback", "add", alert["id"], "--alerts", tmp_path / "named", *why, *named).code == 0
    for form in ("netanomaly", "ecs", "ocsf"):
        out = tmp_path / form
        command = ("score", "office", folder / "conn.log", "--registry", trained.json["registry"], "--out", out)
        ended = netanomaly_here(*command, "--alert-format", form, "--no-identities")
        assert ended.code == 0, ended.stderr
        files = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix != ".parquet"}
        for name, content in {**files, "terminal": ended.stdout.encode() + ended.stderr.encode()}.items():
            assert not ADDRESS.search(content), name
        assert b"host-" in files["alerts.ndjson"]
    table = pq.read_table(out / "scores.parquet")
    assert not ADDRESS.search(json.dumps(table.to_pylist(), default=str).encode())
    assert len(set(table.column("src_ip").to_pylist())) == 10
    assert table.column("uid").null_count == table.num_rows
