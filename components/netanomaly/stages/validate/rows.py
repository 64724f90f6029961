"""Checks of whole rows: how many there are, which were dropped, which are there twice."""

from collections.abc import Iterator

from netanomaly.stages.validate.evidence import BOTH, Evidence, Observation, Report


def too_few_rows(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, report in data.sides:
        if report["rows"] < limit:
            yield (
                None,
                side,
                f"{side} data has {report['rows']} rows; at least {limit:g} are needed to say anything: add data",
                report["rows"],
            )


def dropped_rows(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, report in data.sides:
        dropped = sum(report["dropped"].values())
        share = dropped / report["rows_read"]
        if share > limit:
            reasons = ", ".join(f"{reason}: {count}" for reason, count in report["dropped"].items())
            yield (
                None,
                side,
                f"{dropped} of {report['rows_read']} records ({share:.1%}) of the {side} data were dropped ({reasons}); "
                "label them, or list the label column in ignore_columns",
                share,
            )


def duplicate_rows(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, report in data.sides:
        share = report["duplicates"]["rows"] / report["rows"]
        if share > limit:
            yield None, side, f"{share:.1%} of the {side} rows repeat an earlier one; what repeats weighs more", share


def leakage(data: Evidence, limit: float) -> Iterator[Observation]:
    share, exact = overlap(data.training["hashes"], data.evaluation["hashes"])
    if share > limit:
        about = "" if exact else "about "
        yield (
            None,
            BOTH,
            f"{about}{share:.1%} of the evaluation rows are in the training data too; metrics flatter the model",
            share,
        )


def overlap(training: Report, evaluation: Report) -> tuple[float, bool]:
    """Share of evaluation rows whose features are in the training data too, and whether that is exact.

    Compares the smallest row hashes of both sides up to the lower of their bounds, a uniform sample of all rows.
    """
    bound = min(training["bound"], evaluation["bound"])
    known = {value for value in training["values"] if value < bound}
    rows = shared = 0
    for value, count in zip(evaluation["values"], evaluation["counts"], strict=True):
        if value < bound:
            rows += count
            shared += count if value in known else 0
    return (shared / rows if rows else 0.0), bound >= 2**64


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


def _times(data: Evidence) -> Iterator[tuple[str, Report]]:
    return ((side, report["time"]) for side, report in data.sides if report["time"])


def rows_per_day(time: Report | None) -> float | None:
    """Rows a day of a source; None without times, or where all of it happened at once."""
    if time is None or not time["rows"] or time["first"] == time["last"]:
        return None
    return float(time["rows"] * 86_400 / (time["last"] - time["first"]))
