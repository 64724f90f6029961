"""Detection metrics of scores, from their distributions.

The values are those of scikit-learn (roc_auc_score, average_precision_score, roc_curve), which a test holds; its
functions need every score at once, and take 50 bytes for each.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from netanomaly.metrics.distribution import Distribution, ScoreCounts
from netanomaly.metrics.intervals import CONFIDENCE, METHOD, Ranking, bootstrap, exact_share
from netanomaly.metrics.thresholds import Threshold

FALSE_POSITIVE_RATES = [0.001, 0.01, 0.05]

_CURVE_POINTS = 100
_HISTOGRAM_BINS = 60
_NO_ROWS = Distribution.of(np.empty(0))


def roc_auc(normal: Distribution, attack: Distribution) -> float:
    """Probability that an attack scores over a normal row, ties counted half. Neither is empty."""
    below = ((normal.below(attack.values) + normal.up_to(attack.values)) * attack.counts).sum()
    return float(below / (2 * normal.rows * attack.rows))


def average_precision(normal: Distribution, attack: Distribution) -> float:
    """Mean precision over the attacks' own thresholds. Neither is empty."""
    found = attack.rows - attack.below(attack.values)
    false_alarms = normal.rows - normal.below(attack.values)
    return float((attack.counts * (found / (found + false_alarms))).sum() / attack.rows)


def recall_at(normal: Distribution, attack: Distribution, rate: float) -> tuple[float, float]:
    """Recall and threshold where at most this share of normal rows alerts (scores over the threshold)."""
    position = max(int(np.ceil(normal.rows * (1 - rate) - 1e-9)), 1)
    threshold = float(normal.at(position - 1))
    return attack.above(threshold) / attack.rows, threshold


def ranking(normal: Distribution, attack: Distribution) -> Ranking:
    """All metrics of the ranking."""
    recalls = [recall_at(normal, attack, rate)[0] for rate in FALSE_POSITIVE_RATES]
    return Ranking(roc_auc(normal, attack), average_precision(normal, attack), recalls)


def measure(
    counts: ScoreCounts,
    labelled: bool,
    names: list[str],
    normal_names: set[str],
    points: list[Threshold],
    alert_budget: float,
    seed: int,
) -> dict[str, Any]:
    """The evaluation metrics of scored rows; docs/evaluation.md describes the document.

    Args:
        counts: The scores, higher is more anomalous, by class; exact at the thresholds of `points`.
        labelled: Whether the classes say anything.
        names: Class names, by the position that `counts` knows them by.
        normal_names: Those of them that are normal.
        points: The model's operating points.
        alert_budget: The budget of the point that the model is judged at.
        seed: Of the bootstrap.
    """
    normal, attack = kinds(counts, names, normal_names) if labelled else (_NO_ROWS, _NO_ROWS)
    everything = None if labelled else counts.of()
    point = next(point for point in points if point.budget == alert_budget)
    return {
        "rows": everything.rows if everything else normal.rows + attack.rows,
        "labelled": labelled,
        "normal": normal.rows if labelled else None,
        "attacks": attack.rows if labelled else None,
        "threshold": point.threshold,
        "alert_budget": alert_budget,
        **_ranked(normal, attack, seed),
        "at_threshold": _at_threshold(normal, attack, everything, point.threshold),
        "budgets": [_budget(normal, attack, everything, each) for each in points],
        "classes": _classes(counts, names, normal_names, point.threshold) if labelled else [],
        "scores": _histogram(normal, attack, everything),
        "confidence": CONFIDENCE,
        "interval_method": METHOD,
    }


def kinds(
    counts: ScoreCounts, names: Sequence[str], normal_names: set[str], marked: bool | None = None
) -> tuple[Distribution, Distribution]:
    """The scores of normal rows, and those of attacks; of all of them, or of the marked or the others."""
    normal = [place for place, name in enumerate(names) if name in normal_names]
    attack = [place for place, name in enumerate(names) if name not in normal_names]
    return counts.of(normal, marked), counts.of(attack, marked)


def _ranked(normal: Distribution, attack: Distribution, seed: int) -> dict[str, Any]:
    """What needs rows of both kinds: metrics of the ranking and their curves."""
    if not normal.rows or not attack.rows:
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


