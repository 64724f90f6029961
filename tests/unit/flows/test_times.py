"""Points in time, as sensors write them."""

import numpy as np
import pyarrow as pa
import pytest
from netanomaly.errors import DataError
from netanomaly.flows.time_names import likely
from netanomaly.flows.times import Clock, are_times

NOON = 1_714_564_800.0  # 2024-05-01T12:00:00Z


@pytest.mark.parametrize(
    "written",
    [
        [NOON, NOON + 1], ["1714564800", "1714564801.0"], ["1714564800000", "1714564801000"],
        ["2024-05-01T12:00:00Z", "2024-05-01T14:00:01+02:00"], ["2024-05-01T12:00:00.000000+0000", "2024-05-01T12:00:01Z"],
        ["2024-05-01 12:00:00", "2024-05-01 12:00:01.0"], ["2024/05/01 12:00:00.000000", " 2024/05/01 12:00:01 "],
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
        "order_assumed": False, "order": None, "of_day": None, "outside": 0, "twelve_hours": False,
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
