"""Who writes what a sensor is said to have written: one line, bounded memory and time, no time that no calendar has."""

import gzip
import io
import json
import struct
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.config import CsvFormat
from netanomaly.errors import DataError
from netanomaly.flows import layout, sources
from netanomaly.traffic import json_records
from netanomaly.traffic.any_source import open_source
from netanomaly.traffic.table import Counts

from tests.attacks.measuring import MOST_BYTES, measured, soak

_READ = """
import sys
from netanomaly.errors import NetanomalyError
from netanomaly.config import CsvFormat
from netanomaly.flows import layout, sources
from netanomaly.traffic.any_source import open_source
code = rows = 0
try:
    if sys.argv[1:]:
        reader = open_source(sources.resolve(sys.argv[1:]), CsvFormat(), layout.Selection(label_column=""), "auto")
        for batch in reader.batches():
            rows += batch.rows
        print(rows, reader.tally.dropped, reader.tally.repaired)
except NetanomalyError as error:
    print(str(error).replace("\\n", "\\\\n"))
    code = error.exit_code
print(peak())
sys.exit(code)
"""
FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "conn_state", "orig_pkts", "orig_ip_bytes",
)  # fmt: skip
HEAD = b"#separator \\x09\n#path\tconn\n"
NAMES = b"#fields\t" + "\t".join(FIELDS).encode() + b"\n"
RECORD = "{}\tC1\t10.0.0.1\t1234\t10.0.0.2\t80\ttcp\tSF\t3\t30\n"
ROW = RECORD.format("1700000000.5").encode()
LOG = HEAD + NAMES + ROW * 10


@pytest.fixture(scope="module")
def idle():
    return measured(_READ).peak_bytes


def looked_at(path, content, idle, code=2):
    path.write_bytes(content)
    found = measured(_READ, path)
    assert found.code == code, (found.said[-500:], found.stderr[-2000:])
    assert len(found.said.splitlines()) == 1
    assert len(found.said) < 2000
    assert found.peak_bytes - idle < MOST_BYTES
    assert found.seconds < 20
    return found.said


def archive(*files, how=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as into:
        for name, content in files:
            into.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("head", "between"),
    [
        pytest.param(HEAD + NAMES[:-1], b"\t", id="zeek"),
        pytest.param(
            b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,TotPkts,TotBytes,SrcBytes", b",", id="argus"
        ),
    ],
)
def test_a_header_of_names_without_end(tmp_path, idle, head, between):
    names = b"".join(b"%bx%d" % (between, number) for number in range(200_000))
    assert "columns, and read are 10,000" in looked_at(tmp_path / "conn.log", head + names + b"\n" + ROW, idle)


def test_nothing_but_line_ends_between_header_lines(tmp_path, idle):
    assert looked_at(tmp_path / "conn.log", HEAD + b"\n" * (1 << 20) + NAMES + ROW, idle, 0).startswith("1 ")


def test_a_header_line_before_each_record(tmp_path, idle):
    said = looked_at(tmp_path / "conn.log", HEAD + NAMES + (b"#close\t\n" + ROW) * 40_000, idle, 0)
    assert said.startswith("40000 ")


def test_another_header_before_each_record(tmp_path, idle):
    other = NAMES.replace(b"uid", b"name")
    content = HEAD + NAMES + (ROW + other + ROW + NAMES) * 2_000
    assert "header changes" in looked_at(tmp_path / "conn.log", content, idle)


def test_lines_are_counted_over_header_lines(tmp_path):
    path = tmp_path / "conn.log"
    path.write_bytes(HEAD + NAMES + ROW + b"#close\t\n#open\t\n" + ROW * 2 + b"\n#x\n" + ROW)
    reader = open_source(sources.resolve([str(path)]), CsvFormat(), layout.Selection(label_column=""), "auto")
    numbers = [number for batch in reader.batches() if batch.records is not None for number in batch.records.tolist()]
    assert sorted(numbers) == [4, 7, 8, 11]


