"""Checks of the classes that rows are labelled with."""

from collections.abc import Iterator

from netanomaly.flows.labels import clean_label, is_normal
from netanomaly.flows.layout import available
from netanomaly.stages.validate.evidence import BOTH, EVALUATION, TRAINING, Evidence, Observation, Report, listed
from netanomaly.stages.validate.roles import LABEL


def no_known_label(data: Evidence, _: float) -> Iterator[Observation]:
    named = [report for _, report in data.sides if report["labels"]]
    names = {name for report in named for name in report["labels"]}
    if names and not any(is_normal(name, data.settings.normal_labels) for name in names):
        wanted = data.settings.normal_labels
        looked_for = f"none is in normal_labels ({', '.join(wanted)})" if wanted else "none is recognised as normal"
        column = named[0]["label_column"]
        yield (
            column,
            BOTH,
            f"column {column!r} holds the classes {listed(sorted(names))}, and {looked_for}; name the normal ones in "
            "normal_labels",
            None,
        )


def no_normal_rows(data: Evidence, _: float) -> Iterator[Observation]:
    if not data.trains_on_normals or _knows_no_label(data) or data.training["label_column"] is None:
        return  # without labels "normal" is the user's word for all rows
    if not data.training["normal_rows"]:
        yield (
            None,
            TRAINING,
            f"no training row is normal (classes: {listed(list(data.training['labels']))}); add normal traffic, name the "
            "normal classes in normal_labels, or set training_rows to 'all'",
            None,
        )


def mostly_attacks(data: Evidence, limit: float) -> Iterator[Observation]:
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


def one_class_only(data: Evidence, _: float) -> Iterator[Observation]:
    if data.evaluation["label_column"] is None or _knows_no_label(data):
        return
    rows = data.evaluation["rows"]
    normal = data.evaluation["normal_rows"]
    if normal in (0, rows):
        what = "attacks" if normal == 0 else "normal rows"
        held_out = data.settings.held_out
        part = ", a part held out of the training data," if held_out else ""
        way_out = "add the other class"
        if held_out:
            way_out = "name a source with both in evaluation_data_source"
            if (data.evaluation.get("split") or {}).get("method") == "time":
                # By time the last rows are held out; of another part of the file both may be.
                way_out = f'set "split": "random", since what came last holds only {what}, or {way_out}'
        yield (
            None,
            EVALUATION,
            f"evaluation data{part} holds only {what}, so no model can be judged on it; {way_out}, or list "
            f"{data.evaluation['label_column']!r} in ignore_columns to train and evaluate without labels",
            None,
        )


def classes_not_judged(data: Evidence, limit: float) -> Iterator[Observation]:
    """A part held out that holds few of the attack classes that there are: its figures say nothing of the others."""
    held_out, rest = data.evaluation["labels"], data.training["labels"]
    if not data.settings.held_out or not held_out or not rest or _knows_no_label(data):
        return
    known = {name for name in {*held_out, *rest} if not is_normal(name, data.settings.normal_labels)}
    judged = known & set(held_out)
    if known and len(judged) / len(known) < limit:
        method = (data.evaluation.get("split") or {}).get("method")
        others = [each for each in ("time", "random") if each != method]
        yield (
            data.evaluation["label_column"],
            EVALUATION,
            f"the part held out by split {method!r} has {data.evaluation['rows']} of "
            f"{data.evaluation['rows'] + data.training['rows']} rows and {len(judged)} of {len(known)} attack classes: its "
            f"figures say nothing of {listed(sorted(known - judged))}; set split to {' or '.join(map(repr, others))}, or "
            "name a source in evaluation_data_source",
            len(judged) / len(known),
        )


def unknown_normal_label(data: Evidence, _: float) -> Iterator[Observation]:
    names = {name for _, report in data.sides for name in report["labels"] or {}}
    absent = [label for label in data.settings.normal_labels if clean_label(label) not in names]
    if names and absent and not _knows_no_label(data):
        yield (
            None,
            BOTH,
            f"normal_labels names {listed(absent)}, which no record has (classes: {listed(sorted(names))}); "
            "correct the spelling",
            None,
        )