def curves(normal: Distribution, attack: Distribution) -> dict[str, list[list[float]]]:
    """ROC (false-positive rate, recall) and precision-recall (recall, precision) curves of at most 200 points.

    Thresholds are quantiles of both kinds of rows, and finer where few normal rows alert.
    """
    even = np.linspace(0, 1, _CURVE_POINTS // 2)
    fine = 1 - np.logspace(-4, -1, _CURVE_POINTS // 2)
    thresholds = np.unique(
        np.concatenate(
            [
                normal.at_shares(np.concatenate([even, fine])),
                attack.at_shares(even),
            ]
        )
    )[::-1]
    false_alarms = (normal.rows - normal.below(thresholds)).tolist()
    found = (attack.rows - attack.below(thresholds)).tolist()
    roc = [[0.0, 0.0]] + [[fp / normal.rows, tp / attack.rows] for fp, tp in zip(false_alarms, found, strict=True)]
    if roc[-1] != [1.0, 1.0]:
        roc.append([1.0, 1.0])
    precision_recall = [
        [tp / attack.rows, tp / (tp + fp)] for fp, tp in zip(false_alarms, found, strict=True) if tp + fp
    ]
    return {"roc": roc, "precision_recall": precision_recall}


def confidence_metrics(normal: Distribution, attack: Distribution, points: int = 100) -> list[dict[str, float]]:
    """ROC points as the ClassificationMetrics artefact wants them: finite thresholds, descending, at most `points`."""
    shares = np.linspace(0, 1, points // 2)
    thresholds = np.unique(np.concatenate([normal.at_shares(shares), attack.at_shares(shares)]))[::-1]
    return [
        {
            "confidenceThreshold": threshold,
            "recall": 1 - missed / attack.rows,
            "falsePositiveRate": 1 - quiet / normal.rows,
        }
        for threshold, missed, quiet in zip(
            thresholds.tolist(), attack.below(thresholds).tolist(), normal.below(thresholds).tolist(), strict=True
        )
    ]


def _at_threshold(
    normal: Distribution, attack: Distribution, everything: Distribution | None, threshold: float
) -> dict[str, Any]:
    nothing = dict.fromkeys(
        (
            "true_positives",
            "false_positives",
            "true_negatives",
            "false_negatives",
            "precision",
            "recall",
            "recall_interval",
            "f1",
            "false_positive_rate",
        )
    )
    if everything is not None:
        return {"alerts": everything.above(threshold), **nothing}
    found, false_alarms = attack.above(threshold), normal.above(threshold)
    alerts, missed = found + false_alarms, attack.rows - found
    low, high = exact_share(false_alarms, normal.rows)
    return {
        "alerts": alerts,
        "true_positives": found,
        "false_positives": false_alarms,
        "true_negatives": normal.rows - false_alarms,
        "false_negatives": missed,
        "precision": found / alerts if alerts else None,
        "recall": found / attack.rows if attack.rows else None,
        "recall_interval": _with_interval(found / attack.rows, exact_share(found, attack.rows))
        if attack.rows
        else None,
        "f1": 2 * found / (alerts + attack.rows) if attack.rows else None,
        "false_positive_rate": {"value": false_alarms / normal.rows, "low": low, "high": high} if normal.rows else None,
    }


def _budget(
    normal: Distribution, attack: Distribution, everything: Distribution | None, point: Threshold
) -> dict[str, Any]:
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


def _classes(counts: ScoreCounts, names: list[str], normal_names: set[str], threshold: float) -> list[dict[str, Any]]:
    """Recall of each attack class, the most frequent first."""
    rows, detected = counts.rows(len(names)), counts.above(threshold, len(names))
    entries = []
    for position in sorted(range(len(names)), key=lambda place: (-rows[place], names[place])):
        if names[position] not in normal_names and rows[position]:
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


def _histogram(normal: Distribution, attack: Distribution, everything: Distribution | None) -> dict[str, Any]:
    """Counts of scores in bins over nearly all of their range; the ends take what lies beyond."""
    parts = [part for part in (normal, attack, everything) if part is not None and part.rows]
    low = min(float(part.at(part.rows // 1000)) for part in parts)
    high = max(float(part.at(part.rows - 1 - part.rows // 1000)) for part in parts)
    edges = np.linspace(low, high if high > low else low + 1, _HISTOGRAM_BINS + 1)

    def counts(part: Distribution) -> list[int]:
        found: list[int] = np.diff(part.below(edges[1:-1]), prepend=0, append=part.rows).tolist()
        return found

    if everything is not None:
        return {"edges": edges.tolist(), "normal": None, "attack": None, "all": counts(everything)}
    both = [a + b for a, b in zip(counts(normal), counts(attack), strict=True)]
    return {"edges": edges.tolist(), "normal": counts(normal), "attack": counts(attack), "all": both}


def _with_interval(value: float, interval: tuple[float, float]) -> dict[str, float]:
    return {"value": value, "low": interval[0], "high": interval[1]}
