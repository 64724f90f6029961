"""Detection metrics of scores, from scores sorted once.

The values are those of scikit-learn (roc_auc_score, average_precision_score, roc_curve), which a test holds; its
functions sort three times and take 50 bytes a row, these take 16.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.metrics.intervals import CONFIDENCE, METHOD, Ranking, Scores, bootstrap, exact_share
from netanomaly.metrics.thresholds import Threshold

FALSE_POSITIVE_RATES = [0.001, 0.01, 0.05]

_CURVE_POINTS = 100
_HISTOGRAM_BINS = 60


def roc_auc(normal: Scores, attack: Scores) -> float:
    """Probability that an attack scores over a normal row, ties counted half. Both ascending and not empty."""
    below = np.searchsorted(normal, attack, side="left").sum() + np.searchsorted(normal, attack, side="right").sum()
    return float(below / (2 * len(normal) * len(attack)))


def average_precision(normal: Scores, attack: Scores) -> float:
    """Mean precision over the attacks' own thresholds. Both ascending and not empty."""
    values, counts = np.unique(attack, return_counts=True)
    found = counts[::-1].cumsum()[::-1]
    false_alarms = len(normal) - np.searchsorted(normal, values, side="left")
    return float((counts * (found / (found + false_alarms))).sum() / len(attack))


def recall_at(normal: Scores, attack: Scores, rate: float) -> tuple[float, float]:
    """Recall and threshold where at most this share of normal rows alerts (scores over the threshold)."""
    position = max(int(np.ceil(len(normal) * (1 - rate) - 1e-9)), 1)
    threshold = normal[position - 1]
    return _share_above(attack, threshold), float(threshold)


def ranking(normal: Scores, attack: Scores) -> Ranking:
    """All metrics of the ranking."""
    recalls = [recall_at(normal, attack, rate)[0] for rate in FALSE_POSITIVE_RATES]
    return Ranking(roc_auc(normal, attack), average_precision(normal, attack), recalls)


def measure(
    scores: Scores,
    classes: npt.NDArray[np.int32] | None,
    names: list[str],
    normal_names: set[str],
    points: list[Threshold],
    alert_budget: float,
    seed: int,
) -> dict[str, Any]:
    """The evaluation metrics of scored rows; docs/evaluation.md describes the document.

    Args:
        scores: float32, one per row; higher is more anomalous.
        classes: Position in `names` of each row's class, or None without labels.
        names: Class names.
        normal_names: Those of them that are normal.
        points: The model's operating points.
        alert_budget: The budget of the point that the model is judged at.
        seed: Of the bootstrap.
    """
    is_normal = np.array([name in normal_names for name in names], dtype=bool)
    labelled = classes is not None
    attack_rows = ~is_normal[classes] if labelled else np.zeros(len(scores), dtype=bool)
    normal = np.sort(scores[~attack_rows]) if labelled else np.empty(0, dtype=np.float32)
    attack = np.sort(scores[attack_rows]) if labelled else np.empty(0, dtype=np.float32)
    everything = None if labelled else np.sort(scores)
    point = next(point for point in points if point.budget == alert_budget)
    document: dict[str, Any] = {
        "rows": len(scores),
        "labelled": labelled,
        "normal": len(normal) if labelled else None,
        "attacks": len(attack) if labelled else None,
        "threshold": point.threshold,
        "alert_budget": alert_budget,
        **_ranked(normal, attack, seed),
        "at_threshold": _at_threshold(normal, attack, everything, point.threshold),
        "budgets": [_budget(normal, attack, everything, each) for each in points],
        "classes": _classes(scores, classes, names, is_normal, point.threshold) if classes is not None else [],
        "scores": _histogram(normal, attack, everything),
        "confidence": CONFIDENCE,
        "interval_method": METHOD,
    }
    return document


def _ranked(normal: Scores, attack: Scores, seed: int) -> dict[str, Any]:
    """What needs rows of both kinds: metrics of the ranking and their curves."""
    if not len(normal) or not len(attack):
        return {
            "roc_auc": None,
            "average_precision": None,
            "recall_at": [],
            "curves": {"roc": [], "precision_recall": []},
        }
    values = ranking(normal, attack)
    intervals = bootstrap(normal, attack, values, FALSE_POSITIVE_RATES, seed)
    recalls = []
    for rate, (low, high) in zip(FALSE_POSITIVE_RATES, intervals.recall_at, strict=True):
        recall, threshold = recall_at(normal, attack, rate)
        recalls.append(
            {"false_positive_rate": rate, "recall": recall, "low": low, "high": high, "threshold": threshold}
        )
    return {
        "roc_auc": _with_interval(values.roc_auc, intervals.roc_auc),
        "average_precision": _with_interval(values.average_precision, intervals.average_precision),
        "recall_at": recalls,
        "curves": curves(normal, attack),
    }


