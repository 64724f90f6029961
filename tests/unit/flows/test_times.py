"""Points in time, as sensors write them."""

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.flows import time_choice
from netanomaly.flows.time_names import likely
from netanomaly.flows.time_notations import DateOrder
from netanomaly.flows.times import Clock, are_times

NOON = 1_714_564_800.0  # 2024-05-01T12:00:00Z


@pytest.mark.parametrize(
    "written",
    [
        [NOON, NOON + 1], ["1714564800", "1714564801.0"], ["1714564800000", "1714564801000"],
        ["2024-05-01T12:00:00Z", "2024-05-01T14:00:01+02:00"], ["2024-05-01T12:00:00.000000+0000", "2024-05-01T12:00:01Z"],
        ["2024-05-01 12:00:00", "2024-05-01 12:00:01.0"], ["2024/05/01 12:00:00.000000", " 2024/05/01 12:00:01 "],
        ["2024-05-01T14:00:00+02:00[Europe/Berlin]", "2024-05-01T12:00:01Z[Etc/UTC]"], ["2024-05-01 12:00:00:000", "2024-05-01 12:00:01:000"],
        np.array(["2024-05-01T12:00:00", "2024-05-01T12:00:01"], dtype="datetime64[ms]"),
    ],
)  # fmt: skip
def test_every_spelling_is_the_same_second(written):
    assert Clock("ts").seconds(pa.array(written), "f", 1).tolist() == [NOON, NOON + 1]


def test_missing_times_are_told_and_the_rest_is_read():
    clock = Clock("ts")
    assert np.isnan(clock.seconds(pa.array(["-", None, "2024-05-01T12:00:00Z"]), "f", 1)[:2]).all()
    assert clock.report() == {
        "column": "ts", "first": NOON, "last": NOON, "rows": 1, "missing": 2, "backwards": 0.0, "zones": ["Z"],
        "order_assumed": False, "order": None, "of_day": None, "outside": 0, "apart": None, "twelve_hours": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("batches", "says"),
    [
        (
            [["2024-05-01T12:00:00Z"] * 3, ["2024-05-01T12:00:00Z", "soon"]],
            r"f, record 5: time column 'ts' holds 'soon'",
        ),
        ([["1714564800", "1714564801"], ["1714564802", "n/o"]], r"f, record 4: time column 'ts' holds 'n/o'"),
        (
            [["13/14/2024 12:00"]],
            "holds '13/14/2024 12:00', which is no point in time; write seconds since 1970, or ISO",
        ),
        (
            [["2024-05-01T12:00:00Z"], ["2024-05-01T12:00:00"]],
            r"zones mixed: some times name one \(Z\) and '2024-05-01T12",
        ),
    ],
)
def test_what_is_no_time_is_told_with_its_record(batches, says):
    clock = Clock("ts")
    rows = np.cumsum([1, *map(len, batches)])
    with pytest.raises(DataError, match=says):
        [clock.seconds(pa.array(batch), "f", int(row)) for batch, row in zip(batches, rows, strict=False)]


@pytest.mark.parametrize(
    ("written", "order_assumed"),
    [
        (["01/05/2024 12:00", "13/05/2024 9:30:01"], False),
        (["05/01/2024 12:00", "05/13/2024 9:30:01"], False),
        (["1.5.2024 12:00:00", "13.5.2024 09:30:01.0"], False),
        (["01/05/2024 12:00", "01/05/2024 12:01"], True),
    ],
)
def test_whether_days_or_months_come_first_is_told_by_a_number_over_12(written, order_assumed):
    clock = Clock("ts")
    later = 60 if order_assumed else 12 * 86_400 - 2.5 * 3600 + 1
    assert clock.seconds(pa.array(written), "f", 1).tolist() == [NOON, NOON + later]
    assert clock.report()["order_assumed"] == order_assumed


def test_steps_back_are_counted_over_batches():
    clock = Clock("ts")
    for batch in ([NOON + 9, NOON + 8], [NOON + 7, NOON + 7], [NOON + 8]):
        clock.seconds(pa.array(batch), "f", 1)
    assert clock.report()["backwards"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("names", "found"),
    [(["uid", "ts"], "ts"), (["Flow ID", "Timestamp"], "Timestamp"), (["StartTime"], "StartTime"), (["bytes"], None)],
)
def test_columns_are_known_by_the_names_that_sensors_give_them(names, found):
    assert likely(names) == found


@pytest.mark.parametrize(
    ("values", "times"),
    [
        (["2024-05-01T12:00Z", "2024-05-01T12:00"], True),
        ([NOON, 7.0], True),
        ([None, NOON, NOON + 1], True),
        (["-", None, "2024-05-01T12:00Z"], True),
        (["-", None, "noon"], False),
        (["7/7/2017 3:30", "7/7/2017 3:31"], True),
        ([0.0, 3600.0], False),
        ([NOON, NOON + 5], True),
        (["x", "y"], False),
        ([NOON, NOON], True),
        ([True, False], False),
    ],
)
def test_a_column_that_is_only_called_a_time_is_none(values, times):
    assert are_times(pa.chunked_array([values])) == times


