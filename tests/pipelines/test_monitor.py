"""`netanomaly monitor`: windows of traffic judged by what is kept with a version."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from netanomaly.errors import StoreRefused
from netanomaly.models.model import load
from netanomaly.monitoring import reference as references
from netanomaly.monitoring.retraining import claimed_by_run
from netanomaly.registry import open_registry

from tests.bench import drift_traffic as traffic
from tests.command import Ended, netanomaly, netanomaly_here
from tests.unit.monitoring.worlds import flows
from tests.unit.traffic import test_suricata
from tests.unit.traffic.zeek_logs import tsv
from tests.warm import netanomaly_warm

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
    run = netanomaly_warm("run", folder / "config.json", "--workdir", folder / "work", "--json")
    assert run.code == 0, run.stderr
    return folder


def monitor(folder: Path, *arguments: str | Path) -> Ended:
    return netanomaly_here("monitor", "office", *arguments, "--registry", folder / "work/registry")


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
    ended = netanomaly(
        "monitor", "office", folder / "quiet.log", "--registry", folder / "work/registry", "--out", folder / "out"
    )
    assert ended.code == 0, ended.stderr
    assert ended.stdout.splitlines()[0] == "office:1  quiet"
    document = json.loads((folder / "out/verdict.json").read_text())
    assert document["verdict"] == "quiet"
    assert document["alert_rate"]["high"] > 0
    page = (folder / "out/report.html").read_text()
    assert "Quiet: traffic is as it was in training" in page
    assert "Verdicts so far" in page
    monitor(folder, folder / "quiet.log")
    shown = netanomaly_here("registry", "history", "office", "--registry", folder / "work/registry")
    assert shown.stdout.count("monitored: quiet") == 1


def test_a_change_of_the_sensor_is_named_with_what_to_check_and_its_exit_code_where_asked(folder):
    ended = monitor(folder, folder / "frames.log", "--exit-code", "--no-history")
    assert ended.code == 4
    assert "sensor changed: +14 bytes a packet" in ended.stdout.splitlines()[0]
    assert "do not retrain" in ended.stdout
    assert ended.last_line == "error: not quiet: sensor changed"
    both = monitor(folder, folder / "frames.log", "--json", "--exit-code", "--no-history")
    assert both.code == 4
    document = both.json["verdicts"][0]  # One document, though the command fails.
    assert document["sensor"][0]["what"] == "bytes_a_packet"
    assert not document["retrain"]


def test_scores_are_judged_by_alerts_and_sources_and_it_is_said_that_features_are_not_in_them(folder):
    scored = netanomaly_here(
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
    assert netanomaly_here(*once, "--out", tmp_path / "run").code == 0
    assert netanomaly_here(*once, "--out", tmp_path / "loud", "--budget", "0.05").code == 0
    follow = ("score", "office", tmp_path / "logs", "--out", tmp_path / "followed", "--follow", "--once", *registry)
    assert netanomaly_here(*follow).code == 0
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
    without = netanomaly_here("monitor", "office", folder / "quiet.log", *arguments)
    assert "too little data" in without.stdout
    assert "office:1 TRAINING_SOURCE --make-reference" in " ".join(without.stdout.split())
    made = netanomaly_here("monitor", "office", folder / "training.log", "--make-reference", *arguments)
    assert made.code == 0, made.stderr
    judged = netanomaly_here("monitor", "office", folder / "quiet.log", *arguments)
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
    run = netanomaly_warm("run", folder / "config.json", "--workdir", folder / "work", "--json")
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
    unnamed = netanomaly_here("monitor", "table", labelled / "unnamed.csv", "--make-reference", *registry)
    assert unnamed.code == 0, unnamed.stderr
    assert "% of the rows alert, where the model's alert budget is" in " ".join(unnamed.stderr.split())
    assert "of all 9,000 rows" in unnamed.stdout
    made = netanomaly_here("monitor", "table", labelled / "rows.csv", "--make-reference", *registry)
    assert made.code == 0, made.stderr
    assert "the 6,750 of 9,000 rows that are normal by column 'class'" in made.stdout
    assert "warning" not in made.stderr
    judged = netanomaly_here("monitor", "table", labelled / "rows.csv", "--no-history", *registry)
    assert judged.stdout.startswith("table:1  network changed: "), judged.stdout


def test_a_column_of_labels_that_is_not_there_is_named(labelled, folder):
    ended = netanomaly_here(
        "monitor", "table", labelled / "rows.csv", "--label-column", "nosuch", "--registry", labelled / "registry"
    )
    assert (ended.code, "no labels in a column 'nosuch'" in ended.last_line) == (2, True), ended.stderr
    of_flows = monitor(folder, folder / "quiet.log", "--label-column", "nosuch")
    assert (of_flows.code, "--label-column 'nosuch'" in of_flows.last_line) == (2, True), of_flows.stderr


def test_a_version_of_too_few_rows_is_told_to_learn_from_more(labelled):
    few = netanomaly_here(
        "monitor", "few", labelled / "rows.csv", "--no-history", "--registry", labelled / "registry"
    ).stdout
    assert "learnt from 3,000 rows and a reference takes 4,000" in " ".join(few.split())
    assert "--make-reference" not in few


def test_wrong_windows_are_one_line(folder, tmp_path):
    assert monitor(folder, tmp_path / "none.log").code == 2
    absent = netanomaly_here("monitor", "nobody", folder / "quiet.log", "--registry", folder / "work/registry")
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


def test_records_that_are_no_flows_are_told_of_and_a_window_of_nothing_else_is_the_sensors_doing(folder, tmp_path):
    lines = (folder / "quiet.log").read_text().splitlines(keepends=True)
    start = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    untimed = ["-\t" + line.partition("\t")[2] if not line.startswith("#") else line for line in lines]
    for name, changed in (("some", 50), ("all", len(lines))):
        (tmp_path / f"{name}.log").write_text("".join([*untimed[: start + changed], *lines[start + changed :]]))
    some = monitor(folder, tmp_path / "some.log", "--no-history")
    said = " ".join(some.stdout.split())
    assert "50 records are no flows, and are not judged: record without a time (50)" in said, said
    every = monitor(folder, tmp_path / "all.log", "--no-history").stdout.splitlines()[0]
    assert every.startswith("office:1  sensor changed: none of 9"), every
    assert every.endswith("records can be taken as a flow: record without a time")


def test_a_column_that_is_gone_day_after_day_is_told_of_each_window(labelled):
    """Its file may be called the same every day."""
    rows = (labelled / "rows.csv").read_text().splitlines()
    for rows_of_day in (500, 600):
        (labelled / "today.csv").write_text("\n".join(line.partition(",")[2] for line in rows[:rows_of_day]) + "\n")
        gone = netanomaly_here("monitor", "table", labelled / "today.csv", "--registry", labelled / "registry")
        assert gone.stdout.startswith("table:1  sensor changed: "), gone.stdout
        assert "check what the sensor writes now" in " ".join(gone.stdout.split())
    shown = netanomaly_here("registry", "history", "table", "--registry", labelled / "registry")
    assert shown.stdout.count("monitored: sensor changed") == 2


def test_flows_of_another_sensor_are_refused_unless_they_are_asked_for(folder, tmp_path):
    (tmp_path / "eve.json").write_text(test_suricata.event() * 300)
    refused = monitor(folder, tmp_path / "eve.json")
    assert refused.code == 2
    assert "flows of zeek taught the model and flows of suricata are to be judged" in refused.last_line
    allowed = monitor(folder, tmp_path / "eve.json", "--allow-other-sensor", "--no-history", "--json")
    assert allowed.code == 0, allowed.stderr
    assert allowed.json["verdicts"][0]["rows"] == 300


def test_windows_that_overlap_training_lie_before_it_or_ahead_of_now_are_judged_and_say_so(folder, tmp_path):
    ahead = 366 * 40
    for day, note in (
        (-7, "before the training period"),
        (3, "overlaps the training"),
        (ahead, "check the sensor's clock"),
    ):
        found = log(tmp_path / "window.log", flows(NETWORK, np.random.default_rng(5), 900, day))
        ended = monitor(folder, found, "--no-history")
        assert ended.code == 0, ended.stderr
        assert note in " ".join(ended.stdout.split())


def test_a_table_without_times_has_a_reference_by_its_rows_order_and_is_told_so(labelled):
    made = netanomaly_here(
        "monitor", "table", labelled / "rows.csv", "--make-reference", "--registry", labelled / "registry"
    )
    assert made.code == 0, made.stderr
    judged = netanomaly_here(
        "monitor", "table", labelled / "unnamed.csv", "--no-history", "--json", "--registry", labelled / "registry"
    )
    (document,) = judged.json["verdicts"]
    assert document["first_seen"] is None
    assert document["hours"] == []
    notes = " ".join(document["notes"])
    assert "the window has no times" in notes
    assert "the training data had no times: its blocks are in order of its rows" in notes


@pytest.fixture
def own(folder, tmp_path) -> Path:
    """A registry of its own with two versions of one model, of which none is the champion, and scores of both."""
    registry = open_registry(folder / "work/registry")
    registry.download("office:1", tmp_path / "model")
    version = registry.version("office:1")
    copied = open_registry(tmp_path / "registry")
    files = {references.FILE: tmp_path / "model" / references.FILE}
    for number in (1, 2):
        model = load(tmp_path / "model/model.joblib")
        model.parameters["copy"] = number
        model.save(tmp_path / f"{number}.joblib")
        copied.register(
            "office", tmp_path / f"{number}.joblib", dict(version.record.metadata), run_id=f"run {number}", files=files
        )
        scored = netanomaly_here(
            "score", f"office:{number}", folder / "quiet.log", "--registry", tmp_path / "registry", "--out", tmp_path / f"by-{number}"
        )  # fmt: skip
        assert scored.code == 0, scored.stderr
    return tmp_path


def of_its_own(own: Path, *arguments: str | Path) -> Ended:
    return netanomaly_here("monitor", "office", *arguments, "--registry", own / "registry")


def test_scores_of_several_versions_are_judged_by_version_and_never_trained_on_together(own, folder):
    both = (own / "by-1", own / "by-2")
    ended = of_its_own(own, *both, "--out", own / "out")
    assert ended.code == 0, ended.stderr
    assert [line.split()[0] for line in ended.stdout.splitlines() if line.startswith("office:")] == [
        "office:1",
        "office:2",
    ]
    pages = [Path(line.split()[1]) for line in ended.stdout.splitlines() if line.startswith("report")]
    assert [page.is_file() for page in pages] == [True, True], ended.stdout
    for version in (1, 2):
        document = json.loads((own / f"out/version-{version}/verdict.json").read_text())
        assert document["model"]["version"] == version
        assert document["rows"] > 800
    (own / "training.json").write_text(json.dumps({"data_source": str(folder / "training.log"), "model_type": "pca"}))
    refused = of_its_own(own, *both, "--retrain", own / "training.json", "--out", own / "judged")
    assert (refused.code, "of several versions" in refused.last_line) == (2, True)
    assert (own / "judged/version-2/verdict.json").is_file(), "a verdict is not lost with the training"


def test_without_a_champion_the_newest_version_judges_and_of_a_deleted_one_it_is_said(own, folder):
    registry = open_registry(own / "registry")
    assert of_its_own(own, folder / "quiet.log", "--no-history").stdout.startswith("office:2  quiet")
    registry.delete("office:2")
    assert of_its_own(own, folder / "quiet.log", "--no-history").stdout.startswith("office:1  quiet")
    for model, window in (("office", own / "by-2"), ("office:2", folder / "quiet.log")):
        gone = netanomaly_here("monitor", model, window, "--no-history", "--registry", own / "registry")
        assert gone.code == 0, gone.stderr
        assert "office:2 is deleted by now" in " ".join(gone.stdout.split())


def test_a_registry_that_is_away_is_one_line_and_may_be_tried_again(folder, monkeypatch):
    absent = netanomaly_here("monitor", "office", folder / "quiet.log", "--registry", folder / "nowhere")
    assert absent.code == 2
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("S3_RETRY_SECONDS", "0.1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    away = netanomaly_here("monitor", "office", folder / "quiet.log", "--registry", "s3://bucket/registry")
    assert away.code == 3, away.stderr
    assert "127.0.0.1:9" in away.last_line


def test_a_registry_that_cannot_be_written_takes_nothing_from_the_verdict(folder, tmp_path, monkeypatch):
    def refuse(*_arguments: object) -> None:
        raise StoreRefused("no permission to write in /srv/registry")

    monkeypatch.setattr("netanomaly.monitoring.program.keep", refuse)
    ended = monitor(folder, folder / "frames.log", "--out", tmp_path / "judged")
    assert (ended.code, ended.last_line) == (2, "error: no permission to write in /srv/registry")
    assert "sensor changed: +14 bytes a packet" in ended.stdout.splitlines()[0]
    assert (tmp_path / "judged/report.html").is_file()
    assert json.loads((tmp_path / "judged/verdict.json").read_text())["verdict"] == "sensor changed"


def test_a_retraining_that_a_gate_refuses_is_told_leaves_the_champion_and_is_not_repeated(folder, tmp_path):
    before = registered(folder)
    champion = open_registry(folder / "work/registry").version("office").number
    training = tmp_path / "refused.json"
    # Of beacons and all else together no detector catches every flow.
    gates = {"min_replay_recall": dict.fromkeys(("scan", "brute_force", "flood", "exfiltration", "beacon"), 1.0)}
    training.write_text(json.dumps({"model_type": "pca", "data_source": str(folder / "training.log"), "gates": gates}))
    window = log(tmp_path / "window.log", flows(NETWORK, np.random.default_rng(6), 900, 25))
    options = (
        "--retrain",
        training,
        "--retrain-when",
        "age",
        "--retrain-age-days",
        "0.000001",
        "--workdir",
        tmp_path / "w",
    )
    ended = monitor(folder, window, *options, "--out", tmp_path / "judged")
    assert ended.code == 4, ended.stderr
    assert "retraining failed, the champion stays" in ended.last_line
    assert ended.stdout.startswith("office:"), "the verdict is told all the same"
    verdict = json.loads((tmp_path / "judged/verdict.json").read_text())
    assert "retraining failed, the champion stays" in verdict["retraining"]["words"]
    assert (tmp_path / "judged/report.html").is_file()
    assert registered(folder) == before
    assert open_registry(folder / "work/registry").version("office").number == champion
    again = monitor(folder, window, *options)
    assert again.code == 0, again.stderr
    assert "that was done, failed, or is being done" in " ".join(again.stdout.split())


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
    run = netanomaly_warm("run", path, "--pipeline", "monitoring", "--workdir", folder / "watched", "--json")
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
    run = netanomaly_warm("run", path, "--pipeline", "monitoring", "--workdir", folder / "watched", "--json")
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
    refused = netanomaly_here("run", path, "--pipeline", "monitoring", "--workdir", folder / "watched")
    assert refused.code == 2
    assert "training is not" in refused.last_line
