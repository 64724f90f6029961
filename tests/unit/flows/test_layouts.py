"""Ways in which tables are laid out in files: delimiters, headers, folders, ARFF; told by content."""

import gzip

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.flows import sources
from netanomaly.flows.streams import TextStream

from tests.unit.flows.reading import Read, write

ROWS = [{"bytes": 1.0, "proto": "tcp"}, {"bytes": 2.0, "proto": "udp"}]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("bytes;proto\n1;tcp\n2;udp\n", id="semicolons"),
        pytest.param("bytes\tproto\n1\ttcp\n2\tudp\n", id="tabs"),
        pytest.param("bytes|proto\n1|tcp\n2|udp\n", id="bars"),
        pytest.param("bytes proto\n1 tcp\n2 udp\n", id="blanks"),
        pytest.param("  bytes   proto\n      1     tcp\n      2     udp  \n", id="aligned by blanks"),
        pytest.param("bytes \t proto\r\n1 \t tcp\r\n2 \t udp\r\n", id="blanks and tabs"),
        pytest.param('"bytes" "proto"\n"1" "tcp"\n2 "udp"\n', id="quotes among blanks"),
        pytest.param('"bytes";"proto"\n"1";"tcp"\n2;udp\n', id="quotes"),
        pytest.param("# bytes proto\n1 tcp\n2 udp\n", id="header as a comment, blanks"),
        pytest.param("# bytes,proto\n1,tcp\n2,udp\n", id="header as a comment"),
        pytest.param("# made by hand\n# bytes,proto\n1,tcp\n2,udp\n", id="comment above a commented header"),
        pytest.param("# made by hand, on Monday, 3 May\nbytes,proto\n1,tcp\n2,udp\n", id="comment above the header"),
        pytest.param("bytes,proto,\n1,tcp,\n2,udp,\n", id="trailing delimiter everywhere"),
        pytest.param("bytes,proto\n1,tcp,\n2,udp,\n", id="trailing delimiter in records only"),
        pytest.param("bytes;proto;\r\n1;tcp;\r\n2;udp;\r\n", id="trailing semicolon"),
        pytest.param("bytes,proto\n1,tcp\n   \n2,udp\n\n", id="a line of blanks"),
        pytest.param("sep=;\r\nbytes;proto\r\n1;tcp\r\n2;udp\r\n", id="a spreadsheet's line of its delimiter"),
        pytest.param("bytes,proto\n1,tcp\n\ufeffbytes,proto\n2,udp\n", id="joined with byte order marks"),
    ],
)  # fmt: skip
def test_the_layout_of_a_file_is_recognised(tmp_path, content):
    assert Read(write(tmp_path / "a.csv", content)).rows == ROWS
    # The name has no say in it, nor has compression.
    assert Read(write(tmp_path / "a.data", gzip.compress(content.encode()))).rows == ROWS


def test_an_index_that_pandas_wrote_has_the_name_that_pandas_reads(tmp_path):
    path = write(tmp_path / "a.csv", ",bytes,proto\n0,1,tcp\n,bytes,proto\n1,2,udp\n")
    assert Read(path).rows == [{"Unnamed: 0": float(row), **values} for row, values in enumerate(ROWS)]
    assert list(pd.read_csv(path).columns) == ["Unnamed: 0", "bytes", "proto"]


@pytest.mark.parametrize("delimiter", [",", ";", "tab", "|", " "])
def test_a_delimiter_that_is_set_is_obeyed(tmp_path, delimiter):
    mark = "\t" if delimiter == "tab" else delimiter
    text = f"bytes{mark}note\n1{mark}a;b,c|d\n".replace(mark + "a", f'{mark}"a').replace("d\n", 'd"\n')
    assert Read(write(tmp_path / "a.csv", text), csv={"delimiter": delimiter}).rows == [
        {"bytes": 1.0, "note": "a;b,c|d"}
    ]


