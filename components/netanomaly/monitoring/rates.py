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
    # One row more or less is always possible.
    reach = _SIGMAS * math.sqrt(between + of_chance / rows) + 1 / rows
    # A training period with a busy day has seen one.
    seen = _MARGIN * float(np.max(np.abs(shares - usual)))
    reach = max(reach, seen)
    return RateLimits(usual, max(0.0, usual - reach), min(1.0, usual + reach), len(sizes))
