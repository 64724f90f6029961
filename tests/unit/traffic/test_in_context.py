"""A table that says when and between whom has the features in context that sensors' flows have, by the same code."""

import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from netanomaly.config import CsvFormat
from netanomaly.errors import ConfigError
from netanomaly.flows import sources
from netanomaly.flows.layout import Selection
from netanomaly.serving.errors import RequestError
from netanomaly.serving.flow_columns import Flows as Remembered
from netanomaly.traffic import in_context
from netanomaly.traffic.any_source import open_source
from netanomaly.traffic.context import NAMES, Context
from netanomaly.traffic.in_context import TableInContext
from netanomaly.traffic.sorting import Room

from tests.unit.traffic.test_ingest import Ingested, write

HEAD = "timestamp,src_ip,src_port,dst_ip,dst_port,protocol,bytes,label\n"
MADE = in_context.names({"dst_port": ""})


def lines(count: int = 400) -> list[str]:
    """Ordinary traffic, and within it a scan."""
    draw = random.Random(3)
    made = []
    for number in range(count):
        second, host = 1_700_000_000 + number * 3, draw.randint(1, 9)
        made.append(
            f"{second},10.0.0.{host},{draw.randint(1024, 60000)},192.0.2.{host % 4},443,tcp,{draw.randint(60, 9000)},benign\n"
        )
    return [
        *made,
        *(f"{1_700_000_600 + number},10.0.0.66,55555,10.0.1.{number},22,tcp,60,scan\n" for number in range(60)),
    ]


def ingested(path, text: str, **settings: Any) -> Ingested:
    return Ingested(write(path, text), context=True, label_column="label", **settings)


def test_they_are_those_of_the_context_itself(tmp_path):
    found = ingested(tmp_path / "flows.csv", HEAD + "".join(lines())).table
    assert set(MADE) <= set(found.column_names)
    assert not {"src_failed_share_120s", "src_bytes_out_120s"} & set(found.column_names)
    ends = {name: found.column(name).combine_chunks().cast(pa.string()) for name in ("src_ip", "dst_ip")}
    ends["dst_port"] = found.column("dst_port").cast(pa.int64()).cast(pa.string()).combine_chunks()
    expected = Context().features(in_context.seen(found.column("timestamp").to_numpy(), ends))
    for name in MADE:
        assert np.array_equal(found.column(name).to_numpy(), expected[name]), name
    scan = found.filter(pc.equal(found.column("label"), "scan"))
    assert max(scan.column("src_destinations_120s").to_pylist()) == 59


def test_they_depend_neither_on_order_nor_on_files_nor_on_memory(tmp_path, monkeypatch):
    written = lines()
    whole = ingested(tmp_path / "flows.csv", HEAD + "".join(written)).table
    random.Random(1).shuffle(written)
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in range(3):
        write(folder / f"{part}.csv", HEAD + "".join(written[part::3]))
    monkeypatch.setattr(in_context, "Room", lambda scratch: Room(50, scratch))
    again = Ingested(folder, context=True, label_column="label").table

    def of(table: pa.Table) -> list:
        kept = [name for name in table.column_names if not name.startswith("netanomaly:")]
        return sorted(json.dumps(row, sort_keys=True) for row in table.select(kept).to_pylist())

    assert of(again) == of(whole)
    assert again.column("timestamp").to_pylist() == sorted(again.column("timestamp").to_pylist())
    # Rows are found again where they stand.
    row = again.slice(17, 1).to_pylist()[0]
    line = (folder / row["netanomaly:file"]).read_text().splitlines()[row["netanomaly:record"]].split(",")
    assert (line[1], float(line[6]), line[7]) == (row["src_ip"], row["bytes"], row["label"])


def test_csv_and_parquet_say_the_same(tmp_path):
    text = HEAD + "".join(lines())
    found = ingested(tmp_path / "flows.csv", text)
    rows = [line.split(",") for line in text.splitlines()[1:]]
    names = HEAD.strip().split(",")
    table: dict[str, list[Any]] = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    for name in ("src_port", "dst_port", "bytes"):
        table[name] = [int(value) for value in table[name]]
    table["timestamp"] = [float(value) for value in table["timestamp"]]
    pq.write_table(pa.table(table), tmp_path / "flows.parquet")
    other = Ingested(tmp_path / "flows.parquet", context=True, label_column="label")
    for name in MADE:
        assert found.table.column(name).equals(other.table.column(name)), name


