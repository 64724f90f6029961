"""The bounds of data in files, lowered, so that small files are over them: each is refused with one line that names it.

What it takes in memory and time to refuse files that are over the real ones, `make soak-attacks` measures.
"""

import bz2
import gzip
import io
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.config import CsvFormat
from netanomaly.errors import DataError
from netanomaly.flows import bounds, layout, lines, parquet_bounds, parquet_file, reader, sources
from netanomaly.traffic import delimited, json_records
from netanomaly.traffic.any_source import open_source

from tests.attacks import test_sensor_logs as sensors

MIB = 1 << 20


@pytest.fixture(autouse=True)
def lowered(monkeypatch):
    for module, name, value in (
        (parquet_bounds, "LARGEST_PAGE", 2 * MIB),
        (parquet_bounds, "LARGEST_PAGES_AT_ONCE", 4 * MIB),
        (bounds, "MOST_COLUMNS", 40),
        (json_records, "LARGEST_VALUE", MIB),
        (json_records, "_MOST_PARTS", 10_000),
        (json_records, "_UNCOUNTED", MIB // 8),
        (delimited, "_MOST_CHANGES", 50),
    ):
        assert value < getattr(module, name)
        monkeypatch.setattr(module, name, value)


def table(*texts):
    columns = {f"c{number}": ["u", text, "v"] for number, text in enumerate(texts)}
    return pa.table({"bytes": np.arange(3.0), **columns, "label": ["normal"] * 3})


def batches(path):
    return reader.Reader(sources.resolve([str(path)]), CsvFormat(), layout.Selection()).batches()


def refusal(path, read=batches):
    with pytest.raises(DataError) as told:
        for _ in read(path):
            pass
    said = str(told.value)
    assert path.name in said
    assert "\n" not in said
    assert len(said) < 1000
    return said


def sensor(path, content):
    path.write_bytes(content)
    return open_source(sources.resolve([str(path)]), CsvFormat(), layout.Selection(label_column=""), "auto")


@pytest.mark.parametrize("compression", ["zstd", "gzip", "snappy"])
def test_a_page_of_one_large_cell(tmp_path, compression):
    path = tmp_path / "cell.parquet"
    pq.write_table(table("x" * (3 * MIB)), path, compression=compression)
    assert "a page of 3 MiB decoded, and read are 2 MiB" in refusal(path)


def test_pages_that_are_large_together(tmp_path):
    path = tmp_path / "wide.parquet"
    pq.write_table(table(*["x" * MIB] * 10), path, compression="zstd")
    assert "4 of all columns together" in refusal(path)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_texts_that_may_just_be_are_read(tmp_path, kind, monkeypatch):
    """As many of them at a time as a batch may have bytes."""
    monkeypatch.setattr(bounds, "LONGEST_TEXT_BYTES", 4096)
    monkeypatch.setattr(parquet_file, "_SPELT_OUT_BYTES", 64 << 10)
    path = tmp_path / "long.parquet"
    texts = pa.array([letter * 4096 for letter in "abc"] * 40, type=kind)
    pq.write_table(pa.table({"payload": texts, "bytes": np.arange(120.0), "label": ["normal"] * 120}), path)
    sizes = [batch.rows for batch in batches(path)]
    assert sum(sizes) == 120
    assert max(sizes) <= 16


def test_many_columns(tmp_path):
    path = tmp_path / "columns.parquet"
    pq.write_table(pa.table({f"c{number}": [1.0] for number in range(41)}), path)
    assert "has 41 columns, and read are 40" in refusal(path)


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
)
def test_a_row_that_is_longer_than_any(tmp_path, suffix, compress):
    path = tmp_path / f"line.csv{suffix}"
    path.write_bytes(compress(b"a,b\n1," + b"2" * (lines.LARGEST_ROW_BYTES + 1)))
    assert "row is longer than" in refusal(path)


def test_long_hosts_are_none(tmp_path):
    row = sensors.RECORD.format("1700000000.5").replace("10.0.0.1", "h" * (bounds.LONGEST_NAME + 1)).encode()
    log = sensor(tmp_path / "conn.log", sensors.HEAD + sensors.NAMES + row * 250)
    batches_read = list(log.batches())
    assert sum(batch.rows for batch in batches_read) == 250
    assert log.tally.repaired["src_ip of over 1,000 bytes set to missing"] == 250


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        pytest.param(b'{"a":{}},' * 20_000 + b"{}", "objects, lists and texts", id="many objects"),
        pytest.param(b"1," * (5 * MIB) + b"1", "is over 1 MiB", id="a list without an end"),
        pytest.param(b"[" * 100_000, "nested too deep", id="depth"),
    ],
)
def test_one_json_value_that_is_a_whole_file(tmp_path, inside, words):
    path = tmp_path / "PT1H.json"
    assert words in refusal(path, lambda _: sensor(path, sensors.azure(inside)).batches())


def test_a_page_of_a_sensors_parquet(tmp_path):
    names = ("srcaddr", "dstaddr", "protocol", "packets", "bytes", "start", "end")
    columns = {name: pa.array([1] * 4, pa.int64()) for name in names}
    columns["srcaddr"] = pa.array(["1" * (3 * MIB), "a", "b", "c"])
    made = io.BytesIO()
    pq.write_table(pa.table(columns), made, compression="zstd", use_dictionary=False)
    path = tmp_path / "vpc.parquet"
    assert "a page of 3 MiB" in refusal(path, lambda _: sensor(path, made.getvalue()).batches())


@pytest.mark.parametrize(
    ("header", "row"), [(sensors.ARGUS, sensors.ARGUS_ROW), (sensors.VPC, sensors.VPC_ROW)], ids=["argus", "aws"]
)
def test_headers_that_change_again_and_again(tmp_path, header, row):
    other = header.replace(b"TotPkts", b"Packets").replace(b"packets bytes", b"packets bytes2 bytes")
    path = tmp_path / "log"
    said = refusal(path, lambda _: sensor(path, (header + row + other + row) * 40).batches())
    assert "the header has changed over 50 times within" in said
