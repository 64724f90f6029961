"""Alert rates from block to block of rows, in the order they came: how much one stretch of traffic differs from the next.

Of an ensemble its members' votes are counted beside: how many of them find what any of them finds.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_UNIT = 100
MOST_BLOCKS = 40
LEAST_ROWS = 200


class AlertBlocks:
    """Counts alerts and votes in stretches of rows; memory is 24 bytes for each hundred rows.

    Args:
        voters: How many members vote on each row; 0: none do.
    """

    def __init__(self, voters: int = 0) -> None:
        self._voters = voters
        self._units: list[npt.NDArray[np.int64]] = []
        self._rest = np.empty((3 if voters else 1, 0), dtype=np.int64)

    def add(self, alerting: npt.NDArray[np.bool_], votes: npt.NDArray[np.int64] | None = None) -> None:
        """The next rows: whether each alerts, and how many members would alert."""
        counts = [alerting] if votes is None else [alerting, votes > 0, votes]
        rows = np.concatenate([self._rest, np.stack(counts).astype(np.int64)], axis=1)
        whole = rows.shape[1] // _UNIT * _UNIT
        self._units.append(rows[:, :whole].reshape(len(rows), -1, _UNIT).sum(axis=2))
        self._rest = rows[:, whole:]

    def document(self) -> dict[str, Any]:
        """Rows and alerts of each block; blocks are of equal size but for what is left over, which is left out.

        Where members vote, also `asked`, the rows on which any of them would alert, `votes` on these, and how many `voters` there
        are.
        """
        units = np.concatenate([self._rest[:, :0], *self._units], axis=1)
        a_block = max(LEAST_ROWS // _UNIT, -(-units.shape[1] // MOST_BLOCKS))
        blocks = units.shape[1] // a_block
        sums = units[:, : blocks * a_block].reshape(len(units), blocks, a_block).sum(axis=2).tolist()
        found: dict[str, Any] = {"rows": [a_block * _UNIT] * blocks, "alerts": sums[0]}
        if self._voters:
            found |= {"asked": sums[1], "votes": sums[2], "voters": self._voters}
        return found
