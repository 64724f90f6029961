"""Rows to a matrix in which distances mean something, learnt from training rows only.

Unlike the forest's view of rows (`encoding`), nothing is clipped: a value beyond the range of training is as far
out as its logarithm says, however far that is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netanomaly.models.encoding import Filled, Matrix, Rarity, signed_log
from netanomaly.models.rows import Floats, Rows

# Beyond this many standard deviations a column grows like a logarithm: a column that is nearly always zero has a tiny
# deviation, and without this its rare values would drown all other columns.
_LINEAR_WITHIN = 3.0
# A category's unit of distance is at least a factor of e in frequency: without this, a column of values that are
# all rare (addresses, identifiers) would make every new value an outlier.
_RARITY_SCALE_AT_LEAST = 1.0

# A frequent category has a column of its own beside its rarity, or two of the same frequency would be one. So many of a
# column's categories at most, that many rows at least, and so many in all. The height makes rows of two of them two
# units apart.
_FREQUENT_AT_MOST = 12
_FREQUENT_SHARE = 0.002
_INDICATORS_AT_MOST = 64
_INDICATOR_HEIGHT = 2**0.5

# So few that what is made of them on the way stays in the cache.
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Scaled:
    """Numbers as standardised signed logarithms, missing as 0/1 standardised, categories as standardised rarity.

    After them one column for each frequent category (`frequent`: its column of codes, its code). Columns that are the
    same as one before them are left out of `kept`.
    """

    filled: Filled
    rarity: Rarity
    centres: Floats
    scales: Floats
    kept: npt.NDArray[np.intp]
    frequent: tuple[tuple[int, int], ...] = ()

    @classmethod
    def learn(cls, rows: Rows) -> "Scaled":
        """From training rows, at least one."""
        filled, rarity = Filled.learn(rows.numbers), Rarity.learn(rows.codes)
        raw = _raw(rows, filled, rarity).T
        scales = raw.std(axis=0)
        categories = slice(raw.shape[1] - rows.codes.shape[1], None)
        varies = scales > 1e-9 * (1 + np.abs(raw).max(axis=0))
        # What never varied has no unit of its own; its signed logarithm's, in which a factor of e is one step.
        scales = np.where(varies, scales, 1.0)
        scales[categories] = np.maximum(scales[categories], _RARITY_SCALE_AT_LEAST)
        return cls(filled, rarity, raw.mean(axis=0), scales, _distinct(raw), _frequent(rows))

    @property
    def plain(self) -> int:
        """How many columns come before those of frequent categories."""
        return len(self.kept)

    def __call__(self, rows: Rows) -> Matrix:
        """float32, rows x (kept columns and frequent categories), C order."""
        matrix = np.empty((len(rows), len(self.kept) + len(self.frequent)), dtype=np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            self._write(rows.take(part), matrix[part])
        return matrix

    def _write(self, rows: Rows, matrix: Matrix) -> None:
        by_column = _raw(rows, self.filled, self.rarity)[self.kept]
        by_column -= self.centres[self.kept, np.newaxis]
        by_column /= self.scales[self.kept, np.newaxis] * _LINEAR_WITHIN
        np.arcsinh(by_column, out=by_column)
        by_column *= _LINEAR_WITHIN
        matrix[:, : len(self.kept)] = by_column.T
        for position, (column, code) in enumerate(self.frequent, start=len(self.kept)):
            matrix[:, position] = (rows.codes[:, column] == code) * np.float32(_INDICATOR_HEIGHT)


def _raw(rows: Rows, filled: Filled, rarity: Rarity) -> Floats:
    """Columns x rows: a column lies in one piece."""
    numbers, missing = filled(rows.numbers)
    categories = rarity(rows.codes)
    return np.concatenate([signed_log(np.ascontiguousarray(numbers.T)), missing.T, categories.T])


def _frequent(rows: Rows) -> tuple[tuple[int, int], ...]:
    """The frequent categories, those that say most first: the nearer to half of the rows, the more."""
    found = []
    for column, codes in enumerate(rows.codes.T):
        shares = np.bincount(codes[codes >= 0], minlength=1) / len(rows)
        most = np.argsort(-shares, kind="stable")[:_FREQUENT_AT_MOST]
        frequent = most[(shares[most] > _FREQUENT_SHARE) & (shares[most] < 1)]
        found += [(float(shares[code] * (1 - shares[code])), column, code) for code in frequent.tolist()]
    found.sort(key=lambda each: (-each[0], each[1:]))
    return tuple((column, code) for _, column, code in found[:_INDICATORS_AT_MOST])


def _distinct(raw: Floats) -> npt.NDArray[np.intp]:
    """Columns without the copies of earlier ones. Constant columns stay: a change in one is a finding."""
    seen: set[bytes] = set()
    kept = []
    for position, column in enumerate(raw.T):
        key = column.tobytes()
        if key not in seen or (column == column[0]).all():
            kept.append(position)
            seen.add(key)
    return np.array(kept, dtype=np.intp)
