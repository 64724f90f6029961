"""Checks of columns: that both data sets have them, and of their values."""

from collections.abc import Iterator

from netanomaly.flows.column_names import QUANTITIES, words
from netanomaly.stages.validate.distance import chance_variation, kolmogorov_smirnov, total_variation
from netanomaly.stages.validate.evidence import BOTH, EVALUATION, TRAINING, Evidence, Observation, Report, listed
from netanomaly.stages.validate.roles import CONSTANT, is_constant, value_of

# Of two samples of one distribution, 1 in 1000 is further apart than this over the root of their size.
_CHANCE = 1.95


def different_columns(data: Evidence, _: float) -> Iterator[Observation]:
    training, evaluation = (
        {column["name"]: column["kind"] for column in data.profiles(report)} for _, report in data.sides
    )
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


def all_columns_constant(data: Evidence, _: float) -> Iterator[Observation]:
    if data.columns and not any(column.is_feature for column in data.columns):
        why: dict[str, list[str]] = {}
        for column in data.columns:
            if column.kind is not None:
                why.setdefault(column.role, []).append(column.name)
        if set(why) <= {CONSTANT}:
            yield None, TRAINING, "every column of the training data is constant; there is nothing to learn from", None
            return
        yield (
            None,
            TRAINING,
            f"no column is left to learn from ({'; '.join(f'{role}: {listed(names)}' for role, names in sorted(why.items()))}); "
            "say in columns which to use",
            None,
        )


def constant_column(data: Evidence, _: float) -> Iterator[Observation]:
    if not data.features:
        return
    evaluation = {column["name"]: column for column in data.evaluation["columns"]}
    for column in data.columns:
        if column.role != CONSTANT:
            continue
        empty = "empty" in column.why
        message = f"column {column.name!r} is constant in the training data; it tells nothing apart and is left out"
        if empty:
            message = f"column {column.name!r} is empty in the training data; it is left out"
        other = evaluation.get(column.name)
        if other is not None and _differs(column.why, other):
            message += f" ({'' if empty else column.why + ', '}other values in the evaluation data)"
        yield column.name, TRAINING, message, None


def _differs(why: str, evaluation: Report) -> bool:
    if not is_constant(evaluation):
        return True
    value = value_of(evaluation)
    return "empty" not in why if value is None else f"always {value} " not in why


def missing_values(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, column, share in _shares(data, "missing"):
        if share > limit:
            yield column, side, f"{share:.1%} of column {column!r} is missing in the {side} data", share


# 2^64-1, as a double has it.
_UNSET = 2.0**64


def infinite_values(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, column, share in _shares(data, "infinite"):
        if share > limit:
            yield (
                column,
                side,
                f"{share:.2%} of column {column!r} was infinite or absurdly large in the {side} data, now missing",
                share,
            )


def impossible_values(data: Evidence, limit: float) -> Iterator[Observation]:
    for side, column, share in _shares(data, "negative"):
        if share > limit and words(column) & QUANTITIES:
            yield (
                column,
                side,
                f"{share:.2%} of column {column!r} is negative in the {side} data, which such a quantity cannot be "
                "(a code for 'unknown'?)",
                share,
            )
    for side, report in data.sides:
        for profile in report["columns"]:
            if profile.get("max") == _UNSET:
                yield (
                    profile["name"],
                    side,
                    f"column {profile['name']!r} holds 18446744073709551615 in the {side} data, which counters are written as that "
                    "are not set; it is read as that number: leave such values empty",
                    None,
                )


def out_of_range(data: Evidence, _: float) -> Iterator[Observation]:
    numbers = [column["name"] for _, report in data.sides for column in report["columns"] if column["kind"] == "number"]
    for name in data.ranges:
        if name not in numbers:
            yield (
                name,
                BOTH,
                f"validation.ranges names {name!r}, which is no feature that holds numbers; correct the name, or leave "
                "it out",
                None,
            )
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


def shift(data: Evidence, limit: float) -> Iterator[Observation]:
    labelled = all(report["normal_rows"] for _, report in data.sides)
    rows = "normal rows" if labelled else "rows"
    suffix = "_normal" if labelled else ""
    sizes = [report["normal_rows"] if labelled else report["rows"] for _, report in data.sides]
    chance = _CHANCE * sum(1 / size for size in sizes) ** 0.5
    for training, evaluation in _pairs(data):
        if training["kind"] == "number":
            before, after = training["quantiles" + suffix], evaluation["quantiles" + suffix]
            distance = kolmogorov_smirnov(before, after) if before and after else 0.0
            bound = limit + chance
        else:
            counts = [side["categories" + suffix] or {} for side in (training, evaluation)]
            distance = total_variation(*counts, listed=not training["other"], others_listed=not evaluation["other"])
            bound = limit + chance + chance_variation(*counts)
        if distance > bound:
            name = training["name"]
            yield (
                name,
                BOTH,
                f"column {name!r} shifted between training and evaluation ({rows}): their distributions are "
                f"{distance:.2f} apart, of 1 at most",
                distance,
            )


def unseen_categories(data: Evidence, limit: float) -> Iterator[Observation]:
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


def _shares(data: Evidence, what: str) -> Iterator[tuple[str, str, float]]:
    for side, report in data.sides:
        for column in data.profiles(report):
            yield side, column["name"], column[what] / column["rows"]


def _pairs(data: Evidence) -> Iterator[tuple[Report, Report]]:
    evaluation = {column["name"]: column for column in data.profiles(data.evaluation)}
    for column in data.profiles(data.training):
        other = evaluation.get(column["name"])
        if other is not None and other["kind"] == column["kind"]:
            yield column, other


def _range_message(column: str, side: str, value: float, what: str) -> str:
    return f"column {column!r} of the {side} data reaches {value:g}, {what}, the bound that validation.ranges sets"


def other_champion(data: Evidence, _: float) -> Iterator[Observation]:
    """Told before anything is trained: the new version will not be compared, and does not become champion by itself."""
    there = {column["name"] for column in data.evaluation["columns"]}
    absent = [name for name in data.settings.champion_columns if name not in there]
    if absent:
        yield (
            None,
            EVALUATION,
            f"the champion, version {data.settings.champion}, needs {listed(absent)}, which the evaluation data does not have "
            "as a feature: they cannot be compared, and the new version is registered as challenger",
            None,
        )
