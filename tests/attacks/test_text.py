"""A text file may ask for any amount of memory or time, compressed or not: it is refused with one line that names it."""

import bz2
import gzip
import lzma
from collections.abc import Callable

import pyarrow as pa
import pytest
from netanomaly.errors import DataError
from netanomaly.flows import bounds, streams, values

from tests.attacks.measuring import MOST_BYTES, read, soak

ROW = b"1,tcp,normal\n"
HEAD = b"bytes,proto,label\n"


def refused(path, *words):
    found = read(path)
    assert found.code == 2, (found.said[-500:], found.stderr[-2000:])
    assert "Traceback" not in found.stderr
    assert len(found.said.splitlines()) == 1
    assert len(found.said) < 2000
    assert path.name in found.said
    for word in words:
        assert word in found.said
    assert found.peak_bytes < MOST_BYTES
    assert found.seconds < 20
    return found


def zstd(data):
    return pa.Codec("zstd").compress(data, asbytes=True)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
}


@soak
@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_one_line_of_hundreds_of_mebibytes_in_a_small_file(tmp_path, suffix):
    path = tmp_path / f"line.csv{suffix}"
    path.write_bytes(COMPRESSIONS[suffix](b"a,b\n1," + b"2" * (100 << 20)))
    refused(path, "row is longer than")


@pytest.mark.parametrize("suffix", [".xz", ".bz2"])
def test_lines_without_an_end_in_a_small_file(tmp_path, suffix, monkeypatch):
    """What a compressed file makes of each of its bytes is bounded, once it is much."""
    monkeypatch.setattr(streams, "_UNSUSPICIOUS_BYTES", 1 << 18)
    path = tmp_path / f"bomb.csv{suffix}"
    path.write_bytes(COMPRESSIONS[suffix](HEAD + ROW * (1 << 18)))
    with pytest.raises(DataError, match="no records compress so"):
        _read_all(path)


def test_records_that_compress_well_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "_UNSUSPICIOUS_BYTES", 1 << 18)
    path = tmp_path / "flows.csv.gz"
    path.write_bytes(gzip.compress(HEAD + ROW * (1 << 18)))
    _read_all(path)


def test_an_xz_file_that_wants_gibibytes_for_its_dictionary(tmp_path):
    path = tmp_path / "dictionary.csv.xz"
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 4 << 20}]
    data = bytearray(lzma.compress(HEAD + ROW * 100, lzma.FORMAT_XZ, filters=filters, check=lzma.CHECK_NONE))
    # The size of the dictionary is one byte of the block's header, which ends with a checksum of its own.
    import zlib

    at = 12
    length = (data[at] + 1) * 4
    header = bytearray(data[at : at + length - 4])
    header[header.index(b"\x21\x01") + 2] = 40
    data[at : at + length] = header + zlib.crc32(header).to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, "more than 128 MiB")


@pytest.mark.parametrize("suffix", [".bz2", ".xz", ".gz"])
def test_a_hundred_thousand_members_with_nothing_in_them(tmp_path, suffix):
    path = tmp_path / f"members.csv{suffix}"
    path.write_bytes(COMPRESSIONS[suffix](HEAD + ROW) + COMPRESSIONS[suffix](b"") * 100_000)
    found = read(path)
    assert found.code == 0, found.said
    assert found.seconds < 15
    assert found.peak_bytes < MOST_BYTES


@pytest.mark.parametrize(
    ("head", "words"),
    [
        pytest.param(lambda: b",".join(b"c%d" % at for at in range(1_000_000)), "columns", id="a million columns"),
        pytest.param(lambda: b",".join([b"same"] * 100_000), "100,000 columns", id="a hundred thousand equal names"),
        pytest.param(lambda: b"n" * 10_000 + b",b", "name of column 1", id="a name that is a page"),
        pytest.param(lambda: b"n" * 1_000_000 + b",b", "no traffic record has", id="a name that is a book"),
        pytest.param(lambda: b"," * (7 << 20), "columns", id="nothing but delimiters"),
        pytest.param(lambda: b'"' * (7 << 20), "line 1", id="nothing but quotes"),
    ],
)
def test_headers(tmp_path, head, words):
    path = tmp_path / "head.csv"
    path.write_bytes(head() + b"\n" + b"1,2\n" * 10)
    refused(path, words)


def test_as_many_columns_as_may_be_with_one_name(tmp_path):
    path = tmp_path / "twins.csv"
    names, row = [b"same"] * (bounds.MOST_COLUMNS - 1), [b"1"] * (bounds.MOST_COLUMNS - 1)
    path.write_bytes(b",".join([*names, b"label"]) + b"\n" + (b",".join([*row, b"normal"]) + b"\n") * 3)
    found = read(path)
    assert found.code == 0, found.said
    assert found.seconds < 20


def test_a_row_of_delimiters(tmp_path):
    path = tmp_path / "row.csv"
    path.write_bytes(HEAD + ROW + b"," * (7 << 20) + b"\n")
    refused(path, "fields where 3")


@pytest.mark.parametrize(
    "start", [b"", b"{", b"[", b"<html><title>", b"\n"], ids=["", "brace", "bracket", "page", "lines"]
)
def test_blanks_in_place_of_data(tmp_path, start):
    path = tmp_path / "blanks.csv"
    path.write_bytes(start + b" " * (6 << 20))
    found = read(path)
    assert found.code == 2
    assert found.seconds < 10


@pytest.mark.parametrize("text", ["1" * 130_000 + "x", "1." + "0" * 130_000 + "x", "1e" + "1" * 130_000 + "x"])
def test_what_is_nearly_a_number_is_told_in_one_pass(text):
    """A quadratic expression took minutes over one such value."""
    import time

    started = time.process_time()
    assert values.number(text) is None
    assert values.category(text) is not None
    assert time.process_time() - started < 1


@pytest.mark.parametrize("label", ["c{number}", "c{number}" + "x" * 2000], ids=["many", "long"])
def test_a_class_for_every_row_is_refused_as_it_is_read(tmp_path, label):
    path = tmp_path / "classes.csv"
    path.write_text("bytes,label\n" + "".join(f"{number},{label.format(number=number)}\n" for number in range(20_000)))
    refused(path, "does it hold classes?")


def _read_all(path):
    stream = streams.TextStream(_file(path))
    while stream.read(1 << 20):
        pass


def _file(path):
    from netanomaly.flows import sources

    return sources.resolve([str(path)]).files[0]
