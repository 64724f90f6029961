"""The evaluation report: can this model be trusted, and what is the evidence."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from netanomaly.report import charts, documents, sources, words
from netanomaly.report.documents import Document, Estimate
from netanomaly.report.intervals import wilson
from netanomaly.report.page import render
from netanomaly.report.verdict import Status, broken, judge, off_promise

_MOST_CLASSES = 60
_MOST_ALERTS = 25
_MOST_FEATURES = 6
_MOST_FACTS = 80

Row = dict[str, object]
"""One row of a table, as a template reads it."""

_BASE_RATES = [(1, 10), (1, 100), (1, 1_000), (1, 10_000)]
"""Shares of attacks for which the report says how many alerts would be real: precision in the evaluation data says
little about a network where attacks are rarer (Axelsson, 'The Base-Rate Fallacy and its Implications for the
Difficulty of Intrusion Detection', CCS 1999)."""


@dataclass(frozen=True)
class Tile:
    """A headline figure, its interval, and what it means."""

    name: str
    figure: str
    ends: str
    meaning: str


def evaluation_page(
    evaluation: Document,
    validation: Document,
    training: Document,
    training_data: Document,
    evaluation_data: Document,
    configuration: Document,
    provenance: Document,
) -> str:
    """The report on one trained model, as one self-contained HTML page of under 1 MB.

    Args:
        evaluation: What `evaluate` measured.
        validation: What `validate` found in the data.
        training: The training summary.
        training_data: The ingest report of the training data.
        evaluation_data: The ingest report of the evaluation data.
        configuration: The resolved configuration.
        provenance: Run id, digests, versions and times, in any nesting.

    Any field of any document may be absent; what depends on it is then left out.
    """
    at = documents.section(evaluation, "at_threshold")
    confidence = documents.number(evaluation, "confidence")
    data = [sources.source("Training data", training_data), sources.source("Evaluation data", evaluation_data)]
    return render(
        "evaluation.html.j2",
        model=_identity(configuration, provenance),
        lead=_lead(evaluation, training, training_data, evaluation_data),
        verdict=judge(evaluation, validation, training_data, evaluation_data),
        tiles=_tiles(evaluation),
        intervals=_intervals(confidence, documents.text(evaluation, "interval_method")),
        plain=_plain(at),
        base_rates=_base_rates(at),
        attack_share=_share(evaluation, "attacks"),
        gates=_gates(evaluation),
        comparison=_comparison(documents.section(evaluation, "comparison")),
        pictures=_pictures(evaluation),
        scores=_scores(evaluation),
        confusion=_confusion(at),
        threshold=documents.number(evaluation, "threshold"),
        classes=_classes(evaluation),
        more_classes=max(0, len(documents.objects(evaluation, "classes")) - _MOST_CLASSES),
        budgets=_budgets(evaluation),
        findings=sources.findings(evaluation, validation),
        top_alerts=_top_alerts(evaluation),
        data=[source for source in data if source.facts],
        fitting=_fitting(training),
        settings=_facts(configuration),
        provenance=_facts(_provenance(configuration, training, provenance)),
    )


def _identity(configuration: Document, provenance: Document) -> dict[str, str]:
    def first(field: str) -> str:
        return words.clip(documents.text(configuration, field) or documents.text(provenance, field))

    made = next(filter(None, (first(field) for field in ("created", "prepared_at", "started", "time"))), "")
    return {
        "name": first("model_name") or "Anomaly detector",
        "version": first("model_version"),
        "made": words.moment(made),
    }


def _provenance(configuration: Document, training: Document, provenance: Document) -> Document:
    """What is said of the run's origin, with what the other documents know of it."""
    known = {name: configuration.get(name) for name in ("run_id", "prepared_at", "champion", "random_state")}
    return {**known, "versions": training.get("versions"), **provenance}


def _lead(evaluation: Document, training: Document, training_data: Document, evaluation_data: Document) -> str:
    """What was trained on what, and judged on what, in two sentences."""
    kind = documents.text(evaluation, "model_type") or documents.text(training, "model_type") or "detector"
    used = documents.count(training, "rows_used") or documents.count(training, "rows")
    normal = "normal " if documents.text(training, "training_rows") == "normal" else ""
    model = words.clip(words.title(kind))
    trained = f"{model} trained on {words.integer(used)} {normal}flows" if used else model
    if source := sources.name(training_data):
        trained += f" of {source}" if used else f" trained on {source}"
    judged = documents.count(evaluation, "rows")
    if judged is None:
        return f"{trained}."
    held_out = evaluation.get("held_out") is True
    name = sources.name(evaluation_data)
    of = (
        f" held out of {name}"
        if held_out and name
        else " held out before fitting"
        if held_out
        else f" of {name}"
        if name
        else ""
    )
    normal_rows, attacks = documents.count(evaluation, "normal"), documents.count(evaluation, "attacks")
    labels = (
        f": {words.integer(normal_rows)} normal, {words.plural(attacks, 'attack')}"
        if normal_rows is not None and attacks is not None
        else ", without labels" if evaluation.get("labelled") is False else ""
    )  # fmt: skip
    return f"{trained}. Judged on {words.integer(judged)} flows{of}{labels}."


def _tiles(evaluation: Document) -> list[Tile]:
    at = documents.section(evaluation, "at_threshold")
    tiles = []
    if area := documents.estimate(evaluation, "roc_auc"):
        meaning = "chance that an attack scores higher than a normal flow; 0.5 is a coin toss"
        tiles.append(Tile("ROC-AUC", words.decimal(area.value), words.interval(area), meaning))
    recall = dict(_recall_at(evaluation)).get(0.01)
    if recall:
        meaning = "of attacks caught when 1% of normal flows raise an alert"
        tiles.append(
            Tile("Recall at 1% false positives", words.percent(recall.value), words.interval(recall, True), meaning)
        )
    if precision := _precision(evaluation):
        share = _share(evaluation, "attacks")
        meaning = "of alerts are attacks" + (f", where {words.percent(share)} of flows are attacks" if share else "")
        tiles.append(
            Tile("Precision at the threshold", words.percent(precision.value), words.interval(precision, True), meaning)
        )
    if false := documents.estimate(at, "false_positive_rate"):
        budget = documents.number(evaluation, "alert_budget")
        meaning = "of normal flows raise an alert" + (f"; {words.budget(budget)} was promised" if budget else "")
        tiles.append(Tile("False-alarm rate", words.percent(false.value), words.interval(false, True), meaning))
    if tiles:
        return tiles
    rows, alerts = documents.count(evaluation, "rows"), documents.count(at, "alerts")
    if alerts is not None:
        tiles.append(Tile("Alerts", words.integer(alerts), "", "flows score over the threshold"))
        if rows:
            tiles.append(Tile("Alert rate", words.percent(alerts / rows), "", f"of {words.integer(rows)} flows"))
    return tiles


def _precision(evaluation: Document) -> Estimate | None:
    """Precision at the threshold, with Wilson's interval where the document gives none."""
    at = documents.section(evaluation, "at_threshold")
    given, alerts = documents.estimate(at, "precision"), documents.number(at, "alerts")
    caught = documents.number(at, "true_positives")
    if given is None or given.low is not None or alerts is None or caught is None:
        return given
    return wilson(caught, alerts, documents.number(evaluation, "confidence") or 0.95) or given


def _intervals(confidence: float | None, method: str) -> str:
    """How the intervals were made."""
    level = f"{words.budget(confidence)} confidence intervals" if confidence else "Confidence intervals"
    return f"{level}: {words.clip(method, 160)}." if method else ""


def _plain(at: Document) -> list[tuple[str, Markup, str]]:
    """Rates as counts: a sentence's figure, its picture, the rest of the sentence."""
    said = []
    if (recall := documents.number(at, "recall")) is not None:
        picture = charts.crowd(recall, 100, 25, "filled-attack", "Of 100 attacks, those caught")
        said.append((words.out_of(recall, 100), picture, "attacks are caught. The others pass unseen."))
    if false := documents.estimate(at, "false_positive_rate"):
        picture = charts.crowd(
            false.value, 1000, 50, "filled-normal", "Of 1,000 normal flows, those that raise an alert"
        )
        said.append((words.out_of(false.value, 1000), picture, "normal flows raise a false alarm."))
    return said


def _base_rates(at: Document) -> list[tuple[str, str, str]]:
    """For attacks of a given rarity: the rarity, real ones of 100 alerts, alerts in a million flows."""
    recall, false = documents.number(at, "recall"), documents.estimate(at, "false_positive_rate")
    if recall is None or false is None or not (recall or false.value):
        return []
    rows = []
    for one, among in _BASE_RATES:
        share = one / among
        real, alerts = recall * share, recall * share + false.value * (1 - share)
        rows.append((f"{one} in {among:,}", words.out_of(real / alerts, 100), words.integer(alerts * 1_000_000)))
    return rows


def _recall_at(evaluation: Document) -> list[tuple[float, Estimate]]:
    found = []
    for point in documents.objects(evaluation, "recall_at"):
        rate, recall = documents.number(point, "false_positive_rate"), documents.number(point, "recall")
        if rate is not None and recall is not None and rate > 0:
            found.append((rate, Estimate(recall, documents.number(point, "low"), documents.number(point, "high"))))
    return found


def _gates(evaluation: Document) -> list[tuple[str, str, str, bool]]:
    """What was demanded, what was measured, passed or not. `min_roc_auc` demands `at least`, `max_...` `at most`."""
    rows = []
    for gate in documents.objects(evaluation, "gates")[:_MOST_FACTS]:
        end, _, name = documents.text(gate, "gate").partition("_")
        demand = {"min": "at least ", "max": "at most "}.get(end)
        rows.append((
            words.clip(words.title(name if demand else documents.text(gate, "gate"))),
            f"{demand or ''}{words.value(documents.number(gate, 'limit'))}",
            words.value(documents.number(gate, "value")),
            gate.get("passed") is True,
        ))  # fmt: skip
    return rows


def _comparison(comparison: Document) -> Row | None:
    """Champion and challenger side by side, with the paired difference where it is known."""
    if not comparison:
        return None
    champion, challenger = documents.section(comparison, "champion"), documents.section(comparison, "challenger")
    difference = documents.section(comparison, "difference")
    sides = (champion, challenger, difference)
    rows = []
    for name in dict.fromkeys(name for side in sides for name in side if name != "version"):
        figures = [documents.as_estimate(side.get(name)) for side in sides]
        if any(figures):
            rows.append((words.clip(words.title(name)), *figures))
    decision = documents.text(comparison, "decision")
    status: dict[str, Status] = {"promote": "good", "keep": "note", "reject": "bad"}
    return {
        "decision": words.clip(words.title(decision)),
        "status": status.get(decision, "note"),
        "reason": words.clip(documents.text(comparison, "reason"), 600),
        "champion": words.clip(documents.text(champion, "version"), 40),
        "rows": rows[:_MOST_FACTS],
    }


def _pictures(evaluation: Document) -> list[tuple[str, str, Markup]]:
    curves, at = documents.section(evaluation, "curves"), documents.section(evaluation, "at_threshold")
    roc, precision_recall = documents.points(curves, "roc"), documents.points(curves, "precision_recall")
    recall, precision = documents.number(at, "recall"), documents.number(at, "precision")
    false = documents.estimate(at, "false_positive_rate")
    operating = (false.value, recall) if false and recall is not None else None
    pictures = []
    if roc:
        pictures.append((
            "Where it matters: few false alarms",
            "Recall at low false-positive rates, on a logarithmic axis. Vertical marks are confidence intervals.",
            charts.roc(roc, operating, _recall_at(evaluation)),
        ))  # fmt: skip
    if precision_recall:
        pictures.append((
            "Precision and recall",
            "How many alerts are attacks, for each share of attacks caught. It depends on how common attacks are here.",
            charts.precision_recall(
                precision_recall,
                (recall, precision) if recall is not None and precision is not None else None,
                _share(evaluation, "attacks"),
            ),
        ))  # fmt: skip
    if roc:
        pictures.append((
            "The usual ROC curve",
            "The same curve on plain axes; its area is the ROC-AUC. The dashed line is a coin toss.",
            charts.roc_linear(roc, operating, documents.estimate(evaluation, "roc_auc")),
        ))  # fmt: skip
    return pictures


def _scores(evaluation: Document) -> Markup:
    found = documents.section(evaluation, "scores")
    normal, attack = documents.numbers(found, "normal"), documents.numbers(found, "attack")
    if not sum(normal) or not sum(attack):
        normal, attack = documents.numbers(found, "all"), []
    return charts.scores(documents.numbers(found, "edges"), normal, attack, documents.number(evaluation, "threshold"))


def _confusion(at: Document) -> dict[str, int] | None:
    names = ("true_positives", "false_negatives", "false_positives", "true_negatives")
    found = {name: documents.count(at, name) for name in names}
    return (
        {name: amount for name, amount in found.items() if amount is not None} if None not in found.values() else None
    )


def _classes(evaluation: Document) -> list[Row]:
    rows: list[Row] = []
    for found in documents.objects(evaluation, "classes")[:_MOST_CLASSES]:
        recall = documents.number(found, "recall")
        estimate = (
            None
            if recall is None
            else Estimate(recall, documents.number(found, "low"), documents.number(found, "high"))
        )
        rows.append({
            "name": words.clip(documents.text(found, "name"), 60),
            "rows": documents.count(found, "rows"),
            "detected": documents.count(found, "detected"),
            "recall": estimate,
            "bar": "" if estimate is None else charts.rate_bar(estimate),
        })  # fmt: skip
    return rows


def _budgets(evaluation: Document) -> list[Row]:
    """The model's operating points. An achieved rate far from the promised one is marked."""
    normal, in_use = documents.number(evaluation, "normal"), documents.number(evaluation, "alert_budget")
    confidence = documents.number(evaluation, "confidence") or 0.95
    rows: list[Row] = []
    for found in documents.objects(evaluation, "budgets")[:_MOST_FACTS]:
        promised, achieved = documents.number(found, "budget"), documents.estimate(found, "false_positive_rate")
        if achieved and achieved.low is None and normal:
            achieved = wilson(achieved.value * normal, normal, confidence) or achieved
        ratio = off_promise(promised, achieved)
        rows.append({
            "budget": promised,
            "in_use": promised is not None and promised == in_use,
            "threshold": documents.number(found, "threshold"),
            "recall": documents.number(found, "recall"),
            "precision": documents.number(found, "precision"),
            "achieved": achieved.value if achieved else None,
            "over": words.times(ratio) if ratio and ratio > 1 and broken(ratio) else "",
            "under": ratio is not None and ratio < 1 and broken(ratio),
            "alerts": documents.count(found, "alerts"),
        })  # fmt: skip
    return rows


def _top_alerts(evaluation: Document) -> list[Row]:
    alerts: list[Row] = []
    for alert in documents.objects(evaluation, "top_alerts")[:_MOST_ALERTS]:
        features = [
            {
                "name": words.clip(documents.text(feature, "name"), 60),
                "value": _any(feature.get("value")),
                "normal": _range(feature),
                "contribution": _contribution(documents.number(feature, "contribution")),
            }
            for feature in documents.objects(alert, "features")[:_MOST_FEATURES]
        ]
        alerts.append({
            "row": documents.count(alert, "row"),
            "score": documents.number(alert, "score"),
            "label": words.clip(documents.text(alert, "label"), 40),
            "features": features,
        })  # fmt: skip
    return alerts


def _range(feature: Document) -> str:
    low, high = _any(feature.get("normal_low")), _any(feature.get("normal_high"))
    if not low and not high:
        return ""
    return low if low == high else f"{low or '…'} to {high or '…'}"


def _contribution(value: float | None) -> str:
    """A share of the score as a percentage; what cannot be a share as it is."""
    return words.percent(value) if value is not None and 0 <= value <= 1 else words.value(value)


def _any(value: object) -> str:
    read = documents.as_number(value)
    return words.value(read) if read is not None else "" if value is None else words.clip(str(value), 60)


def _fitting(training: Document) -> list[tuple[str, str]]:
    facts = [
        ("Flows in the training data", words.integer(documents.number(training, "rows"))),
        ("Used for training", words.integer(documents.number(training, "rows_used"))),
        ("Fitted on", words.integer(documents.number(training, "rows_fitted"))),
        ("Threshold set on", words.integer(documents.number(training, "rows_calibrated"))),
        ("Features", words.integer(_length(training, "features"))),
        ("of them categorical", words.integer(_length(training, "categorical"))),
        ("Seconds", words.value(documents.number(training, "seconds"))),
    ]
    parameters = [(name, said) for name, said in _facts(documents.section(training, "parameters"))]
    return [(name, said) for name, said in facts if said != words.MISSING] + parameters


def _length(document: Document, name: str) -> float | None:
    found = document.get(name)
    return float(len(found)) if isinstance(found, list | tuple) else None


def _share(evaluation: Document, name: str) -> float | None:
    part, rows = documents.number(evaluation, name), documents.number(evaluation, "rows")
    return part / rows if part is not None and rows else None


def _facts(document: Document, within: str = "") -> list[tuple[str, str]]:
    """Every leaf of a document as a name and its value, nested names joined by a dot."""
    facts: list[tuple[str, str]] = []
    for name, found in document.items():
        path = f"{within}{name}"
        if isinstance(found, Mapping):
            facts += _facts(found, f"{path}.")
        elif isinstance(found, list | tuple):
            if found:
                facts.append((words.clip(path), words.listed([words.clip(str(item), 100) for item in found], most=12)))
        elif found is not None and found != "":
            facts.append((words.clip(path), words.clip(str(found), 200)))
    return facts[:_MOST_FACTS]
