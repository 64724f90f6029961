"""What is read, repaired and counted."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.flows.reading import Read, write


def test_numbers_categories_and_class_names_keep_the_source_order_and_the_label_comes_last(tmp_path):
    read = Read(write(tmp_path / "a.csv", "label,proto,bytes\nnormal,tcp,5\nscan,udp,0.5\n"))
    assert read.rows == [
        {"proto": "tcp", "bytes": 5.0, "label": "normal"},
        {"proto": "udp", "bytes": 0.5, "label": "scan"},
    ]
    assert list(read.rows[0]) == ["proto", "bytes", "label"]
    assert (read.contract.features, read.contract.categorical) == (("proto", "bytes"), ("proto",))


@pytest.mark.parametrize("missing", ["", "-", "?", "NA", "NaN", "nan", "NAN", "null", " - ", '""'])
def test_missing_values_of_both_kinds_are_null(tmp_path, missing):
    read = Read(
        write(tmp_path / "a.csv", f"bytes,proto\n1,tcp\n{missing},{missing.strip().replace('NAN', '-')}\n3,udp\n")
    )
    assert read.column("bytes") == [1.0, None, 3.0]
    assert read.column("proto") == ["tcp", None, "udp"]


def test_infinite_and_absurd_numbers_become_missing_and_are_counted(tmp_path):
    read = Read(write(tmp_path / "a.csv", "rate\ninf\n-Infinity\n1e39\n1e400\n3e38\n-0.0\n"))
    assert read.column("rate") == [None, None, None, None, 3e38, 0.0]
    assert read.repaired == {"infinite or absurdly large value set to missing": 4}


@pytest.mark.parametrize("words", [("true", "false"), ("True", "False"), ("TRUE", "FALSE"), ("tRuE", "fAlSe")])
def test_booleans_are_one_and_zero_also_among_numbers(tmp_path, words):
    yes, no = words
    read = Read(write(tmp_path / "a.csv", f"flag,n\n{yes},1\n{no},2\n,3\n1,4\n0,5\n"))
    assert read.column("flag") == [1.0, 0.0, None, 1.0, 0.0]


def test_numbers_late_in_a_boolean_column_are_read(tmp_path):
    read = Read(write(tmp_path / "a.csv", "flag\n" + "true\n" * 50 + "7\n"), block_bytes=100)
    assert read.column("flag")[-1] == 7.0


def test_a_column_is_numeric_when_more_than_half_of_its_values_are_numbers(tmp_path):
    half = Read(write(tmp_path / "a.csv", "port,n\n80,1\nhttp,2\n"))
    assert half.column("port") == ["80", "http"]


def test_codes_named_as_categories_are_text_and_6_is_6_0(tmp_path):
    csv = Read(write(tmp_path / "a.csv", "code,n\n6,1\n6.0,2\n 17 ,3\n6.5,4\n"), categorical_columns=["code"])
    assert csv.column("code") == ["6", "6", "17", "6.5"]
    pq.write_table(pa.table({"code": [6.0, None], "n": [1, 2]}), tmp_path / "b.parquet")
    assert Read(tmp_path / "b.parquet", categorical_columns=["code"]).column("code") == ["6", None]


@pytest.mark.parametrize("name", ["fea1", "FEA1", "par1", "ARROW1", "#path", "SQLite format 3"])
def test_a_column_may_be_called_as_another_format_begins(tmp_path, name):
    assert Read(write(tmp_path / "a.csv", f"{name},n\n1,2\n")).column(name) == [1.0]


def test_blanks_around_header_names_are_removed_and_counted(tmp_path):
    read = Read(write(tmp_path / "a.csv", " bytes, proto,label \n1,tcp,normal\n"))
    assert read.contract.features == ("bytes", "proto")
    assert read.repaired == {"blank around a column name removed": 3}


def test_a_repeated_column_is_dropped_while_it_repeats_missing_values_included(tmp_path):
    read = Read(write(tmp_path / "a.csv", "a,b,a\n1,x,1\n,y,\nNAN,y,nan\n"))
    assert [list(row) for row in read.rows] == [["a", "b"]] * 3
    assert list(read.repaired.values()) == [1]


def test_a_label_in_another_case_is_the_label_and_no_feature(tmp_path):
    read = Read(write(tmp_path / "a.csv", "bytes, Label\n1,BENIGN\n"))
    assert read.contract.features == ("bytes",)
    assert read.rows == [{"bytes": 1.0, "label": "BENIGN"}]
    assert "label column 'Label' read as 'label'" in read.repaired


def test_class_names_are_stripped_and_lose_trailing_dots(tmp_path):
    read = Read(write(tmp_path / "a.csv", "bytes,label\n1, normal. \n2,smurf.\n3,smurf\n"))
    assert read.column("label") == ["normal", "smurf", "smurf"]
    assert read.repaired == {"trailing dot of a class name removed": 2}


def test_records_without_a_label_are_dropped_and_counted(tmp_path):
    read = Read(write(tmp_path / "a.csv", "bytes,label\n1,normal\n2,\n3,-\n4,scan\n"))
    assert read.column("bytes") == [1.0, 4.0]
    assert read.dropped == {"record without a label": 2}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_empty_label_column_means_no_labels(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        write(path, "bytes,label\n1,\n2,\n")
    else:
        pq.write_table(pa.table({"bytes": [1, 2], "label": pa.nulls(2)}), path)
    read = Read(path)
    assert read.rows == [{"bytes": 1.0}, {"bytes": 2.0}]
    assert read.contract.label_column is None
    assert not read.dropped


@pytest.mark.parametrize(
    ("content", "csv"),
    [
        ("1\ttcp\n2\tudp\n", {"columns": ["bytes", "proto"], "delimiter": "\t"}),
        ("x;y\n1;tcp\n2;udp\n", {"columns": ["bytes", "proto"], "header": True, "delimiter": ";"}),
        ("\ufeffbytes,proto\r\n1,tcp\r\n\r\n2,udp\r\n", {}),
        ("\n\nbytes,proto\n1,tcp\n2,udp", {}),
        ('"bytes","proto"\n"1","tcp"\n2,udp\n', {}),
    ],
)
def test_the_ways_a_csv_is_written_make_no_difference(tmp_path, content, csv):
    read = Read(write(tmp_path / "a.csv", content), csv=csv)
    assert read.rows == [{"bytes": 1.0, "proto": "tcp"}, {"bytes": 2.0, "proto": "udp"}]


def test_columns_without_any_name_are_numbered(tmp_path):
    assert Read(write(tmp_path / "a.csv", "1,2\n"), csv={"header": False}).rows == [{"column_1": 1.0, "column_2": 2.0}]


def test_quoted_delimiters_and_quotes_are_text(tmp_path):
    read = Read(write(tmp_path / "a.csv", 'agent,n\n"a, b",1\n"say ""x""",2\n'))
    assert read.column("agent") == ["a, b", 'say "x"']


