"""The figures of an evaluation: headlines with intervals, rates in plain words, curves."""

from dataclasses import dataclass

from markupsafe import Markup

from netanomaly.report import charts, documents, words
from netanomaly.report.documents import Document, Estimate
from netanomaly.report.intervals import wilson

_DAY = 86_400
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


def tiles(evaluation: Document) -> list[Tile]:
    """At most four headlines; of data without labels, how many alerts there are."""
    at = documents.section(evaluation, "at_threshold")
    found = []
    if area := documents.estimate(evaluation, "roc_auc"):
        meaning = "chance that an attack scores higher than a normal flow; 0.5 is a coin toss"
        found.append(Tile("ROC-AUC", words.decimal(area.value), words.interval(area), meaning))
    recall = dict(_recall_at(evaluation)).get(0.01)
    if recall:
        meaning = "of attacks caught when 1% of normal flows raise an alert"
        found.append(
            Tile("Recall at 1% false positives", words.percent(recall.value), words.interval(recall, True), meaning)
        )
    attacks = attack_share(evaluation)
    # Of attacks alone every alert is one, of normal flows alone none.
    if attacks not in (0, 1) and (precision := _precision(evaluation)):
        meaning = "of alerts are attacks" + (
            f", where {words.percent(attacks)} of flows are attacks" if attacks else ""
        )
        found.append(
            Tile("Precision at the threshold", words.percent(precision.value), words.interval(precision, True), meaning)
        )
    if false := documents.estimate(at, "false_positive_rate"):
        budget = documents.number(evaluation, "alert_budget")
        meaning = "of normal flows raise an alert" + (f"; {words.budget(budget)} was promised" if budget else "")
        found.append(Tile("False-alarm rate", words.percent(false.value), words.interval(false, True), meaning))
    if found:
        return found
    rows, alerts = documents.count(evaluation, "rows"), documents.count(at, "alerts")
    if alerts is not None:
        found.append(Tile("Alerts", words.integer(alerts), "", "flows score over the threshold"))
        if rows:
            found.append(Tile("Alert rate", words.percent(alerts / rows), "", f"of {words.integer(rows)} flows"))
    return found


def _precision(evaluation: Document) -> Estimate | None:
    """Precision at the threshold, with Wilson's interval where the document gives none."""
    at = documents.section(evaluation, "at_threshold")
    given, alerts = documents.estimate(at, "precision"), documents.number(at, "alerts")
    caught = documents.number(at, "true_positives")
    if given is None or given.low is not None or alerts is None or caught is None:
        return given
    return wilson(caught, alerts, documents.number(evaluation, "confidence") or 0.95) or given


def intervals(evaluation: Document) -> str:
    """How the intervals were made, in a sentence; empty where the document does not say."""
    confidence, method = documents.number(evaluation, "confidence"), documents.text(evaluation, "interval_method")
    if not method:
        return ""
    level = f"{words.budget(confidence)} confidence intervals" if confidence else "Confidence intervals"
    given = documents.estimate(documents.section(evaluation, "at_threshold"), "precision")
    precision = "; precision: Wilson" if given and given.low is None else ""
    return f"{level}. {words.title(words.clip(method, 300))}{precision}."


def plain(at: Document) -> list[tuple[str, Markup, str]]:
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


def false_alarms(evaluation: Document, training_data: Document) -> list[str]:
    """How many false alarms to expect, in sentences."""
    expected = documents.section(evaluation, "false_alarms")
    budget = documents.number(evaluation, "alert_budget")
    said = []
    if of_day := _expected(documents.section(expected, "per_day")):
        rows, low, high = of_day
        said.append(_a_day(evaluation, rows, low, high))
        time = documents.section(training_data, "time")
        first, last = documents.number(time, "first"), documents.number(time, "last")
        if first is not None and last is not None and last - first < _DAY:
            seen = words.duration(last - first)
            said.append(
                f"A day is foretold by {seen} of traffic: what the other hours are like was not seen, and may alert."
            )
    if incidents := documents.section(expected, "incidents_per_day"):
        said.append(incidents_a_day(incidents))
    if judged := _expected(documents.section(expected, "evaluated")):
        rows, low, high = judged
        found = documents.count(documents.section(evaluation, "at_threshold"), "false_positives")
        there_were = "" if found is None else f"; there were {words.integer(found)}"
        said.append(
            f"A budget of {words.budget(budget)} lets {low} to {high} of the {words.integer(rows)} normal flows judged "
            f"raise an alert{there_were}."
        )
    return said


