"""Small whole numbers, of which a table has one place each."""

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]


def distinct(values: Whole, most: int) -> tuple[Whole, Whole]:
    """The distinct values in order, and the place of each value among them: `np.unique` without sorting.

    Args:
        values: From -1 to under `most`.
        most: Memory is that of so many numbers.
    """
    occurs = np.zeros(most + 1, dtype=bool)
    occurs[values + 1] = True
    places = np.cumsum(occurs) - 1
    return np.flatnonzero(occurs) - 1, places[values + 1]
