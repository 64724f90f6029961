"""Times that stand apart: years away from most others of a source, as a sensor writes them whose clock was not set.

One of them stretches the time a source spans, and what is counted by it (alerts a day, flows an hour), by decades.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

GAP_YEARS = 5
"""So many years without a record between two stretches of time set the smaller apart."""

_YEAR_SECONDS = 31_556_952
_YEARS = 131
"""From 1970 on: times are of no later year than 2100."""


class Apart:
    """Counts times by their year, of which it remembers where the first stood."""

    def __init__(self) -> None:
        self._counts = np.zeros(_YEARS, dtype=np.int64)
        self._zeros, self._first_zero = 0, ""
        self._first: dict[int, tuple[float, str]] = {}

    def add(self, seconds: npt.NDArray[np.float64], where: Callable[[int], str]) -> None:
        """Take note of times, seconds since 1970 up to 2100; NaN is none.

        Args:
            where: Says where the record at a position of these stands: its file and line.
        """
        if not len(seconds):
            return
        # Most batches are of one year, which their ends tell.
        low, high = (int(each) // _YEAR_SECONDS if each == each else -1 for each in (seconds.min(), seconds.max()))
        if low == high != -1:
            found, years = {low: len(seconds)}, None
        else:
            years = np.where(np.isnan(seconds), -1, np.nan_to_num(seconds) // _YEAR_SECONDS).astype(np.int64)
            distinct, counts = np.unique(years[years >= 0], return_counts=True)
            found = dict(zip(distinct.tolist(), counts.tolist(), strict=True))
        for year, count in found.items():
            self._counts[min(year, _YEARS - 1)] += count
            if year not in self._first:
                place = 0 if years is None else int(np.argmax(years == year))
                self._first[year] = float(seconds[place]), where(place)
        if 0 in found and (zeros := int((seconds == 0).sum())):
            self._first_zero = self._first_zero or where(int(np.argmax(seconds == 0)))
            self._zeros += zeros

    def report(self) -> dict[str, Any] | None:
        """How many stand apart (`rows`), and the `reason` to list them by, with the first of them; None where none do."""
        known = np.flatnonzero(self._counts)
        stretches = np.split(known, np.flatnonzero(np.diff(known) > GAP_YEARS) + 1) if len(known) else []
        if len(stretches) < 2:
            # A capture may count from its own beginning; no more than one record begins then.
            return _told(self._zeros, 0.0, self._first_zero) if self._zeros > 1 else None
        most = max(range(len(stretches)), key=lambda place: (self._counts[stretches[place]].sum(), place))
        years = [int(year) for place, stretch in enumerate(stretches) if place != most for year in stretch]
        return _told(int(self._counts[years].sum()), *self._first[years[0]])


def _told(rows: int, moment: float, where: str) -> dict[str, Any]:
    return {
        "rows": rows,
        "reason": "time that is years from the others, or 0 (a clock that was not set?), such as "
        f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}, {where}",
    }
