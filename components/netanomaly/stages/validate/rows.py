"""Checks of whole rows: how many there are, which were dropped, which are there twice."""

from collections.abc import Iterator

from netanomaly.stages.validate.evidence import BOTH, TRAINING, Evidence, Observation, Report, listed

_MOST = 0.5


def too_few_rows(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, report in data.sides:
        if report["rows"] < limit:
            yield (
                None,
                side,
                f"{side} data has {report['rows']} rows; at least {limit:g} are needed to say anything: "
                f"{_kept_together(data, side) or 'add data'}",
                report["rows"],
            )


def _kept_together(data: Evidence, side: str) -> str:
    """Why one side of a random split has so few rows, and what to do, where that is because most rows repeat another."""
    other = data.evaluation if side == TRAINING else data.training
    repeated = other["duplicates"]["rows"] / max(other["rows"], 1)
    if not data.settings.held_out or (other.get("split") or {}).get("method") != "random" or repeated < _MOST:
        return ""
    return (
        f"a random split keeps equal rows on one side, and {repeated:.1%} of the {other['rows']} on the other side repeat an "
        "earlier one; name an evaluation_data_source"
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
                + (
                    "label them, or list the label column in ignore_columns"
                    if report["unlabelled"]
                    else "look at those lines, or allow more in validation.dropped_rows"
                ),
                share,
            )


def duplicate_rows(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, report in data.sides:
        share = report["duplicates"]["rows"] / report["rows"]
        if share > limit:
            yield None, side, f"{share:.1%} of the {side} rows repeat an earlier one; what repeats weighs more", share


def leakage(data: Evidence, limit: float) -> Iterator[Observation]:
    """Rows count as equal without their identifiers and times, where both reports left the same ones out."""
    if data.settings.held_out and (data.training.get("split") or {}).get("method") == "random":
        # Such a split keeps equal rows on one side.
        return
    apart = [set(report.get("hashed_without") or ()) for _, report in data.sides]
    if different := sorted(apart[0] ^ apart[1]):
        yield (
            None,
            BOTH,
            f"whether evaluation rows are in the training data too cannot be told: {listed(different)} is a time or an "
            "identifier by the rows of one data set and not by those of the other; list it in ignore_columns",
            None,
        )
        return
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
