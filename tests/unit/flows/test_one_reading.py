"""The law of one reading: whatever door a file's rows come in by, a model sees the same numbers and categories.

`READING_FILES=10000 pytest tests/unit/flows/test_one_reading.py -k generated -o faulthandler_timeout=0` looks at so many
generated files, which takes some minutes.
"""

import csv
import io
import lzma
import os
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.flows import values
from netanomaly.flows.contract import read_contract
from netanomaly.flows.identity import RECORD
from netanomaly.flows.notations import Notation
from netanomaly.flows.policy import Policy
from netanomaly.models.rows import Schema, learn_schema

from tests.unit.ingest.test_ingest import Ingested

FILES = int(os.environ.get("READING_FILES", "60"))

plain = st.one_of(
    st.integers(-10, 300).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(width=64).map(repr),
    st.floats(-1e6, 1e6).map(lambda number: f"{number:.3f}"),
    st.sampled_from(["007", "7", "7.0", " 7 ", "+7", "7.", ".5", "1e5", "1E+05", "1e400", "-0", "0x0303", "0X1f", "inf", "-Infinity"]),
)  # fmt: skip
missing = st.sampled_from([*values.MISSING, " - ", " NA", "NAN", "+nan", "nan(ind)", " "])
boolean = st.sampled_from(["true", "false", "True", "FALSE", "tRuE", "1", "0"])
grouped = st.integers(0, 10**9).map(lambda number: f"{number:,}")
comma = st.floats(0, 1e6).map(lambda number: f"{number:.2f}".replace(".", ","))
german = st.floats(1000, 1e6).map(lambda number: f"{number:,.2f}".translate(str.maketrans(",.", ".,")))
percent = st.integers(0, 100).map(lambda number: f"{number}%")
size = st.builds(lambda number, unit: f"{number:.1f} {unit}", st.floats(0, 999), st.sampled_from(["B", "KB", "MiB"]))
span = st.builds(lambda number, unit: f"{number} {unit}", st.integers(0, 999), st.sampled_from(["ms", "s"]))
moment = st.sampled_from([
    "2024-05-01", "2024-05-01T00:00:00", "2024-05-01 12:00:00", "2024-05-01T12:00:00Z", "2024-05-01 12:00:00.5", "12:30", "12:30:00",
    "2024-13-01", "2024-05-01T12:00:00+02:00",
])  # fmt: skip
word = st.one_of(
    st.sampled_from(
        ["tcp", "TCP", "TCP  ", "udp", "ftp-data", "1st", "10.0.0.1", "1.2.3", "None", "a,b", 'say "x"', "3G"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=6),
)
columns = st.sampled_from([
    st.one_of(plain, missing), plain, st.one_of(word, missing), st.one_of(word, plain, missing, moment), boolean,
    st.one_of(boolean, missing), st.one_of(grouped, missing), comma, german, st.one_of(comma, plain), percent, size, span, moment,
    st.one_of(plain, boolean, missing),
])  # fmt: skip


@st.composite
def files(draw):
    """The text of a CSV file, and which of its columns are to be categories."""
    count = draw(st.integers(2, 4))
    names = [f"c{position}" for position in range(count)]
    written = [draw(st.sampled_from([name, f" {name}", f"{name} "])) for name in names]
    kinds = [draw(columns) for _ in names]
    rows = [[draw(kind) for kind in kinds] for _ in range(draw(st.integers(1, 12)))]
    labelled = draw(st.booleans())
    if labelled:
        written.append("Label")
        rows = [[*row, draw(st.sampled_from(["normal", "scan", "", "-"]))] for row in rows]
    if draw(st.booleans()):
        rows.insert(draw(st.integers(0, len(rows))), [name.strip() for name in written])
    text = io.StringIO()
    csv.writer(
        text,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    ).writerows([written, *rows])
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return mark + text.getvalue(), draw(st.lists(st.sampled_from(names), unique=True))


def doors(path):
    """The rows of a CSV file as people have them; what cannot read it is left out."""
    readers = {
        "pandas": pd.read_csv,
        "pandas as text": lambda path: pd.read_csv(path, dtype=str),
        "pandas as written": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False),
        "pandas on Arrow": lambda path: pd.read_csv(path, dtype_backend="pyarrow"),
        "pandas nullable": lambda path: pd.read_csv(path, dtype_backend="numpy_nullable"),
        "Arrow": pacsv.read_csv,
    }
    for name, reader in readers.items():
        try:
            yield name, reader(path)
        except (pa.ArrowInvalid, pd.errors.ParserError, OverflowError):
            continue


def same(found, expected):
    """Rows that are the same to the bit, whatever makes a missing number."""
    return (
        np.array_equal(found.numbers, expected.numbers, equal_nan=True)
        and np.array_equal(np.signbit(found.numbers), np.signbit(expected.numbers))
        and np.array_equal(found.codes, expected.codes)
    )


