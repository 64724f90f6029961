"""`netanomaly monitor`: windows of traffic judged by what is kept with a version."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from netanomaly.monitoring import reference as references
from netanomaly.monitoring.retraining import claimed_by_run
from netanomaly.registry import open_registry

from tests.bench import drift_traffic as traffic
from tests.command import Ended, netanomaly
from tests.unit.monitoring.worlds import flows
from tests.unit.traffic.zeek_logs import tsv

NETWORK = traffic.Network(1)


def log(path: Path, found: pa.Table) -> Path:
    """Flows as Zeek writes them."""
    records = [
        [
            f"{row['start_time']:.6f}", f"C{number}", row["src_ip"], str(row["src_port"]), row["dst_ip"], str(row["dst_port"]),
            row["protocol"], row["service"] or "-", f"{row['duration_seconds']:.6f}", "0", "0",
            "SF" if row["outcome"] == "closed" else "S0", "T", "0", "-", str(row["packets_out"]), str(row["bytes_out"]),
            str(row["packets_in"]), str(row["bytes_in"]), "-",
        ]
        for number, row in enumerate(found.to_pylist())
    ]  # fmt: skip
    path.write_text(tsv(*records))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A registered model of three weeks, and days after it."""
    folder = tmp_path_factory.mktemp("monitor")
    draw = np.random.default_rng(1)
    training = pa.concat_tables([flows(NETWORK, draw, 900, day) for day in range(21)])
    log(folder / "training.log", training)
    log(folder / "quiet.log", flows(NETWORK, np.random.default_rng(2), 900, 22))
    log(folder / "another.log", flows(NETWORK, np.random.default_rng(4), 1800, 24))
    log(folder / "frames.log", flows(NETWORK, np.random.default_rng(3), 4000, 23, traffic.frame_bytes))
    config = {"model_name": "office", "model_type": "pca", "data_source": "training.log", "alert_budget": 0.05}
    (folder / "config.json").write_text(json.dumps(config))
    run = netanomaly("run", folder / "config.json", "--workdir", folder / "work", "--json")
    assert run.code == 0, run.stderr
    return folder


def monitor(folder: Path, *arguments: str | Path) -> Ended:
    return netanomaly("monitor", "office", *arguments, "--registry", folder / "work/registry")


def test_training_keeps_a_reference_with_the_version_in_few_bytes(folder):
    registry = open_registry(folder / "work/registry")
    version = registry.version("office:1")
    kept = version.record.files[references.FILE]
    assert 1000 < kept.bytes <= references.MOST_BYTES
    data = registry.file(version, references.FILE)
    assert data is not None
    reference = references.read(data)
    assert reference.profile.rows > 10_000
    assert len(reference.rates.rows) >= 8
    assert reference.about["sensor"] == "zeek"


def test_a_quiet_day_is_one_line_and_a_page_and_stands_in_the_history_once(folder):
    ended = monitor(folder, folder / "quiet.log", "--out", folder / "out")
    assert ended.code == 0, ended.stderr
    assert ended.stdout.splitlines()[0] == "office:1  quiet"
    document = json.loads((folder / "out/verdict.json").read_text())
    assert document["verdict"] == "quiet"
    assert document["alert_rate"]["high"] > 0
    page = (folder / "out/report.html").read_text()
    assert "Quiet: traffic is as it was in training" in page
    assert "Verdicts before" in page
    monitor(folder, folder / "quiet.log")
    shown = netanomaly("registry", "history", "office", "--registry", folder / "work/registry")
    assert shown.stdout.count("monitored: quiet") == 1


def test_a_change_of_the_sensor_is_named_with_what_to_check_and_its_exit_code_where_asked(folder):
    ended = monitor(folder, folder / "frames.log", "--exit-code", "--no-history")
    assert ended.code == 4
    assert "sensor changed: +14 bytes a packet" in ended.stdout.splitlines()[0]
    assert "do not retrain" in ended.stdout
    assert ended.last_line == "error: not quiet: sensor changed"
    document = monitor(folder, folder / "frames.log", "--json", "--no-history").json["verdicts"][0]
    assert document["sensor"][0]["what"] == "bytes_a_packet"
    assert not document["retrain"]