MOMENT = 1_509_969_662.0  # 2017-11-06T12:01:02Z


@pytest.mark.parametrize(
    "written",
    [
        "2017-11-06T12:01:02Z", "2017-11-06T13:01:02+01:00", "2017-11-06T13:01:02+0100", "2017-11-06 12:01:02+00",
        "2017-11-06 12:01:02,000", "2017-11-06 12:01:02.000000 UTC", "2017-11-06_12:01:02", "2017.11.06 12:01:02",
        "2017-11-06 12:01:02 PM", "2017-Nov-06 12:01:02", "13/11/2017 12:01:02 PM", "13.11.17 12:01:02",
        "11/13/2017 12:01:02 pm", "11/13/17, 12:01:02 p.m.", "06/Nov/2017:12:01:02 +0000", "[06/Nov/2017:12:01:02 +0000]",
        "Mon, 06 Nov 2017 12:01:02 GMT", "6 November 2017 12:01:02", "Nov 6, 2017 @ 12:01:02.000", "Nov 6, 2017 12:01:02 PM",
        "Nov  6, 2017 12:01:02.000000000 UTC", "Mon Nov  6 12:01:02 2017", "Mon Nov  6 13:01:02 CET 2017", "20171106120102",
        "20171106T120102Z", "20171106 12:01:02", "1509969662", "1509969662000", "1509969662000000", "1509969662000000000",
        "131544432620000000", "1509969662.0",
    ],
)  # fmt: skip
def test_every_notation_that_people_export_is_read(written):
    later = 7 * 86_400 * bool(re.match(r"13[/.]|11/13", written))
    found = Clock("x").seconds(pa.array([written, None, "-"]), "f", 1)
    assert found[0] == MOMENT + later
    assert np.isnan(found[1:]).all()
    assert are_times(pa.chunked_array([[written]]))


@pytest.mark.parametrize(
    "written", ["Nov  6 12:01:02", "12:01:02", "2017-13-06 12:01:02", "31/02/2017 12:00", "Monday", "10.0.0.1"]
)
def test_what_is_no_point_in_time_is_none(written):
    assert not are_times(pa.chunked_array([[written]]))
    with pytest.raises(DataError, match="no point in time"):
        Clock("x").seconds(pa.array([written]), "f", 1)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_stamp_beyond_what_a_date_can_say_is_refused_in_one_line(unit):
    stamps = pa.array([2**62, -(2**62)], pa.int64()).cast(pa.timestamp(unit))
    with pytest.raises(DataError, match="no point in time") as told:
        Clock("x").seconds(stamps, "f", 1)
    assert "\n" not in str(told.value)


def days(*dates):
    order = DateOrder()
    for date in dates:
        order.add(pa.array([f"{date} 12:00"]))
    return order.day_first


def test_days_in_a_row_tell_whether_days_or_months_come_first():
    assert days(*(f"7/{day}/2017" for day in range(1, 6))) is False
    assert days(*(f"{day}/7/2017" for day in range(1, 6))) is True
    assert days("7/3/2017", "7/4/2017", "7/13/2017") is False
    assert days("7/3/2017") is None
    assert days("13/7/2017", "7/13/2017") is None, "both orders are met"


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"bytes": [5, 6], "x": ["2024-05-01 12:00", "2024-05-01 12:01"]}, ("x", None)),
        ({"date": ["2024-05-01"] * 2, "time": ["12:00:01", "12:00:02"]}, ("date", "time")),
        ({"day": ["20240501"] * 2, "start_date": ["2024-05-01"] * 2, "start_time": ["8:00:01 AM", "8:00:02 PM"]}, ("start_date", "start_time")),
        ({"end": ["2024-05-01 12:00"], "begin": ["2024-05-01 12:00"]}, ("begin", None)),
        ({"end": [NOON, NOON + 1]}, ("end", None)),
        ({"x": [NOON + step for step in range(9)]}, ("x", None)),
        ({"x": [3_232_235_520 + step for step in range(9)]}, None),
        ({"x": [NOON, NOON - 7, NOON + 4, NOON - 9]}, None),
        ({"time": [0.5, 3.25]}, None),
        ({"ts": ["-", "-"], "bytes": [5, 6]}, ("ts", None)),
        ({"Timestamp": ["2024-05-01 12:00"], "time": [1.5]}, ("Timestamp", None)),
    ],
)  # fmt: skip
def test_the_column_of_times_is_chosen_by_names_and_values(columns, found):
    chosen = time_choice.choose(pa.table(columns), list(columns))
    assert (chosen and (chosen.name, chosen.of_day)) == found


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2068, 12, 31), timezones=st.just(UTC)),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000", "%b %d, %Y @ %H:%M:%S", "%a %b %d %H:%M:%S %Y", "%Y/%m/%d %I:%M:%S %p"]),
)  # fmt: skip
def test_what_was_written_is_read(moment, how):
    moment = moment.replace(microsecond=0)
    assert Clock("x").seconds(pa.array([moment.strftime(how)]), "f", 1)[0] == moment.timestamp()
