"""Which rows a model has seen: a 64-bit key for each row, the same for rows that are the same to the model.

Columns are mixed in one after the other; a category that was not in training has no equal in training.
"""

import numpy as np
import numpy.typing as npt

from netanomaly.flows.row_hash import mixed
from netanomaly.models.rows import UNSEEN, Rows

Keys = npt.NDArray[np.uint64]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def row_keys(rows: Rows) -> Keys:
    """One key for each row. Two different rows of a million share one with a probability of 3e-8."""
    state = np.full(len(rows), _ODD, dtype=np.uint64)
    for column in rows.numbers.T:
        _mix_in(state, np.where(np.isnan(column), np.nan, column + 0.0).view(np.uint64))  # -0.0 is 0.0
    for codes in rows.codes.T:
        _mix_in(state, codes.astype(np.int64).view(np.uint64))
    return mixed(state, 0)


def distinct_keys(rows: Rows) -> Keys:
    """The keys of the rows, each once, ascending."""
    return np.unique(row_keys(rows))


def are_among(rows: Rows, keys: Keys) -> npt.NDArray[np.bool_]:
    """Which of the rows have a key among these, which are ascending."""
    if not len(keys):
        return np.zeros(len(rows), dtype=bool)
    wanted = row_keys(rows)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    among: npt.NDArray[np.bool_] = (keys[places] == wanted) & (rows.codes != UNSEEN).all(axis=1)
    return among


def _mix_in(state: Keys, bits: Keys) -> None:
    state ^= bits
    state *= _MIX
    state ^= state >> np.uint64(31)
