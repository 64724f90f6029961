"""Alert rates, and how far members agree, against what they were: charts whose limits allow for days that differ.

Flows of one host depend on each other, so that binomial limits are far too narrow. Laney, 'Improved control charts for
attributes', Quality Engineering 2002, measures by how much, from one block to the next (p'); here it is split into what
shrinks with the number of rows and what does not, since windows are of other sizes than blocks.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netanomaly.monitoring.reference import Rates

LEAST_BLOCKS = 8
_SIGMAS = 3.0
# The mean distance of two neighbours, in standard deviations (Shewhart's d2 for two).
_D2 = 1.128
_MARGIN = 1.15
# The largest of m is passed by one in m + 1. The tail beyond it is taken for one whose variance is just finite, a power of two:
# what is passed by one in so many is farther by the root of what is lacking.
_OF_SO_MANY = 50


@dataclass(frozen=True)
class RateLimits:
    """Between what a share of so many rows usually lies."""

    usual: float
    low: float
    high: float
    blocks: int


def rate_limits(rates: Rates, rows: int) -> RateLimits | None:
    """Of the alert rate of so many rows; None where too few blocks tell."""
    return _limits(np.array(rates.rows, dtype=np.float64), np.array(rates.alerts, dtype=np.float64), rows)


def agreement_limits(rates: Rates, asked: int) -> RateLimits | None:
    """Of the share of an ensemble's members that alert where any of them does; None where too few blocks tell.

    Members were made to see different things, and that they agree on the same share as before is no proof of anything; but
    where what one finds alarming leaves the others calm more often than it used to, or less, alerts are of another kind now.

    Args:
        rates: With votes.
        asked: On how many rows of the window any of them alerts.
    """
    if not rates.voters:
        return None
    # The votes on a row depend on each other: a row counts once.
    return _limits(
        np.array(rates.asked, dtype=np.float64), np.array(rates.votes, dtype=np.float64) / rates.voters, asked
    )


def _limits(sizes: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], rows: int) -> RateLimits | None:
    sizes, counts = sizes[sizes >= 1], counts[sizes >= 1]
    if len(sizes) < LEAST_BLOCKS or not rows:
        return None
    usual = float(counts.sum() / sizes.sum())
    of_chance = usual * (1 - usual)
    # Stretches as long as the window, as far as enough of them are left: a burst is less of a day than of an hour.
    together = max(1, min(int(rows / sizes.mean()), len(sizes) // LEAST_BLOCKS))
    windows = np.lib.stride_tricks.sliding_window_view
    sums, lengths = (windows(each, together).sum(axis=1) for each in (counts, sizes))
    shares = sums / lengths
    # What is left of the spread from stretch to stretch when chance is taken out.
    spread = float(np.abs(np.diff(shares[::together])).mean()) / _D2
    between = max(0.0, spread**2 - of_chance / float(lengths.mean()))
    low, high = _reach(usual, between + of_chance / rows)
    # A training period with a busy day has seen one; one that is as long as few windows has not seen the busiest of fifty.
    stretch = float(lengths.mean())
    compared = sizes.sum() / stretch * max(1.0, rows / stretch)
    margin = max(_MARGIN, math.sqrt(_OF_SO_MANY / compared))
    seen = margin * float(np.max(np.abs(shares - usual)))
    # One row more or less is always possible.
    low, high = min(low - 1 / rows, usual - seen), max(high + 1 / rows, usual + seen)
    return RateLimits(usual, max(0.0, low), min(1.0, high), len(sizes))


def _reach(usual: float, variance: float) -> tuple[float, float]:
    """Three standard deviations down and up, of a share that is as skewed as counts of few are.

    Nine alerts are expected of a small window, and 25 come by chance where they come in clusters, far more often than a normal
    distribution has it. Counts in clusters are a gamma mixture (Greenwood, Yule 1920); its quantiles by Wilson and Hilferty,
    'The Distribution of Chi-Square', PNAS 1931.
    """
    if not usual:
        return 0.0, _SIGMAS * math.sqrt(variance)
    shape = usual**2 / variance if variance else math.inf
    low, high = (
        usual * max(0.0, 1 - 1 / (9 * shape) + sigmas / (3 * math.sqrt(shape))) ** 3 for sigmas in (-_SIGMAS, _SIGMAS)
    )
    return low, high
