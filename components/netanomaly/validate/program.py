"""Judge two data sets by their ingest reports: findings, and a verdict.

Needs nothing but the reports, so it starts at once and takes no memory, whatever the size of the data.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from netanomaly.flows import rules
from netanomaly.flows.labels import clean_label, is_normal
from netanomaly.validate.distance import kolmogorov_smirnov, total_variation

FORMAT = 1
PASS, REFUSE = "pass", "refuse"
TRAINING, EVALUATION, BOTH = "training", "evaluation", "both"

Report = Mapping[str, Any]

# Words of a column's name: `src_bytes`, `Flow Bytes/s`, `TotBytes` each hold "bytes".
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Of such a quantity a negative value cannot be; matched as whole words of the column's name.
_NEVER_NEGATIVE = {
    "bytes", "byte", "octets", "pkts", "packets", "packet", "length", "len", "size", "count", "duration", "dur", "rate",
    "port", "ttl",
}  # fmt: skip
# What data sets call the column that tells attacks: CICIDS, UNSW-NB15, KDD99, CTU-13, IoT-23.
_LABEL_NAMES = {"label", "labels", "class", "attack", "attack_cat", "attack_type", "is_attack", "detailed-label"}
_CLASSES_LISTED = 8
# Of two samples of one distribution, 1 in 1000 is further apart than this over the root of their size.
_CHANCE = 1.95


@dataclass(frozen=True)
class Parameters:
    """What to look for, and what the training will use."""

    validation: dict[str, Any]
    training_rows: str
    normal_labels: list[str]
    held_out: str


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    rule: str
    severity: str
    column: str | None
    dataset: str
    message: str
    value: float | str | None = None
    limit: float | None = None


@dataclass(frozen=True)
class _Data:
    training: Report
    evaluation: Report
    parameters: Parameters
    ranges: Mapping[str, rules.Range]

    @property
    def sides(self) -> tuple[tuple[str, Report], tuple[str, Report]]:
        return (TRAINING, self.training), (EVALUATION, self.evaluation)

    @property
    def trains_on_normals(self) -> bool:
        wanted = self.parameters.training_rows
        return wanted == "normal" or (wanted == "auto" and self.training["label_column"] is not None)


# Column, data set, message, value: what a rule yields; severity and limit are added by the caller.
_Yield = tuple[str | None, str, str, float | str | None]
_Check = Callable[[_Data, float], Iterator[_Yield]]


def validate(training: Report, evaluation: Report, parameters: Parameters) -> dict[str, Any]:
    """The validation report: every finding, worst first, and the verdict.

    The verdict is `refuse` when any finding is an error. Severities and limits are those of
    `netanomaly.flows.rules`, as the configuration changed them.

    Raises:
        ConfigError: The configuration's `validation` is wrong.
    """
    checks = rules.check(parameters.validation)
    data = _Data(training, evaluation, parameters, checks.ranges)
    findings = [
        Finding(name, rule.severity, column, dataset, message, value, rule.limit)
        for name, rule in checks.rules.items()
        if rule.severity != rules.OFF
        for column, dataset, message, value in _CHECKS[name](data, rule.limit or 0.0)
    ]
    findings.sort(key=lambda finding: finding.severity != rules.ERROR)
    refused = any(finding.severity == rules.ERROR for finding in findings)
    share, exact = overlap(training["hashes"], evaluation["hashes"])
    return {
        "format": FORMAT,
        "verdict": REFUSE if refused else PASS,
        "findings": [asdict(finding) for finding in findings],
        "checked": [name for name, rule in checks.rules.items() if rule.severity != rules.OFF],
        "training": _summary(training),
        "evaluation": _summary(evaluation),
        "overlap": {"rows": round(share * evaluation["rows"]), "share": share, "exact": exact},
        "held_out": parameters.held_out == "yes",
    }


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


def _too_few_rows(data: _Data, limit: float) -> Iterator[_Yield]:
    for side, report in data.sides:
        if report["rows"] < limit:
            yield (
                None,
                side,
                f"{side} data has {report['rows']} rows; at least {limit:g} are needed to say anything: add data",
                report["rows"],
            )


def _different_columns(data: _Data, _: float) -> Iterator[_Yield]:
    training = {column["name"]: column["kind"] for column in data.training["columns"]}
    evaluation = {column["name"]: column["kind"] for column in data.evaluation["columns"]}
    for name in [*training, *(name for name in evaluation if name not in training)]:
        if name not in evaluation:
            yield (
                name,
                BOTH,
                f"column {name!r} is in the training data only; add it, or list it in ignore_columns",
                None,
            )
        elif name not in training:
            yield name, BOTH, f"column {name!r} is in the evaluation data only; list it in ignore_columns", None
        elif training[name] != evaluation[name]:
            yield (
                name,
                BOTH,
                f"column {name!r} is a {training[name]} in the training data and a {evaluation[name]} in the evaluation "
                "data; correct the data, or list the column in categorical_columns",
                None,
            )


def _no_known_label(data: _Data, _: float) -> Iterator[_Yield]:
    named = [report for _, report in data.sides if report["labels"]]
    names = {name for report in named for name in report["labels"]}
    if names and not any(is_normal(name, data.parameters.normal_labels) for name in names):
        wanted = data.parameters.normal_labels
        looked_for = f"none is in normal_labels ({', '.join(wanted)})" if wanted else "none is recognised as normal"
        column = named[0]["label_column"]
        yield (
            column,
            BOTH,
            f"column {column!r} holds the classes {_listed(sorted(names))}, and {looked_for}; name the normal ones in "
            "normal_labels",
            None,
        )


def _no_normal_rows(data: _Data, _: float) -> Iterator[_Yield]:
    if not data.trains_on_normals or _knows_no_label(data):
        return
    if data.training["label_column"] is None:
        yield None, TRAINING, "training_rows is 'normal' but the training data has no labels; set it to 'all'", None
    elif not data.training["normal_rows"]:
        yield (
            None,
            TRAINING,
            f"no training row is normal (classes: {_listed(list(data.training['labels']))}); add normal traffic, name the "
            "normal classes in normal_labels, or set training_rows to 'all'",
            None,
        )


def _mostly_attacks(data: _Data, limit: float) -> Iterator[_Yield]:
    rows, normal = data.training["rows"], data.training["normal_rows"]
    if data.trains_on_normals or normal is None or _knows_no_label(data):
        return
    share = (rows - normal) / rows
    if share > limit:
        yield (
            data.training["label_column"],
            TRAINING,
            f"{share:.0%} of the rows to train on are attacks by their labels; what is common in training is learnt as "
            "normal: set training_rows to 'normal'",
            share,
        )


def _one_class_only(data: _Data, _: float) -> Iterator[_Yield]:
    if data.evaluation["label_column"] is None or _knows_no_label(data):
        return
    rows = data.evaluation["rows"]
    normal = data.evaluation["normal_rows"]
    if normal in (0, rows):
        what = "attacks" if normal == 0 else "normal rows"
        yield (
            None,
            EVALUATION,
            f"evaluation data holds only {what}, so no model can be judged on it; add the other class, or remove the "
            f"label column {data.evaluation['label_column']!r} to evaluate without labels",
            None,
        )


def _unknown_normal_label(data: _Data, _: float) -> Iterator[_Yield]:
    names = {name for _, report in data.sides for name in report["labels"] or {}}
    absent = [label for label in data.parameters.normal_labels if clean_label(label) not in names]
    if names and absent and not _knows_no_label(data):
        yield (
            None,
            BOTH,
            f"normal_labels names {_listed(absent)}, which no record has (classes: {_listed(sorted(names))}); "
            "correct the spelling",
            None,
        )


def _label_missing(data: _Data, _: float) -> Iterator[_Yield]:
    """Labels on one side only, and features that look like the label: a detector would learn the answer."""
    for (side, report), (_side, other) in (data.sides, data.sides[::-1]):
        if report["label_column"] is None and other["label_column"] is not None:
            yield (
                None,
                side,
                f"the {side} data has no labels (column {other['label_column']!r}), the other data set has",
                None,
            )
    for column in data.training["columns"]:
        name = column["name"]
        classes = {clean_label(text).lower() for text in column.get("categories") or ()}
        if name.lower() in _LABEL_NAMES or classes & {"normal", "benign"}:
            yield (
                name,
                TRAINING,
                f"feature {name!r} looks like a label; if it tells attacks, set label_column to it, or list it in "
                "ignore_columns",
                None,
            )


def _dropped_rows(data: _Data, limit: float) -> Iterator[_Yield]:
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


def _all_columns_constant(data: _Data, _: float) -> Iterator[_Yield]:
    if all(_constant(column) for column in data.training["columns"]):
        yield None, TRAINING, "every column of the training data is constant; there is nothing to learn from", None


def _constant_column(data: _Data, _: float) -> Iterator[_Yield]:
    names = [column["name"] for column in data.training["columns"] if _constant(column)]
    if len(names) < len(data.training["columns"]):
        for name in names:
            yield name, TRAINING, f"column {name!r} is constant in the training data; it tells nothing apart", None


def _missing_values(data: _Data, limit: float) -> Iterator[_Yield]:
    for side, column, share in _shares(data, "missing"):
        if share > limit:
            yield column, side, f"{share:.1%} of column {column!r} is missing in the {side} data", share


def _infinite_values(data: _Data, limit: float) -> Iterator[_Yield]:
    for side, column, share in _shares(data, "infinite"):
        if share > limit:
            yield (
                column,
                side,
                f"{share:.2%} of column {column!r} was infinite or absurdly large in the {side} data, now missing",
                share,
            )


def _impossible_values(data: _Data, limit: float) -> Iterator[_Yield]:
    for side, column, share in _shares(data, "negative"):
        words = {word.lower() for word in _WORD.findall(column)}
        if share > limit and words & _NEVER_NEGATIVE:
            yield (
                column,
                side,
                f"{share:.2%} of column {column!r} is negative in the {side} data, which such a quantity cannot be "
                "(a code for 'unknown'?)",
                share,
            )


def _out_of_range(data: _Data, _: float) -> Iterator[_Yield]:
    for side, report in data.sides:
        for column in report["columns"]:
            low, high = data.ranges.get(column["name"], (None, None))
            if low is not None and column.get("min") is not None and column["min"] < low:
                yield (
                    column["name"],
                    side,
                    _range_message(column["name"], side, column["min"], f"under {low:g}"),
                    column["min"],
                )
            if high is not None and column.get("max") is not None and column["max"] > high:
                yield (
                    column["name"],
                    side,
                    _range_message(column["name"], side, column["max"], f"over {high:g}"),
                    column["max"],
                )


def _duplicate_rows(data: _Data, limit: float) -> Iterator[_Yield]:
    for side, report in data.sides:
        share = report["duplicates"]["rows"] / report["rows"]
        if share > limit:
            yield None, side, f"{share:.1%} of the {side} rows repeat an earlier one; what repeats weighs more", share


def _leakage(data: _Data, limit: float) -> Iterator[_Yield]:
    share, exact = overlap(data.training["hashes"], data.evaluation["hashes"])
    if share > limit:
        about = "" if exact else "about "
        yield (
            None,
            BOTH,
            f"{about}{share:.1%} of the evaluation rows are in the training data too; metrics flatter the model",
            share,
        )


def _time_backwards(data: _Data, limit: float) -> Iterator[_Yield]:
    for side, time in _times(data):
        if time["backwards"] > limit:
            yield (
                time["column"],
                side,
                f"time column {time['column']!r} runs backwards in the {side} data: {time['backwards']:.0%} of the steps go "
                "back; rows are split and counted by their times, not by their order",
                time["backwards"],
            )


def _time_zones(data: _Data, _: float) -> Iterator[_Yield]:
    for side, time in _times(data):
        if len(time["zones"]) > 1:
            yield (
                time["column"],
                side,
                f"time column {time['column']!r} names the zones {', '.join(time['zones'])} in the {side} data; all are "
                "brought to UTC",
                None,
            )


def _times(data: _Data) -> Iterator[tuple[str, Report]]:
    return ((side, report["time"]) for side, report in data.sides if report["time"])


def _shift(data: _Data, limit: float) -> Iterator[_Yield]:
    labelled = all(report["normal_rows"] for _, report in data.sides)
    rows = "normal rows" if labelled else "rows"
    suffix = "_normal" if labelled else ""
    sizes = [report["normal_rows"] if labelled else report["rows"] for _, report in data.sides]
    chance = _CHANCE * sum(1 / size for size in sizes) ** 0.5
    for training, evaluation in _pairs(data):
        if training["kind"] == "number":
            before, after = training["quantiles" + suffix], evaluation["quantiles" + suffix]
            distance = kolmogorov_smirnov(before, after) if before and after else 0.0
        else:
            distance = total_variation(training["categories" + suffix] or {}, evaluation["categories" + suffix] or {})
        if distance > limit + chance:
            name = training["name"]
            yield (
                name,
                BOTH,
                f"column {name!r} shifted between training and evaluation ({rows}): their distributions are "
                f"{distance:.2f} apart, of 1 at most",
                distance,
            )


def _unseen_categories(data: _Data, limit: float) -> Iterator[_Yield]:
    for training, evaluation in _pairs(data):
        # Beyond the categories listed nothing is known of the training side.
        if training["kind"] != "category" or training["other"]:
            continue
        counts = evaluation["categories"]
        rows = sum(counts.values()) + evaluation["other"]
        unseen = sum(count for name, count in counts.items() if name not in training["categories"])
        if rows and unseen / rows > limit:
            share = unseen / rows
            yield (
                training["name"],
                EVALUATION,
                f"{share:.1%} of the evaluation rows have a value of {training['name']!r} that training never saw",
                share,
            )


_CHECKS: dict[str, _Check] = {
    "too_few_rows": _too_few_rows,
    "different_columns": _different_columns,
    "no_known_label": _no_known_label,
    "no_normal_rows": _no_normal_rows,
    "mostly_attacks": _mostly_attacks,
    "one_class_only": _one_class_only,
    "unknown_normal_label": _unknown_normal_label,
    "label_missing": _label_missing,
    "dropped_rows": _dropped_rows,
    "all_columns_constant": _all_columns_constant,
    "constant_column": _constant_column,
    "missing_values": _missing_values,
    "infinite_values": _infinite_values,
    "impossible_values": _impossible_values,
    "out_of_range": _out_of_range,
    "duplicate_rows": _duplicate_rows,
    "leakage": _leakage,
    "time_backwards": _time_backwards,
    "time_zones": _time_zones,
    "shift": _shift,
    "unseen_categories": _unseen_categories,
}


def _summary(report: Report) -> dict[str, Any]:
    names = (
        "rows",
        "rows_read",
        "normal_rows",
        "unlabelled",
        "labels",
        "identity",
        "dropped",
        "repaired",
        "duplicates",
    )
    return {**{name: report[name] for name in names}, "rows_per_day": rows_per_day(report["time"])}


def rows_per_day(time: Report | None) -> float | None:
    """Rows a day of a source; None without times, or where all of it happened at once."""
    if time is None or not time["rows"] or time["first"] == time["last"]:
        return None
    return float(time["rows"] * 86_400 / (time["last"] - time["first"]))


def _knows_no_label(data: _Data) -> bool:
    """Whether `no_known_label` speaks already: what follows from it need not be said again."""
    return any(True for _ in _no_known_label(data, 0.0))


def _constant(column: Report) -> bool:
    if column["kind"] == "number":
        return column["min"] == column["max"] and not 0 < column["missing"] < column["rows"]
    return column["distinct"] <= 1 and not column["other"] and not 0 < column["missing"] < column["rows"]


def _shares(data: _Data, what: str) -> Iterator[tuple[str, str, float]]:
    for side, report in data.sides:
        for column in report["columns"]:
            yield side, column["name"], column[what] / column["rows"]


def _pairs(data: _Data) -> Iterator[tuple[Report, Report]]:
    evaluation = {column["name"]: column for column in data.evaluation["columns"]}
    for column in data.training["columns"]:
        other = evaluation.get(column["name"])
        if other is not None and other["kind"] == column["kind"]:
            yield column, other


def _range_message(column: str, side: str, value: float, what: str) -> str:
    return f"column {column!r} of the {side} data reaches {value:g}, {what}, the bound that validation.ranges sets"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_CLASSES_LISTED])
    return shown + (f" and {len(names) - _CLASSES_LISTED} more" if len(names) > _CLASSES_LISTED else "")
