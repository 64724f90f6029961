"""Rows as detectors see them, and the schema that a model learns from its training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

UNSEEN = -1

# A column of more values than this is an identifier; the rarest of them are scored as unseen ones.
_VOCABULARY_AT_MOST = 65_536


@dataclass(frozen=True)
class Rows:
    """Rows without names: what a detector fits on and scores.

    numbers: float64, rows x numeric columns; NaN is a missing value, infinities do not occur. Columns are looked at
        one by one, so `Schema.rows` lays each out in one piece (Fortran order).
    codes: int32, rows x categorical columns; positions in the schema's vocabularies, -1 for a value not in them.
    """

    numbers: Floats
    codes: Codes

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, positions: Any) -> "Rows":
        """The rows at these positions (anything that indexes the first axis of an array)."""
        return Rows(self.numbers[positions], self.codes[positions])

    def joined(self, others: "Rows") -> "Rows":
        """These rows and after them the others."""
        return Rows(np.concatenate([self.numbers, others.numbers]), np.concatenate([self.codes, others.codes]))


@dataclass(frozen=True)
class Schema:
    """The feature columns of a model, and the values its categorical columns had in training.

    A missing category is a value like any other (null in the vocabulary).
    """

    features: tuple[str, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    vocabularies: tuple[tuple[str | None, ...], ...]

    def rows(self, data: Any) -> Rows:
        """Rows of a pandas frame, Arrow table or record batch that has the feature columns, in any order.

        Infinities count as missing.

        Raises:
            DataError: Feature columns are absent, or hold text where numbers are due.
        """
        table = _arrow(data, self.features)
        numbers = np.empty((table.num_rows, len(self.numeric)), dtype=np.float64, order="F")
        for position, name in enumerate(self.numeric):
            numbers[:, position] = _numbers(table.column(name), name)
        numbers[np.isinf(numbers)] = np.nan
        codes = np.empty((table.num_rows, len(self.categorical)), dtype=np.int32)
        for position, (name, vocabulary) in enumerate(zip(self.categorical, self.vocabularies, strict=True)):
            codes[:, position] = _codes(table.column(name), vocabulary)
        return Rows(numbers, codes)


def learn_schema(table: pa.Table, features: Sequence[str], categorical: Sequence[str]) -> Schema:
    """The schema of training rows: vocabularies in order of frequency, then of name."""
    names = [name for name in features if name in set(categorical)]
    vocabularies = []
    for name in names:
        counts = pc.value_counts(_texts(table.column(name)))
        pairs = zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
        ordered = sorted(pairs, key=lambda pair: (-pair[1], pair[0] is None, pair[0] or ""))
        vocabularies.append(tuple(value for value, _ in ordered[:_VOCABULARY_AT_MOST]))
    numeric = tuple(name for name in features if name not in set(names))
    return Schema(tuple(features), numeric, tuple(names), tuple(vocabularies))


def _arrow(data: Any, features: Sequence[str]) -> pa.Table:
    names = list(
        data.column_names
        if hasattr(data, "column_names")
        else getattr(data, "schema", data.columns).names
        if hasattr(data, "schema")
        else map(str, data.columns)
    )
    absent = [name for name in features if name not in names]
    if absent:
        raise DataError(
            f"the model needs the columns {', '.join(absent)}, which the data does not have; it has {', '.join(names)}"
        )
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if not isinstance(data, pa.Table):
        data = pa.Table.from_pandas(data[list(features)], preserve_index=False)
    return data.select(list(features))


def _numbers(column: pa.ChunkedArray, name: str) -> Floats:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
        if column.null_count == len(column):
            return np.full(len(column), np.nan)
        raise DataError(f"column {name!r} holds {column.type}, but the model was trained on numbers there")
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    values: Floats = column.to_numpy().astype(np.float64, copy=False)
    return values


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A categorical column as text; whole numbers without a decimal point, so that 80 and 80.0 are one category."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        whole = pc.equal(column, pc.floor(column))
        small = pc.less(pc.abs(column), 2.0**53)
        integers = pc.if_else(pc.and_(whole, small), column, None).cast(pa.int64()).cast(pa.string())
        return pc.coalesce(integers, column.cast(pa.string()))
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _codes(column: pa.ChunkedArray, vocabulary: tuple[str | None, ...]) -> Codes:
    encoded = pc.dictionary_encode(_texts(column), null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # no chunk at all: no rows
        encoded = pa.concat_arrays(encoded.chunks)
    place = {value: position for position, value in enumerate(vocabulary)}
    table = np.array([place.get(value, UNSEEN) for value in encoded.dictionary.to_pylist()], dtype=np.int32)
    codes: Codes = table[encoded.indices.to_numpy()] if len(table) else np.empty(0, dtype=np.int32)
    return codes