@pytest.mark.parametrize(
    ("without", "what"),
    [("timestamp", "no column of times"), ("src_ip", "no column with the source's"), ("dst_ip", "no column with the destination's")],
)  # fmt: skip
def test_a_table_that_does_not_say_is_refused_in_one_line(tmp_path, without, what):
    rows = [line.replace("1700000", "x17") if without == "timestamp" else line for line in lines()]
    with pytest.raises(ConfigError, match=f"context is true, and .* has {what}.* that is known by its name") as refused:
        ingested(tmp_path / "flows.csv", HEAD.replace(without, "other_column") + "".join(rows))
    assert "\n" not in str(refused.value)


def test_a_column_of_such_a_name_is_not_written_over(tmp_path):
    text = HEAD.replace("bytes", "src_flows_120s") + "".join(lines())
    with pytest.raises(ConfigError, match="has a column 'src_flows_120s' of its own"):
        ingested(tmp_path / "flows.csv", text)


def test_without_ports_and_without_times_of_some_rows_the_rest_is_there(tmp_path):
    text = "timestamp,src_ip,dst_ip,bytes\n" + "".join(
        f"{'' if number % 10 == 3 else 1_700_000_000 + number},10.0.0.{number % 3},10.0.1.{number % 5},{number}\n" for number in range(100)
    )  # fmt: skip
    found = Ingested(write(tmp_path / "flows.csv", text), context=True).table
    assert [name for name in found.column_names if name in NAMES] == list(in_context.names({}))
    timeless = found.filter(found.column("timestamp").is_null())
    assert timeless.num_rows == 10
    assert timeless.column("src_flows_120s").null_count == 10
    assert found.column("src_flows_120s").null_count == 10


def test_features_are_chosen_and_left_out_by_name(tmp_path):
    text = HEAD + "".join(lines())
    some = ingested(tmp_path / "a.csv", text, feature_columns=["bytes", "src_flows_120s"]).contract
    assert some.features == ("bytes", "src_flows_120s")
    rest = ingested(tmp_path / "b.csv", text, ignore_columns=["src_flows_120s", "src_ip", "dst_ip"]).contract
    assert "src_flows_120s" not in rest.features
    assert set(MADE) - {"src_flows_120s"} <= set(rest.features)


def test_digests_in_place_of_ends_change_no_feature(tmp_path):
    text = HEAD + "".join(lines())
    named = ingested(tmp_path / "flows.csv", text, ignore_columns=["src_ip", "dst_ip"]).table
    hidden = ingested(tmp_path / "flows.csv", text, ignore_columns=["src_ip", "dst_ip"], identities=False).table
    for name in MADE:
        assert named.column(name).equals(hidden.column(name)), name
    assert hidden.column("src_ip").to_pylist() != named.column("src_ip").to_pylist()


def test_a_server_remembers_rows_of_a_table_as_scoring_does(tmp_path):
    found = ingested(tmp_path / "flows.csv", HEAD + "".join(lines())).table
    asked = ["bytes", *MADE]
    server = Remembered()
    for begin in range(0, found.num_rows, 37):
        part = found.slice(begin, 37)
        sent = part.select(["timestamp", "src_ip", "dst_ip", "dst_port", "bytes"])
        answered = server.in_context(sent, asked)
        for name in MADE:
            got, due = answered.column(name).to_numpy(), part.column(name).to_numpy()
            # Records of one moment do not see each other; where a request ends between two, they do not either.
            assert np.array_equal(got, due), (name, begin)
    assert Remembered().in_context(found, asked) is found
    with pytest.raises(RequestError, match="timestamp is absent"):
        server.in_context(found.select(["src_ip", "dst_ip", "dst_port", "bytes"]), asked)


def test_parts_that_come_one_after_the_other_are_seen_beside_those_before(tmp_path):
    written = sorted(lines())
    whole = ingested(tmp_path / "flows.csv", HEAD + "".join(written)).table
    past, found = Context(), []
    for part, begin in enumerate(range(0, len(written), 170)):
        path = write(tmp_path / f"{part}.csv", HEAD + "".join(written[begin : begin + 170]))
        reader = open_source(sources.resolve([str(path)]), CsvFormat(), Selection(), "auto", context=True, past=past)
        found += [list(batch.numbers[-1]) for batch in reader.batches()]
        past = Context.resumed(past.state())
    assert isinstance(reader, TableInContext)
    last = reader.contract.numeric[-1]
    assert [value for part in found for value in part] == whole.column(last).to_pylist()