def label_missing(data: Evidence, _: float) -> Iterator[Observation]:
    """Labels on one side only, and columns that look like the label: a detector would learn the answer."""
    for (side, report), (_side, other) in (data.sides, data.sides[::-1]):
        if report["label_column"] is None and other["label_column"] is not None:
            yield (
                None,
                side,
                f"the {side} data has no labels (column {other['label_column']!r}), the other data set has",
                None,
            )
    for column in data.columns:
        if column.role == LABEL and column.kind is not None:
            yield (
                column.name,
                TRAINING,
                f"column {column.name!r} looks like a label and is left out; if it tells attacks, set label_column to it, else "
                f'say what it is: "columns": {{"{column.name}": "{column.kind}"}}',
                None,
            )


def label_not_found(data: Evidence, _: float) -> Iterator[Observation]:
    settings = data.settings
    if not settings.label_named or not settings.label_column:
        return
    if any(report["label_column"] is not None for _, report in data.sides):
        return
    names = [column.name for column in data.columns]
    if settings.label_column in {name for _, report in data.sides for name in report["ignored"]}:
        return
    if any("empty label column" in reason for _, report in data.sides for reason in report["repaired"]):
        return
    there = available(names, settings.label_column)
    yield (
        settings.label_column,
        BOTH,
        f"label_column is {settings.label_column!r}, which the data does not have{';' if there.startswith('did') else '.'} {there}",
        None,
    )


def numbered_classes(data: Evidence, _: float) -> Iterator[Observation]:
    """Codes in the order of the classes' names: 0 may be any of them."""
    for side, report, numbers in _numbered(data):
        if len(numbers) > 2 and numbers["0"] < max(numbers.values()):
            most = max(numbers, key=lambda name: numbers[name])
            yield (
                report["label_column"],
                side,
                f"the classes of the {side} data are numbers ({_shares(numbers)}), and 0 is not the most frequent: is {most!r} "
                "normal traffic? Name the normal ones in normal_labels",
                None,
            )


def zero_taken_for_normal(data: Evidence, _: float) -> Iterator[Observation]:
    for side, report, numbers in _numbered(data):
        most = max(numbers.values())
        if (len(numbers) > 2 and numbers["0"] == most) or (len(numbers) == 2 and numbers["0"] < most):
            yield (
                report["label_column"],
                side,
                f"the classes of the {side} data are numbers ({_shares(numbers)}), and 0 is taken for normal; if that is right, "
                'say so: "normal_labels": ["0"]',
                None,
            )


def normal_class_not_in_training(data: Evidence, _: float) -> Iterator[Observation]:
    known, judged = data.training["labels"] or {}, data.evaluation["labels"] or {}
    spelt = {name.lower() for name in known}
    new = [name for name in judged if is_normal(name, data.settings.normal_labels) and name.lower() not in spelt]
    if known and new and any(is_normal(name, data.settings.normal_labels) for name in known):
        yield (
            data.evaluation["label_column"],
            BOTH,
            f"the training data has no rows of the normal class {listed(new)} of the evaluation data; such traffic may alert",
            None,
        )


def _numbered(data: Evidence) -> Iterator[tuple[str, Report, dict[str, int]]]:
    """The sides whose classes are numbers with 0 among them, where the configuration does not name the normal ones."""
    if data.settings.normal_labels:
        return
    sides = list(data.sides)
    if data.settings.held_out:
        # Two parts of one source, which are one question.
        sides = sides[:1]
    for side, report in sides:
        classes = {name.removesuffix(".0"): count for name, count in (report["labels"] or {}).items()}
        if "0" in classes and all(name.lstrip("-").isdigit() for name in classes):
            yield side, report, classes


def _shares(classes: dict[str, int]) -> str:
    rows = sum(classes.values())
    ordered = sorted(classes, key=lambda name: -classes[name])
    return ", ".join(f"{name}: {classes[name] / rows:.0%}" for name in ordered[:6])


def _knows_no_label(data: Evidence) -> bool:
    """Whether `no_known_label` speaks already: what follows from it need not be said again."""
    return any(True for _ in no_known_label(data, 0.0))
