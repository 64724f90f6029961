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
    "promote where recall at the alert budget rises by more than its paired interval, or where ROC-AUC does and recall "
    "falls by 5 points in no part of its interval; the rise is at least min_improvement, and no attack class of 50 rows "
    "or more loses over 5 points of recall at the same false-positive rate"
)
_RECALL_LOSS = 0.05
_CLASS_ROWS = 50
_CLASS_LOSS = 0.05

# What is decided, and why in a word: what a program may go by.
PROMOTE, KEEP = "promote", "keep"
GAIN, NO_GAIN, CLASS_LOSS, UNTOLD = "gain", "no_gain", "class_loss", "untold"

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
        min_improvement: The rise that is asked for, of recall or of ROC-AUC.
        seed: Of the bootstrap.
    """
    document: dict[str, Any] = {"rule": RULE, "min_improvement": min_improvement, "confidence": CONFIDENCE}
    ranked = [kinds(counts, names, normal_names) for counts in (champion, challenger)]
    if not all(kind.rows for kind in ranked[0]):
        reason = "the evaluation data cannot tell them apart: it needs labelled rows, normal ones and attacks"
        return {**document, "decision": KEEP, "because": UNTOLD, "reason": reason}
    measured = [_measured(normal, attack, budget) for normal, attack in ranked]
    sides = [metrics for metrics, _ in measured]
    intervals = _paired_intervals(pairs, budget, seed)
    alerts = [
        counts.above(threshold, len(names))
        for counts, (_, threshold) in zip((champion, challenger), measured, strict=True)
    ]
    losses = _losses(alerts, challenger.rows(len(names)), names, normal_names)
    recall = _recall_name(budget)
    differences: dict[str, Any] = {name: sides[1][name] - sides[0][name] for name in sides[0]}
    for name, (low, high) in (("roc_auc", intervals[0]), (recall, intervals[1])):
        # The interval is of a sample of the rows; what all of them say belongs to it.
        rise = differences[name]
        differences[name] = {"value": rise, "low": min(low, rise), "high": max(high, rise)}
    decision, because, reason = _decided(sides, differences, recall, losses, min_improvement)
    return {
        **document,
        "champion": sides[0],
        "challenger": sides[1],
        "difference": differences,
        "class_losses": losses,
        "decision": decision,
        "because": because,
        "reason": reason,
    }


def _decided(
    sides: Sequence[dict[str, float]],
    differences: dict[str, Any],
    recall: str,
    losses: Sequence[dict[str, Any]],
    min_improvement: float,
) -> tuple[str, str, str]:
    """Promote or keep, why in a word, and in a sentence."""
    caught, ranking = differences[recall], differences["roc_auc"]
    wins = [
        said
        for said, rise, allowed in (
            (_said(recall, sides, caught), caught, True),
            (_said("roc_auc", sides, ranking), ranking, caught["low"] > -_RECALL_LOSS),
        )
        if allowed and rise["low"] > 0 and rise["value"] >= min_improvement
    ]
    if not wins:
        both = f"{_said(recall, sides, caught)}; {_said('roc_auc', sides, ranking)}"
        if not any(rise["low"] or rise["high"] for rise in (caught, ranking)):
            return KEEP, NO_GAIN, f"it is exactly as good as the champion (ROC-AUC {sides[1]['roc_auc']:.4f})"
        asked = f"at least {min_improvement:g} and " if min_improvement else ""
        if caught["high"] < 0:
            return KEEP, NO_GAIN, f"it catches less than the champion: {both}"
        return KEEP, NO_GAIN, f"no gain over the champion ({asked}more than chance explains): {both}"
    if losses:
        worst = losses[0]
        return (
            KEEP,
            CLASS_LOSS,
            (
                f"{wins[0]}, but of attack class {worst['name']!r} it catches {worst['challenger']:.0%} "
                f"where the champion catches {worst['champion']:.0%}"
            ),
        )
    return PROMOTE, GAIN, f"{wins[0]}, and no large attack class is caught less"


def _said(name: str, sides: Sequence[dict[str, float]], rise: dict[str, float]) -> str:
    """`ROC-AUC 0.9730 against the champion's 0.9700 (+0.0030; +0.0010 to +0.0050)`, recall in per cent."""
    ends = f"{rise['low']:+.4f} to {rise['high']:+.4f}"
    if name == "roc_auc":
        return f"ROC-AUC {sides[1][name]:.4f} against the champion's {sides[0][name]:.4f} ({ends})"
    rate = name.removeprefix("recall_at_").removesuffix("_percent")
    ends = f"{rise['low'] * 100:+.1f} to {rise['high'] * 100:+.1f} points"
    return f"it catches {sides[1][name]:.1%} at {rate}% false alarms, the champion {sides[0][name]:.1%} ({ends})"


def _recall_name(budget: float) -> str:
    return f"recall_at_{budget * 100:g}_percent"


def _measured(normal: Distribution, attack: Distribution, budget: float) -> tuple[dict[str, float], float]:
    """Metrics of the ranking, and the threshold that keeps the budget."""
    recall, threshold = recall_at(normal, attack, budget)
    metrics = {
        "roc_auc": roc_auc(normal, attack),
        "average_precision": average_precision(normal, attack),
        _recall_name(budget): recall,
    }
    return metrics, threshold


def _losses(
    alerts: Sequence[Counts], rows: Counts, names: Sequence[str], normal_names: set[str]
) -> list[dict[str, Any]]:
    """Large attack classes of which the challenger catches clearly less, most attacks lost first.

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
        for place in np.argsort(alerts[1] - alerts[0], kind="stable")
        if names[place] not in normal_names and rows[place] >= _CLASS_ROWS and loss[place] > _CLASS_LOSS
    ]


