"""Confidence intervals: exact for shares, stratified bootstrap for metrics of the ranking."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from netanomaly.metrics.distribution import Distribution

CONFIDENCE = 0.95
METHOD = (
    "shares: Clopper-Pearson (exact); ROC-AUC, average precision and recall at a false-positive rate: "
    "percentiles of a bootstrap stratified by normal and attack, scores in about 1,000 bins"
)

_REPLICATES = 400
# Bin edges are quantiles of both kinds of rows; normal ones also at these shares from the top, where recall at
# a small false-positive rate is decided.
_EVEN = np.linspace(0, 1, 401)
_TOP = 1 - np.logspace(-5, -1, 200)


def exact_share(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Clopper-Pearson interval of a share; (0, 1) where nothing was tried."""
    from scipy.special import betaincinv  # slow to import

    if not trials:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = betaincinv(successes, trials - successes + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, trials - successes, 1 - tail) if successes < trials else 1.0
    return float(low), float(high)


def wilson_share(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson score interval of a share (Wilson, JASA 1927); (0, 1) where nothing was tried.

    Of few trials it is narrower than the exact one, and holds about as often as it says.
    """
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = successes / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class RankingIntervals:
    """Low and high of each metric of the ranking; `recall_at` in the order of the rates asked for."""

    roc_auc: tuple[float, float]
    average_precision: tuple[float, float]
    recall_at: list[tuple[float, float]]


@dataclass(frozen=True)
class Ranking:
    """Point values of the ranking metrics."""

    roc_auc: float
    average_precision: float
    recall_at: list[float]


def bootstrap(
    normal: Distribution,
    attack: Distribution,
    values: Ranking,
    rates: list[float],
    seed: int,
    confidence: float = CONFIDENCE,
) -> RankingIntervals:
    """Percentile intervals of ranking metrics from resampled bin counts.

    Rows are resampled within normal and within attack, which for binned scores is one multinomial draw of the
    counts: the cost does not depend on the number of rows. What binning moves the estimate by is taken out again.

    Args:
        normal: Scores of normal rows, at least one.
        attack: Scores of attack rows, at least one.
        values: The metrics of the rows themselves.
        rates: False-positive rates of `values.recall_at`.
        seed: Of the draws.
        confidence: Of the intervals.
    """
    edges = np.unique(np.concatenate([normal.at_shares(_EVEN), normal.at_shares(_TOP), attack.at_shares(_EVEN)]))
    counts = np.stack([_counts(normal, edges), _counts(attack, edges)])
    draw = np.random.default_rng(seed)
    normals = draw.multinomial(normal.rows, counts[0] / normal.rows, size=_REPLICATES)
    attacks = draw.multinomial(attack.rows, counts[1] / attack.rows, size=_REPLICATES)
    replicates = _metrics(normals, attacks, rates)
    centre = _metrics(counts[:1], counts[1:], rates)[0]
    point = np.array([values.roc_auc, values.average_precision, *values.recall_at])
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0) + (point - centre)
    low, high = np.clip(np.minimum(low, point), 0, 1), np.clip(np.maximum(high, point), 0, 1)
    pairs = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return RankingIntervals(pairs[0], pairs[1], pairs[2:])


def _counts(distribution: Distribution, edges: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Rows in (edge before, edge]: the last edge is at least the greatest normal; greater scores join its bin."""
    upto = distribution.up_to(edges)
    upto[-1] = distribution.rows
    return np.diff(upto, prepend=0)


def _metrics(
    normals: npt.NDArray[np.int64], attacks: npt.NDArray[np.int64], rates: list[float]
) -> npt.NDArray[np.float64]:
    """Replicates x (ROC-AUC, average precision, recall at each rate) from replicates x ascending bins."""
    false_alarms = normals[:, ::-1].cumsum(axis=1)
    found = attacks[:, ::-1].cumsum(axis=1)
    all_normal, all_attack = false_alarms[:, -1:], found[:, -1:]
    fresh = attacks[:, ::-1]
    above = all_normal - false_alarms + normals[:, ::-1] / 2
    roc_auc = (fresh * above).sum(axis=1) / (all_normal * all_attack)[:, 0]
    precision = found / np.maximum(found + false_alarms, 1)
    average_precision = (fresh * precision).sum(axis=1) / all_attack[:, 0]
    recalls = [np.where(false_alarms <= rate * all_normal, found, 0).max(axis=1) / all_attack[:, 0] for rate in rates]
    return np.stack([roc_auc, average_precision, *recalls], axis=1)