def check(done, path, given_doors=doors):
    """Every door gives the rows that the flow file holds."""
    contract = read_contract(done.file.schema_arrow)
    schema = learn_schema(
        done.table.select(list(contract.categorical)), contract.features, contract.categorical, contract.policy
    )
    expected = schema.rows(done.table)
    kept = np.array(done.beside.column(RECORD)) - 1
    assert same(schema.rows(pd.read_parquet(done.path)), expected)
    seen = 0
    for name, frame in given_doors(path):
        found, header = schema.read(frame)
        assert len(found) == done.report["rows_read"], name
        if header is not None:
            assert not header[kept].any(), name
        assert same(found.take(kept), expected), (name, frame)
        seen += 1
    return seen


@settings(
    max_examples=FILES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip
@given(file=files())
def test_a_generated_file_is_the_same_through_every_door(tmp_path, file):
    text, categorical = file
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    try:
        done = Ingested(tmp_path, path, categorical_columns=categorical)
    except DataError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(done, path)


# Of the real data sets: how each is ingested, and what pandas and Arrow need to be told.
REAL: dict[str, dict[str, Any]] = {
    "unsw-nb15/UNSW_NB15_training-set.csv.xz": {},
    "cicids2017/CICIDS2017_sample_6311.csv.xz": {},
    "cicids2017/Friday-WorkingHours-Afternoon-DDos.head9998.pcap_ISCX.csv.xz": {},
    "kddcup99/kddcup99.csv.xz": {},
    "nsl-kdd/KDDTrain+.txt.xz": {"csv": {"header": False}},
    "nsl-kdd/KDDTest+.txt.xz": {"csv": {"header": False}},
    "nsl-kdd/KDDTest-21.txt.xz": {"csv": {"header": False}},
    "nsl-kdd/KDDTrain+_20Percent.txt.xz": {"csv": {"header": False}},
    "binetflow/test2-malicious.binetflow.xz": {"format": "table"},
    "binetflow/test3-mixed.binetflow.xz": {"categorical_columns": ["Sport", "Dport"]},
    "binetflow/test4-malicious.binetflow.xz": {"format": "table"},
    "binetflow/test5-mixed.binetflow.xz": {"ignore_columns": ["StartTime"]},
    "binetflow/test11-portscan.binetflow.xz": {"format": "table"},
    "reports/score-raw-frame/today.csv": {},
    "reports/thousands-quoted/flows.csv": {},
    "reports/thousands-quoted/amount_comma.csv": {},
    "reports/vpc-flow-space/vpc.log": {"format": "table"},
    "reports/constant-sensor-name/monday.csv": {},
    "reports/second-label-column/attempted.csv": {},
    "reports/label-encoder-classes/flows.csv": {},
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_is_the_same_through_every_door(shared_data, tmp_path, name):
    path = tmp_path / Path(name).name.removesuffix(".xz")
    packed = (shared_data / name).read_bytes()
    path.write_bytes(lzma.decompress(packed) if name.endswith(".xz") else packed)
    wishes = dict(REAL[name])
    done = Ingested(tmp_path, path, **{"format": "table", **wishes})
    width = len(path.read_bytes().splitlines()[0].split(b","))
    names = [f"column_{each}" for each in range(1, width + 1)] if "csv" in wishes else None
    mark = {"vpc.log": " ", "test5-mixed.binetflow": "\t"}.get(path.name, ",")

    def given_doors(path):
        told: dict[str, Any] = {"sep": mark, **({"header": None, "names": names} if names else {})}
        yield "pandas", pd.read_csv(path, **told)
        yield "pandas as text", pd.read_csv(path, dtype=str, **told)
        yield "pandas on Arrow", pd.read_csv(path, dtype_backend="pyarrow", **told)
        yield "Arrow", pacsv.read_csv(path, pacsv.ReadOptions(column_names=names), pacsv.ParseOptions(delimiter=mark))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas of mixed types, which are what is looked at
        assert check(done, path, given_doors) == 4


NAMES = ("bytes", "proto", "port")
TRAINING = pa.table(
    {"bytes": [1.0, 2.0, None, 2000.0], "proto": ["tcp", "udp", None, "1"], "port": ["80", "443", "80", None]}
)
SCHEMA = learn_schema(TRAINING, NAMES, ("proto", "port"), Policy({"bytes": Notation(".", ",")}))
EXPECTED = SCHEMA.rows(TRAINING)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(
            {
                " bytes": ["1", 2, None, "2,000"],
                "proto ": ["tcp", " udp ", "-", True],
                "port": [80, "443.0", 80.0, None],
            }
        ),
        pd.DataFrame(
            {"port": [80, 443, 80, None], "bytes": ["1", "2", "?", "2,000"], "\ufeffproto": ["tcp", "udp", "None", "1"]}
        ),
        pd.DataFrame(
            {
                "# bytes": [1, 2, np.inf, 2000],
                "proto": pd.Categorical(["tcp", "udp", None, "1"]),
                "port": ["0x50", "443", "080", ""],
            }
        ),
        pd.DataFrame({"bytes": [1, 2, 1e39, 2000], "proto": ["tcp", "udp", "NA", "TRUE"], "port": [80, 443, 80, None]}),
        pd.DataFrame(
            {
                "bytes": pd.array([1, 2, None, 2000], "Int64"),
                "proto": pd.array(["tcp", "udp", None, "1"], "string[pyarrow]"),
                "port": pd.array([80, 443, 80, None], "int64[pyarrow]"),
            }
        ),
        pa.table(
            {
                "bytes": pa.array([Decimal("1.00"), Decimal("2.00"), None, Decimal("2000.00")]),
                "proto": pa.array(["tcp", "udp", None, "1"], pa.large_string()).dictionary_encode(),
                "port": pa.array([80, 443, 80, None], pa.uint64()),
            }
        ),
        pa.table(
            {
                "bytes": pa.array([1, 2, None, 2000], pa.float32()),
                "proto": pa.array(["tcp", "udp", None, "1"], pa.string_view()),
                "port": pa.array([80, 443, 80, None], pa.int16()),
            }
        ),
        pa.table(
            {
                "bytes": pa.array(["1", "2", None, "2000"], pa.string_view()),
                "proto": pa.array(["tcp", "udp", None, "1"], pa.string_view()),
                "port": pa.array(["80", "0x1bb", "80", "-"], pa.string_view()),
            }
        ),
        pa.concat_tables(
            [
                TRAINING.set_column(1, "proto", TRAINING.column("proto").dictionary_encode()).slice(0, 3),
                TRAINING.set_column(1, "proto", pa.array(["1"]).dictionary_encode().take([0, 0, 0, 0])).slice(3),
            ]
        ),
    ],
)
def test_a_frame_of_any_types_is_read_alike(frame):
    assert same(SCHEMA.rows(frame), EXPECTED)


