"""What each column is for, decided by evidence: the profiles of both data sets, and the configuration, which has the last word.

| role | what becomes of the column |
| --- | --- |
| number, category | learnt from |
| time, end of the flow, identifier, constant | left out: it tells records apart, or nothing |
| label, gives the answer away | left out: it says what is to be found out |
| ignored | left out, as the configuration wants |

docs/data.md states the rules.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from netanomaly.flows import column_names, time_names
from netanomaly.flows.labels import clean_label, is_normal
from netanomaly.stages.validate.settings import Settings
from netanomaly.traffic.feature_list import CONTEXT_NAMES

Report = Mapping[str, Any]

NUMBER, CATEGORY = "number", "category"
TIME, END, IDENTIFIER, CONSTANT = "time", "end of the flow", "identifier", "constant"
LABEL, ANSWER, IGNORED = "label", "gives the answer away", "ignored"

# What is left to see that the configuration asks for a column that evidence would leave out.
_USED = (NUMBER, CATEGORY)

CODES_AT_MOST, CODES_PER_CLASS = 20, 3
CODES_LIMIT = 0.92
"""ROC-AUC from which a column of a few codes gives the answer away: a copy of the label with 8 rows in a hundred wrong. Of
all real columns of so few codes that were measured the nearest is 0.89 (NSL-KDD's `flag`), but for those named as what
sensors measure."""

# Without case and punctuation: what data sets call a column that says what is to be found out.
_ANSWERS = frozenset({
    "attackcat", "attackcategory", "attacktype", "attackclass", "attackname", "attacksubcategory", "attacksubclass",
    "detailedlabel", "detailedlabels", "difficulty", "difficultylevel", "attemptedcategory", "subcategory", "multilabel",
    "binarylabel", "labelbinary", "labelmulti", "ismalicious", "isattack", "groundtruth", "threattype", "malwarefamily",
})  # fmt: skip
_DIGITS = re.compile(r"\d+")
_LABELS = frozenset({"label", "labels", "class", "classes", "attack", "attacks", "malicious", "target"})


@dataclass(frozen=True)
class Column:
    """One column of the data and its role.

    Attributes:
        kind: number or category, as it is read; None of what is not read.
        why: The evidence, in words.
        configured: Whether the configuration says so.
        against: Evidence that speaks against what the configuration wants, in words.
        measured: Whether it is named as what sensors measure, or holds addresses, or the configuration says what it is.
        separates: ROC-AUC by which this column alone tells attacks from normal rows; None where not known.
    """

    name: str
    role: str
    kind: str | None
    why: str
    configured: bool = False
    against: str | None = None
    separates: float | None = None
    measured: bool = False

    @property
    def is_feature(self) -> bool:
        return self.role in _USED

    def document(self) -> dict[str, Any]:
        """As the dossier has it."""
        return asdict(self)


def decide_roles(training: Report, evaluation: Report, settings: Settings, answer_limit: float | None) -> list[Column]:
    """The role of every column of either data set, in the order of the training data.

    Args:
        training: The ingest report of the training data.
        evaluation: That of the evaluation data.
        settings: What the configuration wants.
        answer_limit: ROC-AUC from which a column gives the answer away; None: that is not looked for.
    """
    profiles = [{column["name"]: column for column in report["columns"]} for report in (training, evaluation)]
    decision = _Decision(training, evaluation, settings, answer_limit)
    found = [
        decision.column(name, profiles[0].get(name), profiles[1].get(name)) for name in {**profiles[0], **profiles[1]}
    ]
    beside = {column.name: column for report in (training, evaluation) for column in _beside(report, settings)}
    return [*found, *(column for name, column in beside.items() if name not in {**profiles[0], **profiles[1]})]


def features(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the columns to learn from, of those in a dossier."""
    return [column["name"] for column in columns if column["role"] in _USED]


def is_constant(column: Report) -> bool:
    """Whether a column of an ingest report tells nothing apart: one value in all rows, or none."""
    if 0 < column["missing"] < column["rows"]:
        return False
    return bool(column["min"] == column["max"] if column["kind"] == "number" else column["distinct"] <= 1)


def value_of(column: Report) -> str | None:
    """The value of a constant column in words; None where it has none."""
    if column["missing"] == column["rows"]:
        return None
    return f"{column['min']:.12g}" if column["kind"] == "number" else repr(next(iter(column["categories"])))


@dataclass(frozen=True)
class _Decision:
    training: Report
    evaluation: Report
    settings: Settings
    answer_limit: float | None

    def column(self, name: str, training: Report | None, evaluation: Report | None) -> Column:
        known = [side for side in (training, evaluation) if side is not None]
        kind = known[0]["kind"]
        measured = _separation(known)
        separates = None if measured is None else measured["auc"]
        evidence = next(self._evidence(name, training, known), None)
        wanted = self.settings.columns.get(name)
        if wanted in (NUMBER, CATEGORY):
            against = None if evidence is None else f"{evidence[0]}: {evidence[1]}"
            return Column(name, kind, kind, "the configuration says so", True, against, separates, measured=True)
        if evidence is None:
            return Column(
                name, kind, kind, _values(known[0]), separates=separates, measured=self._measured(name, known)
            )
        role, why = evidence
        listed = name in self.settings.feature_columns or name in self.settings.categorical_columns
        if role == IDENTIFIER and listed:
            return Column(name, kind, kind, "listed in the configuration", True, f"{role}: {why}", separates)
        return Column(name, role, kind, why, separates=separates)

    def _evidence(self, name: str, training: Report | None, known: Sequence[Report]) -> Iterator[tuple[str, str]]:
        """Roles other than a feature's that something speaks for, the strongest first, and what that is."""
        if training is not None and is_constant(training):
            constant = value_of(training)
            tells_nothing = (
                CONSTANT,
                "empty in the training data" if constant is None else f"always {constant} in the training data",
            )
        else:
            tells_nothing = None
        if any(report.get("sensor") for report in self._sides):
            # Their columns are our own features of flows, made without the labels: what each means is known.
            yield from [tells_nothing] if tells_nothing else []
            return
        shape = next((side["time"] for side in known if side.get("time")), None)
        if shape:
            yield (END if time_names.is_end(name) else TIME), _TIMES[shape]
        plain = "".join(filter(str.isalnum, name)).lower()
        if plain in _ANSWERS:
            yield ANSWER, "known by its name to say what is an attack"
        # What the training data does not tell of a column is asked of the other.
        if why := known[0].get("identifier"):
            yield IDENTIFIER, why
        yield from self._answer(name, plain, known)
        if tells_nothing:
            yield tells_nothing

    def _answer(self, name: str, plain: str, known: Sequence[Report]) -> Iterator[tuple[str, str]]:
        labelled = any(report["label_column"] is not None for report in (self.training, self.evaluation))
        classes = {clean_label(text).lower() for side in known for text in side.get("categories") or ()}
        told = {
            clean_label(text).lower() for report in (self.training, self.evaluation) for text in report["labels"] or ()
        }
        told = {text for text in told if not text.replace(".", "").isdigit()}
        measured = _separation(known)
        if self.answer_limit is not None and measured is not None:
            limit, auc = self.answer_limit, measured.get("in_order", measured["auc"])
            at_most = max(CODES_AT_MOST, CODES_PER_CLASS * self._classes)
            if measured["by"] == "value" and measured["values"] <= at_most:
                limit = min(limit, CODES_LIMIT)
            # Of no more values than the label and without a mistake: a copy of it, whatever it is called.
            copy = measured["by"] == "value" and measured["values"] <= self._classes and auc >= self.answer_limit
            if auc >= limit and (copy or not self._measured(name, known)):
                yield ANSWER, f"alone it tells attacks from normal rows with a ROC-AUC of {auc:.3f}"
        if labelled and len(classes & told) > 1:
            yield ANSWER, f"it holds the classes of the label ({', '.join(sorted(classes & told)[:3])}, ...)"
        if labelled and plain in _LABELS:
            yield ANSWER, f"it is called a label, and the label is {self.settings.label_column!r}"
        if not labelled and (plain in _LABELS or classes & {"normal", "benign"} or self._nearly_the_label(name)):
            yield LABEL, "it looks like a label, and is not the one that was asked for"
        if labelled and self._nearly_the_label(name):
            yield ANSWER, f"its name is nearly that of the label, {self.settings.label_column!r}"

    def _measured(self, name: str, known: Sequence[Report]) -> bool:
        return any(report.get("sensor") for report in self._sides) or _is_measured(name, known)

    @property
    def _classes(self) -> int:
        return max(len(report["labels"] or ()) for report in self._sides)

    @property
    def _sides(self) -> tuple[Report, Report]:
        return self.training, self.evaluation

    def _nearly_the_label(self, name: str) -> bool:
        label, name = self.settings.label_column.lower(), name.lower()
        # `column_7` is as near to `column_42` as any other that is numbered.
        numbered = _DIGITS.sub("", name) == _DIGITS.sub("", label)
        return bool(label) and not numbered and bool(get_close_matches(name, [label], cutoff=0.75))


def _separation(known: Sequence[Report]) -> Mapping[str, Any] | None:
    """How well a column alone tells attacks, of the data set that has more rows of the rarer kind."""
    found = [side["separates"] for side in known if side.get("separates")]
    return max(found, key=lambda each: min(each["attacks"], each["normal"]), default=None)


_TIMES = {
    "epoch": "its numbers are points in time since 1970",
    "date": "its values are dates",
    "time": "its values are points in time",
    "time of day": "its values are times of day",
    "outside": "its values are points in time, and not understood: most lie outside 1990 to 2100",
    "unread": "its values look like points in time, and their notation is not understood",
    "unclear": "it is called a time, and its values are not understood",
    "rising": "it is called a time and rises from row to row, and is not understood as points in time",
}


def _beside(report: Report, settings: Settings) -> Iterator[Column]:
    """The columns that are read and are no features, and those that are not read."""
    time = report["time"]
    if time:
        because = "named in the configuration" if settings.time_column else "its values are points in time"
        yield Column(time["column"], TIME, None, f"{because}: the records' times", bool(settings.time_column))
        if time.get("of_day"):
            yield Column(time["of_day"], TIME, None, f"times of day, read together with {time['column']!r}")
    for name in report.get("times_beside") or ():
        yield Column(name, END if time_names.is_end(name) else TIME, None, "it is stored as a time")
    if report["label_column"]:
        yield Column(report["label_column"], LABEL, None, _label_in_words(report, settings), settings.label_named)
    for name in report["ignored"]:
        wanted = (
            "not among feature_columns"
            if settings.feature_columns
            else "the sensor does not say it, or the configuration leaves it out"
            if report.get("sensor")
            else "the configuration says so"
        )
        yield Column(name, IGNORED, None, wanted, True)


def _label_in_words(report: Report, settings: Settings) -> str:
    classes = report["labels"] or {}
    normal = [name for name in classes if is_normal(name, settings.normal_labels)]
    said = ", ".join(repr(name) for name in normal[:3]) or "none"
    return f"{len(classes)} classes, of which normal: {said}"


def _is_measured(name: str, known: Sequence[Report]) -> bool:
    # Features in context are made here, of times and ends alone.
    named = bool(column_names.words(name) & column_names.MEASURED) or name in CONTEXT_NAMES
    return named or any(side.get("addresses") for side in known)


def _values(column: Report) -> str:
    about = "" if column.get("distinct_exact", True) else "about "
    values = f"{about}{column['distinct']:,} value{'s' * (column['distinct'] != 1)}"
    return f"numbers, {values}" if column["kind"] == "number" else values
