"""Each kind of bad data gives one line: what, in which file, on which line, and what to do."""

import bz2
import gzip
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import ConfigError, DataError

from tests.unit.flows.reading import Read, write

HEAD = "duration,proto,label\n"
GOOD = HEAD + "1,tcp,normal\n2,udp,scan\n"
MANY = HEAD + "1,tcp,normal\n" * 3000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("", ["flows.csv is empty"], id="empty file"),
        pytest.param("\n\n", ["flows.csv is empty"], id="blank lines only"),
        pytest.param(HEAD, ["no records, only a header"], id="header only"),
        pytest.param(GOOD + "3,tcp\n", ["line 4", "2 fields", "3 are expected"], id="row too short"),
        pytest.param(GOOD + "3,tcp,scan,x\n", ["line 4", "4 fields"], id="row too long"),
        pytest.param(MANY + "3,tcp\n", ["line 3002", "2 fields"], id="ragged row far down"),
        pytest.param(GOOD + "soon,tcp,scan\n", ["line 4", "'duration'", "'soon'", "categorical_columns"], id="text"),
        pytest.param(MANY + "soon,tcp,scan\n", ["line 3002", "'soon'"], id="text far down"),
        pytest.param(GOOD + "1_000,tcp,scan\n", ["line 4", "'1_000'"], id="underscore in a number"),
        pytest.param(GOOD.encode() + b"3,\xe9t\xe9,scan\n", ["line 4", "0xe9", "not UTF-8", "iconv"], id="Latin-1"),
        pytest.param(GOOD.encode("utf-16"), ["UTF-16", "iconv"], id="UTF-16"),
        pytest.param(GOOD.encode() + b"3,t\0cp,scan\n", ["line 4", "NUL byte"], id="NUL byte"),
        pytest.param(GOOD + '3,"tcp\nudp",scan\n', ["line 4", "does not end on its line"], id="line break in quotes"),
        pytest.param(GOOD + '3,"tcp,scan\n', ["line 4", "quote"], id="quote that does not close"),
        pytest.param(
            "a,b,a\n1,2,3\n", ["line 2", "two columns are called 'a'", "'1' and '3'"], id="same name, differs"
        ),
        pytest.param(
            "a,b,a\n1,2,1\n2,3,tcp\n", ["line 3", "two columns are called 'a'", "'tcp'"], id="same name, not a number"
        ),
        pytest.param(GOOD.replace("\n", "\r"), ["line 1", "carriage return", "tr "], id="line ends of old"),
        pytest.param('{"duration": 1, "proto": "tcp"}\n', ["is JSON and not CSV"], id="JSON lines"),
        pytest.param('[\n  {"duration": 1}\n]\n', ["is JSON and not CSV"], id="a JSON list"),
        pytest.param("#separator \\x09\n#fields\tts\n1\n", ["is a Zeek log"], id="Zeek"),
        pytest.param("<!DOCTYPE html>\n<html></html>\n", ["is a web page"], id="HTML"),
        pytest.param(b"PK\x03\x04 and so on", ["is a zip archive"], id="zip"),
        pytest.param(b"ARROW1\0\0\xff\xff", ["is an Arrow file"], id="Arrow"),
        pytest.param(b"FEA1\0\0\0\0", ["is an Arrow file"], id="Feather of old"),
        pytest.param(b"\xd4\xc3\xb2\xa1\x02\0\x04\0", ["is a capture of packets"], id="pcap"),
        pytest.param("a,,b\n1,2,3\n", ["column 2 has no name"], id="name missing"),
        pytest.param("0,tcp,1,5\n1,udp,2,6\n", ["first line is a record", "csv.columns"], id="no header"),
        pytest.param(
            "conn.log:17.5,C1,10.0.0.1,tcp,ssl\nconn.log:18.5,C2,10.0.0.2,udp,dns\n",
            ["first line is a record"],
            id="a host",
        ),
        pytest.param(
            "2024-05-01 08:00:00,tcp,a\n2024-05-01 08:00:01,udp,b\n", ["first line is a record"], id="a moment"
        ),
        pytest.param("+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n", ["drawn for people"], id="mysql's frame"),
        pytest.param("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", ["git lfs pull"], id="Git LFS"),
    ],
)
def test_a_bad_csv_file_is_refused_in_one_line(tmp_path, content, says):
    path = write(tmp_path / "flows.csv", content)
    # Blocks of the size of a few lines put what is wrong in another block than the first.
    with pytest.raises(DataError) as error:
        Read(path, block_bytes=100)
    for words in [str(path), *says]:
        assert words in str(error.value)
    assert "\n" not in str(error.value).strip()


