"""How numbers are written: decimal comma, thousands, units, hexadecimal; told by the whole source, never by its beginning."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.flows.evidence import Evidence, decide
from netanomaly.flows.notations import Notation, number

from tests.unit.flows.reading import Read, write


def csv_of(values, delimiter=","):
    """A column `v` of these values beside one of row numbers."""
    quoted = [f'"{value}"' for value in values]
    return f"v{delimiter}n\n" + "".join(f"{value}{delimiter}{row}\n" for row, value in enumerate(quoted))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["11,703", "9,948", "950"], [11703, 9948, 950]),
        (["39,010", "3,680,000", "1,300"], [39010, 3680000, 1300]),
        (["1,234.5", "17", "0.25"], [1234.5, 17, 0.25]),
        (["12,34,567", "1,000", "5"], [1234567, 1000, 5]),
        (["3,5", "0,25", "1,234"], [3.5, 0.25, 1.234]),
        (["1.234,5", "1.234", "-7"], [1234.5, 1234, -7]),
        (["1.234.567", "12.000", "4"], [1234567, 12000, 4]),
        (["1 234", "17", "1\u202f234\u202f567"], [1234, 17, 1234567]),
        (["1\u00a0234,5", "17", "0,5"], [1234.5, 17, 0.5]),
        (["1'234.5", "17", "1\u2019000"], [1234.5, 17, 1000]),
        (["+1,234", "-1,234", " 5,000 "], [1234, -1234, 5000]),
        (["2.1 M", "950", "1.2 K"], [2.1e6, 950, 1200]),
        (["12%", "0.5 %", "100%"], [12, 0.5, 100]),
        (["350 ms", "1.2 s", "2 min"], [0.35, 1.2, 120]),
        (["1.5 KB", "12 B", "2 MiB"], [1500, 12, 2 * 2**20]),
        (["1,5 kB", "12,0 B", "2,25 MB"], [1500, 12, 2250000]),
        (["10 Mbps", "1.5 Gbps", "900 Kbps"], [10e6, 1.5e9, 900e3]),
        (["12,5%", "0,5 %", "100%"], [12.5, 0.5, 100]),
        (["350ms", "3.5sec", "2 hrs"], [0.35, 3.5, 7200]),
        (["1,234 bytes", "950 bytes", "1 KB"], [1234, 950, 1000]),
        (["100 kbit/s", "1.5 Mbit/s"], [100e3, 1.5e6]),
        (["10 MB/s", "900 KB/s", "5 B/s"], [10e6, 900e3, 5]),
        (["12 pkts/s", "1.5 Kpps", "7"], [12, 1500, 7]),
        (["1,5E+10", "2,5", "-"], [1.5e10, 2.5, None]),
        (["0x0303", "0x10", "7"], [0x303, 16, 7]),
        (["true", "0x1F", "2"], [1, 31, 2]),
    ],
)
def test_a_column_of_numbers_is_read_as_they_are_meant(tmp_path, written, meant):
    """In a CSV, whatever the size of its blocks, and in a Parquet file of texts."""
    path = write(tmp_path / "a.csv", csv_of([*written, "-", *written]))
    for block_bytes in (20, 1 << 20):
        read = Read(path, block_bytes=block_bytes)
        assert read.column("v") == pytest.approx([*meant, None, *meant])
    pq.write_table(pa.table({"v": written, "n": range(len(written))}), tmp_path / "a.parquet")
    assert Read(tmp_path / "a.parquet").column("v") == pytest.approx(meant)


def test_what_was_understood_is_counted(tmp_path):
    read = Read(write(tmp_path / "a.csv", csv_of(["1,234", "950", "0x10", "12,000"])))
    assert read.repaired == {
        "column 'v': value read as a number written with thousands separated by ','": 2,
        "column 'v': hexadecimal value read as a number": 1,
    }
    assert read.contract.policy.notation("v") == Notation(".", ",")


@pytest.mark.parametrize(
    ("delimiter", "other", "meant"),
    [
        (",", "7", 1234.0),
        (";", "7", 1.234),
        (";", "7.5", 1234.0),
        (",", "7,5", 1.234),
        ("\t", "7", 1234.0),
    ],
)
def test_what_may_be_either_is_told_by_the_other_columns_and_then_by_the_delimiter(tmp_path, delimiter, other, meant):
    text = f"v{delimiter}w\n" + f'"1,234"{delimiter}"{other}"\n' * 3
    assert set(Read(write(tmp_path / "a.csv", text)).column("v")) == {meant}


def test_among_decimal_commas_dots_part_thousands(tmp_path):
    text = "bytes;rate\n" + "1.234;0,5\n12.000;1,5\n950;2,5\n"
    assert Read(write(tmp_path / "a.csv", text)).column("bytes") == [1234.0, 12000.0, 950.0]
    by_commas = 'bytes,rate\n1.234,"0,5"\n12.000,"1,5"\n'
    assert Read(write(tmp_path / "c.csv", by_commas)).column("bytes") == [1.234, 12.0]
    plain = "bytes;rate\n" + "1.234;0.5\n12.000;1.5\n950;2.5\n"
    assert Read(write(tmp_path / "b.csv", plain)).column("bytes") == [1.234, 12.0, 950.0]


@pytest.mark.parametrize(
    "codes",
    [
        ["3G", "4G", "5G"],
        ["80/tcp", "53/udp"],
        ["10.0.0.1", "110.128.128.148"],
        ["1st", "2nd"],
        ["7zip", "tls 1.2"],
        ["12b", "7B"],
    ],
)
def test_codes_that_begin_with_digits_are_categories(tmp_path, codes):
    assert Read(write(tmp_path / "a.csv", csv_of(codes * 3))).contract.categorical == ("v",)


def test_a_unit_that_is_not_known_is_named_and_never_silently_a_category(tmp_path):
    path = write(tmp_path / "a.csv", csv_of([f"{value} parsecs" for value in range(30)]))
    with pytest.raises(
        DataError, match=r"column 'v' holds numbers with the unit 'parsecs' \(0 parsecs\), which is not known"
    ):
        Read(path)
    assert Read(path, categorical_columns=["v"]).column("v")[0] == "0 parsecs"


def test_a_value_that_breaks_the_rule_of_its_column_is_refused_with_its_line(tmp_path):
    path = write(tmp_path / "a.csv", csv_of(["1,234,567"] * 5 + ["2,5"]))
    for block_bytes in (20, 1 << 20):
        with pytest.raises(
            DataError, match=r"line 7: column 'v' holds numbers \(thousands separated by ','\), and here '2,5'"
        ):
            Read(path, block_bytes=block_bytes)


CASES = {
    "thousands come late": ["1", "2", "950"] * 30 + ["1,234"],
    "a decimal comma comes late": ["1,234"] * 30 + ["3,5"],
    "dots turn out to part thousands": ["1.234"] * 30 + ["1.234.567"],
    "units come late": ["12", "900"] * 30 + ["1.5 K"],
    "hexadecimal comes late": ["12", "900"] * 30 + ["0x0303"],
    "text after numbers": ["12", "900"] * 10 + ["http", "dns"] * 30,
    "numbers after text": ["http"] * 10 + ["12"] * 30 + ["-"],
    "grouped numbers after text": ["-"] * 20 + ["1,234"] * 30,
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_column_holds_does_not_depend_on_what_comes_first(tmp_path, name):
    """Read in blocks of two lines, whole, and from back to front: one kind, the same values, or the same refusal."""

    def told(values, block_bytes):
        try:
            read = Read(write(tmp_path / "a.csv", csv_of(values)), block_bytes=block_bytes)
        except DataError as error:
            return str(error).split(": ", 1)[1]
        return (read.contract.categorical, read.contract.policy, sorted(map(str, read.column("v"))))

    values = CASES[name]
    assert told(values, 20) == told(values, 1 << 20)
    assert told(values, 1 << 20)[:2] == told(values[::-1], 20)[:2]


def test_text_late_in_a_column_of_numbers_is_told_with_its_line(tmp_path):
    path = write(tmp_path / "a.csv", csv_of(["12"] * 3000 + ["http"]))
    with pytest.raises(DataError, match="line 3002: column 'v' holds numbers, and here 'http'"):
        Read(path, block_bytes=100)


RELAXED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
amounts = st.lists(st.integers(0, 10**10).map(lambda cents: cents / 100), min_size=1, max_size=20)


@RELAXED
@given(amounts=amounts, decimal=st.sampled_from(".,"), thousands=st.sampled_from(["", ",", ".", " ", "'"]))
def test_every_amount_is_read_back_as_it_was_written(amounts, decimal, thousands):
    """Two digits after the mark prove it."""
    if decimal == thousands:
        return
    written = [f"{amount:,.2f}".replace(".", "!").replace(",", thousands).replace("!", decimal) for amount in amounts]
    evidence = Evidence()
    evidence.add(pa.array(written))
    notation = decide({"v": evidence}, ",")["v"]
    assert notation is not None
    assert [number(text, notation) for text in written] == amounts
