"""Quality gates: limits that the evaluation must keep, or nothing is registered. Loads no numeric library.

Two of them apply without being asked for, because a model that fails them is of no use to anybody: `min_roc_auc_low` and
`min_lift`. They go by intervals, so that few rows neither pass nor fail them: then it cannot be told.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly.errors import ConfigError
from netanomaly.metrics import attack_patterns

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
# A limit for each pattern of attack that is injected into normal flows: {"min_replay_recall": {"scan": 0.5}}.
REPLAY_GATE = "min_replay_recall"
# Judged against the champion, where there is one: the gain that promotes a model. See comparison.py.
IMPROVEMENT_GATE = "min_improvement"


@dataclass(frozen=True)
class Measured:
    """A figure with its interval. `hopeful` is what the upper end must reach, or no useful model is in the interval."""

    value: float
    low: float
    high: float
    hopeful: float


@dataclass(frozen=True)
class DefaultGate:
    """A gate that applies to labelled rows of both kinds unless it is switched off: the lower end is over the limit."""

    limit: float
    most: float
    """The greatest limit that makes sense."""
    measure: Callable[[Metrics, float], Measured | None]
    refusal: str
    advice: Callable[[Metrics], str]
    """What may mend it."""


# A ranking under this is of no use, whatever else is said of it.
_USEFUL_ROC_AUC = 0.7
_COIN_TOSS = 0.5
# Nor is one that catches not even a tenth of attacks more than alerts at random would.
_USEFUL_RECALL = 0.1


def lift(metrics: Metrics) -> dict[str, float] | None:
    """How many times likelier an attack raises an alert than alerts at random would make it, with its interval.

    Recall at the threshold over the share of normal rows that alert there, or over the budget where that is more.
    None without both kinds of rows.
    """
    at = metrics["at_threshold"]
    recall, rate = at.get("recall_interval"), at.get("false_positive_rate")
    if not recall or not rate:
        return None
    chance = max(metrics["alert_budget"], rate["value"])
    return {name: recall[name] / chance for name in ("value", "low", "high")} | {"chance": chance}


def _ranking(metrics: Metrics, _limit: float) -> Measured | None:
    area = metrics.get("roc_auc")
    return Measured(area["value"], area["low"], area["high"], _USEFUL_ROC_AUC) if area else None


def _lift(metrics: Metrics, limit: float) -> Measured | None:
    found = lift(metrics)
    if found is None:
        return None
    hopeful = max(limit, 1 + _USEFUL_RECALL / found["chance"])
    return Measured(found["value"], found["low"], found["high"], hopeful)


def _other_columns(metrics: Metrics) -> str:
    area = metrics.get("roc_auc")
    if area and area["high"] < _COIN_TOSS:
        return "normal rows are odder to it than attacks: look at what it was trained on, and whether labels are the wrong way round"
    return "other columns or another model_type may tell more"


def _greater_budget(metrics: Metrics) -> str:
    """The least of the model's further budgets at which it catches several times what chance would."""
    for point in metrics.get("budgets") or ():
        budget, recall = point["budget"], point.get("recall") or 0.0
        chance = max(budget, point.get("false_positive_rate") or 0.0)
        if budget > metrics["alert_budget"] and recall >= max(_WORTH_ADVISING * chance, _USEFUL_RECALL + chance):
            return f"with alert_budget {budget:g} it would catch {recall:.0%}"
    return _other_columns(metrics)


_WORTH_ADVISING = 3

DEFAULT_GATES = {
    "min_roc_auc_low": DefaultGate(
        0.5, 1.0, _ranking, "it ranks attacks over normal rows no better than a coin toss", _other_columns
    ),
    "min_lift": DefaultGate(
        2.0, 1e6, _lift, "an attack hardly raises an alert more often than a normal row does", _greater_budget
    ),
}


def check(gates: Mapping[str, Any]) -> None:
    """Are these gates that can be judged?

    Raises:
        ConfigError: An unknown gate (with the nearest name), or a limit that is no number from 0 to 1.
    """
    known = [*GATES, *DEFAULT_GATES, CLASS_GATE, REPLAY_GATE, IMPROVEMENT_GATE]
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
        elif name == REPLAY_GATE:
            _check_patterns(limit)
        elif name in DEFAULT_GATES:
            if limit is not False:
                _check_limit(name, limit, DEFAULT_GATES[name].most, ", or false to do without this gate")
        else:
            _check_limit(name, limit)


