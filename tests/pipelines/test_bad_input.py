"""Every mistake in a configuration or in data: one clear line, the right exit code, nothing registered."""

import gzip
import json
import lzma
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import ROOT, netanomaly
from tests.warm import netanomaly_warm

SAMPLES = ROOT / "configs/data/ml_training_data"
HEADER = "packet_length,protocol,src_port,dst_port,label"


class Case:
    """A folder with two good CSV files and a configuration, to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.training, self.evaluation = folder / "training.csv", folder / "evaluation.csv"
        shutil.copyfile(SAMPLES / "sample_training_data.csv", self.training)
        shutil.copyfile(SAMPLES / "sample_evaluation_data.csv", self.evaluation)
        self.config: dict[str, Any] = {
            "model_name": "spoilt",
            "data_source": "training.csv",
            "evaluation_data_source": "evaluation.csv",
            "isolation_forest_params": {"n_estimators": 20},
        }

    def lines(self) -> list[str]:
        return self.training.read_text().splitlines()

    def write(self, lines: list[str]) -> None:
        self.training.write_text("\n".join(lines) + "\n")


SPOILT: dict[str, tuple[Callable[[Case], Any], int, list[str]]] = {}


def spoilt(code: int, *words: str):
    """Register a way to spoil a case, the exit code it must end with, and words its one line must hold."""

    def add(spoil: Callable[[Case], Any]):
        SPOILT[spoil.__name__] = (spoil, code, list(words))
        return spoil

    return add


@spoilt(2, "isolation_forrest", "did you mean 'isolation_forest'")
def a_model_type_that_does_not_exist(case: Case):
    case.config["model_type"] = "isolation_forrest"


@spoilt(2, "n_estimatrs", "n_estimators")
def a_parameter_the_detector_does_not_know(case: Case):
    case.config["isolation_forest_params"] = {"n_estimatrs": 5}


@spoilt(2, "contamination", "0.9")
def contamination_outside_its_range(case: Case):
    case.config["isolation_forest_params"] = {"contamination": 0.9}


@spoilt(2, "min_roc_auk", "min_roc_auc")
def a_gate_that_does_not_exist(case: Case):
    case.config["gates"] = {"min_roc_auk": 0.9}


@spoilt(2, "duplicate")
def a_validation_rule_that_does_not_exist(case: Case):
    case.config["validation"] = {"duplicat_rows": "error"}


@spoilt(2, "nowhere.csv")
def a_source_that_is_missing(case: Case):
    case.config["data_source"] = "nowhere.csv"


@spoilt(2, "empty")
def a_folder_without_data(case: Case):
    (case.folder / "empty").mkdir()
    case.config["data_source"] = "empty"


@spoilt(2, "*.csv.zst")
def a_glob_that_matches_nothing(case: Case):
    case.config["data_source"] = "*.csv.zst"


@spoilt(2, "training.csv", "empty")
def an_empty_file(case: Case):
    case.training.write_bytes(b"")


@spoilt(2, "training.csv")
def a_header_and_no_rows(case: Case):
    case.write([HEADER])


@spoilt(2, "bytes_out", "packet_length")
def a_feature_column_that_is_absent(case: Case):
    case.config["feature_columns"] = ["packet_length", "bytes_out"]


@spoilt(2, "training.csv", "line 7", "6", "5")
def a_row_with_a_field_too_many(case: Case):
    lines = case.lines()
    lines[6] += ",extra"
    case.write(lines)


@spoilt(2, "training.csv", "line 9", "packet_length", "sixty", "categorical_columns")
def text_in_a_column_of_numbers(case: Case):
    lines = case.lines()
    lines[8] = "sixty" + lines[8][lines[8].index(",") :]
    case.write(lines)


@spoilt(2, "training.csv", "UTF-8")
def another_encoding(case: Case):
    case.training.write_bytes(case.training.read_bytes().replace(b"TCP", b"T\xe9P"))


@spoilt(2, "training.csv", "NUL")
def nul_bytes(case: Case):
    case.training.write_bytes(case.training.read_bytes().replace(b"TCP", b"T\0P", 1))


@spoilt(2, "training.csv", "src_port")
def a_column_name_twice(case: Case):
    lines = case.lines()
    lines[0] = lines[0].replace("dst_port", "src_port")
    case.write(lines)


@spoilt(2, "training.csv.gz")
def a_gz_file_cut_off(case: Case):
    whole = gzip.compress(case.training.read_bytes())
    (case.folder / "training.csv.gz").write_bytes(whole[: len(whole) // 2])
    case.config["data_source"] = "training.csv.gz"


@spoilt(2, "training.csv.xz")
def an_xz_file_cut_off(case: Case):
    whole = lzma.compress(case.training.read_bytes())
    (case.folder / "training.csv.xz").write_bytes(whole[: len(whole) // 2])
    case.config["data_source"] = "training.csv.xz"


@spoilt(2, "training.parquet", "Parquet")
def a_parquet_file_that_is_none(case: Case):
    shutil.copyfile(case.training, case.folder / "training.parquet")
    case.config["data_source"] = "training.parquet"


@spoilt(2, "other.csv")
def files_of_one_source_that_differ_in_columns(case: Case):
    (case.folder / "other.csv").write_text("a,b\n1,2\n")
    case.config["data_source"] = ["training.csv", "other.csv"]


@spoilt(2, "description", "no character")
def half_a_surrogate_pair_in_the_configuration(case: Case):
    case.config["description"] = "a\ud800"


@spoilt(2, "registry", "NUL")
def a_nul_character_in_a_path(case: Case):
    case.config["registry"] = "a\0b"


@spoilt(2, "**x/*.csv", "matches no file")
def a_glob_that_can_be_none(case: Case):
    case.config["data_source"] = "**x/*.csv"


@spoilt(2, "cannot be read", "too long")
def a_source_whose_name_is_too_long(case: Case):
    case.config["data_source"] = "x" * 300


@spoilt(2, "training.csv", "JSON and of no sensor's flows")
def json_lines(case: Case):
    case.write([json.dumps({"packet_length": row, "label": "normal"}) for row in range(300)])


@spoilt(2, "training.csv", "Zeek log")
def a_zeek_log(case: Case):
    case.write(["#separator \\x09", "#fields\tts\tuid", "#types\ttime\tstring", "1.5\tC1"])


@spoilt(2, "training.csv.xz", "damaged")
def damage_to_the_second_half_of_an_xz_file_in_two_members(case: Case):
    first, second = (
        lzma.compress("\n".join(part).encode() + b"\n") for part in (case.lines()[:300], case.lines()[300:])
    )
    (case.folder / "training.csv.xz").write_bytes(first + b"?" + second[1:])
    case.config["data_source"] = "training.csv.xz"


@spoilt(2, "lost.csv", "leads nowhere")
def a_folder_with_a_link_that_leads_nowhere(case: Case):
    (case.folder / "data").mkdir()
    shutil.copyfile(case.training, case.folder / "data/training.csv")
    (case.folder / "data/lost.csv").symlink_to("elsewhere.csv")
    case.config["data_source"] = "data"


@spoilt(2, "training.parquet", "'label'", "list")
def parquet_labels_that_are_lists(case: Case):
    table = pa.table({"packet_length": [1.0, 2.0] * 100, "label": [["normal"], ["scan"]] * 100})
    pq.write_table(table, case.folder / "training.parquet")
    case.config["data_source"] = "training.parquet"


@spoilt(4, "packet_lenght", "validation.ranges")
def a_range_for_a_column_that_is_not_there(case: Case):
    case.config["validation"] = {"ranges": {"packet_lenght": [0, 1500]}}


@spoilt(4, "without a label", "ignore_columns")
def too_many_records_without_a_label(case: Case):
    lines = case.lines()
    case.write([lines[0], *(line if row % 3 else line[: line.rindex(",") + 1] for row, line in enumerate(lines[1:]))])


def _timed(case: Case, time: Callable[[int], str]) -> None:
    """Gives the training data a column of times, and has part of it held out."""
    case.write([f"{HEADER},ts", *(f"{line},{time(row)}" for row, line in enumerate(case.lines()[1:]))])
    del case.config["evaluation_data_source"]


@spoilt(2, "alerts_per_day is 20", "no column of times", "time_column")
def alerts_a_day_of_data_without_times(case: Case):
    case.config["alerts_per_day"] = 20


@spoilt(2, "'ts' has zones mixed")
def times_with_a_zone_among_times_without(case: Case):
    _timed(case, lambda row: f"2024-05-01T12:{row % 60:02}:00" + ("Z" if row % 2 else ""))


@spoilt(2, "training.csv, record 8: time column 'ts' holds 'noon'", "ISO 8601")
def a_time_that_is_none(case: Case):
    _timed(case, lambda row: "noon" if row == 7 else str(1_714_564_800 + row))
    case.config["time_column"] = "ts"


@spoilt(2, "all of it is of 2024-05-01", "set split to 'random'")
def times_that_are_all_one(case: Case):
    _timed(case, lambda row: "1714564800")
    case.config |= {"time_column": "ts", "split": "time"}


@spoilt(2, "no column of addresses", "host_columns")
def a_split_by_host_of_data_without_addresses(case: Case):
    del case.config["evaluation_data_source"]
    case.config["split"] = "host"


@spoilt(4, "evaluation")
def one_class_only_in_the_evaluation_data(case: Case):
    shutil.copyfile(case.training, case.evaluation)
    case.evaluation.write_text(case.evaluation.read_text().replace("54", "55"))


@spoilt(4, "normal")
def no_normal_row_to_train_on(case: Case):
    case.training.write_text(case.training.read_text().replace("normal", "port_scan"))
    case.config["normal_labels"] = ["normal"]


@spoilt(4, "rows")
def fewer_rows_than_a_detector_needs(case: Case):
    case.write(case.lines()[:4])


@spoilt(4, "constant")
def columns_that_are_all_constant(case: Case):
    case.write([HEADER] + ["60,TCP,80,443,normal"] * 300)


@spoilt(4, "quiet", "normal_labels")
def labels_that_nobody_knows(case: Case):
    case.training.write_text(case.training.read_text().replace("normal", "quiet"))


@spoilt(2, "training.csv", "line 5")
def a_row_of_ten_megabytes(case: Case):
    lines = case.lines()
    lines[4] = "x" * 10_000_000 + lines[4]
    case.write(lines)


@spoilt(4, "roc_auc", "0.9999")
def a_gate_that_the_model_does_not_pass(case: Case):
    case.config["gates"] = {"min_roc_auc": 0.9999}


@pytest.mark.parametrize("name", SPOILT)
def test_one_clear_line_the_right_exit_code_and_nothing_registered(tmp_path: Path, name: str):
    spoil, code, words = SPOILT[name]
    case = Case(tmp_path)
    spoil(case)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(case.config))
    ended = netanomaly_warm("run", config, "--workdir", tmp_path / "runs", "--json")
    assert ended.code == code, ended.stderr
    assert ended.last_line.startswith("error: ")
    for word in words:
        assert word in ended.last_line
    assert "Traceback" not in ended.stderr
    assert ended.json["state"] == "failed"
    assert ended.json["exit_code"] == code
    assert not list((tmp_path / "runs").rglob("heads/*")), "something was registered"
    if code == 4:
        # A gate that refuses still leaves the report.
        assert Path(ended.json["data_report"]).stat().st_size > 0


def test_the_unspoilt_case_succeeds(tmp_path: Path):
    """Else the table above would prove nothing."""
    case = Case(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(case.config))
    ended = netanomaly("run", config, "--workdir", tmp_path / "runs", "--json")
    assert ended.code == 0, ended.stderr


def test_the_advice_to_ignore_the_label_column_holds(tmp_path: Path):
    case = Case(tmp_path)
    too_many_records_without_a_label(case)
    case.config["ignore_columns"] = ["label"]
    config = tmp_path / "config.json"
    config.write_text(json.dumps(case.config))
    ended = netanomaly_warm("run", config, "--workdir", tmp_path / "runs", "--json")
    assert ended.code == 0, ended.stderr
    assert ended.json["metrics"].get("roc_auc") is None
