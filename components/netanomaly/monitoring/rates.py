"""Alert rates against what they were: a chart whose limits allow for days that differ.

Flows of one host depend on each other, so that binomial limits are far too narrow. Laney, 'Improved control charts for
attributes', Quality Engineering 2002, measures by how much, from one block to the next (p'); here it is split into what
shrinks with the number of rows and what does not, since windows are of other sizes than blocks.
"""

import math
from dataclasses import dataclass

import numpy as np

from netanomaly.monitoring.reference import Rates

LEAST_BLOCKS = 8
_SIGMAS = 3.0
# The mean distance of two neighbours, in standard deviations (Shewhart's d2 for two).
_D2 = 1.128
_MARGIN = 1.15


@dataclass(frozen=True)
class RateLimits:
    """The usual alert rate of so many rows."""

    usual: float
    low: float
    high: float
    blocks: int


def rate_limits(rates: Rates, rows: int) -> RateLimits | None:
    """Between what the alert rate of so many rows lies; None where too few blocks tell."""
    sizes, alerts = np.array(rates.rows, dtype=np.float64), np.array(rates.alerts, dtype=np.float64)
    if len(sizes) < LEAST_BLOCKS or not rows or sizes.min(initial=np.inf) < 1:
        return None
    usual = float(alerts.sum() / sizes.sum())
    shares = alerts / sizes
    of_chance = usual * (1 - usual)
    # What is left of the spread from block to block when chance is taken out.
    spread = float(np.abs(np.diff(shares)).mean()) / _D2
    between = max(0.0, spread**2 - of_chance / float(sizes.mean()))
    # One alert more or less is always possible.
    reach = _SIGMAS * math.sqrt(between + of_chance / rows) + 1 / rows
    # A training period with a busy day has seen one.
    seen = _MARGIN * float(np.max(np.abs(shares - usual)))
    reach = max(reach, seen)
    return RateLimits(usual, max(0.0, usual - reach), min(1.0, usual + reach), len(sizes))