def _paired_intervals(pairs: Pairs, budget: float, seed: int) -> list[tuple[float, float]]:
    """Percentiles of the differences of ROC-AUC and of recall at the budget over resampled rows, the same for both models.

    Efron, Tibshirani, 'An Introduction to the Bootstrap', 1993, section 13.3; stratified by normal and attack. Each
    replicate sets its own thresholds, so that the doubt in them is in the interval.
    """
    draw = np.random.default_rng([seed, 7])
    normal, attack = pairs.of_kind(attack=False), pairs.of_kind(attack=True)
    ranked = [_Ranked.of(normal[model], attack[model]) for model in (0, 1)]
    differences = np.empty((_REPLICATES, 2))
    for replicate in range(_REPLICATES):
        normals, found = (
            np.bincount(draw.integers(0, rows, rows), minlength=rows) for rows in (normal.shape[1], attack.shape[1])
        )
        before, after = (each.measured(normals, found, budget) for each in ranked)
        differences[replicate] = after - before
    ends = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return [(float(low), float(high)) for low, high in ends.T]


class _Ranked:
    """Scores sorted once, so that the metrics of any resample cost a sum over rows."""

    def __init__(self, order: npt.NDArray[np.intp], below: npt.NDArray[np.intp], upto: npt.NDArray[np.intp]) -> None:
        self.order, self.below, self.upto = order, below, upto

    @classmethod
    def of(cls, normal: npt.NDArray[np.float64], attack: npt.NDArray[np.float64]) -> "_Ranked":
        order = np.argsort(normal, kind="stable")
        ascending = normal[order]
        return cls(order, np.searchsorted(ascending, attack, "left"), np.searchsorted(ascending, attack, "right"))

    def measured(
        self, normals: npt.NDArray[np.intp], attacks: npt.NDArray[np.intp], budget: float
    ) -> npt.NDArray[np.float64]:
        """ROC-AUC (ties count half) and recall at the budget, with each row counted so many times."""
        upto = np.concatenate([[0], np.cumsum(normals[self.order])])
        below = (upto[self.below] + upto[self.upto]) / 2
        rows, found = upto[-1], attacks.sum()
        quiet = max(int(np.ceil(rows * (1 - budget) - 1e-9)), 1)
        # The threshold is the score of the normal row at this place; an attack over it has that row among those below.
        place = int(np.searchsorted(upto, quiet)) - 1
        return np.array([(attacks * below).sum() / (found * rows), attacks[self.below > place].sum() / found])
