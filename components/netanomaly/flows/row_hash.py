"""A 64-bit hash of each row's features: the same values give the same hash, on any machine and in any run.

Equal rows find each other by it (duplicates, leakage between data sets, hold-out that never splits them). Not
cryptographic. Mixing after the finaliser of SplitMix64 (Steele, Lea, Flood, 2014). Columns are taken in the order of
their names, so that two files with the same columns in another order agree.
"""

import hashlib
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from netanomaly.flows.batch import Batch
from netanomaly.flows.contract import Contract

Hashes = npt.NDArray[np.uint64]

SPACE = 2**64

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_MISSING = np.uint64(0x7FF8000000000000)


def row_hashes(batch: Batch, contract: Contract, without: Collection[str] = ()) -> Hashes:
    """One hash per row, of its features but those named in `without`; the label has no part in it."""
    numeric = {name: position for position, name in enumerate(contract.numeric)}
    state = np.full(batch.rows, _ODD, dtype=np.uint64)
    for name in sorted(set(contract.features) - set(without)):
        if name in numeric:
            # Adding zero makes one number of -0.0 and 0.0.
            position = numeric[name]
            bits = (batch.numbers[position] + 0.0).view(np.uint64)
            if not batch.complete[position]:
                bits[np.isnan(batch.numbers[position])] = _MISSING
        else:
            bits = _category_bits(batch, name)
        state ^= bits
        state *= _MIX
        state ^= state >> np.uint64(31)
    return mixed(state, 0)


def mixed(hashes: Hashes, seed: int) -> Hashes:
    """The hashes reshuffled by a seed, each bit depending on all."""
    state = hashes + np.uint64((seed * int(_ODD) + int(_MIX)) % SPACE)
    state ^= state >> np.uint64(30)
    state *= _MIX
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


def in_fraction(hashes: Hashes, fraction: float, seed: int) -> npt.NDArray[np.bool_]:
    """Whether each row belongs to a random part of this size; equal rows always belong together."""
    return mixed(hashes, seed + 1) < np.uint64(min(int(fraction * SPACE), SPACE - 1))


def _category_bits(batch: Batch, name: str) -> Hashes:
    column = batch.categories[name]
    known = [
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
        for text in column.dictionary.to_pylist()
    ]
    table = np.array([*known, int(_MISSING)], dtype=np.uint64)
    codes = column.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    bits: Hashes = table[codes]
    return bits