def test_scores_are_judged_by_alerts_and_sources_and_it_is_said_that_features_are_not_in_them(folder):
    scored = netanomaly(
        "score",
        "office",
        folder / "quiet.log",
        "--registry",
        folder / "work/registry",
        "--out",
        folder / "scored",
        "--json",
    )
    assert scored.code == 0, scored.stderr
    document = monitor(folder, folder / "scored", "--json", "--no-history").json["verdicts"][0]
    assert document["verdict"] == "quiet", document["reasons"]
    assert document["rows"] == scored.json["rows"]
    assert document["alerts"] == scored.json["alerts"]
    assert any("scores hold no features" in note for note in document["notes"])
    mixed = monitor(folder, folder / "scored", folder / "quiet.log")
    assert mixed.code == 2
    assert "look at either" in mixed.last_line


def test_scores_of_a_follower_and_of_another_budget_are_judged_as_those_of_a_run(folder, tmp_path):
    registry = ("--registry", folder / "work/registry")
    (tmp_path / "logs").mkdir()
    lines = (folder / "quiet.log").read_text().splitlines(keepends=True)
    head = [line for line in lines if line.startswith("#") and not line.startswith("#close")]
    records = [line for line in lines if not line.startswith("#")]
    for number, some in enumerate((records[:400], records[400:])):
        (tmp_path / f"logs/conn.{number}.log").write_text("".join([*head, *some]))
    once = ("score", "office", folder / "quiet.log", *registry)
    assert netanomaly(*once, "--out", tmp_path / "run").code == 0
    assert netanomaly(*once, "--out", tmp_path / "loud", "--budget", "0.05").code == 0
    follow = ("score", "office", tmp_path / "logs", "--out", tmp_path / "followed", "--follow", "--once", *registry)
    assert netanomaly(*follow).code == 0
    scored = [
        monitor(folder, *given, "--json", "--no-history").json["verdicts"][0]
        for given in (
            [tmp_path / "run"],
            [tmp_path / "loud"],
            [tmp_path / "followed"],
            sorted((tmp_path / "followed/scores").iterdir()),
        )
    ]
    assert [each["rows"] for each in scored] == [len(records)] * 4
    assert scored[0]["alerts"] == scored[1]["alerts"]
    assert {each["verdict"] for each in scored} == {"quiet"}
    assert scored[2]["window"] == scored[3]["window"]

    (tmp_path / "training.json").write_text(json.dumps({"model_type": "pca"}))
    refused = monitor(folder, tmp_path / "followed", "--retrain", tmp_path / "training.json")
    assert refused.code == 2
    assert "holds scores, and nothing can be learnt from these" in refused.last_line


