"""The data report: what each column is for, what is wrong with the data, then what it is."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from netanomaly.report import documents, sources, words
from netanomaly.report.documents import Document
from netanomaly.report.page import render
from netanomaly.report.roles import roles
from netanomaly.report.spread import category_slices, quantile_lines, ranked
from netanomaly.report.verdict import Verdict

_MOST_COLUMNS = 300
_MOST_LABELS = 60


@dataclass(frozen=True)
class Column:
    """One column of both data sets: each cell a pair, training and evaluation."""

    name: str
    kind: str
    missing: tuple[str, str]
    odd: str
    spread: tuple[str, str]
    distinct: tuple[str, str]
    picture: Markup
    found: bool


def data_page(validation: Document, training_data: Document, evaluation_data: Document) -> str:
    """The report on the two data sets of a run, as one self-contained HTML page of under 1 MB.

    Args:
        validation: What `validate` found.
        training_data: The ingest report of the training data.
        evaluation_data: The ingest report of the evaluation data.

    Any field of any document may be absent; what depends on it is then left out. Of very wide data the columns with
    findings come first and the rest is counted.
    """
    columns = _columns(validation, training_data, evaluation_data)
    labels = _labels(training_data, evaluation_data)
    checked = validation.get("checked")
    data = [sources.source("Training data", training_data), sources.source("Evaluation data", evaluation_data)]
    return render(
        "data.html.j2",
        verdict=_verdict(validation),
        lead=_lead(training_data, evaluation_data),
        roles=roles(validation),
        findings=sources.findings(validation),
        checked=[words.clip(str(rule).replace("_", " "), 60) for rule in checked][:100]
        if isinstance(checked, list)
        else [],
        overlap=_overlap(validation),
        data=[source for source in data if source.facts],
        labels=labels[:_MOST_LABELS],
        more_labels=max(0, len(labels) - _MOST_LABELS),
        columns=columns[:_MOST_COLUMNS],
        more_columns=max(0, len(columns) - _MOST_COLUMNS),
    )


def _verdict(validation: Document) -> Verdict:
    severities = [documents.text(finding, "severity") for finding in documents.objects(validation, "findings")]
    errors, warnings = severities.count("error"), severities.count("warning")
    counted = words.listed(
        [words.plural(n, name) for n, name in ((errors, "error"), (warnings, "warning")) if n] or ["no findings"]
    )
    if documents.text(validation, "verdict") == "refuse":
        return Verdict("bad", f"Data refused: {counted}")
    if errors or warnings:
        return Verdict("bad" if errors else "warning", f"Data accepted, with {counted}")
    if not validation:
        return Verdict("note", "The data was not checked")
    return Verdict("good", "Data accepted: the checks found nothing")


def _lead(training_data: Document, evaluation_data: Document) -> str:
    said = []
    for use, report in (("for training", training_data), ("for evaluation", evaluation_data)):
        rows, name = documents.count(report, "rows"), sources.name(report)
        if rows is not None:
            columns = words.plural(len(documents.objects(report, "columns")), "column")
            of = f" of {name}" if name else ""
            said.append(f"{words.plural(rows, 'flow')}{of} {use}, {columns}")
    return "; ".join(said) + "." if said else ""


def _overlap(validation: Document) -> str:
    overlap = documents.section(validation, "overlap")
    rows, share = documents.count(overlap, "rows"), documents.number(overlap, "share")
    if rows is None and share is None:
        return ""
    about = "" if overlap.get("exact") is not False else "About "
    shared = f" ({words.percent(share)})" if share is not None else ""
    return f"{about}{words.integer(rows)} flows of the evaluation data{shared} equal a flow of the training data."


def _labels(training_data: Document, evaluation_data: Document) -> list[tuple[str, str, str, str, str]]:
    """Class, flows and share in training data, flows and share in evaluation data; by size."""
    sides = [dict(ranked(documents.section(report, "labels"))) for report in (training_data, evaluation_data)]
    wholes = [sum(side.values()) for side in sides]
    names = sorted({**sides[0], **sides[1]}, key=lambda name: -(sides[0].get(name, 0) + sides[1].get(name, 0)))

    def amount(name: str, side: int) -> str:
        return words.integer(sides[side].get(name, 0)) if wholes[side] else words.MISSING

    def share(name: str, side: int) -> str:
        return words.percent(sides[side].get(name, 0) / wholes[side]) if wholes[side] else words.MISSING

    return [(words.clip(name, 60), amount(name, 0), share(name, 0), amount(name, 1), share(name, 1)) for name in names]


def _columns(validation: Document, training_data: Document, evaluation_data: Document) -> list[Column]:
    """Columns in the source's order, those with findings first."""
    sides = [
        {documents.text(column, "name"): column for column in documents.objects(report, "columns")}
        for report in (training_data, evaluation_data)
    ]
    concerned = {documents.text(finding, "column") for finding in documents.objects(validation, "findings")}
    names = sorted({**sides[0], **sides[1]}, key=lambda name: name not in concerned)
    return [_column(name, sides[0].get(name, {}), sides[1].get(name, {}), name in concerned) for name in names]


def _column(name: str, training: Document, evaluation: Document, found: bool) -> Column:
    pair = (training, evaluation)
    kinds = dict.fromkeys(kind for side in pair if (kind := documents.text(side, "kind")))
    category = "category" in kinds
    if category:
        picture = category_slices(*(documents.section(side, "categories") for side in pair))
    else:
        picture = quantile_lines(*(documents.numbers(side, "quantiles") for side in pair))
    return Column(
        name=words.clip(name, 60),
        kind=words.clip(" / ".join(kinds) or words.MISSING, 40),
        missing=_both(pair, _missing),
        odd="; ".join(dict.fromkeys(odd for side in pair for odd in _odd(side))),
        spread=_both(pair, _categories if category else _range),
        distinct=_both(pair, _distinct),
        picture=picture,
        found=found,
    )


def _both(pair: tuple[Document, Document], say: Callable[[Document], str]) -> tuple[str, str]:
    return say(pair[0]), say(pair[1])


def _missing(side: Document) -> str:
    missing, rows = documents.number(side, "missing"), documents.number(side, "rows")
    return words.percent(missing / rows) if missing is not None and rows else words.integer(missing)


def _distinct(side: Document) -> str:
    about = "about " if side.get("distinct_exact") is False else ""
    return f"{about}{words.integer(documents.number(side, 'distinct'))}"


def _odd(side: Document) -> list[str]:
    """Kinds of value that deserve a look."""
    return [name for name in ("infinite", "negative") if documents.number(side, name)]


def _range(side: Document) -> str:
    low, high = documents.number(side, "min"), documents.number(side, "max")
    if low is None or high is None:
        return words.MISSING
    middle = documents.numbers(side, "quantiles")
    median = f", median {words.value(middle[len(middle) // 2])}" if middle else ""
    return words.value(low) if low == high else f"{words.value(low)} to {words.value(high)}{median}"


def _categories(side: Document) -> str:
    counts = ranked(documents.section(side, "categories"))
    whole = sum(count for _, count in counts) + (documents.number(side, "other") or 0)
    if not whole:
        return words.MISSING
    said = [f"{words.clip(name, 24)} {words.percent(count / whole)}" for name, count in counts[:3]]
    return ", ".join(said) + (", …" if len(counts) > 3 else "")
