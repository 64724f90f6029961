"""`netanomaly score`: every row scored as it was evaluated, and what stands out as incidents."""

import csv
import gzip
import hashlib
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from netanomaly.registry import open_registry

from tests.command import Ended, netanomaly, netanomaly_here
from tests.following import conn_logs
from tests.warm import netanomaly_warm

COLUMNS = ["ts", "src_ip", "src_port", "dst_ip", "dst_port", "proto", "duration", "out_bytes", "in_bytes", "label"]
HOURS = 4
SCANNER = "10.0.0.66"


def traffic(seed: int, rows: int, scan: int = 0) -> list[list[str]]:
    """Flows of a small network in order of time, and a horizontal scan of so many probes among them."""
    chosen = random.Random(seed)

    def flow() -> list[str]:
        port = chosen.choice(["53", "80", "443", "443", "443"])
        size = int(chosen.lognormvariate(6, 1))
        time = f"{1_700_000_000 + chosen.random() * 3600 * HOURS:.3f}"
        ends = [
            f"10.0.0.{chosen.randrange(1, 40)}",
            str(chosen.randrange(32768, 60999)),
            f"192.0.2.{chosen.randrange(30)}",
        ]
        protocol, duration = "udp" if port == "53" else "tcp", f"{chosen.expovariate(1):.3f}"
        return [time, *ends, port, protocol, duration, str(size), str(size * 4), "normal"]

    def probe(number: int) -> list[str]:
        time, target = f"{1_700_005_000 + number * 0.5:.3f}", f"10.0.{1 + number // 200}.{number % 200}"
        return [time, SCANNER, str(40000 + number), target, "445", "tcp", "0.000", "0", "0", "scan"]

    return sorted([*(flow() for _ in range(rows)), *(probe(number) for number in range(scan))])


