"""A uniform sample of rows, of bounded size, that does not depend on how the rows were batched."""

import numpy as np
import numpy.typing as npt

from netanomaly.flows.batch import Numbers

SAMPLED_ROWS = 20_000
"""Enough to place every percentile to about a third of a point."""

_CELLS_AT_MOST = 4_000_000


class RowSample:
    """The rows to which a seeded generator gave the smallest numbers, one number for each row in turn."""

    def __init__(self, columns: int, seed: int, size: int = SAMPLED_ROWS) -> None:
        self._size = max(1, min(size, _CELLS_AT_MOST // max(columns, 1)))
        self._random = np.random.default_rng(seed)
        self._bound = np.inf
        self._rows = 0
        self._positions: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
        self._held = 0
        self._numbers: list[Numbers] = [np.empty((columns, 0))]
        self._normal: list[npt.NDArray[np.bool_]] = [np.empty(0, dtype=bool)]
        self._places: list[npt.NDArray[np.float64]] = [np.empty(0)]

    def add(self, numbers: Numbers, normal: npt.NDArray[np.bool_], among: npt.NDArray[np.intp] | None = None) -> None:
        """Offer more rows: one column of `numbers` each, and whether it is normal. `among`: only those columns of it."""
        offered = numbers.shape[1] if among is None else len(among)
        places: npt.NDArray[np.float64] = self._random.random((offered,))
        chosen = drawn = np.flatnonzero(places < self._bound)
        if among is not None:
            chosen = among[drawn]
        self._positions.append(chosen + self._rows)
        self._rows += numbers.shape[1]
        self._numbers.append(numbers[:, chosen])
        self._normal.append(normal[chosen])
        self._places.append(places[drawn])
        self._held += len(chosen)
        # Sorting out twice as seldom as rows come in keeps its cost under that of reading.
        if self._held > 2 * self._size:
            self._keep_smallest()

    def rows(self) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """The sampled rows, one column each, and which of them are normal."""
        self._keep_smallest()
        return self._numbers[0], self._normal[0]

    def positions(self) -> npt.NDArray[np.int64]:
        """Of each sampled row the place among all that were offered, from 0."""
        self._keep_smallest()
        return self._positions[0]

    def _keep_smallest(self) -> None:
        if len(self._places) == 1:
            return
        places = np.concatenate(self._places)
        kept = np.argsort(places)[: self._size]
        self._numbers = [np.concatenate(self._numbers, axis=1)[:, kept]]
        self._normal = [np.concatenate(self._normal)[kept]]
        self._positions = [np.concatenate(self._positions)[kept]]
        self._places = [places[kept]]
        self._held = len(kept)
        if self._held == self._size:
            self._bound = float(places[kept[-1]])
