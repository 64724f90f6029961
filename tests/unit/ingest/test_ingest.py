"""The ingest stage: one source, one flow file, one report."""

import json
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netanomaly.config import CsvFormat
from netanomaly.errors import ConfigError, DataError
from netanomaly.flows import sources
from netanomaly.flows.contract import ROW_GROUP_ROWS, read_contract
from netanomaly.stage_io import LOCAL_PATHS_VARIABLE
from netanomaly.stages.ingest.__main__ import main
from netanomaly.stages.ingest.program import ParquetSink, ingest
from netanomaly.stages.ingest.settings import Settings, Split

DEFAULTS: dict[str, Any] = {
    "identity": "", "csv": {}, "label_column": "label", "feature_columns": [], "categorical_columns": [],
    "ignore_columns": [], "normal_labels": [], "part": "all", "random_state": 42, "split": None, "time_column": "",
}  # fmt: skip
SPLIT = Split("auto", 0.3, None, [])


class Ingested:
    """A source ingested into `folder`: its report, and its flow file as a table."""

    def __init__(self, folder: Path, *source: Path, **wishes: Any) -> None:
        self.path = folder / "flows.parquet"

        def open_sink(contract):
            return ParquetSink(self.path, contract)

        if wishes.get("part", "all") != "all":
            wishes["split"] = replace(SPLIT, **wishes.get("split", {}))
        wishes["csv"] = CsvFormat(**wishes.get("csv", {}))
        settings = Settings(source=[str(item) for item in source], **{**DEFAULTS, **wishes})
        self.report = ingest(settings, open_sink, lambda _: None)
        self.file = pq.ParquetFile(self.path)
        whole = self.file.read()
        beside = read_contract(whole.schema).beside
        self.table, self.beside = whole.drop_columns(list(beside)), whole.select(list(beside))

    def rows(self) -> list:
        return [tuple(row.values()) for row in self.table.to_pylist()]


def csv_of(path: Path, rows: int, distinct: int = 10**9) -> Path:
    """Rows of bytes, proto and label, of which so many differ."""
    random = np.random.default_rng(rows)
    lines = [
        f"{value},{('tcp', 'udp')[value % 2]},{'normal' if value % 4 else 'scan'}"
        for value in random.integers(0, distinct, rows)
    ]
    path.write_text("\n".join(["bytes,proto,label", *lines]) + "\n")
    return path


def test_the_report_counts_what_the_file_holds(tmp_path):
    source = csv_of(tmp_path / "a.csv", 1000, distinct=100)
    done = Ingested(tmp_path, source)
    report = done.report
    assert report["rows_read"] == report["rows"] == done.table.num_rows == 1000
    labels = done.table.column("label").to_pylist()
    assert report["labels"] == {name: labels.count(name) for name in ("normal", "scan")}
    assert report["normal_rows"] == labels.count("normal")
    assert report["duplicates"] == {"rows": 1000 - len({row[:2] for row in done.rows()}), "exact": True}
    identity = sources.resolve([str(source)]).identity()
    assert report["identity"] == identity
    assert report["files"] == [{"uri": str(source), "bytes": source.stat().st_size, "rows": 1000, "identity": identity}]
    assert [column["name"] for column in report["columns"]] == ["bytes", "proto"]
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_values_of_dropped_rows_alone_are_not_in_the_profile(tmp_path):
    (tmp_path / "a.csv").write_text("bytes,proto,label\n1,-,normal\n2,tcp,\n3,udp,\n")
    proto = Ingested(tmp_path, tmp_path / "a.csv").report["columns"][1]
    assert (proto["distinct"], proto["categories"], proto["missing"]) == (0, {}, 1)


def test_the_file_carries_the_contract_and_row_groups_of_its_size(tmp_path):
    done = Ingested(tmp_path, csv_of(tmp_path / "a.csv", ROW_GROUP_ROWS + 10))
    contract = read_contract(done.file.schema_arrow)
    assert (contract.features, contract.categorical, contract.label_column) == (("bytes", "proto"), ("proto",), "label")
    groups = [done.file.metadata.row_group(group).num_rows for group in range(done.file.num_row_groups)]
    assert groups == [ROW_GROUP_ROWS, 10]


def test_the_same_source_gives_the_same_bytes_and_report(tmp_path):
    source = csv_of(tmp_path / "a.csv", 30_000)
    packed = tmp_path / "packed" / "a.csv"
    packed.parent.mkdir()
    packed.write_bytes(lzma.compress(source.read_bytes(), preset=0))
    plain = Ingested(tmp_path, source)
    content = plain.path.read_bytes()
    again = Ingested(tmp_path, packed)
    assert again.path.read_bytes() == content
    for same in ("columns", "hashes", "duplicates", "labels", "rows"):
        assert again.report[same] == plain.report[same]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fraction=st.floats(0.05, 0.95), seed=st.integers(0, 2**31))
