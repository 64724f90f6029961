"""The data gate: each kind of unfit data gives its finding, and fit data gives none."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netanomaly.stages.validate.evidence import Evidence
from netanomaly.stages.validate.labels import classes_not_judged, one_class_only
from netanomaly.stages.validate.program import validate
from netanomaly.stages.validate.rows import overlap, too_few_rows
from netanomaly.stages.validate.settings import Settings

from tests.unit.ingest.test_ingest import Ingested

HEADER = "duration,src_bytes,protocol,label\n"


def records(rows, seed, **wishes):
    """A CSV of so many different rows, 60% normal; wishes replace a column by a function of the row's number."""
    random = np.random.default_rng(seed)
    columns = {
        "duration": lambda row: f"{random.exponential():.6f}",
        "src_bytes": lambda row: str(random.integers(0, 10**6)),
        "protocol": lambda row: ("tcp", "udp", "icmp")[row % 3],
        "label": lambda row: "normal" if row % 5 < 3 else ("scan", "worm")[row % 2],
        **wishes,
    }
    header = ",".join(columns) + "\n"
    return header + "".join(",".join(columns[name](row) for name in columns) + "\n" for row in range(rows))


@pytest.fixture
def judge(tmp_path):
    def judge(
        training,
        evaluation=None,
        normal_labels=(),
        training_rows="auto",
        wishes=None,
        held_out=False,
        **validation: Any,
    ):
        reports = []
        for name, content in (("t", training), ("e", evaluation or records(400, seed=2))):
            path = tmp_path / f"{name}.csv"
            path.write_text(content)
            reports.append(Ingested(tmp_path, path, normal_labels=list(normal_labels), **(wishes or {})).report)
        report = validate(reports[0], reports[1], Settings(validation, training_rows, list(normal_labels), held_out))
        return report, {finding["rule"]: finding for finding in report["findings"]}

    return judge


def test_fit_data_passes_without_a_finding(judge):
    report, found = judge(records(500, seed=1))
    assert report["verdict"] == "pass"
    assert not found
    assert (report["training"]["rows"], report["evaluation"]["rows"]) == (500, 400)
    assert report["overlap"] == {"rows": 0, "share": 0.0, "exact": True}


