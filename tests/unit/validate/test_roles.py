"""Roles of columns: each kind of column that is no feature is found by evidence, and no feature is taken for one."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.stages.validate import roles
from netanomaly.stages.validate.settings import Settings

from tests.unit.validate.judged import Judged

ROWS = 2_000
START = 1_714_564_800  # 2024-05-01T12:00:00Z


def traffic(rows=ROWS, seed=1, **columns):
    """Flows of which three in ten are attacks that look much like the rest, and columns more."""
    random = np.random.default_rng(seed)
    attack = random.random(rows) < 0.3
    flows = pd.DataFrame({
        "duration": random.exponential(1 + 0.3 * attack),
        "src_bytes": (random.lognormal(6 + 0.3 * attack, 1)).round(),
        "protocol": random.choice(["tcp", "udp", "icmp"], rows),
        "label": np.where(attack, random.choice(["scan", "dos", "worm"], rows), "normal"),
    })  # fmt: skip
    for name, make in columns.items():
        flows[name] = make(random, attack, flows["label"].to_numpy(), np.arange(rows))
    return flows


def flipped(random, values, share):
    """The values with some of them drawn anew."""
    wrong = random.random(len(values)) < share
    return np.where(wrong, random.permutation(values), values)


ANSWERS = {
    "copy of the label in numbers": lambda r, attack, label, row: attack.astype(int),
    "in words": lambda r, attack, label, row: np.where(attack, "yes", "no"),
    "class names": lambda r, attack, label, row: label,
    "class codes, normal in the middle": lambda r, attack, label, row: pd.factorize(label, sort=True)[0],
    "2% wrong": lambda r, attack, label, row: np.where(r.random(len(row)) < 0.02, ~attack, attack).astype(int),
    "5% wrong": lambda r, attack, label, row: np.where(r.random(len(row)) < 0.05, ~attack, attack).astype(int),
    "codes with 3% wrong": lambda r, attack, label, row: flipped(r, pd.factorize(label, sort=True)[0], 0.03),
    "a score": lambda r, attack, label, row: np.where(attack, 0.9, 0.1) + r.normal(0, 0.05, len(row)),
    "-1 for normal rows": lambda r, attack, label, row: np.where(attack, r.integers(0, 9, len(row)), -1),
    "empty for normal rows": lambda r, attack, label, row: np.where(attack, r.lognormal(0, 1, len(row)), np.nan),
    "a word of many for attacks": lambda r, attack, label, row: np.where(
        attack, np.char.add("rule ", r.integers(0, 60, len(row)).astype(str)), "none"
    ),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_column_that_tells_the_answer_is_an_error_whatever_its_name(tmp_path, kind):
    judged = Judged(tmp_path, traffic(x17=ANSWERS[kind]))
    finding = judged.findings["answer_in_a_column", "x17"]
    assert (judged.document["verdict"], judged.roles["x17"]) == ("refuse", "gives the answer away")
    assert finding["severity"] == "error"
    assert finding["value"] > 0.92
    assert f"ROC-AUC of {finding['value']:.3f}" in finding["message"]


def test_a_sensors_columns_are_measured_whatever_they_tell(tmp_path, shared_data):
    judged = Judged(tmp_path, shared_data / "zeek/ctu50/008.conn.log.labeled.xz")
    assert "measurement_tells_alone" in judged.rules
    assert not {"column_tells_alone", "answer_in_a_column"} & judged.rules


def test_the_answer_is_left_out_where_it_is_made_a_warning_and_learnt_from_where_it_is_called_measured(tmp_path):
    flows = traffic(x17=ANSWERS["a score"])
    judged = Judged(tmp_path, flows, validation={"answer_in_a_column": "warning"})
    assert (judged.document["verdict"], judged.roles["x17"]) == ("pass", "gives the answer away")
    judged = Judged(tmp_path, flows, columns={"x17": "number"})
    assert (judged.document["verdict"], judged.roles["x17"]) == ("pass", "number")
    assert judged.findings["configured_against_evidence", "x17"]["severity"] == "warning", "never green"
    assert judged.findings["measurement_tells_alone", "x17"]["severity"] == "warning"


def test_what_is_called_a_measurement_is_warned_of_and_what_is_not_known_is_suspected(tmp_path):
    def apart(r, attack, label, row):
        return np.where(attack, r.uniform(5, 6, len(row)), r.choice([1, 9], len(row)) + r.normal(0, 1, len(row)))

    judged = Judged(tmp_path, traffic(dst_bytes=apart, x=apart))
    assert judged.document["verdict"] == "pass"
    assert ("measurement_tells_alone", "dst_bytes") in judged.findings
    assert ("column_tells_alone", "x") in judged.findings


@pytest.mark.parametrize("name", ["flag", "state", "dst_service"])
def test_a_copy_of_the_label_is_an_error_under_the_name_of_a_measurement_too(tmp_path, name):
    judged = Judged(tmp_path, traffic(**{name: ANSWERS["copy of the label in numbers"]}))
    assert judged.findings["answer_in_a_column", name]["severity"] == "error"
    assert Judged(tmp_path, traffic(**{name: ANSWERS["copy of the label in numbers"]}), columns={name: "number"}).roles[
        name
    ] == "number"  # fmt: skip


@pytest.mark.parametrize(
    "name", ["attack_cat", "Attack_Type", "detailed-label", "detailedlabel", "difficulty", "Attempted Category"]
)
def test_what_is_known_by_name_to_tell_the_answer_is_left_out_and_named(tmp_path, name):
    judged = Judged(tmp_path, traffic(**{name: lambda r, attack, label, row: r.integers(0, 20, len(row))}))
    assert judged.roles[name] == "gives the answer away"
    assert judged.findings["answer_left_out", name]["severity"] == "warning"


MEASUREMENTS = {
    "rises with attacks": lambda r, attack, label, row: r.normal(1.5 * attack, 1),
    "unique numbers": lambda r, attack, label, row: r.normal(0, 1, len(row)),
    "sizes, nearly unique": lambda r, attack, label, row: r.lognormal(12, 2, len(row)).astype(int),
    "few values": lambda r, attack, label, row: r.integers(0, 5, len(row)),
    "ports": lambda r, attack, label, row: r.integers(1024, 65536, len(row)),
    "words": lambda r, attack, label, row: r.choice(["a", "b", "c"], len(row)),
    "addresses": lambda r, attack, label, row: [f"10.{a}.{b}.{c}" for a, b, c in r.integers(0, 256, (len(row), 3))],
    "addresses as numbers": lambda r, attack, label, row: 3_232_235_520 + r.integers(0, 65_536, len(row)),
    "nearly constant": lambda r, attack, label, row: (r.random(len(row)) < 0.01).astype(int),
}


@pytest.mark.parametrize("kind", MEASUREMENTS)
def test_what_is_measured_stays_a_feature(tmp_path, kind):
    judged = Judged(tmp_path, traffic(x=MEASUREMENTS[kind]))
    assert judged.roles["x"] in ("number", "category"), judged.columns["x"]
    assert judged.document["verdict"] == "pass"


@pytest.mark.parametrize("hosts", [60, 300, 3_000, 2**16])
def test_addresses_of_which_each_has_few_rows_have_not_shifted(tmp_path, hosts):
    judged = Judged(
        tmp_path,
        traffic(ip=lambda r, a, x, row: [f"10.0.{n // 256}.{n % 256}" for n in r.integers(0, hosts, len(row))]),
    )
    assert judged.roles["ip"] == "category"
    assert ("shift", "ip") not in judged.findings


def test_addresses_of_another_net_have_shifted(tmp_path):
    nets = [
        traffic(ip=lambda r, a, x, row, n=n: [f"10.{n}.0.{each}" for each in r.integers(0, 40, len(row))])
        for n in (0, 1)
    ]
    assert ("shift", "ip") in Judged(tmp_path, *nets).findings


def test_a_column_that_is_an_identifier_on_one_side_only_hides_leakage_and_is_named(tmp_path):
    def codes(of):
        return traffic(code=lambda r, a, x, row: [f"c{each}" for each in r.integers(0, of, len(row))])

    judged = Judged(tmp_path, codes(10**6), codes(400))
    assert judged.findings["leakage", None]["message"].startswith("whether evaluation rows are in the training data")
    halves = pd.concat([codes(10**6)[: ROWS // 2], codes(700)[ROWS // 2 :]], ignore_index=True)
    assert "leakage" not in Judged(tmp_path, halves).rules


IDENTIFIERS = {
    "id": lambda r, attack, label, row: row + 1,
    "x": lambda r, attack, label, row: row + 1,
    "shuffled": lambda r, attack, label, row: r.permutation(len(row)),
    "Unnamed: 0": lambda r, attack, label, row: r.permutation(len(row) * 3)[: len(row)],
    "__index_level_0__": lambda r, attack, label, row: row,
    "uid": lambda r, attack, label, row: [f"C{a:x}{b:x}" for a, b in r.integers(0, 2**60, (len(row), 2))],
    "flow": lambda r, attack, label, row: [f"10.0.0.{a}-10.0.1.{b}-{c}-443-6" for a, b, c in r.integers(1, 65_000, (len(row), 3))],
    "hash": lambda r, attack, label, row: r.integers(0, 2**53, len(row)),
    "counter": lambda r, attack, label, row: np.cumsum(r.integers(1, 50, len(row))),
}  # fmt: skip


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_identifiers_are_left_out_and_hide_no_equal_rows(tmp_path, name):
    flows = pd.concat([traffic(ROWS // 2)] * 2, ignore_index=True)
    random = np.random.default_rng(5)
    flows[name] = IDENTIFIERS[name](random, None, None, np.arange(ROWS))
    judged = Judged(tmp_path, flows, flows)
    assert judged.roles[name] == "identifier", judged.columns[name]
    assert ("identifier_left_out", name) in judged.findings
    assert judged.reports[0]["duplicates"]["rows"] == ROWS // 2
    assert judged.document["overlap"]["share"] == 1.0


def test_an_identifier_that_the_first_rows_do_not_show_is_told_by_the_whole(tmp_path):
    """Equal rows are counted again without it."""
    flows = pd.concat([traffic(15_000)] * 2, ignore_index=True)
    flows["note"] = ["" if row < 12_000 else f"n{row}" for row in range(len(flows))]
    judged = Judged(tmp_path, flows, flows)
    assert judged.roles["note"] == "identifier"
    assert judged.reports[0]["hashed_without"] == ["note"]
    assert judged.reports[0]["duplicates"] == {"rows": 15_000, "exact": True}


def test_equal_rows_but_for_their_number_fall_to_one_side_of_a_random_split(tmp_path):
    flows = pd.concat([traffic(ROWS // 2)] * 2, ignore_index=True)
    flows["id"] = np.arange(ROWS)
    assert Judged(tmp_path, flows).document["overlap"]["rows"] == 0


def test_the_configuration_beats_evidence_and_is_told_what_speaks_against_it(tmp_path):
    flows = traffic(id=IDENTIFIERS["id"], sensor=lambda r, attack, label, row: "a")
    judged = Judged(tmp_path, flows, columns={"id": "number", "sensor": "category"})
    assert (judged.roles["id"], judged.roles["sensor"]) == ("number", "category")
    assert {column for rule, column in judged.findings if rule == "configured_against_evidence"} == {"id", "sensor"}
    listed = Judged(tmp_path, flows, feature_columns=["duration", "id"])
    assert listed.roles == {"duration": "number", "id": "number", "label": "label", **dict.fromkeys(("src_bytes", "protocol", "sensor"), "ignored")}  # fmt: skip
    assert ("configured_against_evidence", "id") in listed.findings


def test_what_a_role_cannot_be_is_an_error(tmp_path):
    judged = Judged(tmp_path, traffic(), columns={"protocol": "number", "prot": "category", "label": "category"})
    assert {column for rule, column in judged.findings if rule == "role_not_possible"} == {"protocol", "prot", "label"}


@pytest.mark.parametrize(("today", "tomorrow"), [("fw-1", "fw-2"), (3, 4)])
def test_a_constant_is_left_out_and_another_value_tomorrow_is_said(tmp_path, today, tomorrow):
    judged = Judged(
        tmp_path, traffic(sensor=lambda r, a, x, row: today), traffic(seed=2, sensor=lambda r, a, x, row: tomorrow)
    )
    assert judged.roles["sensor"] == "constant"
    assert "other values in the evaluation data" in judged.findings["constant_column", "sensor"]["message"]


def test_a_column_that_is_empty_in_training_ends_no_run(tmp_path):
    judged = Judged(
        tmp_path, traffic(note=lambda r, a, x, row: ""), traffic(seed=2, note=lambda r, a, x, row: r.choice(["u", "v"], len(row)))
    )  # fmt: skip
    assert judged.roles["note"] == "constant"
    assert judged.document["verdict"] == "pass"
    assert "is empty in the training data" in judged.findings["constant_column", "note"]["message"]


def test_what_is_empty_in_both_data_sets_is_not_said_to_differ(tmp_path):
    judged = Judged(tmp_path, traffic(note=lambda r, a, x, row: ""))
    assert judged.findings["constant_column", "note"]["message"].endswith("it is left out")


TIMES = {
    "end": lambda r, a, x, row: START + row * 60,
    "flow_end_ms": lambda r, a, x, row: (START + row * 60) * 1000,
    "received": lambda r, a, x, row: pd.to_datetime(START + row * 60, unit="s").strftime("%b %d, %Y @ %H:%M:%S.000"),
    "day": lambda r, a, x, row: pd.to_datetime(START + row * 60, unit="s").strftime("%Y-%m-%d"),
    "when_of_day": lambda r, a, x, row: pd.to_datetime(START + row * 60, unit="s").strftime("%H:%M:%S"),
    "compact": lambda r, a, x, row: pd.to_datetime(START + row * 60, unit="s").strftime("%Y%m%d%H%M%S"),
    "time": lambda r, a, x, row: row * 0.25,
    "frame.time_relative": lambda r, a, x, row: row * 0.25,
    "syslog": lambda r, a, x, row: pd.to_datetime(START + row // 9 * 60, unit="s").strftime("%b %e %H:%M:%S"),
    "oracle": lambda r, a, x, row: pd.to_datetime(START + row // 99 * 60, unit="s").strftime(
        "%d-%b-%y %I.%M.%S.000000 %p"
    ),
    "day of the year": lambda r, a, x, row: pd.to_datetime(START + row // 9 * 60, unit="s").strftime("%Y-%j %H:%M:%S"),
    "date": lambda r, a, x, row: pd.to_datetime(START + row * 60, unit="s").strftime("%y%m%d"),
    "timestamp": lambda r, a, x, row: (START + row // 9) / 86_400 + 25_569,
}
NOT_UNDERSTOOD = ["when_of_day", "time", "syslog", "oracle", "day of the year", "date", "timestamp"]


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_a_time_that_is_not_understood_is_said(tmp_path, name):
    judged = Judged(tmp_path, traffic(**{name: TIMES[name]}))
    assert "left out" in judged.findings["time_not_understood", name]["message"]


def test_a_span_written_like_a_time_of_day_is_said_beside_times(tmp_path):
    clocks = {"ts": TIMES["end"], "duration": TIMES["when_of_day"], "clock": TIMES["when_of_day"]}
    judged = Judged(tmp_path, traffic().drop(columns="duration").assign(
        **{name: make(None, None, None, np.arange(ROWS)) for name, make in clocks.items()}
    ))  # fmt: skip
    assert [column for rule, column in judged.findings if rule == "time_not_understood"] == ["duration"]


@pytest.mark.parametrize("name", TIMES)
def test_no_column_of_times_is_a_feature(tmp_path, name):
    flows = traffic(ts=lambda r, a, x, row: START + row * 60 + 1, **{name: TIMES[name]})
    judged = Judged(tmp_path, flows)
    assert judged.reports[0]["time"]["column"] == "ts"
    assert judged.roles[name] in ("time", "end of the flow"), judged.columns[name]
    assert judged.document["verdict"] == "pass"


def test_times_that_parquet_stores_as_such_are_no_features(tmp_path):
    stamps = pd.to_datetime(START + np.arange(ROWS) * 60, unit="s")
    flows = traffic().assign(start=stamps, end=stamps + pd.Timedelta(seconds=5))
    table = pa.Table.from_pandas(flows).append_column("day", pa.array(stamps.date))
    pq.write_table(table, tmp_path / "stamped.parquet")
    judged = Judged(tmp_path, tmp_path / "stamped.parquet")
    assert (judged.roles["start"], judged.roles["end"], judged.roles["day"]) == ("time", "end of the flow", "time")
    assert judged.reports[0]["split"]["method"] == "time"


@pytest.mark.parametrize("value", ["week {}", "Nov  6 12:{:02}:02", "T+{}"])
def test_what_is_called_a_time_and_not_understood_is_said_and_no_feature(tmp_path, value):
    judged = Judged(tmp_path, traffic(timestamp=lambda r, a, x, row: [value.format(each % 60) for each in row]))
    assert judged.roles["timestamp"] == "time"
    message = judged.findings["time_not_understood", "timestamp"]["message"]
    assert "is called a time" in message
    assert value[:4].format("") in message


def test_constant_times_are_times_and_the_split_is_random_with_a_word(tmp_path):
    judged = Judged(tmp_path, traffic(ts=lambda r, a, x, row: START))
    assert judged.roles["ts"] == "time"
    assert "all of it is of 2024-05-01" in judged.findings["not_split_by_time", "ts"]["message"]


def test_times_of_a_clock_that_was_not_set_are_missing_and_counted(tmp_path):
    flows = traffic(
        Timestamp=lambda r, a, x, row: pd.to_datetime(START + row * 60, unit="s").strftime("%d/%m/%Y %H:%M:%S")
    )
    flows.loc[[5, 9, 700], "Timestamp"] = "01/01/1970 00:00:00"
    judged = Judged(tmp_path, flows, flows)
    time = judged.reports[0]["time"]
    assert (time["outside"], time["missing"], time["first"]) == (3, 3, START)
    assert judged.document["training"]["rows_per_day"] == pytest.approx(1440, rel=0.01)
    assert "3 times" in judged.findings["time_outside", "Timestamp"]["message"]


def test_a_twelve_hour_clock_without_its_halves_is_suspected(tmp_path):
    def written(how):
        times = pd.to_datetime(START + np.arange(ROWS) * 60, unit="s")
        return traffic(Timestamp=lambda r, a, x, row: times.strftime(how))

    assert "twelve_hour_clock" in Judged(tmp_path, written("%d/%m/%Y %I:%M:%S")).rules
    for fine in ("%d/%m/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M:%S"):
        assert "twelve_hour_clock" not in Judged(tmp_path, written(fine)).rules


def labelled(labels):
    flows = traffic(len(labels))
    return flows.assign(label=labels)


@pytest.mark.parametrize(
    ("shares", "rule", "verdict"),
    [
        ([0.1, 0.8, 0.1], "numbered_classes", "refuse"),
        ([0.8, 0.1, 0.1], "zero_taken_for_normal", "pass"),
        ([0.4, 0.6], "zero_taken_for_normal", "pass"),
        ([0.6, 0.4], None, "pass"),
    ],
)
def test_zero_is_not_taken_for_normal_without_a_word(tmp_path, shares, rule, verdict):
    labels = np.random.default_rng(3).choice(len(shares), ROWS, p=shares)
    judged = Judged(tmp_path, labelled(labels))
    assert judged.rules & {"numbered_classes", "zero_taken_for_normal"} == ({rule} if rule else set())
    assert judged.document["verdict"] == verdict
    assert not Judged(tmp_path, labelled(labels), normal_labels=["1"]).rules & {
        "numbered_classes",
        "zero_taken_for_normal",
    }


def test_no_label_is_no_class(tmp_path):
    judged = Judged(tmp_path, labelled(["No Label"] * ROWS))
    assert judged.reports[0]["label_column"] is None
    some = labelled(np.where(np.arange(ROWS) % 50 == 0, "NeedManualLabel", traffic()["label"]))
    assert Judged(tmp_path, some, some).reports[0]["dropped"] == {"record without a label": 40}


def test_a_label_that_was_named_and_is_not_there_is_an_error_with_the_nearest(tmp_path):
    flows = traffic().rename(columns={"label": "Attack"})
    judged = Judged(tmp_path, flows, label_column="Atack", label_named=True)
    assert (
        "'Atack', which the data does not have; did you mean 'Attack'?"
        in judged.findings["label_not_found", "Atack"]["message"]
    )
    assert "label_not_found" not in Judged(tmp_path, flows, ignore_columns=["Attack"]).rules, "none was named"


def test_numbered_columns_are_not_nearly_the_label_that_is_numbered_too(tmp_path):
    flows = traffic()
    judged = Judged(
        tmp_path,
        flows.set_axis([f"column_{each}" for each in range(len(flows.columns))], axis=1),
        label_column="column_3",
    )
    assert judged.roles == {"column_0": "number", "column_1": "number", "column_2": "category", "column_3": "label"}


def test_a_label_misspelt_in_the_file_is_no_feature(tmp_path):
    judged = Judged(tmp_path, traffic().rename(columns={"label": "lable"}))
    assert judged.roles["lable"] == "label"
    assert judged.findings["label_missing", "lable"]


def test_a_normal_class_in_another_case_is_the_same(tmp_path):
    judged = Judged(tmp_path, traffic(), traffic(seed=2).replace({"label": {"normal": "NORMAL"}}))
    assert "normal_class_not_in_training" not in judged.rules


def test_a_normal_class_that_training_lacks_is_said(tmp_path):
    new = traffic(seed=2)
    new.loc[new["label"] == "normal", "label"] = np.where(
        np.arange((new["label"] == "normal").sum()) % 3 == 0, "background", "normal"
    )
    assert (
        "'background'" in Judged(tmp_path, traffic(), new).findings["normal_class_not_in_training", "label"]["message"]
    )


REAL: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "second-label-column/edge.csv": ({"label_column": "Attack_type"}, "refuse", {"Attack_label": "gives the answer away"}),
    "second-label-column/attempted.csv": ({}, "pass", {"Attempted Category": "gives the answer away", "difficulty": "gives the answer away"}),
    "second-label-column/without.csv": ({"label_column": "Attack_type"}, "pass", {}),
    "label-encoder-classes/flows.csv": ({}, "refuse", {}),
    "constant-sensor-name/monday.csv": ({}, "pass", {"sensor": "constant", "vrf": "constant"}),
    "cicflowmeter-ampm/flows.csv": ({"ignore_columns": ["Flow ID"]}, "pass", {"Timestamp": "time"}),
    "fortigate-date-and-time/day1.csv": ({}, "pass", {"date": "time", "time": "time", "eventtime": "time"}),
    "fortigate-date-and-time/day1_no_eventtime.csv": ({}, "pass", {"date": "time", "time": "time"}),
    "month-first-late/flows.csv.xz": ({}, "pass", {"Timestamp": "time"}),
    "1970-rows-alerts-per-day/bad.csv": ({}, "pass", {"Timestamp": "time"}),
    "vpc-flow-space/vpc.log": ({"csv": {"delimiter": " "}}, "pass", {"start": "time", "end": "end of the flow"}),
    "../unsw-nb15/UNSW_NB15_training-set.csv.xz": ({}, "pass", {"id": "identifier", "attack_cat": "gives the answer away"}),
}  # fmt: skip


@pytest.mark.parametrize("case", REAL)
def test_what_people_reported(shared_data, tmp_path, case):
    wishes, verdict, roles = REAL[case]
    judged = Judged(tmp_path, shared_data / "reports" / case, **wishes)
    assert judged.document["verdict"] == verdict, judged.document["findings"]
    assert {name: judged.roles[name] for name in roles} == roles
    others = {
        name
        for name, role in judged.roles.items()
        if role not in ("number", "category", "label", "ignored", "constant")
    }
    assert others == set(roles) - {"sensor", "vrf"}
    time = judged.reports[0]["time"]
    assert (time is not None) == ("time" in roles.values())
    if time is not None:
        assert judged.reports[0]["split"]["method"] == "time"


@pytest.mark.parametrize(
    ("sensor", "why"),
    [("zeek", "the sensor does not say it, or the configuration leaves it out"), ("", "the configuration says so")],
)
def test_why_a_column_is_ignored_blames_no_configuration_for_what_a_sensor_does_not_say(sensor, why):
    report = {"time": None, "label_column": None, "ignored": ["allowed"], "sensor": sensor}
    (column,) = roles._beside(report, Settings({}, "auto", [], held_out=False))
    assert (column.role, column.why) == ("ignored", why)


def test_a_column_that_is_to_be_ignored_and_is_not_there_is_told(tmp_path):
    flows = traffic()
    assert "ignored_not_found" not in Judged(tmp_path, flows, ignore_columns=["src_bytes", "Label"]).rules
    told = Judged(tmp_path, flows, ignore_columns=["src_byte"]).findings["ignored_not_found", "src_byte"]
    assert "did you mean 'src_bytes'" in told["message"]
    # Of two files, one may have it.
    more = flows.assign(host="a")
    assert "ignored_not_found" not in Judged(tmp_path, more, flows, ignore_columns=["host"]).rules