@pytest.mark.parametrize(
    "time", ["1e308", "-1e308", "inf", "nan", "-1e14", "-62135596801", "-9e15", "99999999999999999999"]
)
def test_a_time_that_no_calendar_has_is_none(tmp_path, time):
    path = tmp_path / "conn.log"
    path.write_bytes(LOG + RECORD.format(time).encode())
    reader = open_source(sources.resolve([str(path)]), CsvFormat(), layout.Selection(label_column=""), "auto")
    assert sum(batch.rows for batch in reader.batches()) == 10
    assert reader.tally.dropped["record without a time"] == 1
    times = reader.times
    assert times is not None
    assert times["first"] == times["last"] == 1700000000.5


@soak
def test_hosts_of_mebibytes_are_none(tmp_path, idle):
    """Rows wait in memory to be sorted: a few hundred of them are not to be gibibytes."""
    row = RECORD.format("1700000000.5").replace("10.0.0.1", "h" * (3 << 20)).encode()
    said = looked_at(tmp_path / "conn.log.gz", gzip.compress(HEAD + NAMES + row * 250, 1), idle, 0)
    assert "'src_ip of over 1,000 bytes set to missing': 250" in said


def azure(inside: bytes) -> bytes:
    return b'{"records":[{"category":"FlowLogFlowEvent","flowRecords":{"flows":[' + inside + b"]}}]}"


@soak
@pytest.mark.parametrize(
    ("inside", "words"),
    [
        pytest.param(lambda: b'{"a":{}},' * (4 << 20) + b"{}", "objects, lists and texts", id="millions of objects"),
        pytest.param(lambda: b"1," * (40 << 20) + b"1", "is over 32 MiB", id="a list without an end"),
        pytest.param(lambda: b"[" * 100_000, "nested too deep", id="depth"),
    ],
)
def test_one_json_value_that_is_a_whole_file(tmp_path, idle, inside, words):
    assert words in looked_at(tmp_path / "PT1H.json", azure(inside()), idle)


def test_records_in_one_object_are_read_one_by_one(monkeypatch):
    monkeypatch.setattr(json_records, "LARGEST_VALUE", 1000)
    counts = Counts()
    whole = json.dumps({"records": [{"number": number, "text": "x" * 100} for number in range(100)]}, indent=1).encode()
    chunks = (whole[at : at + 700] for at in range(0, len(whole), 700))
    found = list(json_records.values(chunks, "log.json", counts))
    assert [value["number"] for _, value in found] == list(range(100))
    assert [line for line, _ in found[:3]] == [3, 7, 11]
    assert counts == Counts()


@soak
def test_a_page_of_a_sensors_parquet_that_decodes_to_gibibytes(tmp_path, idle):
    """A table of Amazon's is bounded as every other Parquet file is."""
    names = ("srcaddr", "dstaddr", "protocol", "packets", "bytes", "start", "end")
    columns = {name: pa.array([1] * 4, pa.int64()) for name in names}
    columns["srcaddr"] = pa.array(["1" * (300 << 20), "a", "b", "c"])
    made = io.BytesIO()
    pq.write_table(pa.table(columns), made, compression="zstd", use_dictionary=False)
    looked_at(tmp_path / "vpc.parquet", made.getvalue(), idle)


def test_a_sensors_parquet_with_other_types_than_its_own(tmp_path, idle):
    names = ("srcaddr", "dstaddr", "protocol", "packets", "bytes", "start", "end")
    made = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(["x"] * 4) for name in names}), made)
    assert "is not as Amazon writes it" in looked_at(tmp_path / "vpc.parquet", made.getvalue(), idle)


