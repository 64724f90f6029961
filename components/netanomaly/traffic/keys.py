"""64-bit keys of addresses and records: the same content gives the same key on any machine, in any run."""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.flows.row_hash import mixed

Keys = npt.NDArray[np.uint64]

_WIDTH = 64
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
NONE = np.uint64(0)
"""The key of a missing text."""


def of_texts(column: pa.DictionaryArray) -> Keys:
    """One key per row."""
    table = np.append(_hashed(column.dictionary.to_pylist()), NONE)
    codes = column.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
    found: Keys = table[codes]
    return found


def together(*parts: npt.NDArray[np.generic]) -> Keys:
    """One key per row from several columns of keys, whole numbers or doubles (their bits)."""
    state = np.zeros(len(parts[0]), dtype=np.uint64)
    for part in parts:
        bits = part.astype(np.int64).view(np.uint64) if part.dtype.kind in "iub" and part.dtype != np.uint64 else part
        if part.dtype.kind == "f":
            bits = (part.astype(np.float64) + 0.0).view(np.uint64)
        state = mixed(state * _MULTIPLIER + bits.astype(np.uint64), 0)
    return state


def _hashed(texts: list[str | None]) -> Keys:
    if not texts:
        return np.empty(0, dtype=np.uint64)
    known = ["" if text is None else text for text in texts]
    odd = [position for position, text in enumerate(known) if len(text) > _WIDTH or "\0" in text or not text.isascii()]
    slowly = {position: _slowly(known[position]) for position in odd}
    plain = np.array(["" if position in slowly else text for position, text in enumerate(known)], dtype=f"S{_WIDTH}")
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