def test_a_repeated_header_is_no_record_and_its_score_is_no_number():
    frame = pd.DataFrame(
        {"bytes": ["1", "bytes", "2"], "proto": ["tcp", "proto", "udp"], "port": ["80", "port", "443"]}
    )
    rows, header = SCHEMA.read(frame)
    assert header is not None
    assert header.tolist() == [False, True, False]
    assert same(rows.take([0, 2]), EXPECTED.take([0, 1]))


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (
            pd.DataFrame({"bytes": ["1", "many"], "proto": "tcp", "port": 80}),
            "row 2: column 'bytes' holds numbers.*'many'",
        ),
        (pd.DataFrame({"bytes": ["1", "2,5"], "proto": "tcp", "port": 80}), "thousands separated by ','.*'2,5'"),
        (pd.DataFrame({"bytes": [1, 2], "proto": "tcp"}), "needs the columns port.*it has bytes, proto"),
        (
            pd.DataFrame({"bytes": pd.to_datetime(["2024-05-01"]), "proto": "tcp", "port": 80}),
            "column 'bytes' holds timestamp",
        ),
        (pd.DataFrame({"bytes": [[1]], "proto": "tcp", "port": 80}), "column 'bytes' holds list"),
        (pd.DataFrame({"bytes": [1], "proto": [{"a": 1}], "port": 80}), "column 'proto' holds struct"),
        (
            pd.DataFrame([[1, "tcp", 80, 2]], columns=["bytes", "proto", "port", " bytes"]),
            "two columns are called 'bytes' and differ",
        ),
        ([[1, 2]], "a list is no table of rows"),
    ],
)
def test_what_no_model_can_read_is_told_in_one_line(frame, says):
    with pytest.raises(DataError, match=says):
        SCHEMA.rows(frame)


def test_equal_columns_of_one_name_are_one():
    frame = pd.DataFrame([[1, "tcp", 80, 1]], columns=["bytes", "proto", "port", " bytes"])
    assert same(SCHEMA.rows(frame), EXPECTED.take([0]))


def test_a_model_of_before_there_was_a_policy_finds_the_spellings_of_its_vocabulary():
    """As they were kept then: booleans in words, codes with their zeros."""
    before = Schema(("flag", "code"), (), ("flag", "code"), (("true", "false", None), ("007", "7", "tcp")))
    frame = pa.table({"flag": pa.array([True, False, None]), "code": ["7", "007", "tcp"]})
    assert before.rows(frame).codes.tolist() == [[0, 1], [1, 0], [2, 2]]
    assert before.policy == Policy()
    # Unpickled, it lacks the field.
    del before.__dict__["policy"]
    assert before.policy == Policy()


@pytest.mark.parametrize(
    "text", ["80", "65535", "007", "0", "9" * 15, "9" * 16, "9" * 17, "10" * 9, "٣٤", " 80 ", "8_0"]
)
def test_a_whole_number_is_spelt_the_same_the_short_way_and_the_long(text, monkeypatch):
    short = values.category(text)
    monkeypatch.setattr(values, "_is_plain_whole", lambda text: False)
    assert short == values.category(text)


@given(text=st.one_of(plain, missing, boolean, moment, word, grouped))
def test_the_category_of_a_category_is_itself(text):
    assert values.category(values.category(text)) == values.category(text)
