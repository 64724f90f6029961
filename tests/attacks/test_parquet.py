"""A small Parquet file may ask for any amount of memory or time: it is refused with one line that names it."""

import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.attacks.measuring import MOST_BYTES, read, soak


def refused(path, *words):
    found = read(path)
    assert found.code == 2, (found.said, found.stderr[-2000:])
    assert "Traceback" not in found.stderr
    assert len(found.said.splitlines()) == 1
    assert path.name in found.said
    for word in words:
        assert word in found.said
    assert found.peak_bytes < MOST_BYTES
    assert found.seconds < 20
    return found


def table(**texts):
    rows = len(next(iter(texts.values())))
    return pa.table({"bytes": np.arange(rows, dtype=float), **texts, "label": ["normal"] * rows})


@soak
@pytest.mark.parametrize("compression", ["zstd", "gzip", "snappy"])
def test_one_cell_of_hundreds_of_mebibytes(tmp_path, compression):
    path = tmp_path / "cell.parquet"
    size = 100
    pq.write_table(table(payload=["u", "x" * (size << 20), "v"]), path, compression=compression)
    refused(path, "a page of", f"{size} MiB")


@pytest.mark.parametrize("size", [1 << 20, 129 << 10])
def test_a_dictionary_whose_texts_every_row_has(tmp_path, size):
    """Spelt out, 278 KB on the disk were over 6 GB in memory."""
    path = tmp_path / "dictionary.parquet"
    codes = pa.array(np.random.default_rng(1).integers(0, 3, 100_000), pa.int32())
    texts = pa.DictionaryArray.from_arrays(codes, pa.array([letter * size for letter in "abc"]))
    pq.write_table(table(payload=texts), path, compression="zstd", dictionary_pagesize_limit=64 << 20)
    refused(path, "'payload'", f"{size:,} bytes", "row ")


@soak
@pytest.mark.parametrize(
    ("kind", "version"), [(pa.string(), "1.0"), (pa.large_string(), "2.0"), (pa.string_view(), "1.0")], ids=str
)
def test_texts_that_may_just_be_are_read_in_bounded_memory(tmp_path, kind, version):
    path = tmp_path / "long.parquet"
    texts = np.array([letter * (120 << 10) for letter in "abc"])[np.random.default_rng(1).integers(0, 3, 2_000)]
    pq.write_table(table(payload=pa.array(texts.tolist(), type=kind)), path, data_page_version=version)
    found = read(path)
    assert found.code == 0, found.said
    assert found.peak_bytes < MOST_BYTES


@soak
def test_many_columns_each_with_a_page_that_may_just_be(tmp_path):
    path = tmp_path / "wide.parquet"
    columns = {f"c{number}": ["x" * (40 << 20)] for number in range(10)}
    pq.write_table(table(**columns), path, compression="zstd")
    refused(path, "of all columns together")


def test_a_footer_of_a_gibibyte(tmp_path):
    path = tmp_path / "footer.parquet"
    with path.open("wb") as file:
        file.write(b"PAR1")
        file.truncate((1 << 30) + 4)
        file.seek(0, 2)
        file.write(struct.pack("<I", 1 << 30) + b"PAR1")
    refused(path, "footer")


def test_a_million_row_groups(tmp_path):
    """Each of them takes 200 times as much memory as bytes in the footer."""
    path = tmp_path / "groups.parquet"
    footer = (
        b"\x15\x02"
        + _schema(2)
        + b"\x16\x00"
        + b"\x19"
        + b"\xfc"
        + _varint(1_000_000)
        + b"\x19\x0c\x16\x00\x16\x00\x00" * 1_000_000
    )
    path.write_bytes(_file(footer + b"\x00"))
    refused(path, "row groups")


def test_columns_nested_a_hundred_thousand_deep(tmp_path):
    path = tmp_path / "deep.parquet"
    element = b"\x35\x02\x18\x01a\x15\x02\x00"  # required, called a, one child
    depth = 100_000
    schema = b"\x19" + b"\xfc" + _varint(depth + 1) + element * depth + b"\x15\x0a\x25\x00\x18\x01b\x00"
    path.write_bytes(_file(b"\x15\x02" + schema + b"\x16\x00\x19\x0c\x00"))
    refused(path, "nested")


def test_more_rows_than_its_bytes_can_hold(tmp_path):
    """As many zeros as one likes are one run: a loop without an end."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"bytes": np.zeros(1000), "label": ["normal"] * 1000}), path)
    data = path.read_bytes()
    length = struct.unpack("<I", data[-8:-4])[0]
    footer = data[-8 - length : -8]
    # Rows of the file and of its one row group, zigzag: 1000 is two bytes, and so is no other number we need.
    path.write_bytes(
        _file(footer.replace(b"\x16" + _varint(2000), b"\x16" + _varint(2 * 10**15)), data[4 : -8 - length])
    )
    refused(path, "rows")


@soak
def test_twenty_thousand_columns(tmp_path):
    path = tmp_path / "columns.parquet"
    pq.write_table(pa.table({f"c{number}": [1.0] for number in range(20_000)}), path)
    refused(path, "20,000 columns")


def test_a_column_whose_name_is_a_book(tmp_path):
    path = tmp_path / "name.parquet"
    pq.write_table(pa.table({"n" * 1_000_000: [1.0, 2.0], "label": ["a", "b"]}), path)
    assert len(refused(path, "name of column 1").said) < 500


def test_a_column_whose_name_is_no_text(tmp_path):
    path = tmp_path / "name.parquet"
    pq.write_table(pa.table({"name": [1.0, 2.0], "label": ["a", "b"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"name", b"n\xfbme"))
    refused(path, "not a Parquet file that can be read")


@pytest.mark.parametrize("kind", ["list", "struct", "map", "binary", "fixed"])
def test_nested_and_binary_columns(tmp_path, kind):
    kinds = {
        "list": pa.array([[1.0] * 1000] * 50),
        "struct": pa.array([{"a": 1.0, "b": {"c": "x"}}] * 50),
        "map": pa.array([[("k", 1.0)]] * 50, type=pa.map_(pa.string(), pa.float64())),
        "binary": pa.array([b"x" * 100] * 50),
        "fixed": pa.array([b"x" * (1 << 20)] * 50, type=pa.binary(1 << 20)),
    }
    path = tmp_path / f"{kind}.parquet"
    pq.write_table(table(nested=kinds[kind]), path)
    refused(path, "'nested'", "neither a number nor text")


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _schema(columns):
    root = b"\x48\x06schema" + b"\x15" + _varint(2 * columns) + b"\x00"
    column = b"\x15\x0a\x25\x00\x18\x01b\x00"
    return b"\x19" + bytes([columns + 1 << 4 | 12]) + root + column * columns


def _file(footer, body=b""):
    return b"PAR1" + body + footer + struct.pack("<I", len(footer)) + b"PAR1"
