"""A held-out part that shares nothing with what was trained on: by time, by host, at random."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import DataError

from tests.unit.ingest.test_ingest import Ingested

START = 1_714_564_800


def flows(path, rows=4000, times=None, hosts=40):
    """Rows of ts, src_ip, dst_ip, bytes and label; shuffled in time unless `times` are given."""
    random = np.random.default_rng(rows)
    seconds = START + random.permutation(rows) * 60.0 if times is None else times
    ends = random.integers(0, hosts, (rows, 2))
    lines = [
        f"{time},10.0.0.{a},10.0.1.{b},{size},{'normal' if size % 9 else 'scan'}"
        for time, (a, b), size in zip(seconds, ends, random.integers(0, 10**6, rows), strict=True)
    ]
    path.write_text("\n".join(["ts,src_ip,dst_ip,bytes,label", *lines]) + "\n")
    return path


def both(tmp_path, source, **wishes):
    parts = []
    for part in ("training", "evaluation"):
        (tmp_path / part).mkdir()
        parts.append(Ingested(tmp_path / part, source, part=part, **wishes))
    return parts


def column(part, name):
    return np.array(part.table.column(name).to_pylist())


def test_what_has_times_is_trained_on_the_past_and_judged_on_the_future(tmp_path):
    training, evaluation = both(tmp_path, flows(tmp_path / "a.csv"), split={"gap_seconds": 3600})
    assert column(evaluation, "ts").min() - column(training, "ts").max() >= 3600
    report = evaluation.report["split"]
    assert (report["method"], report["gap_seconds"]) == ("time", 3600)
    assert report == training.report["split"]
    left_out = report["left_out"]["in the gap"]
    assert 50 <= left_out <= 60
    assert training.report["rows"] + evaluation.report["rows"] + left_out == 4000
    assert (evaluation.report["rows"] + left_out) / 4000 == pytest.approx(0.3, abs=0.02)


def test_the_time_is_no_feature_and_is_kept_beside_them(tmp_path):
    done = Ingested(tmp_path, flows(tmp_path / "a.csv", rows=100))
    assert done.table.column_names == ["src_ip", "dst_ip", "bytes", "ts", "label"]
    assert [each["name"] for each in done.report["columns"]] == ["src_ip", "dst_ip", "bytes"]
    assert done.report["time"]["first"] == START
    assert done.report["time"]["last"] == START + 99 * 60


def test_by_default_the_gap_is_a_hundredth_of_the_time_at_most_an_hour(tmp_path):
    assert both(tmp_path, flows(tmp_path / "a.csv"))[0].report["split"]["gap_seconds"] == pytest.approx(3999 * 0.6)
    (tmp_path / "b").mkdir()
    long = flows(tmp_path / "b.csv", times=START + np.arange(4000.0) * 3600)
    assert both(tmp_path / "b", long)[0].report["split"]["gap_seconds"] == 3600


def test_text_times_and_ordinary_ones_split_alike(tmp_path):
    seconds = START + np.random.default_rng(0).permutation(1000) * 60.0
    written = [np.datetime_as_string(np.datetime64(int(time), "s")) + "Z" for time in seconds]
    (tmp_path / "n").mkdir()
    numbers = both(tmp_path / "n", flows(tmp_path / "n.csv", 1000, seconds))
    (tmp_path / "t").mkdir()
    texts = both(tmp_path / "t", flows(tmp_path / "t.csv", 1000, written))
    assert [part.table for part in numbers] == [part.table for part in texts]


def test_no_host_is_on_both_sides(tmp_path):
    training, evaluation = both(tmp_path, flows(tmp_path / "a.csv"), split={"method": "host"})
    hosts = [set(column(part, "src_ip")) | set(column(part, "dst_ip")) for part in (training, evaluation)]
    assert not hosts[0] & hosts[1]
    left_out = evaluation.report["split"]["left_out"]["between hosts of both sides"]
    assert training.report["rows"] + evaluation.report["rows"] + left_out == 4000


def test_hosts_need_not_be_features(tmp_path):
    training, evaluation = both(
        tmp_path,
        flows(tmp_path / "a.csv"),
        feature_columns=["bytes"],
        split={"method": "host", "host_columns": ["src_ip"]},
    )
    assert training.table.column_names == ["bytes", "ts", "label"]
    assert training.report["rows"] + evaluation.report["rows"] == 4000


def test_without_times_or_if_asked_rows_are_split_at_random(tmp_path):
    training, _ = both(tmp_path, flows(tmp_path / "a.csv"), split={"method": "random"})
    assert training.report["split"] == {"method": "random", "left_out": {}}
    (tmp_path / "b").mkdir()
    training, _ = both(tmp_path / "b", flows(tmp_path / "b.csv", times=np.arange(4000.0)))
    assert training.report["split"]["method"] == "random"
    assert "ts" in [each["name"] for each in training.report["columns"]], "a column that is only called a time"


@pytest.mark.parametrize(
    ("times", "wishes", "says"),
    [
        (["2024-05-01T12:00:00Z", "2024-05-01T12:00:01"] * 200, {"time_column": "ts"}, "has zones mixed"),
        ([1e6] * 400, {"time_column": "ts"}, "record 1: time column 'ts' holds '1000000.0', which is no point in time"),
        (
            [START] * 400,
            {"split": {"method": "time"}},
            "cannot be split by time: all of it is of 2024-05-01T12:00:00+00:00",
        ),
        (["-"] * 400, {"split": {"method": "time"}}, "cannot be split by time: no record has a time"),
        (range(400), {"split": {"method": "time"}}, "split is 'time' and the data has no column of times"),
        (range(400), {"time_column": "when"}, "has no time column 'when'"),
        (range(400), {"split": {"method": "host", "host_columns": ["from"]}}, "has no host column 'from'"),
        (range(400), {"ignore_columns": ["src_ip", "dst_ip"], "split": {"method": "time"}}, "set split to 'random'"),
    ],
)
def test_what_cannot_be_split_is_one_clear_line(tmp_path, times, wishes, says):
    with pytest.raises(DataError, match=re.escape(says)):
        both(tmp_path, flows(tmp_path / "a.csv", 400, times), **wishes)


def test_data_without_known_addresses_asks_for_them(tmp_path):
    path = flows(tmp_path / "a.csv", 100)
    path.write_text(path.read_text().replace("src_ip,dst_ip", "a,b", 1))
    with pytest.raises(DataError, match="no column of addresses that is known by its name; name them in host_columns"):
        both(tmp_path, path, split={"method": "host"})


def test_rows_without_a_time_are_on_neither_side_and_counted(tmp_path):
    times = [START + second * 60.0 for second in range(390)] + ["-"] * 10
    training, evaluation = both(tmp_path, flows(tmp_path / "a.csv", 400, times), split={"gap_seconds": 0})
    assert training.report["split"]["left_out"] == {"without a time": 10}
    assert training.report["rows"] + evaluation.report["rows"] == 390


@pytest.mark.parametrize("unit", ["s", "us"])
def test_timestamps_of_parquet_are_times_and_no_features(tmp_path, unit):
    seconds = START + np.random.default_rng(1).permutation(500) * 60
    stamps = pa.array(seconds * (1 if unit == "s" else 10**6)).cast(pa.timestamp(unit, "UTC"))
    pq.write_table(pa.table({"when": stamps, "bytes": np.arange(500.0)}), tmp_path / "a.parquet")
    training, evaluation = both(tmp_path, tmp_path / "a.parquet", time_column="when", split={"gap_seconds": 0})
    assert column(training, "when").max() < column(evaluation, "when").min()
    assert training.report["rows"] + evaluation.report["rows"] == 500
    assert Ingested(tmp_path, tmp_path / "a.parquet").report["time"]["column"] == "when"


def test_a_burst_at_the_cut_is_not_thrown_away_as_the_gap(tmp_path):
    """A hundredth of the time may hold a fifth of the rows; a gap that nobody asked for takes a hundredth of those."""
    random = np.random.default_rng(2)
    times = np.sort(np.concatenate([random.uniform(0, 86_400, 2_000), random.uniform(60_000, 60_200, 6_000)])) + START
    training, evaluation = both(tmp_path, flows(tmp_path / "a.csv", 8_000, times))
    assert training.report["split"]["left_out"]["in the gap"] <= 0.012 * 8_000
    assert evaluation.report["rows"] > 0.28 * 8_000