def test_a_row_of_10_mb_is_refused_with_its_line(tmp_path):
    path = write(tmp_path / "flows.csv", GOOD + "3," + "x" * 10_000_000 + ",scan\n" + "4,tcp,normal\n")
    with pytest.raises(DataError, match="line 4: the row is longer than 8 MiB"):
        Read(path)


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress), (".zst", None)]
)
def test_a_truncated_compressed_file_is_refused(tmp_path, suffix, compress):
    compress = compress or pa.Codec("zstd").compress
    content = compress("".join(f"{row}.{row},tcp,normal\n" for row in range(20_000)).encode())
    path = write(tmp_path / f"flows.csv{suffix}", bytes(content)[: len(content) // 2])
    with pytest.raises(DataError, match=r"flows\.csv.*stream ends too early"):
        Read(path, csv={"columns": ["duration", "proto", "label"]})


def test_damage_inside_a_compressed_file_is_refused(tmp_path):
    content = bytearray(gzip.compress(MANY.encode()))
    content[-6] ^= 0xFF
    with pytest.raises(DataError, match="is damaged"):
        Read(write(tmp_path / "flows.csv.gz", bytes(content)))


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
)
def test_a_member_that_follows_another_is_read_and_damage_to_it_is_told(tmp_path, suffix, compress):
    """Half of the rows would be missed by nobody."""
    first, second = compress(GOOD.encode()), compress(b"3,tcp,normal\n")
    assert len(Read(write(tmp_path / f"flows.csv{suffix}", first + second)).rows) == 3
    with pytest.raises(DataError, match="is damaged"):
        Read(write(tmp_path / f"damaged.csv{suffix}", first + b"?" + second[1:]))
    with pytest.raises(DataError, match="ends too early"):
        Read(write(tmp_path / f"cut.csv{suffix}", first + second[:-3]))


def test_zeros_between_the_members_of_an_xz_file_are_padding(tmp_path):
    members = [lzma.compress(GOOD.encode()), bytes(8), lzma.compress(b"3,tcp,normal\n"), bytes(4)]
    assert len(Read(write(tmp_path / "flows.csv.xz", b"".join(members))).rows) == 3


def test_a_file_that_is_not_compressed_as_it_is_named_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"named \.gz but is not compressed"):
        Read(write(tmp_path / "flows.csv.gz", GOOD))


@pytest.mark.parametrize("content", [b"PAR1 and no more", GOOD.encode()])
def test_a_parquet_file_that_is_not_one_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"flows\.parquet is not a Parquet file"):
        Read(write(tmp_path / "flows.parquet", content))


def test_a_parquet_file_that_was_compressed_once_more_is_told(tmp_path):
    pq.write_table(pa.table({"duration": [1.0, 2.0]}), tmp_path / "flows.parquet")
    path = write(tmp_path / "flows.parquet.gz", gzip.compress((tmp_path / "flows.parquet").read_bytes()))
    with pytest.raises(DataError, match="a Parquet file in a compressed one; decompress it"):
        Read(path)


def test_text_in_a_numeric_parquet_column_is_refused_with_its_row(tmp_path):
    path = tmp_path / "flows.parquet"
    pq.write_table(pa.table({"bytes": ["1", "2", "many"]}), path)
    with pytest.raises(DataError, match="row 3: column 'bytes' holds numbers, and here 'many'"):
        Read(path)


def test_a_parquet_type_that_is_no_feature_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "flows.parquet"
    pq.write_table(pa.table({"seen": pa.array([0], pa.duration("s")), "bytes": [1]}), path)
    with pytest.raises(DataError, match=r"'seen' is of type duration.*ignore_columns"):
        Read(path)
    assert Read(path, ignore_columns=["seen"]).rows == [{"bytes": 1.0}]


@pytest.mark.parametrize("name", ["label", "seen"])
def test_a_parquet_type_that_is_no_label_and_no_time_is_refused(tmp_path, name):
    values = pa.array([["normal"], ["scan"]])
    pq.write_table(pa.table({"duration": [1.0, 2.0], name: values}), tmp_path / "flows.parquet")
    with pytest.raises(DataError, match=f"column '{name}' is of type list"):
        Read(tmp_path / "flows.parquet", time_column="seen" if name == "seen" else "")


def test_an_absent_feature_column_is_refused_with_those_that_are_there(tmp_path):
    path = write(tmp_path / "flows.csv", GOOD)
    with pytest.raises(
        DataError, match=r"no feature column 'durations'; did you mean 'duration'\? It has: duration, proto"
    ):
        Read(path, feature_columns=["durations"])
    with pytest.raises(DataError, match="no categorical column 'flag'"):
        Read(path, categorical_columns=["flag"])


def test_a_label_listed_as_feature_is_refused(tmp_path):
    path = write(tmp_path / "flows.csv", GOOD.replace("label", "Label"))
    with pytest.raises(ConfigError, match="never a feature"):
        Read(path, feature_columns=["duration", "label"])
    with pytest.raises(ConfigError, match="never a feature"):
        Read(path, feature_columns=["duration", "Label"])


def test_no_feature_left_is_refused(tmp_path):
    with pytest.raises(DataError, match="no feature column left"):
        Read(write(tmp_path / "flows.csv", GOOD), ignore_columns=["duration", "proto"])


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("duration,label\n1,normal\n", "lacks column 'proto'"),
        ("duration,proto,flag,label\n1,tcp,SF,normal\n", "has column 'flag'"),
        ("duration,proto\n1,tcp\n", "has no label column"),
    ],
)
def test_files_of_one_source_with_different_columns_are_refused(tmp_path, second, says):
    write(tmp_path / "1.csv", GOOD)
    write(tmp_path / "2.csv", second)
    with pytest.raises(DataError, match=says) as error:
        Read(tmp_path)
    assert "1.csv" in str(error.value)
    assert "2.csv" in str(error.value)


def test_a_category_in_one_file_that_was_a_number_in_the_first_is_refused(tmp_path):
    write(tmp_path / "1.csv", GOOD)
    write(tmp_path / "2.csv", HEAD + "short,tcp,normal\n")
    with pytest.raises(DataError, match=r"2\.csv, line 2: column 'duration'.*'short'"):
        Read(tmp_path)


def test_a_delimiter_that_is_set_is_obeyed_and_the_likelier_one_is_named(tmp_path):
    path = write(tmp_path / "flows.csv", "a;b;label\n1;2;x\n")
    with pytest.raises(DataError, match=r"one column only.*delimiter seems to be ';': set csv\.delimiter"):
        Read(path, csv={"delimiter": ","})