def test_a_version_of_before_gets_its_reference_by_one_command(folder, tmp_path):
    registry = open_registry(folder / "work/registry")
    registry.download("office:1", tmp_path / "model")
    version = registry.version("office:1")
    older = open_registry(tmp_path / "registry")
    older.register("office", tmp_path / "model/model.joblib", dict(version.record.metadata), run_id="before")
    arguments = ("--registry", tmp_path / "registry")
    without = netanomaly("monitor", "office", folder / "quiet.log", *arguments)
    assert "too little data" in without.stdout
    assert "office:1 TRAINING_SOURCE --make-reference" in " ".join(without.stdout.split())
    made = netanomaly("monitor", "office", folder / "training.log", "--make-reference", *arguments)
    assert made.code == 0, made.stderr
    judged = netanomaly("monitor", "office", folder / "quiet.log", *arguments)
    assert judged.stdout.startswith("office:1  quiet"), judged.stdout
    again = monitor(folder, folder / "training.log", "--make-reference")
    assert again.code == 2
    assert "which stands" in again.last_line


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    """A version that learnt from the normal rows of a labelled table, and has no reference: it is from before there were any."""
    folder = tmp_path_factory.mktemp("labelled")
    draw = np.random.default_rng(7)
    attacks = np.arange(9000) % 4 == 0
    first = draw.normal(0, np.where(attacks, 3, 1))
    second = np.where(attacks, -first, first + draw.normal(0, 0.1, 9000))
    rows = [f"{a:.4f},{b:.4f},{'scan' if bad else 'fine'}" for a, b, bad in zip(first, second, attacks, strict=True)]
    (folder / "rows.csv").write_text("\n".join(["a,b,class", *rows]) + "\n")
    (folder / "unnamed.csv").write_text("\n".join(["a,b", *(row.rpartition(",")[0] for row in rows)]) + "\n")
    config = {
        "model_name": "table", "model_type": "pca", "data_source": "rows.csv", "label_column": "class", "normal_labels": ["fine"],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    run = netanomaly("run", folder / "config.json", "--workdir", folder / "work", "--json")
    assert run.code == 0, run.stderr
    trained = open_registry(folder / "work/registry")
    trained.download("table:1", folder / "model")
    metadata = dict(trained.version("table:1").record.metadata)
    older = open_registry(folder / "registry")
    older.register("table", folder / "model/model.joblib", metadata, run_id="before")
    few = {**metadata, "training": {**metadata["training"], "rows_eligible": 3000}}
    older.register("few", folder / "model/model.joblib", few, run_id="few")
    return folder


def test_a_reference_made_anew_is_of_the_rows_that_the_version_learnt_from(labelled):
    registry = ("--registry", labelled / "registry")
    unnamed = netanomaly("monitor", "table", labelled / "unnamed.csv", "--make-reference", *registry)
    assert unnamed.code == 0, unnamed.stderr
    assert "% of the rows alert, where the model's alert budget is" in " ".join(unnamed.stderr.split())
    assert "of all 9,000 rows" in unnamed.stdout
    made = netanomaly("monitor", "table", labelled / "rows.csv", "--make-reference", *registry)
    assert made.code == 0, made.stderr
    assert "the 6,750 of 9,000 rows that are normal by column 'class'" in made.stdout
    assert "warning" not in made.stderr
    judged = netanomaly("monitor", "table", labelled / "rows.csv", "--no-history", *registry)
    assert judged.stdout.startswith("table:1  network changed: "), judged.stdout


def test_a_column_of_labels_that_is_not_there_is_named(labelled, folder):
    ended = netanomaly(
        "monitor", "table", labelled / "rows.csv", "--label-column", "nosuch", "--registry", labelled / "registry"
    )
    assert (ended.code, "no labels in a column 'nosuch'" in ended.last_line) == (2, True), ended.stderr
    of_flows = monitor(folder, folder / "quiet.log", "--label-column", "nosuch")
    assert (of_flows.code, "--label-column 'nosuch'" in of_flows.last_line) == (2, True), of_flows.stderr


def test_a_version_of_too_few_rows_is_told_to_learn_from_more(labelled):
    few = netanomaly(
        "monitor", "few", labelled / "rows.csv", "--no-history", "--registry", labelled / "registry"
    ).stdout
    assert "learnt from 3,000 rows and a reference takes 4,000" in " ".join(few.split())
    assert "--make-reference" not in few


def test_wrong_windows_are_one_line(folder, tmp_path):
    assert monitor(folder, tmp_path / "none.log").code == 2
    absent = netanomaly("monitor", "nobody", folder / "quiet.log", "--registry", folder / "work/registry")
    assert absent.code == 2
    assert "no model 'nobody'" in absent.last_line
    (folder / "strangers").mkdir()
    (folder / "strangers/mine.txt").write_text("x")
    refused = monitor(folder, folder / "quiet.log", "--out", folder / "strangers")
    assert refused.code == 2
    assert "no result of monitoring" in refused.last_line
    for days in ("nan", "0", "-3"):
        old = monitor(folder, folder / "quiet.log", "--retrain-age-days", days)
        assert (old.code, f"--retrain-age-days {days}: it is a number of days over 0" in old.last_line) == (2, True)


def registered(folder: Path) -> list[int]:
    return [version.number for version in open_registry(folder / "work/registry").versions("office")]


def test_a_window_is_retrained_for_once_from_here(folder):
    before = registered(folder)
    next_version = len(before) + 1
    training = folder / "retraining.json"
    training.write_text(
        json.dumps({"model_name": "x", "model_type": "pca", "data_source": str(folder / "training.log")})
    )
    options = ("--retrain", training, "--retrain-when", "age", "--retrain-age-days", "0.000001")
    arguments = (folder / "quiet.log", *options, "--workdir", folder / "again")
    first = monitor(folder, *arguments)
    assert first.code == 0, first.stderr
    assert f"version {next_version} registered" in " ".join(first.stdout.split())
    assert registered(folder) == [*before, next_version]
    assert "training again leaves out" in " ".join(first.stdout.split())
    again = monitor(folder, *arguments)
    assert again.code == 0, again.stderr
    assert "that was done, failed, or is being done" in " ".join(again.stdout.split())
    assert registered(folder) == [*before, next_version]
    wrong = monitor(folder, folder / "quiet.log", "--retrain", training, "--retrain-when", "always")
    assert wrong.code == 2
    assert "choose of network changed, decay, age" in wrong.last_line


def test_the_pipeline_judges_and_trains_where_it_is_due_once_for_each_window(folder):
    before = registered(folder)
    config = {
        "model": "office:1",
        "data_source": "frames.log",
        "registry": str(folder / "work/registry"),
        "retrain_when": ["network changed"],
        "training": {"model_type": "pca", "data_source": str(folder / "training.log")},
    }
    path = folder / "monitoring.json"
    path.write_text(json.dumps(config))
    run = netanomaly("run", path, "--pipeline", "monitoring", "--workdir", folder / "watched", "--json")
    assert run.code == 0, run.stderr
    assert run.json["monitored"]["verdict"] == "sensor changed"
    assert registered(folder) == before
    assert Path(run.json["report"]).is_file()
    of_the_window = {"model_type": "pca", "split": "random"}
    path.write_text(
        json.dumps(
            config
            | {"data_source": "another.log", "retrain_when": ["age"], "retrain_age_days": 0.000001}
            | {"training": of_the_window}
        )
    )
    run = netanomaly("run", path, "--pipeline", "monitoring", "--workdir", folder / "watched", "--json")
    assert run.code == 0, run.stderr
    assert run.json["monitored"]["retraining"]["due"]
    assert len(registered(folder)) == len(before) + 1
    # What alerts in the window is not learnt, neither in training nor in what is held out.
    verdict = run.json["monitored"]
    assert verdict["learnt"] == {"open_alerts_left_out": verdict["alerts"], "benign_by_feedback": 0, "not_left_out": 0}
    assert verdict["alerts"] > 0
    found = [path for path in Path(run.json["run_dir"]).rglob("*ingest_report*") if path.is_file()]
    ingested = [json.loads(path.read_text()) for path in found]
    assert [each["left_out"] for each in ingested] == [{"rows": verdict["alerts"], "of": verdict["alerts"]}] * 2
    assert sum(each["rows"] for each in ingested) == verdict["rows"] - verdict["alerts"]
    # No other run trains for that window.
    registry, window = open_registry(folder / "work/registry"), run.json["monitored"]["window"]
    assert not claimed_by_run(registry, "office", window, 1, "another run")
    path.write_text(json.dumps(config | {"retrain_when": ["age"], "retrain_age_days": 0.000001, "training": None}))
    refused = netanomaly("run", path, "--pipeline", "monitoring", "--workdir", folder / "watched")
    assert refused.code == 2
    assert "training is not" in refused.last_line