def curves(normal: Scores, attack: Scores) -> dict[str, list[list[float]]]:
    """ROC (false-positive rate, recall) and precision-recall (recall, precision) curves of at most 200 points.

    Thresholds are quantiles of both kinds of rows, and finer where few normal rows alert.
    """
    even = np.linspace(0, 1, _CURVE_POINTS // 2)
    fine = 1 - np.logspace(-4, -1, _CURVE_POINTS // 2)
    thresholds = np.unique(
        np.concatenate(
            [
                normal[_positions(np.concatenate([even, fine]), len(normal))],
                attack[_positions(even, len(attack))],
            ]
        )
    )[::-1]
    false_alarms = (len(normal) - np.searchsorted(normal, thresholds, side="left")).tolist()
    found = (len(attack) - np.searchsorted(attack, thresholds, side="left")).tolist()
    roc = [[0.0, 0.0]] + [[fp / len(normal), tp / len(attack)] for fp, tp in zip(false_alarms, found, strict=True)]
    if roc[-1] != [1.0, 1.0]:
        roc.append([1.0, 1.0])
    precision_recall = [
        [tp / len(attack), tp / (tp + fp)] for fp, tp in zip(false_alarms, found, strict=True) if tp + fp
    ]
    return {"roc": roc, "precision_recall": precision_recall}


def confidence_metrics(normal: Scores, attack: Scores, points: int = 100) -> list[dict[str, float]]:
    """ROC points as the ClassificationMetrics artefact wants them: finite thresholds, descending, at most `points`."""
    shares = np.linspace(0, 1, points // 2)
    chosen = [normal[_positions(shares, len(normal))], attack[_positions(shares, len(attack))]]
    thresholds = np.unique(np.concatenate(chosen))[::-1]
    return [
        {
            "confidenceThreshold": float(threshold),
            "recall": 1 - float(np.searchsorted(attack, threshold, side="left")) / len(attack),
            "falsePositiveRate": 1 - float(np.searchsorted(normal, threshold, side="left")) / len(normal),
        }
        for threshold in thresholds
    ]


def _at_threshold(normal: Scores, attack: Scores, everything: Scores | None, threshold: float) -> dict[str, Any]:
    nothing = dict.fromkeys(
        (
            "true_positives",
            "false_positives",
            "true_negatives",
            "false_negatives",
            "precision",
            "recall",
            "f1",
            "false_positive_rate",
        )
    )
    if everything is not None:
        return {"alerts": _above(everything, threshold), **nothing}
    found, false_alarms = _above(attack, threshold), _above(normal, threshold)
    alerts, missed = found + false_alarms, len(attack) - found
    low, high = exact_share(false_alarms, len(normal))
    return {
        "alerts": alerts,
        "true_positives": found,
        "false_positives": false_alarms,
        "true_negatives": len(normal) - false_alarms,
        "false_negatives": missed,
        "precision": found / alerts if alerts else None,
        "recall": found / len(attack) if len(attack) else None,
        "f1": 2 * found / (alerts + len(attack)) if len(attack) else None,
        "false_positive_rate": {"value": false_alarms / len(normal), "low": low, "high": high} if len(normal) else None,
    }


def _budget(normal: Scores, attack: Scores, everything: Scores | None, point: Threshold) -> dict[str, Any]:
    result = _at_threshold(normal, attack, everything, point.threshold)
    rate = result["false_positive_rate"]
    low, high = point.rate()
    return {
        "budget": point.budget,
        "threshold": point.threshold,
        "recall": result["recall"],
        "precision": result["precision"],
        "false_positive_rate": rate["value"] if rate else None,
        "alerts": result["alerts"],
        "expected_low": low,
        "expected_high": high,
    }


def _classes(
    scores: Scores,
    classes: npt.NDArray[np.int32],
    names: list[str],
    is_normal: npt.NDArray[np.bool_],
    threshold: float,
) -> list[dict[str, Any]]:
    """Recall of each attack class, the most frequent first."""
    rows = np.bincount(classes, minlength=len(names))
    detected = np.bincount(classes[scores > np.float32(threshold)], minlength=len(names))
    entries = []
    for position in sorted(range(len(names)), key=lambda place: (-rows[place], names[place])):
        if not is_normal[position] and rows[position]:
            count, hits = int(rows[position]), int(detected[position])
            low, high = exact_share(hits, count)
            entries.append(
                {
                    "name": names[position],
                    "rows": count,
                    "detected": hits,
                    "recall": hits / count,
                    "low": low,
                    "high": high,
                }
            )
    return entries


def _histogram(normal: Scores, attack: Scores, everything: Scores | None) -> dict[str, Any]:
    """Counts of scores in bins over nearly all of their range; the ends take what lies beyond."""
    parts = [part for part in (normal, attack, everything) if part is not None and len(part)]
    low = min(float(part[len(part) // 1000]) for part in parts)
    high = max(float(part[-1 - len(part) // 1000]) for part in parts)
    edges = np.linspace(low, high if high > low else low + 1, _HISTOGRAM_BINS + 1)

    def counts(part: Scores) -> list[int]:
        upto = np.searchsorted(part, edges[1:-1], side="left")
        return [int(count) for count in np.diff(upto, prepend=0, append=len(part))]

    if everything is not None:
        return {"edges": edges.tolist(), "normal": None, "attack": None, "all": counts(everything)}
    both = [a + b for a, b in zip(counts(normal), counts(attack), strict=True)]
    return {"edges": edges.tolist(), "normal": counts(normal), "attack": counts(attack), "all": both}


def _with_interval(value: float, interval: tuple[float, float]) -> dict[str, float]:
    return {"value": value, "low": interval[0], "high": interval[1]}


def _positions(shares: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.intp]:
    return np.minimum((shares * count).astype(np.intp), count - 1)


def _above(ascending: Scores, threshold: float) -> int:
    return len(ascending) - int(np.searchsorted(ascending, np.float32(threshold), side="right"))


def _share_above(ascending: Scores, threshold: float) -> float:
    return _above(ascending, threshold) / len(ascending)
