"""Alert rates from block to block of rows, in the order they came: how much one stretch of traffic differs from the next."""

import numpy as np
import numpy.typing as npt

_UNIT = 100
MOST_BLOCKS = 40
LEAST_ROWS = 200


class AlertBlocks:
    """Counts alerts in stretches of rows; memory is eight bytes for each hundred rows."""

    def __init__(self) -> None:
        self._units: list[npt.NDArray[np.int64]] = []
        self._rest = np.empty(0, dtype=bool)

    def add(self, alerting: npt.NDArray[np.bool_]) -> None:
        """The next rows: whether each alerts."""
        rows = np.concatenate([self._rest, alerting])
        whole = len(rows) // _UNIT * _UNIT
        self._units.append(rows[:whole].reshape(-1, _UNIT).sum(axis=1))
        self._rest = rows[whole:]

    def document(self) -> dict[str, list[int]]:
        """Rows and alerts of each block; blocks are of equal size but for what is left over, which is left out."""
        units = np.concatenate(self._units) if self._units else np.empty(0, dtype=np.int64)
        a_block = max(LEAST_ROWS // _UNIT, -(-len(units) // MOST_BLOCKS))
        blocks = len(units) // a_block
        alerts = units[: blocks * a_block].reshape(blocks, a_block).sum(axis=1)
        return {"rows": [a_block * _UNIT] * blocks, "alerts": [int(each) for each in alerts]}
