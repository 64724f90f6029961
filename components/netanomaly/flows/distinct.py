"""How many rows repeat, from their hashes, in bounded memory.

Every hash is kept while there is room; then only those under a bound that halves as room runs out, which is a
uniform sample of the distinct rows with all their repetitions (adaptive sampling: Flajolet, 1990).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.flows.row_hash import SPACE, Hashes

DISTINCT_AT_MOST = 2**20
"""At 8 bytes for a hash and 8 for its count, 16 MiB."""

SHARED_AT_MOST = 10_000
"""Hashes that go into a report, to compare two data sets; an overlap is estimated to about half a point."""

_WAITING_AT_MOST = 2**18


class DistinctRows:
    """Counts of distinct rows."""

    def __init__(self, distinct_at_most: int = DISTINCT_AT_MOST) -> None:
        self._at_most = distinct_at_most
        self._bound = SPACE
        self._values = np.empty(0, dtype=np.uint64)
        self._counts = np.empty(0, dtype=np.int64)
        self._waiting: list[Hashes] = []
        self._waiting_rows = 0
        self._rows = 0

    def add(self, hashes: Hashes) -> None:
        """Take note of more rows."""
        self._rows += len(hashes)
        if self._bound < SPACE:
            hashes = hashes[hashes < np.uint64(self._bound)]
        self._waiting.append(hashes)
        self._waiting_rows += len(hashes)
        if self._waiting_rows > _WAITING_AT_MOST:
            self._merge()

    def duplicates(self) -> dict[str, Any]:
        """Rows equal to an earlier one: {"rows", "exact"}; an estimate where not exact."""
        self._merge()
        kept = int(self._counts.sum())
        repeated = kept - len(self._values)
        if self._bound == SPACE:
            return {"rows": repeated, "exact": True}
        return {"rows": round(repeated / max(kept, 1) * self._rows), "exact": False}

    def shared(self, at_most: int = SHARED_AT_MOST) -> dict[str, Any]:
        """The smallest hashes with their counts, ascending: {"bound", "values", "counts"}.

        Holds every row of the data whose hash is under `bound`; all rows where `bound` is 2**64.
        """
        self._merge()
        if len(self._values) <= at_most:
            bound = self._bound
            values, counts = self._values, self._counts
        else:
            bound = int(self._values[at_most])
            values, counts = self._values[:at_most], self._counts[:at_most]
        return {"bound": bound, "values": values.tolist(), "counts": counts.tolist()}

    def _merge(self) -> None:
        if not self._waiting:
            return
        values, counts = np.unique(np.concatenate(self._waiting), return_counts=True)
        self._waiting, self._waiting_rows = [], 0
        if len(self._values):
            values, counts = self._joined(values, counts)
        self._values, self._counts = values, counts
        while len(self._values) > self._at_most:
            self._bound //= 2
            keep = int(np.searchsorted(self._values, np.uint64(self._bound)))
            self._values, self._counts = self._values[:keep], self._counts[:keep]

    def _joined(self, values: Hashes, counts: npt.NDArray[np.int64]) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """Those held and these, each once."""
        # Those held stay in place but for room made for the others: a sort of both would take five times their memory.
        at = np.searchsorted(self._values, values)
        held = self._values[np.minimum(at, len(self._values) - 1)] == values
        self._counts[at[held]] += counts[held]
        at, values, counts = at[~held], values[~held], counts[~held]
        return np.insert(self._values, at, values), np.insert(self._counts, at, counts)