def confirmed(evaluation: Document) -> list[str]:
    """What people's verdicts on alerts had to do with the model, in sentences."""
    said = []
    benign = documents.section(evaluation, "confirmed_benign")
    if rows := documents.count(benign, "rows"):
        verdicts = words.plural(documents.count(benign, "verdicts") or 0, "verdict")
        said.append(f"{words.integer(rows)} flows that people judged to be benign ({verdicts}) were trained on.")
    attacks = documents.section(evaluation, "confirmed")
    if number := documents.count(attacks, "attacks"):
        caught, alerts, flows = (
            words.integer(documents.number(attacks, name)) for name in ("caught", "alerts", "flows")
        )
        said.append(
            f"Of {words.plural(number, 'attack')} that people confirmed {caught} raise an alert ({alerts} of {flows} flows); they "
            "were found by a model, and say nothing of attacks that none found."
        )
    return said


def incidents_a_day(found: Document) -> str:
    """How many incidents a day of normal traffic brings, and how that is known."""
    low, high, mean, days = (documents.number(found, name) for name in ("low", "high", "per_day", "days"))
    seen = "" if mean is None or days is None else f": {mean:,.1f} a day on the {days:,.1f} days replayed"
    return (
        f"Alerts of one host at one time are one incident: expect {words.integer(low)} to {words.integer(high)} incidents a day "
        f"of traffic like that in training{seen}."
    )


def _a_day(evaluation: Document, rows: float, low: str, high: str) -> str:
    """What to expect of a day: the rate that was achieved where it is not the one promised, else the promised range."""
    at = f"at the {words.integer(rows)} flows a day that it was trained on"
    judged = documents.section(documents.section(evaluation, "false_alarms"), "evaluated")
    least, most = documents.number(judged, "low"), documents.number(judged, "high")
    point = documents.section(evaluation, "at_threshold")
    found, achieved = documents.number(point, "false_positives"), documents.estimate(point, "false_positive_rate")
    if achieved and found is not None and least is not None and most is not None and not least <= found <= most:
        now = words.integer(achieved.value * rows)
        return f"At the rate achieved here expect about {now} false alarms a day, {at}; {low} to {high} were promised."
    return f"Expect {low} to {high} false alarms a day, {at}."


def _expected(document: Document) -> tuple[float, str, str] | None:
    rows, low, high = (documents.number(document, name) for name in ("rows", "low", "high"))
    return None if rows is None or low is None or high is None else (rows, words.integer(low), words.integer(high))


def base_rates(at: Document) -> list[tuple[str, str, str]]:
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


def pictures(evaluation: Document) -> list[tuple[str, str, Markup]]:
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
                attack_share(evaluation),
            ),
        ))  # fmt: skip
    if roc:
        pictures.append((
            "The usual ROC curve",
            "The same curve on plain axes; its area is the ROC-AUC. The dashed line is a coin toss.",
            charts.roc_linear(roc, operating, documents.estimate(evaluation, "roc_auc")),
        ))  # fmt: skip
    return pictures


def scores(evaluation: Document) -> Markup:
    found = documents.section(evaluation, "scores")
    normal, attack = documents.numbers(found, "normal"), documents.numbers(found, "attack")
    if not sum(normal) or not sum(attack):
        normal, attack = documents.numbers(found, "all"), []
    return charts.scores(documents.numbers(found, "edges"), normal, attack, documents.number(evaluation, "threshold"))


def confusion(at: Document) -> dict[str, int] | None:
    names = ("true_positives", "false_negatives", "false_positives", "true_negatives")
    found = {name: documents.count(at, name) for name in names}
    return (
        {name: amount for name, amount in found.items() if amount is not None} if None not in found.values() else None
    )


def attack_share(evaluation: Document) -> float | None:
    """The part of the evaluation data that is attacks."""
    part, rows = documents.number(evaluation, "attacks"), documents.number(evaluation, "rows")
    return part / rows if part is not None and rows else None