T, E = records(500, seed=1), records(400, seed=2)
CASES = {
    "too_few_rows": (records(49, 1), E, "error", "49 rows; at least 50"),
    "different_columns": (T, E.replace("protocol", "proto"), "error", "'proto' is in the evaluation data only"),
    "no_known_label": (
        T.replace("normal", "ok"), E.replace("normal", "ok"), "error", "'ok', 'scan', 'worm', and none is recognised.*normal_labels",
    ),
    "no_normal_rows": (records(400, 1, label=lambda row: "scan"), E, "error", r"no training row is normal.*'scan'"),
    "one_class_only": (T, records(400, 2, label=lambda row: "normal"), "error", "holds only normal rows"),
    "all_columns_constant": (
        records(99, 1, duration=lambda row: "0", src_bytes=lambda row: "5", protocol=lambda row: "tcp"), E, "error",
        "every column of the training data is constant",
    ),
    "dropped_rows": (
        records(400, 1, label=lambda row: "normal" if row % 3 else ""), E, "error", r"134 of 400 records \(33.5%\).*without a label",
    ),
    "constant_column": (records(400, 1, duration=lambda row: "0"), E, "warning", "'duration' is constant"),
    "missing_values": (
        records(400, 1, duration=lambda row: "" if row % 2 else str(row)), E, "warning", "50.0% of column 'duration' is missing",
    ),
    "infinite_values": (
        records(400, 1, duration=lambda row: str(row / 7) if row else "inf"), E, "warning", "0.25% of column 'duration'",
    ),
    "impossible_values": (
        T, records(400, 2, src_bytes=lambda row: str(row * 9 - 9)), "warning", "0.25% of column 'src_bytes' is negative in the eval",
    ),
    "duplicate_rows": (T, HEADER + (E.split("\n", 1)[1][:2000].rsplit("\n", 1)[0] + "\n") * 4, "warning", "75.0% of the evaluation rows"),
    "leakage": (T, E + T.split("\n", 1)[1], "warning", "55.6% of the evaluation rows are in the training"),
    "shift": (
        T, records(400, 2, duration=lambda row: str(row)), "warning", r"'duration' shifted .*\(normal rows\).*apart, of 1 at most",
    ),
    "unseen_categories": (
        T, records(400, 2, protocol=lambda row: "gre" if row % 10 == 0 else "tcp"), "warning", "10.0% of the evaluation rows",
    ),
    "time_backwards": (
        records(500, 1, ts=lambda row: str(1_714_564_800 - row)), records(400, 2, ts=lambda row: str(1_714_564_800 + row)),
        "warning", "time column 'ts' runs backwards in the training data: 100% of the steps go back",
    ),
    "time_zones": (
        records(500, 1, ts=lambda row: f"2024-05-01T12:00:{row % 60:02}" + ("Z", "+02:00")[row % 2]),
        records(400, 2, ts=lambda row: f"2024-05-01T12:00:{row % 60:02}Z"),
        "warning", r"names the zones \+02:00, Z in the training data",
    ),
    "order_of_dates": (
        records(500, 1, ts=lambda row: f"9/7/2017 3:{row % 60:02}"),
        records(400, 2, ts=lambda row: f"{row % 28 + 1}/7/2017 3:{row % 60:02}"),
        "warning", "no date of time column 'ts' in the training data tells whether days or months come first",
    ),
    "answer_left_out": (
        T.replace("protocol", "class"), E.replace("protocol", "class"), "warning", "'class' is left out, .* it is called a label",
    ),
    "label_missing": (
        T.replace("label", "verdict"), E.replace("label", "verdict"), "warning", "'verdict' looks like a label and is left out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_unfit_data_gives_its_finding(judge, rule):
    training, evaluation, severity, says = CASES[rule]
    report, found = judge(training, evaluation)
    assert rule in found, report["findings"]
    assert found[rule]["severity"] == severity
    assert re.search(says, found[rule]["message"])
    assert "\n" not in found[rule]["message"]
    assert report["verdict"] == ("refuse" if severity == "error" else "pass")
    unexpected = {name for name, finding in found.items() if finding["severity"] == "error"} - {rule}
    assert not unexpected, "one cause, one error"


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_turned_off_is_silent_and_one_made_an_error_refuses(judge, rule):
    training, evaluation, _, _ = CASES[rule]
    report, found = judge(training, evaluation, **{rule: "off"})
    assert rule not in found
    assert rule not in report["checked"]
    report, found = judge(training, evaluation, **{rule: "error"})
    assert report["verdict"] == "refuse"
    assert report["findings"][0]["severity"] == "error"


def test_a_limit_moves_the_finding(judge):
    evaluation = E + T.split("\n", 1)[1]
    assert "leakage" in judge(T, evaluation, leakage={"limit": 0.55})[1]
    assert "leakage" not in judge(T, evaluation, leakage={"limit": 0.56})[1]


def test_attacks_among_the_rows_to_train_on_are_warned_of(judge):
    training = records(400, 1, label=lambda row: "normal" if row % 5 == 0 else "scan")
    found = judge(training, training_rows="all")[1]
    assert "80% of the rows to train on are attacks by their labels" in found["mostly_attacks"]["message"]
    assert "mostly_attacks" not in judge(training)[1]


def test_values_outside_a_given_range_refuse(judge):
    report, found = judge(T, ranges={"src_bytes": [0, 1000]})
    assert report["verdict"] == "refuse"
    assert "over 1000" in found["out_of_range"]["message"]
    assert not judge(T, ranges={"src_bytes": [0, None]})[1]


@pytest.mark.parametrize("column", ["src_bytse", "protocol", "label"])
def test_a_range_for_what_is_no_column_of_numbers_refuses(judge, column):
    """Else a slip of the pen would switch off what the range is there for."""
    report, found = judge(T, ranges={column: [0, 1]})
    assert report["verdict"] == "refuse"
    assert f"names {column!r}, which is no feature that holds numbers" in found["out_of_range"]["message"]


def test_a_normal_label_that_no_record_has_is_a_warning(judge):
    report, found = judge(T, normal_labels=["normal", "begnin"])
    assert "'begnin'" in found["unknown_normal_label"]["message"]
    assert report["verdict"] == "pass"
    assert "no_known_label" in judge(T, normal_labels=["begnin"])[1]


def test_of_rows_that_are_all_equal_but_ten_it_is_said_why_a_random_split_leaves_few():
    train: dict[str, Any] = {"rows": 997, "duplicates": {"rows": 990}, "split": {"method": "random"}}
    evaluation = {**train, "rows": 3, "duplicates": {"rows": 0}}
    data = Evidence(train, evaluation, Settings({}, "auto", [], held_out=True), {})
    [(_, side, message, _)] = too_few_rows(data, 50)
    assert side == "evaluation"
    assert "keeps equal rows on one side, and 99.3% of the 997" in message
    assert "name an evaluation_data_source" in message
    train["duplicates"]["rows"] = 5
    [(_, _, message, _)] = too_few_rows(data, 50)
    assert message.endswith(": add data")


def test_where_no_column_is_left_it_is_said_of_each_why(judge):
    """A column that says the answer, and one that is constant."""
    same = {"duration": lambda row: "0", "protocol": lambda row: "tcp", "src_bytes": lambda row: "19"[row % 5 < 3]}
    message = judge(records(500, 1, **same), records(400, 2, **same))[1]["all_columns_constant"]["message"]
    assert "(constant: 'duration', 'protocol'; gives the answer away: 'src_bytes'); say in columns" in message


def test_of_a_part_held_out_of_normal_rows_alone_the_way_out_is_another_source(judge):
    only_normal = records(400, 2, label=lambda row: "normal")
    message = judge(T, only_normal, held_out=True)[1]["one_class_only"]["message"]
    assert "a part held out of the training data, holds only normal rows" in message
    assert "evaluation_data_source" in message
    assert "ignore_columns" in message


def held_out(split, judged, rest):
    sides = [{"label_column": "label", "labels": labels, "rows": sum(labels.values())} for labels in (rest, judged)]
    for side in sides:
        side |= {"normal_rows": side["labels"].get("normal", 0), "split": {"method": split}}
    training, evaluation = sides
    return Evidence(training, evaluation, Settings({}, "auto", [], held_out=True), {})


def test_where_attacks_come_last_the_way_out_is_a_random_split():
    [(_, _, message, _)] = one_class_only(held_out("time", {"scan": 50}, {"normal": 100}), 0)
    assert 'set "split": "random", since what came last holds only attacks' in message
    [(_, _, message, _)] = one_class_only(held_out("random", {"scan": 50}, {"normal": 100}), 0)
    assert "set" not in message


def test_a_part_held_out_that_lacks_most_classes_is_warned_of():
    few = held_out("host", {"normal": 100, "scan": 24}, {"normal": 14_000, "dos": 500, "worm": 200, "scan": 63})
    [(_, _, message, share)] = classes_not_judged(few, 0.5)
    assert "by split 'host' has 124 of 14887 rows and 1 of 3 attack classes" in message
    assert "nothing of 'dos', 'worm'; set split to 'time' or 'random'" in message
    assert share == pytest.approx(1 / 3)
    assert not list(classes_not_judged(held_out("host", {"normal": 9, "scan": 2}, {"normal": 9, "dos": 5}), 0.5))


def test_unlabelled_evaluation_data_passes_with_a_warning(judge):
    report, found = judge(T, E.replace(",label", ",ignored"), wishes={"ignore_columns": ["ignored"]})
    assert report["verdict"] == "pass"
    assert "evaluation data has no labels" in found["label_missing"]["message"]


def test_training_rows_without_labels_are_normal_where_that_is_said(judge):
    training, evaluation = (content.replace(",label", ",ignored") for content in (T, E))
    wishes = {"ignore_columns": ["ignored"]}
    assert judge(training, evaluation, wishes=wishes)[0]["verdict"] == "pass"
    assert judge(training, evaluation, wishes=wishes, training_rows="normal")[0]["verdict"] == "pass"


def test_training_on_attacks_alone_is_allowed_when_asked_for(judge):
    report, _ = judge(records(400, 1, label=lambda row: "scan"), E, training_rows="all")
    assert report["verdict"] == "pass"


def test_chance_alone_is_no_shift(judge):
    """Small samples differ: of two with 50 rows from one distribution some columns are further apart than the limit."""
    shifted = sum("shift" in judge(records(50, seed), records(50, seed + 1000))[1] for seed in range(30))
    assert shifted == 0


def test_an_overlap_is_estimated_from_the_smallest_hashes():
    training = {"bound": 50, "values": [1, 5, 40], "counts": [1, 1, 1]}
    evaluation = {"bound": 30, "values": [1, 5, 7], "counts": [3, 1, 4]}
    assert overlap(training, evaluation) == (0.5, False)
    whole = {"bound": 2**64, "values": [], "counts": []}
    assert overlap(whole, whole) == (0.0, True)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("src_bytes", True), ("Flow Bytes/s", True), ("TotBytes", True), ("Total Fwd Packets", True), ("Dur", True),
        ("orig_pkts", True), ("Flow Duration", True), ("dst_host_count", True), ("DstPort", True), ("srcport", False),
        ("offset", False), ("temperature", False), ("lengthy", False), ("Idle Min", False),
    ],
)  # fmt: skip
def test_quantities_that_are_never_negative_are_known_by_a_word_of_their_name(judge, column, expected):
    evaluation = records(400, 2, src_bytes=lambda row: str(row * 1000 - 1000))
    _, found = judge(T.replace("src_bytes", column), evaluation.replace("src_bytes", column))
    assert ("impossible_values" in found) is expected


