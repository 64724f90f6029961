"""Checks of the records' times."""

from collections.abc import Iterator

from netanomaly.flows.column_names import QUANTITIES, words
from netanomaly.stages.validate.evidence import BOTH, TRAINING, Evidence, Observation, Report
from netanomaly.stages.validate.roles import END, TIME


def time_backwards(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, time in _times(data):
        if time["backwards"] > limit:
            yield (
                time["column"],
                side,
                f"time column {time['column']!r} runs backwards in the {side} data: {time['backwards']:.0%} of the steps go "
                "back; rows are split and counted by their times, not by their order",
                time["backwards"],
            )


def time_zones(data: Evidence, _: float) -> Iterator[Observation]:
    for side, time in _times(data):
        if len(time["zones"]) > 1:
            yield (
                time["column"],
                side,
                f"time column {time['column']!r} names the zones {', '.join(time['zones'])} in the {side} data; all are "
                "brought to UTC",
                None,
            )


def order_of_dates(data: Evidence, _: float) -> Iterator[Observation]:
    for side, time in _times(data):
        if time["order_assumed"]:
            yield (
                time["column"],
                side,
                f"no date of time column {time['column']!r} in the {side} data tells whether days or months come first; days "
                "are taken to: write dates year first",
                None,
            )
    orders = {time["column"]: time["order"] for _, time in _times(data) if time.get("order")}
    told = {side: time.get("order") for side, time in _times(data) if time.get("order")}
    if len(set(told.values())) > 1:
        yield (
            next(iter(orders)),
            BOTH,
            f"dates are read {told['training']} in the training data and {told['evaluation']} in the evaluation data, as the "
            "numbers and the days spanned tell of each; write dates year first",
            None,
        )


def time_outside(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, time in _times(data):
        outside = time.get("outside", 0)
        share = outside / max(time["rows"] + time["missing"], 1)
        if share > limit:
            yield (
                time["column"],
                side,
                f"{outside} times of column {time['column']!r} in the {side} data lie outside 1990 to 2100 (a clock that was "
                "not set?); they count as missing",
                share,
            )
        if (told := time.get("apart")) and told["rows"] / max(time["rows"], 1) > limit:
            yield (
                time["column"],
                side,
                f"{told['rows']} rows of the {side} data have a {told['reason']}; what is counted by time goes by it",
                told["rows"] / max(time["rows"], 1),
            )


def twelve_hour_clock(data: Evidence, _: float) -> Iterator[Observation]:
    for side, time in _times(data):
        if time.get("twelve_hours"):
            yield (
                time["column"],
                side,
                f"time column {time['column']!r} of the {side} data has no hour over 12 and falls back by about half a day: a "
                "12-hour clock without AM and PM? Then afternoons are taken for mornings; export a 24-hour clock",
                None,
            )


def time_not_understood(data: Evidence, _: float) -> Iterator[Observation]:
    for column in data.columns:
        if column.role not in (TIME, END) or "not understood" not in column.why:
            continue
        profile = next(
            each
            for report in (data.training, data.evaluation)
            for each in report["columns"]
            if each["name"] == column.name
        )
        called = "looks like" if profile["time"] == "unread" else "is called"
        yield (
            column.name,
            TRAINING,
            f"column {column.name!r} {called} a time, and values such as {_example(profile)!r} are not understood as one "
            "between 1990 and 2100; it is left out: write seconds since 1970 or ISO 8601, or say what it is in columns",
            None,
        )
    yield from _clocks_without_a_date(data)


def _clocks_without_a_date(data: Evidence) -> Iterator[Observation]:
    for column in data.columns:
        profile = next((each for each in data.training["columns"] if each["name"] == column.name), None)
        if column.role not in (TIME, END) or profile is None or profile.get("time") != "time of day":
            continue
        if data.training["time"] and not words(column.name) & QUANTITIES:
            continue
        yield (
            column.name,
            TRAINING,
            f"column {column.name!r} holds times of day such as {_example(profile)!r} that belong to no date; it is left out: "
            "write the date with them, or spans of time in seconds",
            None,
        )


def _example(profile: Report) -> str:
    if profile["kind"] == "number":
        return f"{profile['min']:.12g}"
    return str(next(iter(profile.get("categories") or ()), ""))[:40]


def not_split_by_time(data: Evidence, _: float) -> Iterator[Observation]:
    split = data.training.get("split") or {}
    if split.get("not_by_time"):
        yield (
            data.training["time"]["column"],
            BOTH,
            f"the data has a column of times and is split at random: {split['not_by_time']}",
            None,
        )


def _times(data: Evidence) -> Iterator[tuple[str, Report]]:
    return ((side, report["time"]) for side, report in data.sides if report["time"])


def rows_per_day(time: Report | None) -> float | None:
    """Rows a day of a source; None without times, or where all of it happened at once."""
    if time is None or not time["rows"] or time["first"] == time["last"]:
        return None
    return float(time["rows"] * 86_400 / (time["last"] - time["first"]))
