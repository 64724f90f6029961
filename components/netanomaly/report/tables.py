"""The tables of an evaluation: gates, champion, attack classes, operating points, explained alerts."""

import re

from netanomaly.metrics.promise import broken, off_promise
from netanomaly.report import charts, documents, words
from netanomaly.report.documents import Document, Estimate
from netanomaly.report.intervals import wilson
from netanomaly.report.status import Status

_MOST_ROWS = 80
MOST_CLASSES = 60
_MOST_ALERTS = 25
_MOST_FEATURES = 6

Row = dict[str, object]
"""One row of a table, as a template reads it."""


_GATES = {"min_roc_auc_low": "ROC-AUC, lower end", "min_lift": "Attacks' alerts over chance, lower end"}


def gates(evaluation: Document) -> list[tuple[str, str, str, str, Status]]:
    """What was demanded, what was measured, and the result. `min_roc_auc` demands `at least`, `max_...` `at most`."""
    rows = []
    for gate in documents.objects(evaluation, "gates")[:_MOST_ROWS]:
        end, _, name = documents.text(gate, "gate").partition("_")
        demand = {"min": "at least ", "max": "at most "}.get(end)
        named = words.clip(words.title(name if demand else documents.text(gate, "gate")))
        low, high = documents.number(gate, "low"), documents.number(gate, "high")
        ends = "" if low is None or high is None else f" ({words.value(low)} to {words.value(high)})"
        rows.append((
            _GATES.get(documents.text(gate, "gate"), named),
            f"{demand or ''}{words.value(documents.number(gate, 'limit'))}",
            f"{words.value(documents.number(gate, 'value'))}{ends}",
            *_result(gate),
        ))  # fmt: skip
    return rows


def _result(gate: Document) -> tuple[str, Status]:
    if gate.get("off") is True:
        return "switched off", "warning"
    if gate.get("passed") is True:
        return "passed", "good"
    # A default gate whose interval leaves both open.
    return (
        ("cannot be told", "note")
        if gate.get("by_default") is True and gate.get("passed") is None
        else ("failed", "bad")
    )


def comparison(document: Document) -> Row | None:
    """Champion and challenger side by side, with the paired difference where it is known."""
    if not document:
        return None
    champion, challenger = documents.section(document, "champion"), documents.section(document, "challenger")
    difference = documents.section(document, "difference")
    sides = (champion, challenger, difference)
    rows = []
    for name in dict.fromkeys(name for side in sides for name in side if name != "version"):
        figures = [documents.as_estimate(side.get(name)) for side in sides]
        if any(figures):
            rows.append((words.clip(_metric(name)), *figures))
    decision = documents.text(document, "decision")
    status: dict[str, Status] = {"promote": "good", "keep": "note", "reject": "bad"}
    return {
        "decision": words.clip(words.title(decision)),
        "status": status.get(decision, "note"),
        "reason": words.clip(documents.text(document, "reason"), 600),
        "champion": words.clip(documents.text(champion, "version"), 40),
        "rows": rows[:_MOST_ROWS],
    }


def _metric(name: str) -> str:
    """`recall_at_0.5_percent` in words, and any other name as it is."""
    rate = re.fullmatch(r"recall_at_([0-9.]+)_percent", name)
    return f"Recall at {rate.group(1)}% false positives" if rate else words.title(name)


def classes(evaluation: Document) -> list[Row]:
    """Recall of each attack class, in the document's order."""
    rows: list[Row] = []
    for found in documents.objects(evaluation, "classes")[:MOST_CLASSES]:
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


def replayed(evaluation: Document) -> list[Row]:
    """What was caught of attacks made by code and injected into normal flows; beside the real classes, never among them."""
    rows: list[Row] = []
    for found in documents.objects(documents.section(evaluation, "replay"), "patterns")[:MOST_CLASSES]:
        recall = documents.number(found, "recall")
        rows.append({
            "name": words.clip(words.title(documents.text(found, "name")), 60),
            "technique": words.clip(
                f"{documents.text(found, 'technique')} {documents.text(found, 'technique_name')}".strip(), 80
            ),
            "words": words.clip(documents.text(found, "words"), 200),
            "flows": documents.count(found, "flows"),
            "alerts": documents.count(found, "alerts"),
            "recall": recall,
            "bar": "" if recall is None else charts.rate_bar(Estimate(recall)),
            "episodes": documents.count(found, "episodes"),
            "episodes_caught": documents.count(found, "episodes_caught"),
        })  # fmt: skip
    return rows


