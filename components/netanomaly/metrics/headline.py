"""The few figures that registries and run lists show, of the evaluation's document. Loads no numeric library."""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]


def headline(metrics: Document) -> dict[str, float]:
    """The few numbers that registries and run lists show; those that could not be measured are left out."""
    found: dict[str, float | None] = {
        "roc_auc": _value(metrics.get("roc_auc")),
        "average_precision": _value(metrics.get("average_precision")),
        "threshold": metrics.get("threshold"),
    }
    for point in metrics.get("recall_at") or ():
        found[_recall_name(point)] = point["recall"]
    at_threshold = metrics.get("at_threshold") or {}
    for name in ("precision", "recall", "f1"):
        found[name] = at_threshold.get(name)
    found["false_positive_rate"] = _value(at_threshold.get("false_positive_rate"))
    return {name: value for name, value in found.items() if value is not None}


def with_ends(metrics: Document) -> dict[str, float]:
    """The headline, and of each figure that has one its interval, under `<name>_low` and `<name>_high`."""
    intervals: dict[str, Document | None] = {
        "roc_auc": metrics.get("roc_auc"),
        "average_precision": metrics.get("average_precision"),
    }
    for point in metrics.get("recall_at") or ():
        intervals[_recall_name(point)] = point
    at_threshold = metrics.get("at_threshold") or {}
    intervals["recall"] = at_threshold.get("recall_interval")
    intervals["false_positive_rate"] = at_threshold.get("false_positive_rate")
    found = headline(metrics)
    for name, interval in intervals.items():
        for end in ("low", "high"):
            if interval and interval.get(end) is not None:
                found[f"{name}_{end}"] = interval[end]
    return found


def _recall_name(point: Document) -> str:
    percent = f"{point['false_positive_rate'] * 100:g}".replace(".", "_")
    return f"recall_at_{percent}_percent_fpr"


def _value(interval: Document | None) -> float | None:
    return interval["value"] if interval else None
