"""Arrow columns as they were read, made into clean numbers and categories."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.flows import values
from netanomaly.flows.batch import Numbers

Mask = npt.NDArray[np.bool_]


def numbers(columns: Sequence[pa.Array], rows: int) -> tuple[Numbers, dict[int, Mask], Mask]:
    """Arrow double columns as a matrix, one row each.

    And of columns with values that had to become missing, which rows those are; and per column whether none is missing.
    """
    matrix = np.empty((len(columns), rows))
    infinite: dict[int, Mask] = {}
    for position, column in enumerate(columns):
        matrix[position] = column.to_numpy(zero_copy_only=False)
    if not rows:
        return matrix, infinite, np.ones(len(columns), dtype=bool)
    # Two passes clear nearly every column; only one that holds a missing or absurd value is looked at closely.
    lowest, highest = matrix.min(axis=1), matrix.max(axis=1)
    complete = (lowest >= -values.LARGEST) & (highest <= values.LARGEST)
    for position in np.flatnonzero(~complete).tolist():
        absurd = np.abs(matrix[position]) > values.LARGEST
        if absurd.any():
            infinite[position] = absurd
            matrix[position, absurd] = np.nan
    return matrix, infinite, complete


def categories(column: pa.Array, clean: Callable[[str], str | None] = values.category) -> pa.DictionaryArray:
    """A column of any plain type as dictionary-encoded text; each distinct value is cleaned once."""
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    cleaned = [None if value is None else clean(_written(value)) for value in encoded.dictionary.to_pylist()]
    distinct = sorted({text for text in cleaned if text is not None})
    place = {text: position for position, text in enumerate(distinct)}
    translate = np.array([-1 if text is None else place[text] for text in cleaned] + [-1], dtype=np.int32)
    codes = encoded.indices.fill_null(len(cleaned)).to_numpy(zero_copy_only=False)
    translated = translate[codes.astype(np.int64)]
    return pa.DictionaryArray.from_arrays(
        pa.array(translated, mask=translated < 0), pa.array(distinct, type=pa.string())
    )


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
