"""Champion and challenger on the same rows: is the new model better by more than noise?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.metrics.detection import average_precision, recall_at, roc_auc
from netanomaly.metrics.intervals import CONFIDENCE, Scores

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


def compare(
    champion: Scores,
    challenger: Scores,
    attack: npt.NDArray[np.bool_],
    classes: npt.NDArray[np.int32],
    names: Sequence[str],
    budget: float,
    min_improvement: float,
    seed: int,
) -> dict[str, Any]:
    """The decision and what it rests on, as JSON holds it.

    Args:
        champion: The champion's scores, one per row.
        challenger: The new model's, of the same rows.
        attack: Which rows are attacks.
        classes: Position of each row's class in `names`.
        names: Class names.
        budget: The false-positive rate at which recalls of classes are compared; each model gets its own threshold.
        min_improvement: Rise of ROC-AUC that is asked for.
        seed: Of the bootstrap.
    """
    document: dict[str, Any] = {"rule": RULE, "min_improvement": min_improvement, "confidence": CONFIDENCE}
    if attack.all() or not attack.any():
        reason = "the evaluation data cannot tell them apart: it needs labelled rows, normal ones and attacks"
        return {**document, "decision": "keep", "reason": reason}
    measured = [_measured(scores, attack, budget) for scores in (champion, challenger)]
    sides = [metrics for metrics, _ in measured]
    low, high = _paired_interval(champion, challenger, attack, seed)
    rise = sides[1]["roc_auc"] - sides[0]["roc_auc"]
    alerts = [scores > threshold for scores, (_, threshold) in zip((champion, challenger), measured, strict=True)]
    losses = _losses(alerts, attack, classes, names)
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


def _measured(scores: Scores, attack: npt.NDArray[np.bool_], budget: float) -> tuple[dict[str, float], np.float32]:
    """Metrics of the ranking, and the threshold that keeps the budget."""
    normal, attacks = np.sort(scores[~attack]), np.sort(scores[attack])
    recall, threshold = recall_at(normal, attacks, budget)
    metrics = {
        "roc_auc": roc_auc(normal, attacks),
        "average_precision": average_precision(normal, attacks),
        f"recall_at_{budget * 100:g}_percent": recall,
    }
    return metrics, np.float32(threshold)


def _losses(
    alerts: Sequence[npt.NDArray[np.bool_]],
    attack: npt.NDArray[np.bool_],
    classes: npt.NDArray[np.int32],
    names: Sequence[str],
) -> list[dict[str, Any]]:
    """Large attack classes of which the challenger catches clearly less, the greatest loss first.

    `alerts` are the rows over the threshold of the champion, and of the challenger.
    """
    rows = np.bincount(classes[attack], minlength=len(names))
    recalls = [
        np.bincount(classes[attack & alerting], minlength=len(names)) / np.maximum(rows, 1) for alerting in alerts
    ]
    loss = recalls[0] - recalls[1]
    return [
        {
            "name": names[place],
            "rows": int(rows[place]),
            "champion": float(recalls[0][place]),
            "challenger": float(recalls[1][place]),
        }
        for place in np.argsort(-loss, kind="stable")
        if rows[place] >= _CLASS_ROWS and loss[place] > _CLASS_LOSS
    ]


def _paired_interval(
    champion: Scores, challenger: Scores, attack: npt.NDArray[np.bool_], seed: int
) -> tuple[float, float]:
    """Percentiles of the difference of ROC-AUC over resampled rows, the same rows for both models.

    Efron, Tibshirani, 'An Introduction to the Bootstrap', 1993, section 13.3; stratified by normal and attack.
    """
    draw = np.random.default_rng([seed, 7])
    kinds = []
    for chosen in (np.flatnonzero(~attack), np.flatnonzero(attack)):
        if len(chosen) > _ROWS_AT_MOST:
            chosen = draw.choice(chosen, _ROWS_AT_MOST, replace=False)
        kinds.append(chosen)
    normal, attacks = kinds
    ranked = [_Ranked.of(scores[normal], scores[attacks]) for scores in (champion, challenger)]
    differences = np.empty(_REPLICATES)
    for replicate in range(_REPLICATES):
        normals = np.bincount(draw.integers(0, len(normal), len(normal)), minlength=len(normal))
        found = np.bincount(draw.integers(0, len(attacks), len(attacks)), minlength=len(attacks))
        before, after = (each.roc_auc(normals, found) for each in ranked)
        differences[replicate] = after - before
    low, high = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


class _Ranked:
    """Scores sorted once, so that the ROC-AUC of any resample costs a sum over rows."""

    def __init__(self, order: npt.NDArray[np.intp], below: npt.NDArray[np.intp], upto: npt.NDArray[np.intp]) -> None:
        self.order, self.below, self.upto = order, below, upto

    @classmethod
    def of(cls, normal: Scores, attack: Scores) -> "_Ranked":
        order = np.argsort(normal, kind="stable")
        ascending = normal[order]
        return cls(order, np.searchsorted(ascending, attack, "left"), np.searchsorted(ascending, attack, "right"))

    def roc_auc(self, normals: npt.NDArray[np.intp], attacks: npt.NDArray[np.intp]) -> float:
        """With each row counted so many times; ties count half."""
        upto = np.concatenate([[0], np.cumsum(normals[self.order])])
        below = (upto[self.below] + upto[self.upto]) / 2
        return float((attacks * below).sum() / (attacks.sum() * normals.sum()))