@pytest.mark.parametrize(("value", "told"), [("18446744073709551615", True), ("18446744073709000000", False)])
def test_a_counter_that_is_not_set_is_told(judge, value, told):
    evaluation = records(400, 2, src_bytes=lambda row: value if row == 7 else str(row * 1000))
    _, found = judge(T, evaluation)
    assert ("which counters are written as" in found.get("impossible_values", {}).get("message", "")) is told


def test_no_report_is_changed_by_judging_it(judge, tmp_path):
    (tmp_path / "a.csv").write_text(T)
    report = Ingested(tmp_path, tmp_path / "a.csv").report
    before = copy.deepcopy(report)
    validate(report, report, Settings({}, "auto", [], False))
    assert report == before


def test_nsl_kdd_passes_with_honest_warnings(shared_data, tmp_path):
    document = json.loads((Path(__file__).parents[3] / "configs" / "nsl-kdd.json").read_text())
    wishes = {"csv": document["csv"], "ignore_columns": ["difficulty"]}
    training = Ingested(tmp_path, shared_data / "nsl-kdd" / "KDDTrain+_20Percent.txt.xz", **wishes).report
    evaluation = Ingested(tmp_path, shared_data / "nsl-kdd" / "KDDTest+.txt.xz", **wishes).report
    report = validate(training, evaluation, Settings({}, "auto", [], False))
    assert report["verdict"] == "pass"
    assert {finding["column"] for finding in report["findings"]} >= {"num_outbound_cmds", "is_host_login"}


def test_the_gate_loads_no_heavy_library():
    """It judges by the reports alone, and starts at once."""
    code = (
        "import sys, netanomaly.stages.validate.program; "
        "print(sorted({'numpy','pandas','pyarrow','sklearn','kfp','jinja2'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