cell = st.one_of(st.integers(0, 999).map(str), st.text("abc.:-/", min_size=1, max_size=6), st.just(""))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), mark=st.sampled_from(",;\t|"), width=st.integers(2, 5))
def test_the_delimiter_of_any_table_is_found(tmp_path, data, mark, width):
    names = [f"c{position}" for position in range(width)]
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=8))
    rows = [["x", *row[1:]] for row in rows]  # so that no line is empty
    text = "\n".join(mark.join(row) for row in [names, *rows]) + "\n"
    path = write(tmp_path / "a.csv", text)
    try:
        told, found = Read(path, csv={"delimiter": mark}), Read(path)
    except DataError:
        return
    assert found.rows == told.rows


@pytest.mark.parametrize("block_bytes", [30, 1 << 20])
@pytest.mark.parametrize(
    ("head", "records"),
    [
        ("bytes,proto", ["1,tcp", "2,udp"]),
        ("state,proto", ["S0,tcp", "SF,udp"]),
        (" bytes, proto ", ["1,tcp", "2,udp"]),
        ("# bytes proto", ["1 tcp", "2 udp"]),
        ("bytes proto", ["1 tcp", "2 udp"]),
        ("bytes,packets", ["1,1", "2,5"]),
        ("bytes,proto,label", ["1,tcp,normal", "2,udp,scan"]),
    ],
)
def test_a_header_repeated_where_files_were_joined_is_dropped_and_counted(tmp_path, block_bytes, head, records):
    once = Read(write(tmp_path / "once.csv", "\n".join([head, *records * 6]) + "\n"))
    joined = Read(
        write(tmp_path / "joined.csv", "\n".join([head, *records * 2, head, *records * 2, head, *records * 2]) + "\n"),
        block_bytes=block_bytes,
    )
    assert joined.rows == once.rows
    assert joined.dropped == {"header repeated": 2}
    assert [row["netanomaly:record"] for row in joined.beside][3:6] == [4, 6, 7]


def test_a_record_that_only_looks_like_a_header_in_part_stays(tmp_path):
    read = Read(write(tmp_path / "a.csv", "state,proto\nS0,tcp\nstate,udp\n"))
    assert read.column("state") == ["S0", "state"]


ARFF = """% a comment
@RELATION flows

@attribute duration numeric
@attribute 'protocol type' {tcp, udp}
@attribute land {'0','1'}
@attribute service string
@attribute "rate" REAL
@attribute label {normal,scan}

@DATA
0.5,tcp,0,'http, old',1,normal
% another
?, udp, 1, 'dns', 2, scan
"""


def test_arff_is_read_by_its_declarations(tmp_path):
    read = Read(write(tmp_path / "flows.arff", ARFF))
    assert read.rows == [
        {"duration": 0.5, "protocol type": "tcp", "land": "0", "service": "http, old", "rate": 1.0, "label": "normal"},
        {"duration": None, "protocol type": "udp", "land": "1", "service": "dns", "rate": 2.0, "label": "scan"},
    ]
    assert read.contract.categorical == ("protocol type", "land", "service")
    # Told by its content.
    assert Read(write(tmp_path / "flows.csv", gzip.compress(ARFF.encode()))).rows == read.rows


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (ARFF.split("@DATA")[0] + "@data\n{0 1.5, 3 'http'}\n", "is sparse ARFF"),
        (ARFF.split("@DATA")[0], "has no @data"),
        (ARFF.replace("numeric", "relational"), "attribute 'duration' is relational"),
        (ARFF.replace("0.5,tcp", "soon,tcp"), "line 12: column 'duration' holds numbers, and here 'soon'"),
    ],
)
def test_arff_that_cannot_be_read_is_named(tmp_path, content, says):
    with pytest.raises(DataError, match=says):
        Read(write(tmp_path / "flows.arff", content))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_folders_named_key_value_are_columns(tmp_path, kind):
    frames = {"normal": [1, 2], "DoS": [3], "__HIVE_DEFAULT_PARTITION__": [4], "a%20b": [5]}
    for name, values in frames.items():
        folder = tmp_path / "flows" / f"label={name}" / "vlan=7"
        folder.mkdir(parents=True)
        frame = pd.DataFrame({"bytes": values, "proto": "tcp"})
        if kind == "csv":
            frame.to_csv(folder / "part.csv", index=False)
        else:
            frame.to_parquet(folder / "part.parquet")
    read = Read(tmp_path / "flows")
    assert sorted((row["bytes"], row["label"]) for row in read.rows) == [
        (1, "normal"), (2, "normal"), (3, "DoS"), (5, "a b"),
    ]  # fmt: skip
    assert set(read.column("vlan")) == {7.0}
    assert read.dropped == {"record without a label": 1}
    # Above what the source names, only what differs from file to file or is the label.
    apart = Read(tmp_path / "flows" / "label=normal", tmp_path / "flows" / "label=DoS" / "vlan=7" / f"part.{kind}")
    assert apart.column("label") == ["normal", "normal", "DoS"]
    one = Read(tmp_path / "flows" / "label=DoS" / "vlan=7" / f"part.{kind}")
    assert one.rows == [{"bytes": 3.0, "proto": "tcp", "label": "DoS"}]
    by_glob = Read(tmp_path / "flows" / "label=*" / "*" / f"*.{kind}")
    assert by_glob.rows == read.rows