def test_files_of_a_folder_may_order_their_columns_differently_and_mix_formats(tmp_path):
    write(tmp_path / "1.csv", "bytes,proto,label\n1,tcp,normal\n")
    write(tmp_path / "2.csv", "Label,proto,bytes\nscan,udp,2\n")
    pq.write_table(pa.table({"proto": ["tcp"], " bytes": [3], "label": ["normal"]}), tmp_path / "3.parquet")
    read = Read(tmp_path)
    assert [list(row.values()) for row in read.rows] == [
        [1.0, "tcp", "normal"],
        [2.0, "udp", "scan"],
        [3.0, "tcp", "normal"],
    ]


def test_every_plain_parquet_type_is_a_number_or_a_category(tmp_path):
    table = pa.table(
        {
            "integer": pa.array([2**40, None], pa.int64()),
            "single": pa.array([0.5, float("inf")], pa.float32()),
            "flag": [True, False],
            "written": ["1", "2.5"],
            "word": pa.array(["tcp", None]).dictionary_encode(),
            "nothing": pa.nulls(2),
            "label": pa.array([0, 1], pa.int8()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    read = Read(tmp_path / "a.parquet")
    assert read.rows[0] == {
        "integer": 2.0**40, "single": 0.5, "flag": 1.0, "written": 1.0, "word": "tcp", "nothing": None, "label": "0",
    }  # fmt: skip
    assert read.rows[1] == {
        "integer": None, "single": None, "flag": 0.0, "written": 2.5, "word": None, "nothing": None, "label": "1",
    }  # fmt: skip


def test_the_dirt_of_cicids2017_is_read_and_counted(shared_data):
    read = Read(shared_data / "cicids2017" / "Friday-WorkingHours-Afternoon-DDos.head9998.pcap_ISCX.csv.xz")
    assert len(read.rows) == 9998
    assert set(read.column("label")) == {"BENIGN"}
    assert len(read.contract.features) == 77
    assert not read.contract.categorical
    assert read.repaired["infinite or absurdly large value set to missing"] == 13


def test_hexadecimal_ports_of_argus_are_numbers_and_counted(shared_data):
    path = shared_data / "binetflow" / "test3-mixed.binetflow.xz"
    read = Read(path, ignore_columns=["StartTime"])
    assert 0x0008 in read.column("Sport")
    assert read.repaired["column 'Sport': hexadecimal value read as a number"] == 1
    codes = Read(path, ignore_columns=["StartTime"], categorical_columns=["Sport", "Dport"])
    assert "8" in codes.column("Sport")


def test_labels_that_begin_late_are_labels(tmp_path):
    path = write(tmp_path / "a.csv", "bytes,label\n" + "1,\n" * 300 + "2,scan\n")
    for block_bytes in (100, 1 << 20):
        read = Read(path, block_bytes=block_bytes)
        assert read.rows == [{"bytes": 2.0, "label": "scan"}]
        assert read.dropped == {"record without a label": 300}
