"""Champion and challenger on the same rows: is the new model better by more than noise?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.flows.row_sample import RowSample
from netanomaly.metrics.detection import average_precision, kinds, recall_at, roc_auc
from netanomaly.metrics.distribution import Counts, Distribution, ScoreCounts, Scores
from netanomaly.metrics.intervals import CONFIDENCE

RULE = (
    "promote where ROC-AUC rises by at least min_improvement, the lower end of the paired interval of its difference is "
    "above -0.005, and no attack class of 50 rows or more loses over 5 points of recall at the same false-positive rate"
)
_NOISE = -0.005
_CLASS_ROWS = 50
_CLASS_LOSS = 0.05

_REPLICATES = 300
# More rows of a kind are sampled for the interval, which then is wider than it need be, never narrower.
_ROWS_AT_MOST = 50_000


class Pairs:
    """Scores of both models for a uniform sample of the rows of each kind."""

    def __init__(self, seed: int) -> None:
        self._kinds = [RowSample(2, seed + kind, _ROWS_AT_MOST) for kind in (0, 1)]

    def add(self, champion: Scores, challenger: Scores, attack: npt.NDArray[np.bool_]) -> None:
        """Offer more rows: both models' scores of each, and whether it is an attack."""
        for sample, chosen in zip(self._kinds, (~attack, attack), strict=True):
            sample.add(np.stack([champion[chosen], challenger[chosen]]), ~attack[chosen])

    def of_kind(self, attack: bool) -> npt.NDArray[np.float64]:
        """Champion's and challenger's scores (2 x rows) of the sampled attacks, or of the sampled normal rows."""
        return self._kinds[attack].rows()[0]


def compare(
    champion: ScoreCounts,
    challenger: ScoreCounts,
    pairs: Pairs,
    names: Sequence[str],
    normal_names: set[str],
    budget: float,
    min_improvement: float,
    seed: int,
) -> dict[str, Any]:
    """The decision and what it rests on, as JSON holds it.

    Args:
        champion: The champion's scores by class.
        challenger: The new model's, of the same rows.
        pairs: Both models' scores row by row.
        names: Class names, by the position that the counts know them by.
        normal_names: Those of them that are normal.
        budget: The false-positive rate at which recalls of classes are compared; each model gets its own threshold.
        min_improvement: Rise of ROC-AUC that is asked for.
        seed: Of the bootstrap.
    """
    document: dict[str, Any] = {"rule": RULE, "min_improvement": min_improvement, "confidence": CONFIDENCE}
    ranked = [kinds(counts, names, normal_names) for counts in (champion, challenger)]
    if not all(kind.rows for kind in ranked[0]):
        reason = "the evaluation data cannot tell them apart: it needs labelled rows, normal ones and attacks"
        return {**document, "decision": "keep", "reason": reason}
    measured = [_measured(normal, attack, budget) for normal, attack in ranked]
    sides = [metrics for metrics, _ in measured]
    low, high = _paired_interval(pairs, seed)
    alerts = [
        counts.above(threshold, len(names))
        for counts, (_, threshold) in zip((champion, challenger), measured, strict=True)
    ]
    losses = _losses(alerts, challenger.rows(len(names)), names, normal_names)
    rise = sides[1]["roc_auc"] - sides[0]["roc_auc"]
    document |= {
        "champion": sides[0],
        "challenger": sides[1],
        "difference": {
            "roc_auc": {"value": rise, "low": low, "high": high},
            **{name: sides[1][name] - sides[0][name] for name in sides[0] if name != "roc_auc"},
        },
        "class_losses": losses,
    }
    said = f"ROC-AUC {sides[1]['roc_auc']:.4f} against the champion's {sides[0]['roc_auc']:.4f}"
    interval = f"the difference lies between {low:+.4f} and {high:+.4f}"
    if rise < min_improvement:
        asked = f"a rise of at least {min_improvement:g} is asked for" if min_improvement else "it does not rise"
        decision, reason = "keep", f"{said}: {asked}"
    elif low <= _NOISE:
        decision, reason = "keep", f"{said}, but {interval}, which is within noise"
    elif losses:
        worst = losses[0]
        decision, reason = (
            "keep",
            (
                f"{said}, but of attack class {worst['name']!r} it catches {worst['challenger']:.0%} "
                f"where the champion catches {worst['champion']:.0%}"
            ),
        )
    else:
        decision, reason = "promote", f"{said}; {interval}, and no large attack class is caught less"
    return {**document, "decision": decision, "reason": reason}


def _measured(normal: Distribution, attack: Distribution, budget: float) -> tuple[dict[str, float], float]:
    """Metrics of the ranking, and the threshold that keeps the budget."""
    recall, threshold = recall_at(normal, attack, budget)
    metrics = {
        "roc_auc": roc_auc(normal, attack),
        "average_precision": average_precision(normal, attack),
        f"recall_at_{budget * 100:g}_percent": recall,
    }
    return metrics, threshold


def _losses(
    alerts: Sequence[Counts], rows: Counts, names: Sequence[str], normal_names: set[str]
) -> list[dict[str, Any]]:
    """Large attack classes of which the challenger catches clearly less, the greatest loss first.

    `alerts` are the rows of each class over the threshold of the champion, and of the challenger.
    """
    recalls = [found / np.maximum(rows, 1) for found in alerts]
    loss = recalls[0] - recalls[1]
    return [
        {
            "name": names[place],
            "rows": int(rows[place]),
            "champion": float(recalls[0][place]),
            "challenger": float(recalls[1][place]),
        }
        for place in np.argsort(-loss, kind="stable")
        if names[place] not in normal_names and rows[place] >= _CLASS_ROWS and loss[place] > _CLASS_LOSS
    ]


def _paired_interval(pairs: Pairs, seed: int) -> tuple[float, float]:
    """Percentiles of the difference of ROC-AUC over resampled rows, the same rows for both models.

    Efron, Tibshirani, 'An Introduction to the Bootstrap', 1993, section 13.3; stratified by normal and attack.
    """
    draw = np.random.default_rng([seed, 7])
    normal, attack = pairs.of_kind(attack=False), pairs.of_kind(attack=True)
    ranked = [_Ranked.of(normal[model], attack[model]) for model in (0, 1)]
    differences = np.empty(_REPLICATES)
    for replicate in range(_REPLICATES):
        normals, found = (
            np.bincount(draw.integers(0, rows, rows), minlength=rows) for rows in (normal.shape[1], attack.shape[1])
        )
        before, after = (each.roc_auc(normals, found) for each in ranked)
        differences[replicate] = after - before
    low, high = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


class _Ranked:
    """Scores sorted once, so that the ROC-AUC of any resample costs a sum over rows."""

    def __init__(self, order: npt.NDArray[np.intp], below: npt.NDArray[np.intp], upto: npt.NDArray[np.intp]) -> None:
        self.order, self.below, self.upto = order, below, upto

    @classmethod
    def of(cls, normal: npt.NDArray[np.float64], attack: npt.NDArray[np.float64]) -> "_Ranked":
        order = np.argsort(normal, kind="stable")
        ascending = normal[order]
        return cls(order, np.searchsorted(ascending, attack, "left"), np.searchsorted(ascending, attack, "right"))

    def roc_auc(self, normals: npt.NDArray[np.intp], attacks: npt.NDArray[np.intp]) -> float:
        """With each row counted so many times; ties count half."""
        upto = np.concatenate([[0], np.cumsum(normals[self.order])])
        below = (upto[self.below] + upto[self.upto]) / 2
        return float((attacks * below).sum() / (attacks.sum() * normals.sum()))