def budgets(evaluation: Document) -> list[Row]:
    """The model's operating points. An achieved rate far from the promised one is marked."""
    normal, in_use = documents.number(evaluation, "normal"), documents.number(evaluation, "alert_budget")
    confidence = documents.number(evaluation, "confidence") or 0.95
    of_day = documents.number(documents.section(documents.section(evaluation, "false_alarms"), "per_day"), "rows")
    rows: list[Row] = []
    for found in documents.objects(evaluation, "budgets")[:_MOST_ROWS]:
        promised, achieved = documents.number(found, "budget"), documents.estimate(found, "false_positive_rate")
        if achieved and achieved.low is None and normal:
            achieved = wilson(achieved.value * normal, normal, confidence) or achieved
        low, high = documents.number(found, "expected_low"), documents.number(found, "expected_high")
        expected = None if promised is None else Estimate(promised, low, high)
        ratio = (
            off_promise(promised, achieved.value, achieved.ends, expected.ends if expected else None)
            if promised and achieved
            else None
        )
        rows.append({
            "budget": promised,
            "in_use": promised is not None and promised == in_use,
            "expected": expected,
            "a_day": None if promised is None or of_day is None else promised * of_day,
            "threshold": documents.number(found, "threshold"),
            "recall": documents.number(found, "recall"),
            "precision": documents.number(found, "precision"),
            "achieved": achieved.value if achieved else None,
            "over": words.times(ratio) if ratio and ratio > 1 and broken(ratio) else "",
            "under": ratio is not None and ratio < 1 and broken(ratio),
            "alerts": documents.count(found, "alerts"),
        })  # fmt: skip
    return rows


def repeats(evaluation: Document) -> Row | None:
    """Figures with and without the evaluation flows that the model was trained on; None where there are none."""
    found = documents.section(evaluation, "repeats")
    without = documents.section(found, "without")
    rows = documents.count(found, "rows")
    if not rows or not without:
        return None
    figures = [
        (words.title(name), _value_of(evaluation, name), documents.number(without, name))
        for name in ("roc_auc", "average_precision")
    ]
    before, after = (
        {_rate(point): point for point in documents.objects(side, "recall_at")} for side in (evaluation, without)
    )
    figures += [
        (
            f"Recall at {words.budget(rate)} false positives",
            documents.number(point, "recall"),
            documents.number(after.get(rate, {}), "recall"),
        )
        for rate, point in before.items()
    ]
    return {
        "rows": rows,
        "share": documents.number(found, "share"),
        "kinds": f"{words.integer(documents.count(found, 'normal'))} normal, "
        + words.plural(documents.count(found, "attacks") or 0, "attack"),
        "figures": figures,
    }


def _value_of(evaluation: Document, name: str) -> float | None:
    estimate = documents.estimate(evaluation, name)
    return estimate.value if estimate else None


def _rate(point: Document) -> float:
    return documents.number(point, "false_positive_rate") or 0.0


def top_alerts(evaluation: Document) -> list[Row]:
    alerts: list[Row] = []
    for alert in documents.objects(evaluation, "top_alerts")[:_MOST_ALERTS]:
        features = [
            {
                "name": words.clip(documents.text(feature, "name"), 60),
                "said": words.clip(documents.text(feature, "words")),
                "value": _any(feature.get("value")),
                "normal": _range(feature),
                "contribution": _contribution(documents.number(feature, "contribution")),
            }
            for feature in documents.objects(alert, "features")[:_MOST_FEATURES]
        ]
        alerts.append({
            "row": documents.count(alert, "row"),
            "file": words.clip(documents.text(documents.section(alert, "flow"), "file")),
            "flow": ", ".join(
                said for said in (_flow(documents.section(alert, "flow")), words.clip(documents.text(alert, "context"))) if said
            ),
            "score": documents.number(alert, "score"),
            "label": words.clip(documents.text(alert, "label"), 40),
            "features": features,
        })  # fmt: skip
    return alerts


def _flow(flow: Document) -> str:
    """Who spoke to whom, how and when, as far as the source says: 10.0.0.5:51012 -> 10.0.0.9:445 tcp, 2024-05-13 14:02:11."""
    ends = [_end(flow, side) for side in ("src", "dst")]
    said = " \u2192 ".join(end or "?" for end in ends) if any(ends) else ""
    said = " ".join(each for each in (said, words.clip(documents.text(flow, "protocol"), 20)) if each)
    seconds = documents.number(flow, "time")
    uid = words.clip(documents.text(flow, "uid"), 40)
    return ", ".join(each for each in (said, words.instant(seconds), uid) if each)


def _end(flow: Document, side: str) -> str:
    address, port = (words.clip(documents.text(flow, f"{side}_{part}"), 60) for part in ("ip", "port"))
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address or '?'}:{port}"


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