def written(path: Path, rows: list[list[str]], columns: list[str] = COLUMNS) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder with a registered model, and the traffic that it was judged on."""
    folder = tmp_path_factory.mktemp("score")
    written(folder / "training.csv", traffic(1, 4000))
    written(folder / "later.csv", traffic(2, 3000, scan=400))
    config = {
        "model_name": "office",
        "model_type": "isolation_forest",
        "isolation_forest_params": {"n_estimators": 50},
        "data_source": "training.csv",
        "evaluation_data_source": "later.csv",
        "columns": {"dst_port": "category"},
        "validation": {"answer_in_a_column": "off"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    run = netanomaly_warm("run", folder / "config.json", "--workdir", folder / "work", "--json")
    assert run.code == 0, run.stderr
    (folder / "run.json").write_text(json.dumps(run.json))
    return folder


def scored(work: Path, *source: Path, out: Path, options: tuple[str, ...] = (), command=netanomaly_here) -> Ended:
    return command("score", "office", *source, "--registry", work / "work/registry", "--out", out, "--json", *options)


@pytest.fixture(scope="module")
def once(work) -> Ended:
    return scored(work, work / "later.csv", out=work / "scored", command=netanomaly)


def test_scores_are_those_of_the_evaluation_and_of_the_model_bit_for_bit(work, once):
    assert once.code == 0, once.stderr
    table = pq.read_table(work / "scored/scores.parquet")
    scores = table.column("score").to_numpy()
    run = json.loads((work / "run.json").read_text())
    metrics = json.loads((Path(run["run_dir"]) / "evaluation_metrics.json").read_text())
    assert metrics["scores_digest"] == "sha256:" + hashlib.sha256(scores.tobytes()).hexdigest()
    model = open_registry(str(work / "work/registry")).load("office:1")
    assert np.array_equal(model.score(pd.read_csv(work / "later.csv")), scores)
    assert np.array_equal(table.column("alert").to_numpy(), scores > model.threshold)


def test_the_pipeline_gives_the_same_bytes_as_the_command(work, once, tmp_path):
    """`netanomaly run --pipeline scoring`: the compiled pipeline, with the champion fixed by its stage."""
    config = {
        "model": "office@champion",
        "data_source": str(work / "later.csv"),
        "registry": str(work / "work/registry"),
    }
    (tmp_path / "daily.json").write_text(json.dumps(config))
    run = netanomaly_warm(
        "run", tmp_path / "daily.json", "--pipeline", "scoring", "--workdir", tmp_path / "runs", "--json"
    )
    assert run.code == 0, run.stderr
    folder = Path(run.json["run_dir"])
    assert folder.parent.name == "office"
    for name in ("scores.parquet", "alerts.ndjson", "summary.json", "report.html"):
        assert (folder / name).read_bytes() == (work / "scored" / name).read_bytes(), name
    assert (run.json["version"], run.json["scored"]["incidents"]) == (1, once.json["incidents"])
    again = netanomaly_warm("run", tmp_path / "daily.json", "--pipeline", "scoring", "--workdir", tmp_path / "runs")
    assert "incidents" in again.stdout
    assert str(tmp_path / "runs/office") in again.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model=nobody", "has no model 'nobody'"),
        ("model=office:9", "has no version 9"),
        ("model=../office", "is no model name"),
        ("budget=0.5", "no threshold for an alert budget of 0.5"),
        ("modle=office", "did you mean 'model'?"),
        ("data_source=absent.csv", "absent.csv"),
    ],
)
def test_what_the_pipeline_cannot_do_is_one_line(work, tmp_path, change, said):
    config = {"model": "office", "data_source": str(work / "later.csv"), "registry": str(work / "work/registry")}
    (tmp_path / "daily.json").write_text(json.dumps(config))
    run = netanomaly_warm(
        *("run", tmp_path / "daily.json", "--pipeline", "scoring", "--workdir", tmp_path / "runs", "--set", change)
    )
    assert run.code == 2
    assert said in run.stderr.splitlines()[-1]


def test_each_row_says_where_it_is_from_when_and_between_whom(work, once):
    rows = pd.read_csv(work / "later.csv", dtype=str)
    table = pq.read_table(work / "scored/scores.parquet").to_pandas()
    assert table["record"].tolist() == list(range(1, len(rows) + 1))
    assert set(table["file"]) == {"later.csv"}
    for ours, theirs in [
        ("src_ip", "src_ip"),
        ("dst_port", "dst_port"),
        ("protocol", "proto"),
        ("src_port", "src_port"),
    ]:
        assert table[ours].tolist() == rows[theirs].tolist()
    assert np.allclose(table["time"].astype("int64") / 1e6, rows["ts"].astype(float))


def test_a_scan_is_one_incident_that_says_what_it_is(work, once):
    incidents = [json.loads(line) for line in (work / "scored/alerts.ndjson").read_text().splitlines()]
    of_scanner = [each for each in incidents if each["entity"]["ip"] == SCANNER]
    assert len(of_scanner) == 1
    (scan,) = of_scanner
    assert scan["flows"] >= 390
    assert scan["technique"]["id"] == "T1046"
    assert "horizontal scan" in scan["technique"]["reason"]
    assert scan["features"]
    assert scan["samples"][0]["community_id"].startswith("1:")
    assert once.json["incidents"] == len(incidents)
    assert once.json["suppressed"] == 0
    report = (work / "scored/report.html").read_text()
    assert scan["title"].replace(">", "&gt;") in report


def test_the_same_input_gives_the_same_bytes(work, once, tmp_path):
    again = scored(work, work / "later.csv", out=tmp_path / "again")
    assert again.code == 0
    for name in ("scores.parquet", "alerts.ndjson", "summary.json", "report.html"):
        assert (tmp_path / "again" / name).read_bytes() == (work / "scored" / name).read_bytes(), name


def test_the_label_is_never_looked_at(work, once, tmp_path):
    rows = [row[:-1] for row in traffic(2, 3000, scan=400)]
    unlabelled = written(tmp_path / "later.csv", rows, COLUMNS[:-1])
    assert scored(work, unlabelled, out=tmp_path / "out").code == 0
    ours, theirs = (
        pq.read_table(folder / "scores.parquet").column("score") for folder in (tmp_path / "out", work / "scored")
    )
    assert ours.equals(theirs)


@pytest.mark.parametrize(
    ("written_there", "says"),
    [
        ("lots", "line 9: column 'out_bytes' holds numbers, and here 'lots'"),
        # As a missing number it would pass for an ordinary one.
        ("1e300", "line 9: column 'out_bytes' holds 1e+300, beyond what can be scored (3e+38)"),
        ("-1e39", "line 9: column 'out_bytes' holds -1e+39, beyond what can be scored (3e+38)"),
    ],
)
def test_a_row_that_cannot_be_scored_is_there_with_the_reason(work, tmp_path, written_there, says):
    rows = traffic(2, 50)
    rows[7][7] = written_there
    ended = scored(work, written(tmp_path / "a.csv", rows), out=tmp_path / "out")
    assert ended.code == 0, ended.stderr
    assert (ended.json["rows"], ended.json["unscored"]) == (50, 1)
    table = pq.read_table(tmp_path / "out/scores.parquet").to_pylist()
    assert (table[7]["score"], table[7]["alert"]) == (None, None)
    assert says in table[7]["reason"]
    assert all(row["score"] is not None and row["reason"] is None for at, row in enumerate(table) if at != 7)


@pytest.mark.parametrize("there", ["inf", "3e38", ""])
def test_what_is_missing_or_the_largest_that_can_be_is_scored(work, tmp_path, there):
    """Rates of no time at all are written as infinite, and say nothing."""
    rows = traffic(2, 50)
    rows[7][7] = there
    assert scored(work, written(tmp_path / "a.csv", rows), out=tmp_path / "out").json["unscored"] == 0


def test_times_that_cannot_be_read_are_told(work, tmp_path):
    """Nothing else says that the alerts of a host are one incident, whenever they were."""
    rows = [["soon", *row[1:]] for row in traffic(2, 300, scan=30)]
    ended = scored(work, written(tmp_path / "a.csv", rows), out=tmp_path / "out")
    assert ended.code == 0, ended.stderr
    assert (
        "warning: the values of column 'ts' are not understood as points in time between 1990 and 2100" in ended.stderr
    )
    assert len(ended.json["remarks"]) == 1
    assert "not understood as points in time" in (tmp_path / "out/report.html").read_text()
    some = traffic(2, 300)
    for row in some[:7]:
        row[0] = ""
    ended = scored(work, written(tmp_path / "b.csv", some), out=tmp_path / "other")
    assert "warning: 7 of 300 rows have no time in column 'ts' that can be read" in ended.stderr
    assert "warning" not in scored(work, work / "later.csv", out=tmp_path / "well").stderr


def test_a_source_of_another_kind_of_sensor_is_refused(work, tmp_path):
    written(tmp_path / "a.csv", traffic(2, 30))
    log = conn_logs.written(tmp_path / "conn.log", conn_logs.flows(2, 30))
    ended = netanomaly_here(
        "score", "office", log, "--registry", work / "work/registry", "--out", tmp_path / "out", "--json"
    )
    assert ended.code == 2
    assert not (tmp_path / "out").exists()


def nothing(folder: Path, name: str) -> list[Path]:
    """Files in which nothing is written, not even a header."""
    contents = {"none": b"", "blank": b"\r\n", "mark": b"\xef\xbb\xbf\n", "packed": gzip.compress(b"")}
    files = [folder / f"{stem}{name}{'.gz' if stem == 'packed' else ''}" for stem in contents]
    for file, content in zip(files, contents.values(), strict=True):
        file.write_bytes(content)
    return files


def test_an_empty_hour_is_no_error(work, tmp_path):
    files = [written(tmp_path / "header.csv", []), *nothing(tmp_path, ".csv")]
    ended = scored(work, *files, out=tmp_path / "out")
    assert ended.code == 0, ended.stderr
    assert (ended.json["rows"], ended.json["incidents"]) == (0, 0)
    assert ended.json["repaired"] == {"file without records": len(files)}
    for number, file in enumerate(files):
        assert scored(work, file, out=tmp_path / f"out-{number}").json["repaired"] == {"file without records": 1}


def test_an_empty_hour_of_a_sensor_is_no_error_and_changes_nothing_beside_others(tmp_path):
    log = conn_logs.written(tmp_path / "conn.log", conn_logs.flows(1, 1500))
    model = {"model_name": "office", "model_type": "isolation_forest", "data_source": "conn.log"}
    (tmp_path / "config.json").write_text(json.dumps(model))
    assert netanomaly_warm("run", tmp_path / "config.json", "--workdir", tmp_path / "work").code == 0
    files = [conn_logs.written(tmp_path / "header.log", []), *nothing(tmp_path, ".log")]
    for number, file in enumerate(files):
        alone = scored(tmp_path, file, out=tmp_path / f"alone-{number}")
        assert alone.code == 0, (file, alone.stderr)
        assert (alone.json["rows"], alone.json["repaired"]) == (0, {"file without records": 1})
    said = netanomaly_here(
        "score", "office", *files, "--registry", tmp_path / "work/registry", "--out", tmp_path / "said"
    )
    assert "scored      0 flows; 5 files without records" in said.stdout
    beside = scored(tmp_path, log, *files, out=tmp_path / "beside")
    assert beside.json["rows"] == 1500
    assert beside.json["repaired"] == {"file without records": 5}
    trained = netanomaly_here("ingest", log, *files, "--json")
    assert (trained.code, trained.json["rows"]) == (0, 1500)
    refused = netanomaly_here("ingest", *nothing(tmp_path, ".log"), "--json")
    assert refused.code == 2
    assert "is empty; give a file with records" in refused.json["error"]


@pytest.mark.parametrize(
    ("options", "columns", "says"),
    [
        ((), ["ts", "src_ip", "other"], "has no feature column"),
        (("--budget", "0.03"), COLUMNS, "carries no threshold for an alert budget of 0.03"),
        (("--alert-format", "cef"), COLUMNS, "alert_format is 'cef'; choose one of netanomaly, ecs, ocsf"),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_written(work, tmp_path, options, columns, says):
    source = written(tmp_path / "a.csv", [row[: len(columns)] for row in traffic(3, 20)], columns)
    ended = scored(work, source, out=tmp_path / "out", options=options)
    assert ended.code == 2
    assert says in ended.json["error"]
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_folder_that_holds_something_else_is_left_alone(work, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    ended = scored(work, work / "later.csv", out=tmp_path / "out")
    assert ended.code == 2
    assert "holds 'thesis.txt', which is no result of scoring" in ended.json["error"]


def test_a_deprecated_version_does_not_score(work, tmp_path):
    shutil.copytree(work / "work/registry", tmp_path / "work/registry")
    registry = open_registry(str(tmp_path / "work/registry"))
    registry.remove_alias("office", "champion")
    registry.deprecate("office:1", why="test")
    ended = netanomaly_here(
        "score", "office:1", work / "later.csv", "--registry", registry.uri, "--out", tmp_path / "out", "--json"
    )
    assert ended.code == 2
    assert "office:1 is deprecated" in ended.json["error"]


def test_a_benign_verdict_suppresses_the_scan_visibly(work, once, tmp_path):
    """Kept where it was, with who suppressed it; not among what is to be looked at; without the verdict as before."""
    before = [json.loads(line) for line in (work / "scored/alerts.ndjson").read_text().splitlines()]
    (scan,) = [each for each in before if each["entity"]["ip"] == SCANNER]
    book = ("--feedback", str(tmp_path / "book"))
    said = netanomaly_here(
        "feedback", "add", scan["id"][:10], "--alerts", work / "scored", "--verdict", "benign", "--why", "the inventory",
        "--expires", "30d", "--by", "jo", "--json", *book,
    )  # fmt: skip
    assert said.code == 0, said.stderr
    ended = scored(work, work / "later.csv", out=tmp_path / "out", options=book)
    assert ended.code == 0, ended.stderr
    after = [json.loads(line) for line in (tmp_path / "out/alerts.ndjson").read_text().splitlines()]
    assert [{**each, "suppressed_by": None} for each in after] == before
    (suppressed,) = [each for each in after if each["suppressed_by"]]
    assert suppressed["id"] == scan["id"]
    assert suppressed["suppressed_by"]["verdict"] == said.json["verdict"]
    assert (ended.json["incidents"], ended.json["suppressed"]) == (len(before) - 1, 1)
    assert ended.json["feedback"]["verdicts"][0]["suppressed"] == 1
    report = (tmp_path / "out/report.html").read_text()
    assert "Suppressed by feedback" in report
    assert "the inventory" in report
    shown = netanomaly_here(
        "score", "office", work / "later.csv", "--registry", work / "work/registry", "--out", tmp_path / "out", *book
    )
    assert "suppressed  1 more by feedback" in shown.stdout


def test_a_model_that_learnt_addresses_gives_no_results_without_them(work, tmp_path):
    """What is unusual of an alert is told by its features, and so by its address."""
    ended = scored(work, work / "later.csv", out=tmp_path / "out", options=("--no-identities",))
    assert ended.code == 2
    assert "learnt from column 'src_ip', which names an end; train it with that in ignore_columns" in ended.last_line
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def carried(work) -> Path:
    """A folder with one version, as `registry download` writes it."""
    folder = work / "carried"
    downloaded = netanomaly_here(
        "registry", "download", "office:1", "--out", folder, "--registry", work / "work/registry"
    )
    assert downloaded.code == 0, downloaded.stderr
    return folder


@pytest.mark.parametrize("named", ["{0}/", "{0}/model.joblib", "{0}/registered.json"])
def test_a_folder_that_carries_a_version_scores_as_the_registry_does(work, once, carried, tmp_path, named):
    path = named.format(carried)
    ended = netanomaly_here("score", path, work / "later.csv", "--registry", tmp_path / "none", "--out", tmp_path / "o")
    assert ended.code == 0, ended.stderr
    for name in ("scores.parquet", "alerts.ndjson"):
        assert (tmp_path / "o" / name).read_bytes() == (work / "scored" / name).read_bytes()


def test_a_follower_scores_with_a_folder_that_carries_a_version(work, carried, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(work / "later.csv", tmp_path / "in")
    options = ("--follow", "--once", "--registry", tmp_path / "none", "--out", tmp_path / "out", "--json")
    ended = netanomaly_here("score", f"{carried}/", tmp_path / "in", *options)
    assert (ended.code, ended.json["rows"]) == (0, 3400), ended.stderr


def test_a_file_that_is_not_what_was_registered_is_not_loaded(work, carried, tmp_path):
    altered, alone = tmp_path / "altered", tmp_path / "alone"
    shutil.copytree(carried, altered)
    alone.mkdir()
    shutil.copy(carried / "model.joblib", alone)
    with (altered / "model.joblib").open("ab") as file:
        file.write(b".")
    shutil.copy(altered / "model.joblib", altered / "other.joblib")
    for path, said in (
        (f"{altered}/", "altered or cut off"),
        (altered / "other.joblib", "is not the model that"),
        (alone / "model.joblib", "holds no registered.json"),
        (tmp_path / "nowhere/model.joblib", "is no folder"),
    ):
        ended = netanomaly_here("score", path, work / "later.csv", "--out", tmp_path / "o")
        assert ended.code == 2
        assert said in ended.last_line
        assert not (tmp_path / "o").exists()
