"""What is usual: limits from blocks of the training period, for windows of each size.

Textbook tests assume rows that do not depend on each other, and fire on most quiet windows of flows. A block of the training
period is as dependent inside as a window is, so each block is compared with all the others: of B blocks and a window that
are exchangeable, the window is the farthest of all with probability 1 / (B + 1), whatever rows depend on (conformal
prediction: Vovk, Gammerman, Shafer, 'Algorithmic Learning in a Random World', 2005). Distances of all statistics are put on
one scale and the largest is taken (Westfall, Young, 'Resampling-Based Multiple Testing', 1993), so that this is the
probability of a false alarm over all of them together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_BLOCKS = 20
MOST_BLOCKS = 40
# Beyond the farthest block: blocks next to each other are more alike than next month's.
_MARGIN = 1.15
# No statistic of so many rows is known better than that, in units of 1 / sqrt(rows).
_FLOOR = 0.1


@dataclass(frozen=True)
class Limits:
    """For windows of `rows` rows or more.

    Attributes:
        centre, scale: Of each statistic, over the blocks.
        most: How many scales from its centre a statistic may be, over all of them together.
        blocks: From how many blocks that is known.
    """

    rows: int
    centre: Floats
    scale: Floats
    most: float
    blocks: int

    def distances(self, measured: Floats) -> Floats:
        """How far over the centre each is, in parts of what is allowed: over 1 is out."""
        found: Floats = (measured - self.centre) / (self.scale * self.most)
        return found

    @property
    def limits(self) -> Floats:
        """The greatest usual value of each statistic."""
        found: Floats = self.centre + self.most * self.scale
        return found

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


def learn(rows: int, measured: Floats) -> Limits:
    """Limits from the statistics of blocks.

    Args:
        rows: Of each block.
        measured: Blocks by statistics, each block measured against the rest.
    """
    farthest = 0.0
    floor = _FLOOR / np.sqrt(rows)
    for block in range(len(measured)):
        centre, scale = _usual(np.delete(measured, block, axis=0), floor)
        farthest = max(farthest, float(np.max((measured[block] - centre) / scale)))
    centre, scale = _usual(measured, floor)
    return Limits(rows, centre, scale, _MARGIN * max(farthest, 1.0), len(measured))


def for_rows(limits: Sequence[Limits], rows: int) -> Limits | None:
    """Those for a window of so many rows: of the largest blocks that are no larger; None where all are larger."""
    fitting = [each for each in limits if each.rows <= rows]
    return max(fitting, key=lambda each: each.rows) if fitting else None


def _usual(measured: Floats, floor: float) -> tuple[Floats, Floats]:
    centre = np.median(measured, axis=0)
    # The spread above the middle alone counts; the mean of it is moved by the far ones, which are what limits are about.
    above = np.maximum(measured - centre, 0.0)
    spread = np.sqrt((above**2).mean(axis=0) * 2)
    return centre, np.maximum(spread, floor)
