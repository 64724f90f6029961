"""Checks of what columns are for: what gives the answer away, and what is left out or used against evidence."""

from collections.abc import Iterator

from netanomaly.config.names import nearest
from netanomaly.stages.validate.evidence import BOTH, TRAINING, Evidence, Observation
from netanomaly.stages.validate.roles import ANSWER, CATEGORY, IDENTIFIER, LABEL, NUMBER, Column

_ALONE = "alone it tells"


def answer_in_a_column(data: Evidence, _: float) -> Iterator[Observation]:
    for column in data.columns:
        if column.role == ANSWER and column.why.startswith(_ALONE):
            yield (
                column.name,
                BOTH,
                f"column {column.name!r} gives the answer away: {column.why}; if it was made with the labels, list it in "
                f'ignore_columns; if it is measured, say so: "columns": {{"{column.name}": "{column.kind}"}}',
                column.separates,
            )


def answer_left_out(data: Evidence, _: float) -> Iterator[Observation]:
    for column in data.columns:
        if column.role == ANSWER and not column.why.startswith(_ALONE):
            yield (
                column.name,
                BOTH,
                f"column {column.name!r} is left out, as it gives the answer away: {column.why}; the label is "
                f"{data.settings.label_column!r}",
                column.separates,
            )


def column_tells_alone(data: Evidence, limit: float) -> Iterator[Observation]:
    for column in _telling(data, limit):
        if not column.measured:
            yield (
                column.name,
                BOTH,
                f"column {column.name!r} alone tells attacks from normal rows with a ROC-AUC of {column.separates:.3f}; if it "
                f'was made with the labels, list it in ignore_columns; if it is measured, say so: "columns": '
                f'{{"{column.name}": "{column.kind}"}}',
                column.separates,
            )


def measurement_tells_alone(data: Evidence, limit: float) -> Iterator[Observation]:
    for column in _telling(data, limit):
        if column.measured:
            yield (
                column.name,
                BOTH,
                f"column {column.name!r} alone tells attacks from normal rows with a ROC-AUC of {column.separates:.3f}; if it "
                "tells this capture's attacks or attackers and no others, list it in ignore_columns",
                column.separates,
            )


def _telling(data: Evidence, limit: float) -> Iterator[Column]:
    return (column for column in data.columns if column.is_feature and (column.separates or 0.0) >= limit)


def identifier_left_out(data: Evidence, _: float) -> Iterator[Observation]:
    for column in data.columns:
        if column.role == IDENTIFIER:
            yield (
                column.name,
                BOTH,
                f"column {column.name!r} is left out as an identifier: {column.why}; if it is measured, say so: "
                f'"columns": {{"{column.name}": "{column.kind}"}}',
                None,
            )


def configured_against_evidence(data: Evidence, _: float) -> Iterator[Observation]:
    for column in data.columns:
        if column.against is not None:
            yield (
                column.name,
                BOTH,
                f"column {column.name!r} is used as the configuration wants, and looks like something else ({column.against})",
                column.separates,
            )


def ignored_not_found(data: Evidence, _: float) -> Iterator[Observation]:
    names = [column.name for column in data.columns]
    absent = data.evaluation.get("ignored_not_there") or ()
    for name in data.training.get("ignored_not_there") or ():
        if name in absent and name not in data.settings.columns:
            near = nearest(name, names)
            meant = f"; did you mean {near!r}?" if near else "; correct the name, or leave it out"
            yield name, BOTH, f"ignore_columns names {name!r}, which neither data set has{meant}", None


def role_not_possible(data: Evidence, _: float) -> Iterator[Observation]:
    names = {column.name: column for column in data.columns}
    for name, role in data.settings.columns.items():
        column = names.get(name)
        if column is None:
            yield name, BOTH, f"columns names {name!r}, which neither data set has; correct the name", None
        elif role == NUMBER and column.kind == CATEGORY:
            yield (
                name,
                TRAINING,
                f"columns says that {name!r} is a number, and it holds text; write it as a number",
                None,
            )
        elif role in (NUMBER, CATEGORY) and column.role == LABEL:
            yield name, BOTH, f"columns says that {name!r} is a {role}, and it is the label", None
