"""What the data gate looks for: each rule with its default severity and limit, and how a configuration changes them.

    "validation": {"duplicate_rows": "error",
                   "missing_values": {"severity": "error", "limit": 0.2},
                   "ranges": {"duration": [0, 86400]}}

Defaults: an error is data that no honest model or metric can come from; everything that may be right in somebody's
network is a warning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly.config import suggestion
from netanomaly.errors import ConfigError

ERROR, WARNING, NOTE, OFF = "error", "warning", "note", "off"
SEVERITIES = (ERROR, WARNING, NOTE, OFF)
RANGES = "ranges"

Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class Rule:
    """One thing to look for. `limit` is None where the rule has no number to set."""

    severity: str
    limit: float | None
    meaning: str


RULES: dict[str, Rule] = {
    "too_few_rows": Rule(ERROR, 50, "a data set has fewer rows than this"),
    "different_columns": Rule(ERROR, None, "training and evaluation data differ in their columns or column types"),
    "no_known_label": Rule(ERROR, None, "the data has labels, none of which is known to be normal"),
    "no_normal_rows": Rule(ERROR, None, "no row to train on is normal"),
    "mostly_attacks": Rule(WARNING, 0.1, "a larger share than this of the rows to train on is attacks by their labels"),
    "one_class_only": Rule(ERROR, None, "labelled evaluation data holds only normal rows, or only attacks"),
    "classes_not_judged": Rule(WARNING, 0.5, "the part held out has a smaller share than this of the attack classes"),
    "unknown_normal_label": Rule(WARNING, None, "a class named in normal_labels is in neither data set"),
    "label_missing": Rule(
        WARNING, None, "one data set has labels and the other has none, or a column seems to be the label"
    ),
    "label_not_found": Rule(ERROR, None, "label_column names a column that neither data set has"),
    "numbered_classes": Rule(
        ERROR, None, "the classes are three or more numbers, 0 is not the most frequent, and normal_labels names none"
    ),
    "zero_taken_for_normal": Rule(
        WARNING, None, "the classes are numbers, and that 0 is normal is likely and not sure; normal_labels says so"
    ),
    "normal_class_not_in_training": Rule(
        WARNING, None, "a normal class of the evaluation data is not in the training data"
    ),
    "answer_in_a_column": Rule(
        ERROR,
        0.999,
        "a column alone tells attacks from normal rows with at least this ROC-AUC; one of few codes, with 0.92",
    ),
    "answer_left_out": Rule(WARNING, None, "a column is known or named to give the answer away; it is left out"),
    "column_tells_alone": Rule(
        WARNING, 0.99, "a column that is learnt from alone tells attacks from normal rows with at least this ROC-AUC"
    ),
    "measurement_tells_alone": Rule(
        WARNING, 0.99, "a measured column alone tells attacks from normal rows with at least this ROC-AUC"
    ),
    "identifier_left_out": Rule(WARNING, None, "a column identifies rows, and is left out"),
    "configured_against_evidence": Rule(WARNING, None, "the configuration uses a column that evidence would leave out"),
    "role_not_possible": Rule(
        ERROR, None, "columns gives a column a role that it cannot have, or names one that is not there"
    ),
    "ignored_not_found": Rule(WARNING, None, "ignore_columns names a column that neither data set has"),
    "dropped_rows": Rule(ERROR, 0.05, "a larger share of the records read than this was dropped (no label)"),
    "all_columns_constant": Rule(ERROR, None, "no column of the training data varies"),
    "constant_column": Rule(WARNING, None, "a column of the training data holds one value"),
    "missing_values": Rule(WARNING, 0.2, "a larger share of a column than this is missing"),
    "infinite_values": Rule(WARNING, 0.0, "a larger share of a column than this was infinite or absurdly large"),
    "impossible_values": Rule(
        WARNING,
        0.0,
        "a larger share than this of a count, size, duration or rate is negative; or a counter that is not set, "
        "18446744073709551615 (2^64-1)",
    ),
    "out_of_range": Rule(
        ERROR, None, "a column leaves the range that `ranges` gives it, or is no feature that holds numbers"
    ),
    "duplicate_rows": Rule(WARNING, 0.5, "a larger share of a data set than this repeats an earlier row"),
    "leakage": Rule(WARNING, 0.05, "a larger share of the evaluation rows than this is in the training data"),
    "time_backwards": Rule(WARNING, 0.6, "a larger share of the steps of the time column than this goes back"),
    "time_zones": Rule(WARNING, None, "the time column names more than one zone"),
    "order_of_dates": Rule(
        WARNING, None, "whether dates are day/month or month/day is told by none of them, or not alike on both sides"
    ),
    "time_outside": Rule(
        WARNING,
        0.0,
        "a larger share of the times than this lies outside 1990 to 2100, and is missing, or is years from the others",
    ),
    "twelve_hour_clock": Rule(WARNING, None, "the times seem to be of a 12-hour clock without AM and PM"),
    "time_not_understood": Rule(WARNING, None, "a column is called a time, and its values are not understood"),
    "not_split_by_time": Rule(WARNING, None, "the data has a column of times that cannot tell earlier from later"),
    "shift": Rule(WARNING, 0.3, "a column's distribution moved further than this (Kolmogorov-Smirnov distance)"),
    "unseen_categories": Rule(
        WARNING, 0.05, "a larger share of evaluation rows than this has a category unseen in training"
    ),
    "other_champion": Rule(WARNING, None, "the champion learnt from columns that the evaluation data does not have"),
}


@dataclass(frozen=True)
class Checks:
    """The rules as one configuration wants them."""

    rules: Mapping[str, Rule]
    ranges: Mapping[str, Range]


def check(validation: Mapping[str, Any]) -> Checks:
    """The rules with a configuration's changes.

    Raises:
        ConfigError: An unknown rule or severity, a limit where there is none or that is no number, a range that is none.
    """
    rules = dict(RULES)
    for name, wanted in validation.items():
        if name == RANGES:
            continue
        if name not in RULES:
            raise ConfigError(f"validation has no rule {name!r}{suggestion(name, [*RULES, RANGES])}")
        rules[name] = _changed(name, wanted)
    return Checks(rules, _ranges(validation.get(RANGES, {})))


def schema() -> dict[str, Any]:
    """The JSON Schema of `validation`."""
    severity = {"enum": list(SEVERITIES)}

    def rule(name: str) -> dict[str, Any]:
        known = RULES[name]
        fields: dict[str, Any] = {"severity": {**severity, "default": known.severity}}
        if known.limit is not None:
            fields["limit"] = {"type": "number", "minimum": 0, "default": known.limit}
        changed = {"type": "object", "properties": fields, "additionalProperties": False}
        return {"description": known.meaning, "anyOf": [severity, changed]}

    bound = {"type": ["number", "null"]}
    bounds = {"type": "array", "prefixItems": [bound, bound], "minItems": 2, "maxItems": 2}
    ranges = {"description": "Lowest and highest value of a column.", "type": "object", "additionalProperties": bounds}
    return {"properties": {**{name: rule(name) for name in RULES}, RANGES: ranges}, "additionalProperties": False}


def _changed(name: str, wanted: Any) -> Rule:
    rule = RULES[name]
    if isinstance(wanted, str):
        wanted = {"severity": wanted}
    if not isinstance(wanted, Mapping):
        raise ConfigError(
            f'validation.{name} is {wanted!r}; write "error", "warning", "note", "off" or {{"limit": ...}}'
        )
    for field in wanted:
        if field not in ("severity", "limit"):
            raise ConfigError(f"validation.{name} has no field {field!r}; known: severity, limit")
    severity, limit = wanted.get("severity", rule.severity), wanted.get("limit", rule.limit)
    if severity not in SEVERITIES:
        raise ConfigError(f"validation.{name}: severity is {severity!r}; choose one of {', '.join(SEVERITIES)}")
    if "limit" in wanted and rule.limit is None:
        raise ConfigError(f"validation.{name} has no limit to set; give it a severity only")
    if "limit" in wanted and (isinstance(limit, bool) or not isinstance(limit, int | float) or limit < 0):
        raise ConfigError(f"validation.{name}: limit is {limit!r}; give a number from 0 on")
    return Rule(severity, limit, rule.meaning)


def _ranges(ranges: Any) -> dict[str, Range]:
    if not isinstance(ranges, Mapping):
        raise ConfigError('validation.ranges is no object; write {"column": [lowest, highest]}')
    for column, bounds in ranges.items():
        numbers = (
            isinstance(bounds, list | tuple)
            and len(bounds) == 2
            and all(
                bound is None or (isinstance(bound, int | float) and not isinstance(bound, bool)) for bound in bounds
            )
        )
        if not numbers:
            raise ConfigError(f"validation.ranges.{column} is {bounds!r}; write [lowest, highest], null for no bound")
        low, high = bounds
        if low is not None and high is not None and low > high:
            raise ConfigError(f"validation.ranges.{column} is {bounds!r}; the lowest comes first")
    return {column: (bounds[0], bounds[1]) for column, bounds in ranges.items()}
