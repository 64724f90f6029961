"""Which training rows are fitted on and which set the thresholds.

Where rows have times the latest set them: normal traffic moves, and the future is more like last week than like a random
row of the last month. What lies between the two parts is left out (purged), since flows last and counters reach back.
Flows of one host and one hour depend on each other, so that the rate over so many rows says less than so many coin tosses
would: how far the rate of one block of the calibrating time is from that of the next says how much less.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.errors import DataError
from netanomaly.metrics.thresholds import Threshold, rows_needed
from netanomaly.stages.train.settings import SAMPLED_ROWS

# Part of the rows that calibrates, unless the budget needs more; never more than half.
CALIBRATION_SHARE = 0.25
# Where half of the rows is still plenty to fit on, up to half calibrates until so many do: 20,000 know a rate of 1% to
# within 0.0007 (one standard deviation).
_PLENTY_TO_FIT = 5_000
_PLENTY_TO_CALIBRATE = 20_000

# The gap between the parts: this share of the time that the rows span, at most an hour; as where a source is split.
_GAP_SHARE, _GAP_AT_MOST = 0.01, 3600.0
# The calibrating rows are looked at in so many blocks of equal rows, or in fewer, each enough for the budget.
_BLOCKS_AT_MOST = 8

Positions = npt.NDArray[np.int64]
Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """Positions of the rows to fit on and of those to calibrate on, ascending, and how they were told apart."""

    fitting: Positions
    calibrating: Positions
    times: Times | None = None
    """Of the calibrating rows where they are the latest, seconds since 1970; None where they are a random part."""
    gap_seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """What the training summary says of it."""
        if self.times is None:
            return {"by": "random", "rows": len(self.calibrating)}
        return {
            "by": "time",
            "rows": len(self.times),
            "from": _written(self.times.min()),
            "to": _written(self.times.max()),
            "days": len(np.unique(self.times // 86_400)),
            "gap_seconds": self.gap_seconds,
        }

    def seen_in_blocks(self, points: Sequence[Threshold], scores: npt.NDArray[np.floating]) -> list[Threshold]:
        """The thresholds with the lowest and the highest alert rate of any block of the calibrating time.

        Args:
            points: Of these rows.
            scores: Of the calibrating rows, in their order.
        """
        if self.times is None:
            return list(points)
        ordered = scores[np.argsort(self.times, kind="stable")]
        found = []
        for point in points:
            blocks = min(_BLOCKS_AT_MOST, len(ordered) // max(rows_needed(point.budget), 1))
            if blocks < 2:
                found.append(point)
                continue
            rates = [float((block > point.threshold).mean()) for block in np.array_split(ordered, blocks)]
            found.append(replace(point, seen_low=min(rates), seen_high=max(rates)))
        return found


def parts(times: Times | None, rows: int, budget: float, minimum_rows: int, seed: int) -> Parts:
    """Tell the rows apart: by time where it can be done, at random elsewhere.

    Args:
        times: Of each row, seconds since 1970, NaN where it has none; None where the data has none.
        rows: How many there are.
        budget: False-positive rate that the threshold is to keep.
        minimum_rows: That the detector needs.
        seed: Of the random partition.

    Raises:
        DataError: Too few rows for the detector, or for the budget.
    """
    calibrating = _calibrating(rows, budget, minimum_rows)
    # Of rows with times no more than the quarter: the longer ago, the less they say.
    latest = max(int(rows * CALIBRATION_SHARE), rows_needed(budget))
    if times is not None and (found := _by_time(times, latest, budget, minimum_rows)):
        return found
    shuffled = np.random.default_rng([seed, 1]).permutation(rows)
    return Parts(np.sort(shuffled[calibrating:]), np.sort(shuffled[:calibrating]))


def _by_time(times: Times, calibrating: int, budget: float, minimum_rows: int) -> Parts | None:
    """The latest rows calibrate, those without a time are fitted on; None where times do not tell enough apart."""
    known = np.flatnonzero(~np.isnan(times))
    if len(known) <= calibrating:
        return None
    present = times[known]
    gap = min(_GAP_SHARE * float(present.max() - present.min()), _GAP_AT_MOST)
    cut = np.partition(present, len(present) - calibrating)[len(present) - calibrating]
    latest = np.flatnonzero(times >= cut)
    earlier = np.flatnonzero(~(times >= cut - gap))
    if not gap or len(latest) < rows_needed(budget) or len(latest) > 2 * calibrating:
        return None
    if len(earlier) < max(minimum_rows, (len(times) - calibrating) // 2):
        return None
    return Parts(earlier, latest, times[latest], gap)


def _calibrating(rows: int, budget: float, minimum_rows: int) -> int:
    """How many rows calibrate: a quarter, or as many as the budget needs where that is more, at most half.

    Of 10,000 rows or more half, until 20,000 do.
    """
    needed = rows_needed(budget)
    wanted = max(int(rows * CALIBRATION_SHARE), needed, _PLENTY_TO_CALIBRATE if rows >= 2 * _PLENTY_TO_FIT else 0)
    calibrating = min(wanted, rows // 2)
    too_few = (
        f"{rows} rows to train on (of labelled data the normal ones; of a source that is judged on as well, what is not held "
        "out) are too few"
    )
    if calibrating < needed:
        raise DataError(
            f"{too_few}: an alert budget of {budget:g} needs {2 * needed} of them, half to fit and half to calibrate"
            f"{f', and of more than {SAMPLED_ROWS} only so many are drawn' if 2 * needed > SAMPLED_ROWS else ''}; give more "
            f"rows, or allow more alerts{_affordable(rows, minimum_rows)}"
        )
    if rows - calibrating < minimum_rows:
        raise DataError(
            f"{too_few}: the detector is fitted on {rows - calibrating} of them and needs "
            f"{minimum_rows}; give at least {2 * max(minimum_rows, needed)} rows"
        )
    return calibrating


def _affordable(rows: int, minimum_rows: int) -> str:
    """The budget that so many rows are enough for, rounded up; in words."""
    for budget in (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1):
        if 2 * max(rows_needed(budget), minimum_rows) <= rows:
            return f": {rows} are enough for an alert_budget of {budget:g}"
    return ""


def _written(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat(timespec="seconds")
