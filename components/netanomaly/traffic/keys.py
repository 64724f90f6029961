"""64-bit keys of addresses and records: the same content gives the same key on any machine, in any run."""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.flows.row_hash import mixed

Keys = npt.NDArray[np.uint64]

_WIDTH = 64
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
NONE = np.uint64(0)
"""The key of a missing text."""


def of_texts(column: pa.DictionaryArray) -> Keys:
    """One key per row."""
    texts, codes = used(column)
    table = np.append(_hashed(texts), NONE)
    found: Keys = table[codes]
    return found


def used(column: pa.DictionaryArray) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The texts of a dictionary that occur, and the place of each row's among them; one behind all where it is missing."""
    count = len(column.dictionary)
    codes = column.indices.fill_null(count).to_numpy(zero_copy_only=False)
    occurs = np.zeros(count + 1, dtype=bool)
    occurs[codes] = True
    places = np.cumsum(occurs) - 1
    places[count] = occurs[:count].sum()
    return column.dictionary.take(pa.array(np.flatnonzero(occurs[:count]))), places[codes]


def together(*parts: npt.NDArray[np.generic]) -> Keys:
    """One key per row from several columns of keys, whole numbers or doubles (their bits)."""
    state = np.zeros(len(parts[0]), dtype=np.uint64)
    for part in parts:
        bits = part.astype(np.int64).view(np.uint64) if part.dtype.kind in "iub" and part.dtype != np.uint64 else part
        if part.dtype.kind == "f":
            bits = (part.astype(np.float64) + 0.0).view(np.uint64)
        state = mixed(state * _MULTIPLIER + bits.astype(np.uint64), 0)
    return state


def _hashed(texts: pa.Array) -> Keys:
    if not len(texts):
        return np.empty(0, dtype=np.uint64)
    known = texts.to_pylist()
    plainly = pc.and_(
        pc.and_(pc.string_is_ascii(texts), pc.less_equal(pc.binary_length(texts), _WIDTH)),
        pc.invert(pc.match_substring(texts, "\0")),
    )
    odd = np.flatnonzero(~np.asarray(plainly)).tolist()
    slowly = {position: _slowly(known[position]) for position in odd}
    for position in odd:
        known[position] = ""
    plain = np.array(known, dtype=f"S{_WIDTH}")
    words = plain.view(np.uint64).reshape(len(known), _WIDTH // 8)
    state = np.zeros(len(known), dtype=np.uint64)
    for position in range(_WIDTH // 8):
        state = mixed(state * _MULTIPLIER + words[:, position], 0)
    state[state == NONE] = np.uint64(1)
    for position, key in slowly.items():
        state[position] = key
    return state


def _slowly(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little") or 1)