def test_the_parts_of_a_source_are_all_of_it_and_equal_rows_never_straddle(tmp_path, fraction, seed):
    source = csv_of(tmp_path / "a.csv", 6000, distinct=3000)
    wishes = {"split": {"fraction": fraction}, "random_state": seed}
    training = Ingested(tmp_path, source, part="training", **wishes)
    evaluation = Ingested(tmp_path, source, part="evaluation", **wishes)
    assert sorted(training.rows() + evaluation.rows()) == sorted(Ingested(tmp_path, source).rows())
    assert not {row[:2] for row in training.rows()} & {row[:2] for row in evaluation.rows()}
    assert training.report["rows_read"] == 6000
    assert evaluation.report["rows"] / 6000 == pytest.approx(fraction, abs=0.05)


def test_what_is_counted_of_a_part_is_of_its_own_rows(tmp_path):
    # Every other row is infinite; a part's count must be that of the rows in it.
    (tmp_path / "a.csv").write_text(
        "bytes,packets\n" + "".join(f"{['inf', row][row % 2]},{row}\n" for row in range(500))
    )
    parts = [Ingested(tmp_path, tmp_path / "a.csv", part=part).report for part in ("all", "training", "evaluation")]
    everything, *counted = [next(c for c in report["columns"] if c["name"] == "bytes") for report in parts]
    assert everything["infinite"] == 250
    assert [column["infinite"] for column in counted] == [column["missing"] for column in counted]
    assert sum(column["infinite"] for column in counted) == 250


def test_a_source_that_changed_since_prepare_is_refused(tmp_path):
    source = csv_of(tmp_path / "a.csv", 100)
    identity = sources.resolve([str(source)]).identity()
    Ingested(tmp_path, source, identity=identity)
    source.write_text(source.read_text() + "1,tcp,normal\n")
    with pytest.raises(DataError, match="changed while the pipeline ran"):
        Ingested(tmp_path, source, identity=identity)


def test_a_file_that_is_being_replaced_is_told_as_changed_and_not_as_malformed(tmp_path):
    source = csv_of(tmp_path / "a.csv", 100)
    identity = sources.resolve([str(source)]).identity()
    source.write_text(source.read_text()[:-3] + ",,,")
    with pytest.raises(DataError, match="changed while the pipeline ran"):
        Ingested(tmp_path, source, identity=identity)
    with pytest.raises(DataError, match="line 101"):
        Ingested(tmp_path, source)


def test_a_part_without_rows_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("bytes\n" + "1\n" * 50)
    with pytest.raises(DataError, match="leaves no rows for the evaluation part; it has 50"):
        Ingested(tmp_path, tmp_path / "a.csv", part="evaluation", split={"fraction": 1e-12})


def test_an_unknown_part_is_refused():
    with pytest.raises(ConfigError, match="choose one of all, training, evaluation"):
        Settings(source=["a"], **{**DEFAULTS, "part": "half"})


def executor_input(folder: Path, **settings: Any) -> str:
    def artifact(name):
        return {"artifacts": [{"name": name, "uri": str(folder / "out" / name)}]}

    return json.dumps(
        {
            "inputs": {"parameterValues": {"settings": {**DEFAULTS, **settings}}},
            "outputs": {
                "artifacts": {name: artifact(name) for name in ("flows", "ingest_report")},
                "outputFile": str(folder / "out" / "executor.json"),
            },
        }
    )


@pytest.fixture
def paths_are_meant(monkeypatch):
    """As a runner on this machine tells its stages."""
    monkeypatch.setenv(LOCAL_PATHS_VARIABLE, "1")


@pytest.mark.usefixtures("paths_are_meant")
def test_the_stage_writes_its_outputs_and_describes_them(tmp_path):
    source = csv_of(tmp_path / "a.csv", 20)
    main(["--executor-input", executor_input(tmp_path, source=[str(source)])])
    report = json.loads((tmp_path / "out" / "ingest_report").read_text())
    assert report["rows"] == pq.read_table(tmp_path / "out" / "flows").num_rows == 20
    outputs = json.loads((tmp_path / "out" / "executor.json").read_text())
    assert outputs["artifacts"]["flows"]["artifacts"][0]["metadata"]["identity"] == report["identity"]


@pytest.mark.usefixtures("paths_are_meant")
@pytest.mark.parametrize(
    ("content", "code", "says"),
    [(None, 2, "does not exist"), ("bytes\n1\nmany\n3\n4\n", 2, "line 3: column 'bytes'"), ("", 2, "is empty")],
)
def test_the_stage_ends_with_one_clear_line_and_no_executor_output(tmp_path, capsys, content, code, says):
    if content is not None:
        (tmp_path / "a.csv").write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["--executor-input", executor_input(tmp_path, source=[str(tmp_path / "a.csv")])])
    assert ended.value.code == code
    _peak_memory, error = capsys.readouterr().err.strip().splitlines()
    assert error.startswith("error: ")
    assert says in error
    assert not (tmp_path / "out" / "executor.json").exists()
