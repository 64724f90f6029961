"""How many incidents a day of traffic like that in training brings, and how far a day may be from that.

Incidents are what people look at, and no simple share of the rows: a hundred alerts of one host are one of them. So the
calibrating time is replayed: its rows that alert are grouped as scoring groups them, and incidents are counted.

A day to come is told by a negative binomial distribution with the mean of the days replayed. Its variance is that of chance
(the mean), of days that differ (the mean squared, times `spread`), and of a mean that so few days tell. How much days
differ is taken from the blocks that were replayed; as a few of them say little of that, they are weighed against what is
usual (`make bench-incidents`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.metrics.count_laws import negative_binomial_quantile

DAY = 86_400.0
# Days where there are enough of them, else blocks of equal time.
_FEWEST_DAYS, _BLOCKS = 3, 8
# Days of one network differ by some 55% of their mean beside chance; that counts for as much as so many blocks do.
_USUAL_SPREAD, _WEIGHT = 0.3, 4
_LEAST_OF_A_DAY = 0.15
# Where none was seen, up to three were to be expected (the rule of three).
_FEWEST = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class IncidentRate:
    """Incidents at one operating point, in the time that was replayed.

    Attributes:
        budget: Of the operating point.
        incidents: There were so many.
        seconds: In so much time.
        blocks: It was looked at in so many blocks.
        spread: How much blocks differ beside chance: the variance of their rates, over the mean squared.
    """

    budget: float
    incidents: int
    seconds: float
    blocks: int
    spread: float

    @property
    def tells_a_day(self) -> bool:
        """Whether so much time was replayed that a day can be told by it; a few minutes of a network are not."""
        return self.seconds >= _LEAST_OF_A_DAY * DAY

    @property
    def per_day(self) -> float:
        return self.incidents * DAY / self.seconds

    def expected(self, seconds: float = DAY, confidence: float = 0.95) -> tuple[int, int]:
        """Between how many and how many incidents so much traffic brings, with this confidence, if it is as in training."""
        mean = max(self.incidents, _FEWEST) * seconds / self.seconds
        beside_chance = self.spread * (1 + 1 / self.blocks) + 1 / max(self.incidents, _FEWEST)
        size = 1 / beside_chance
        low, high = (negative_binomial_quantile(at, size, mean) for at in ((1 - confidence) / 2, (1 + confidence) / 2))
        return (0 if self.incidents < _FEWEST else low), high


def rate(budget: float, begins: Floats, first: float, last: float) -> IncidentRate | None:
    """The rate of incidents that began at these moments between `first` and `last`; None where that is no time."""
    seconds = last - first
    if not seconds > 0:
        return None
    days = round(seconds / DAY)
    blocks = days if days >= _FEWEST_DAYS else _BLOCKS
    counts = np.histogram(begins, np.linspace(first, last, blocks + 1))[0]
    mean = float(counts.mean())
    seen = max(0.0, (float(counts.var(ddof=1)) - mean) / mean**2) if mean else 0.0
    spread = ((blocks - 1) * seen + _WEIGHT * _USUAL_SPREAD) / (blocks - 1 + _WEIGHT)
    return IncidentRate(budget, len(begins), seconds, blocks, spread)


def most_alerts(rows: int, incidents: Callable[[int], int], allowed: float) -> int:
    """How many of the strongest rows may alert for no more than so many incidents.

    More alerts are mostly more incidents; where they join two into one, fewer. The first number of alerts that brings too
    many ends the search: what lies beyond would be luck.

    Args:
        rows: There are so many.
        incidents: Of so many of the strongest rows, as alerts.
        allowed: Incidents.
    """
    good, step = 0, 1
    while good < rows:
        tried = min(rows, good + step)
        if incidents(tried) > allowed:
            break
        good, step = tried, max(1, int(tried * 0.25))
    else:
        return rows
    bad = min(rows, good + step)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if incidents(middle) <= allowed else (good, middle)
    return good


def document(found: IncidentRate) -> dict[str, Any]:
    """As summaries have it: of a day."""
    low, high = found.expected()
    return {
        "budget": found.budget,
        "per_day": round(found.per_day, 3),
        "low": low,
        "high": high,
        "days": round(found.seconds / DAY, 3),
        "incidents": found.incidents,
    }