def schema() -> dict[str, Any]:
    """The JSON Schema of `gates`."""
    limit = {"type": "number", "minimum": 0, "maximum": 1}
    named = dict.fromkeys((*GATES, IMPROVEMENT_GATE), limit)
    return {
        "properties": {
            **named,
            CLASS_GATE: {"type": "object", "additionalProperties": limit},
            REPLAY_GATE: {
                "type": "object",
                "properties": dict.fromkeys(attack_patterns.NAMES, limit),
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
    }


def judge(gates: Mapping[str, Any], metrics: Metrics) -> tuple[list[dict[str, Any]], list[str]]:
    """Each gate's result, and a sentence for each that failed.

    A gate whose metric the evaluation could not give (no labels, no such class) fails: it promises what nobody saw.
    A default gate does not: it is left out where nothing was measured, `passed` is None where its interval leaves both
    open, and where it is switched off. One that the configuration sets has to be shown to be kept.
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
        elif name == REPLAY_GATE:
            caught = {each["name"]: each["recall"] for each in (metrics.get("replay") or {}).get("patterns", [])}
            for pattern, least in limit.items():
                add(f"{REPLAY_GATE}.{pattern}", least, caught.get(pattern), _NOT_INJECTED)
        elif name in GATES:
            add(name, limit, GATES[name](metrics), _NOT_MEASURED)
    defaults, said = _judge_defaults(gates, metrics)
    return results + defaults, reasons + said


_NOT_MEASURED = "the evaluation data lacks the labelled rows for it"
_NOT_INJECTED = "attacks are injected among normal flows of a sensor, and the evaluation data has none"


def _judge_defaults(gates: Mapping[str, Any], metrics: Metrics) -> tuple[list[dict[str, Any]], list[str]]:
    results: list[dict[str, Any]] = []
    reasons: list[str] = []
    advice: list[str] = []
    for name, gate in DEFAULT_GATES.items():
        wanted = gates.get(name)
        off, asked_for = wanted is False, wanted not in (None, False)
        limit = float(wanted) if asked_for and wanted is not None else gate.limit
        found = gate.measure(metrics, limit)
        if found is None:
            if asked_for:
                results.append({"gate": name, "limit": limit, "value": None, "passed": False})
                reasons.append(f"{name} cannot be judged: {_NOT_MEASURED}")
            continue
        passed = True if found.low > limit else False if asked_for or found.high < found.hopeful else None
        result = {"gate": name, "limit": limit, "value": found.value, "low": found.low, "high": found.high}
        results.append({**result, "passed": passed, "by_default": not asked_for, "off": off})
        if passed is False and not off:
            said = (
                f"{name} is {limit:g}, the model reached {found.value:.3g}, and the lower end of its interval, "
                f"{found.low:.3g} to {found.high:.3g}, has to be above"
            )
            reasons.append(f"{gate.refusal} ({said})")
            advice.append(gate.advice(metrics))
    # Where the ranking is no good, neither is another threshold.
    return results, reasons + advice[:1]


def _check_patterns(limits: Any) -> None:
    known = ", ".join(attack_patterns.NAMES)
    if not isinstance(limits, Mapping):
        raise ConfigError(f"gates: {REPLAY_GATE} is {limits!r}; give an object of pattern ({known}) to least recall")
    for pattern, least in limits.items():
        if pattern not in attack_patterns.BY_NAME:
            nearest = difflib.get_close_matches(pattern, attack_patterns.NAMES, n=1, cutoff=0.5)
            hint = f"did you mean {nearest[0]!r}? " if nearest else ""
            raise ConfigError(f"gates: {REPLAY_GATE} has {pattern!r}, which is no pattern; {hint}Known are {known}")
        _check_limit(f"{REPLAY_GATE}.{pattern}", least)


def _check_limit(name: str, limit: Any, most: float = 1, otherwise: str = "") -> None:
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= most:
        raise ConfigError(f"gates: {name} is {limit!r}; give a number from 0 to {most:g}{otherwise}")