def test_a_column_of_the_file_is_not_replaced_by_its_folder(tmp_path):
    folder = tmp_path / "flows" / "label=scan"
    folder.mkdir(parents=True)
    write(folder / "a.csv", "bytes,label\n1,normal\n")
    assert Read(tmp_path / "flows").column("label") == ["normal"]


def test_files_of_folders_that_lack_a_key_are_refused(tmp_path):
    for name in ("label=a", "b"):
        (tmp_path / "flows" / name).mkdir(parents=True)
        write(tmp_path / "flows" / name / "a.csv", "bytes\n1\n")
    with pytest.raises(DataError, match="has a label column, unlike"):
        Read(tmp_path / "flows")


def test_parquet_is_told_by_both_its_ends(tmp_path):
    pq.write_table(pa.table({"bytes": [1.0]}), tmp_path / "flows.dat")
    assert Read(tmp_path / "flows.dat").rows == [{"bytes": 1.0}]
    assert Read(write(tmp_path / "a.csv", "PAR1,n\n1,2\n")).rows == [{"PAR1": 1.0, "n": 2.0}]


def test_a_stream_may_be_looked_into_after_decompression(tmp_path):
    path = write(tmp_path / "a.csv.gz", gzip.compress(b"bytes,proto\n1,tcp\n"))
    stream = TextStream(sources.resolve([str(path)]).files[0])
    assert stream.peek(5) == stream.peek(3) + b"es"
    assert stream.read(7) == b"bytes,p"
    assert stream.peek(100) == b"roto\n1,tcp\n"
    assert stream.read(100) == b"roto\n1,tcp\n"
    assert stream.read(1) == stream.peek(1) == b""
    stream.close()


def test_a_row_says_where_it_is_from(tmp_path):
    text = "src_ip,Src Port,dst_ip,proto,uid,bytes\n" + f"10.0.0.1,{5},10.0.0.2,tcp,C{5},{5}\n"
    (tmp_path / "b").mkdir()
    write(tmp_path / "b" / "1.csv", text + "\n" + text.split("\n")[1] + "\n")
    write(tmp_path / "b" / "2.csv", text)
    read = Read(tmp_path / "b", feature_columns=["bytes", "proto"])
    assert read.beside == [
        {"netanomaly:file": file, "netanomaly:record": record, "src_ip": "10.0.0.1", "Src Port": "5", "dst_ip": "10.0.0.2",
         "uid": "C5"}
        for file, record in (("1.csv", 1), ("1.csv", 2), ("2.csv", 1))
    ]  # fmt: skip
    assert read.contract.features == ("proto", "bytes")
    assert read.contract.identity["protocol"] == "proto"
    assert read.contract.identity["src_port"] == "Src Port"