def test_zip_archives(tmp_path):
    """One file is read, whatever its name, in zip's own ways."""
    path = tmp_path / "conn.zip"

    def rows(content):
        path.write_bytes(content)
        return sum(
            batch.rows
            for batch in open_source(
                sources.resolve([str(path)]), CsvFormat(), layout.Selection(label_column=""), "auto"
            ).batches()
        )

    assert rows(archive(("../../conn.log", LOG))) == 10
    spoilt = bytearray(archive(("conn.log", LOG), how=zipfile.ZIP_STORED))
    spoilt[spoilt.index(b"10.0.0.1")] ^= 1
    for content, words in (
        (archive(("conn.log", LOG), how=zipfile.ZIP_LZMA), "another way"),
        (archive(("a", b""), ("b", b"")), "a zip archive"),
        (bytes(spoilt), "damaged"),
    ):
        with pytest.raises(DataError, match=f"^[^\n]*{words}[^\n]*$"):
            rows(content)


def test_a_zip_archive_that_lists_millions_of_files_is_not_listed(tmp_path, idle):
    one = archive(("a", b""))
    at = one.index(b"PK\x01\x02")
    entry, end = one[at : one.index(b"PK\x05\x06")], bytearray(one[one.index(b"PK\x05\x06") :])
    many = 1_000_000
    struct.pack_into("<I", end, 12, len(entry) * many)
    assert "list of files" in looked_at(tmp_path / "conn.zip", one[:at] + entry * many + bytes(end), idle)


def test_nothing_of_a_damaged_log_is_a_traceback(tmp_path):
    """Values of every JSON kind in each field of a sensor's record."""
    odd = [None, True, 7, -1, 1e308, 10**30, "x", "²", "\ud800", [], [1], {}, {"a": 1}]
    record = {"ts": 1700000000.5, "id.orig_h": "a", "id.orig_p": 1, "id.resp_h": "b", "id.resp_p": 2, "proto": "tcp",
              "service": "http", "duration": 1.5, "orig_pkts": 3, "orig_ip_bytes": 5, "conn_state": "SF", "uid": "C"}  # fmt: skip
    lines = [json.dumps(record)] + [json.dumps({**record, name: value}) for name in record for value in odd]
    path = tmp_path / "conn.log"
    path.write_text("\n".join(lines) + "\n")
    reader = open_source(sources.resolve([str(path)]), CsvFormat(), layout.Selection(label_column=""), "auto")
    try:
        assert sum(batch.rows for batch in reader.batches()) > len(record)
    except DataError as error:
        raise AssertionError(error) from None


ARGUS = b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,TotPkts,TotBytes,SrcBytes\n"
ARGUS_ROW = b"2011/08/10 09:46:53.047277,1.0,tcp,10.0.0.1,1577,   ->,10.0.0.2,6881,S_RA,4,276,156\n"
VPC = b"version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"
VPC_ROW = b"2 123456789010 eni-1 10.0.0.1 10.0.0.2 1234 443 6 20 4249 1418530010 1418530070 ACCEPT OK\n"


@pytest.mark.parametrize(("header", "row"), [(ARGUS, ARGUS_ROW), (VPC, VPC_ROW)], ids=["argus", "aws"])
def test_a_header_before_each_record_costs_no_more_than_the_record(tmp_path, header, row):
    path = tmp_path / "log"
    path.write_bytes((header + row) * 40_000)
    found = measured(_READ, path)
    assert found.code == 0, found.stderr[-2000:]
    assert found.said.startswith("40000 "), found.said
    assert found.seconds < 20


@soak
@pytest.mark.parametrize(("header", "row"), [(ARGUS, ARGUS_ROW), (VPC, VPC_ROW)], ids=["argus", "aws"])
def test_headers_that_change_again_and_again_are_refused(tmp_path, idle, header, row):
    other = header.replace(b"TotPkts", b"Packets").replace(b"packets bytes", b"packets bytes2 bytes")
    said = looked_at(tmp_path / "log", (header + row + other + row) * 2_000, idle)
    assert "the header has changed over 1,000 times within" in said
