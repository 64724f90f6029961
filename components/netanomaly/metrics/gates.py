"""Quality gates: limits that the evaluation must keep, or nothing is registered. Loads no numeric library."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from netanomaly.errors import ConfigError

Metrics = Mapping[str, Any]


def _value(name: str) -> Callable[[Metrics], float | None]:
    return lambda metrics: (metrics.get(name) or {}).get("value")


def _recall_at(rate: float) -> Callable[[Metrics], float | None]:
    return lambda metrics: next(
        (point["recall"] for point in metrics["recall_at"] if point["false_positive_rate"] == rate), None
    )


def _at_threshold(name: str) -> Callable[[Metrics], float | None]:
    return lambda metrics: metrics["at_threshold"].get(name)


def _false_positive_rate(metrics: Metrics) -> float | None:
    return (metrics["at_threshold"].get("false_positive_rate") or {}).get("value")


# Gate to the metric it limits; `min_...` is kept from there upwards, `max_...` up to there.
GATES: dict[str, Callable[[Metrics], float | None]] = {
    "min_roc_auc": _value("roc_auc"),
    "min_average_precision": _value("average_precision"),
    "min_recall_at_0_1_percent": _recall_at(0.001),
    "min_recall_at_1_percent": _recall_at(0.01),
    "min_recall_at_5_percent": _recall_at(0.05),
    "min_recall": _at_threshold("recall"),
    "min_precision": _at_threshold("precision"),
    "min_f1": _at_threshold("f1"),
    "max_false_positive_rate": _false_positive_rate,
}
# The one gate that is a limit for each named attack class: {"min_class_recall": {"neptune": 0.9}}.
CLASS_GATE = "min_class_recall"
# Judged against the champion, where there is one: the rise of ROC-AUC that promotes a model. See comparison.py.
IMPROVEMENT_GATE = "min_improvement"


def check(gates: Mapping[str, Any]) -> None:
    """Are these gates that can be judged?

    Raises:
        ConfigError: An unknown gate (with the nearest name), or a limit that is no number from 0 to 1.
    """
    known = [*GATES, CLASS_GATE, IMPROVEMENT_GATE]
    for name, limit in gates.items():
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {nearest[0]!r}? " if nearest else ""
            raise ConfigError(f"gates has {name!r}, which is no gate; {hint}Known are {', '.join(known)}")
        if name == CLASS_GATE:
            if not isinstance(limit, Mapping):
                raise ConfigError(f"gates: {name} is {limit!r}; give an object of attack class to least recall")
            for attack, least in limit.items():
                _check_limit(f"{name}.{attack}", least)
        else:
            _check_limit(name, limit)


def schema() -> dict[str, Any]:
    """The JSON Schema of `gates`."""
    limit = {"type": "number", "minimum": 0, "maximum": 1}
    named = dict.fromkeys((*GATES, IMPROVEMENT_GATE), limit)
    return {
        "properties": {**named, CLASS_GATE: {"type": "object", "additionalProperties": limit}},
        "additionalProperties": False,
    }


def judge(gates: Mapping[str, Any], metrics: Metrics) -> tuple[list[dict[str, Any]], list[str]]:
    """Each gate's result, and a sentence for each that failed.

    A gate whose metric the evaluation could not give (no labels, no such class) fails: it promises what nobody saw.
    """
    results: list[dict[str, Any]] = []
    reasons: list[str] = []

    def add(gate: str, limit: float, value: float | None, absent: str) -> None:
        upper = gate.startswith("max_")
        passed = value is not None and (value <= limit if upper else value >= limit)
        results.append({"gate": gate, "limit": limit, "value": value, "passed": passed})
        if value is None:
            reasons.append(f"{gate} cannot be judged: {absent}")
        elif not passed:
            reasons.append(f"{gate} is {limit:g} and the model reached {value:.4f}")

    for name, limit in gates.items():
        if name == CLASS_GATE:
            recalls = {entry["name"]: entry["recall"] for entry in metrics["classes"]}
            there = ", ".join(recalls) or "none"
            for attack, least in limit.items():
                absent = f"the evaluation data has no attack class {attack!r} (it has {there})"
                add(f"{CLASS_GATE}.{attack}", least, recalls.get(attack), absent)
        elif name != IMPROVEMENT_GATE:
            add(name, limit, GATES[name](metrics), "the evaluation data lacks the labelled rows for it")
    return results, reasons


def _check_limit(name: str, limit: Any) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 1:
        raise ConfigError(f"gates: {name} is {limit!r}; give a number from 0 to 1")
