"""What is usual: limits from blocks of the training period, for windows of each size.

Textbook tests assume rows that do not depend on each other, and fire on most quiet windows of flows. A block of the training
period is as dependent inside as a window is, so each block is compared with all the others: of B blocks and a window that
are exchangeable, the window is the farthest of all with probability 1 / (B + 1), whatever rows depend on (conformal
prediction: Vovk, Gammerman, Shafer, 'Algorithmic Learning in a Random World', 2005). Distances of all statistics are put on
one scale and the largest is taken (Westfall, Young, 'Resampling-Based Multiple Testing', 1993), so that this is the
probability of a false alarm over all of them together. Logarithms make statistics of light and of heavy tails alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.monitoring.statistics import Measured

Floats = npt.NDArray[np.float64]

LEAST_BLOCKS = 20
MOST_BLOCKS = 40
# Beyond the farthest block: blocks next to each other are more alike than next month's.
_MARGIN = 1.3
# No statistic of so many rows is known better than that, in units of 1 / sqrt(rows).
_FLOOR = 0.25
LEAST_MOVED = 0.02
"""Where fewer rows moved than two in a hundred nothing is out: of a column that is always the same, one row in a thousand has
a Hellinger distance of 0.022, and a rare value comes back in many a window."""
# Of logarithms: what is always about the same may be a tenth more.
_LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class Limits:
    """For windows of `rows` rows or more.

    Attributes:
        centre, scale: Of the logarithm of each statistic, over the blocks; a scale is wider where a block was farther.
        most: How many scales from its centre a statistic may be, over all of them together.
        blocks: From how many blocks that is known.
    """

    rows: int
    centre: Floats
    scale: Floats
    most: float
    blocks: int

    def distances(self, measured: Measured) -> Floats:
        """How far over the centre each is, in parts of what is allowed: over 1 is out."""
        found: Floats = (_logarithms(measured.distances, self.rows) - self.centre) / (self.scale * self.most)
        # Where a column never moved, a handful of rows would be out of all bounds.
        return np.minimum(found, measured.moved / LEAST_MOVED)

    @property
    def limits(self) -> Floats:
        """The greatest usual value of each statistic, where enough rows moved."""
        found: Floats = np.exp(self.centre + self.most * self.scale) - _FLOOR / np.sqrt(self.rows)
        return np.maximum(found, 0.0)

    def document(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "centre": [float(f"{value:.5g}") for value in self.centre],
            "scale": [float(f"{value:.5g}") for value in self.scale],
            "most": float(f"{self.most:.6g}"),
            "blocks": self.blocks,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Limits":
        """What `document` made."""
        return cls(
            int(document["rows"]),
            np.array(document["centre"], dtype=np.float64),
            np.array(document["scale"], dtype=np.float64),
            float(document["most"]),
            int(document["blocks"]),
        )


def learn(rows: int, begins: Sequence[int], measured: Floats) -> Limits:
    """Limits from the statistics of blocks.

    An episode of the training period, a night of scans say, is the farthest block in what it moved. It widens the limits of
    that: were they all as wide, nothing else would ever be out. So what holds for all of them together is the farthest
    block that does not overlap it, which a window like the blocks passes with probability 2 / (B + 1) at most.

    Args:
        rows: Of each block.
        begins: At which row each begins.
        measured: Distances, blocks by statistics, each block measured against the rest.
    """
    logarithms = _logarithms(measured, rows)
    farthest = np.empty(len(logarithms))
    for block in range(len(logarithms)):
        centre, scale = _usual(np.delete(logarithms, block, axis=0))
        farthest[block] = np.max((logarithms[block] - centre) / scale)
    apart = np.abs(np.array(begins) - begins[int(np.argmax(farthest))]) >= rows
    together = max(1.0, float(farthest[apart].max(initial=0.0)))
    centre, scale = _usual(logarithms)
    its_own = np.max((logarithms - centre) / scale, axis=0)
    return Limits(rows, centre, scale * np.maximum(1.0, its_own / together), _MARGIN * together, len(measured))


def for_rows(limits: Sequence[Limits], rows: int) -> Limits | None:
    """Those for a window of so many rows: of the largest blocks that are no larger; None where all are larger."""
    fitting = [each for each in limits if each.rows <= rows]
    return max(fitting, key=lambda each: each.rows) if fitting else None


def _logarithms(measured: Floats, rows: int) -> Floats:
    """Statistics whose spread is much like that of any other, whether a few blocks are far away or all are about the same."""
    found: Floats = np.log(np.maximum(measured, 0.0) + _FLOOR / np.sqrt(rows))
    return found


def _usual(logarithms: Floats) -> tuple[Floats, Floats]:
    return logarithms.mean(axis=0), np.maximum(logarithms.std(axis=0), _LEAST_SPREAD)
