"""Rows as detectors see them, and the schema that a model learns from its training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError
from netanomaly.flows import columns, values
from netanomaly.flows.policy import PLAIN_POLICY, Policy
from netanomaly.models.frames import Frame

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

Mask = npt.NDArray[np.bool_]

UNSEEN = -1

# A column of more values than this is an identifier; the rarest of them are scored as unseen ones.
_VOCABULARY_AT_MOST = 65_536
_CATEGORIES = pa.dictionary(pa.int32(), pa.string())


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
    policy: Policy = PLAIN_POLICY
    """How the columns are read; that of models made before it was kept is the plain one."""

    def rows(self, data: Any) -> Rows:
        """Rows of a pandas frame, Arrow table or record batch that has the feature columns, in any order.

        They are read as `ingest` reads a file: what it takes for missing, for a number, for one category, is so here.

        Raises:
            DataError: Feature columns are absent, or hold text where numbers are due.
        """
        return self.read(data)[0]

    def read(self, data: Any) -> "tuple[Rows, Mask | None]":
        """As `rows`; and which of them are no records but repeat the names of the columns, None where none does."""
        frame = Frame(data, self.features)
        found = {name: frame.columns(name) for name in self.features}
        header = columns.repeated_header({name: each[0] for name, each in found.items()}, self.numeric)
        numbers = np.empty((len(frame), len(self.numeric)), dtype=np.float64, order="F")
        with np.errstate(invalid="ignore"):  # a stranger's Arrow may hold signalling NaN
            for position, name in enumerate(self.numeric):
                # Zero has no sign: pandas keeps none where all of a column are whole.
                np.add(self._numbers(found[name][0], name, header), 0.0, out=numbers[:, position])
                for twin in found[name][1:]:
                    _refuse_difference(numbers[:, position], self._numbers(twin, name, header), name)
        codes = np.empty((len(frame), len(self.categorical)), dtype=np.int32)
        for position, (name, places) in enumerate(zip(self.categorical, self._places, strict=True)):
            codes[:, position] = _codes(found[name][0], name, places)
            for twin in found[name][1:]:
                _refuse_difference(codes[:, position], _codes(twin, name, places), name)
        return Rows(numbers, codes), header

    @cached_property
    def _places(self) -> "tuple[_Places, ...]":
        """Made once: a server asks for one row at a time, and a vocabulary has tens of thousands of values."""
        return tuple(_Places(vocabulary) for vocabulary in self.vocabularies)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: a model file is the same whatever was scored before."""
        return {name: value for name, value in self.__dict__.items() if name != "_places"}

    def _numbers(self, column: Any, name: str, header: "Mask | None") -> Floats:
        notation = self.policy.notation(name)
        if header is not None:
            column = pc.if_else(pa.array(header), pa.scalar(None, column.type), column)
        try:
            read = columns.doubles(column, notation)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DataError(
                f"column {name!r} holds {column.type}, but the model was trained on numbers there"
            ) from None
        if read.wrong is not None:
            raise columns.no_number(column, read.wrong, name, notation, f"row {read.wrong + 1}", "correct it")
        found = read.values
        # Neither end is a number where one is missing.
        if len(found) and not (found.min() >= -values.LARGEST and found.max() <= values.LARGEST):
            found = np.where(np.abs(found) > values.LARGEST, np.nan, found)
        return found


def learn_schema(
    table: pa.Table, features: Sequence[str], categorical: Sequence[str], policy: Policy = PLAIN_POLICY
) -> Schema:
    """The schema of training rows: vocabularies in order of frequency, then of name.

    Args:
        table: Has the categorical columns.
        features: All feature columns, in their order.
        categorical: Which of them are categories.
        policy: How the columns of their source are read.
    """
    names = [name for name in features if name in set(categorical)]
    vocabularies = []
    for name in names:
        encoded = [columns.categories(chunk) for chunk in table.column(name).chunks]
        counts = pc.value_counts(pa.chunked_array(encoded, _CATEGORIES).cast(pa.string()))
        pairs = zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
        ordered = sorted(pairs, key=lambda pair: (-pair[1], pair[0] is None, pair[0] or ""))
        vocabularies.append(tuple(value for value, _ in ordered[:_VOCABULARY_AT_MOST]))
    numeric = tuple(name for name in features if name not in set(names))
    return Schema(tuple(features), numeric, tuple(names), tuple(vocabularies), policy.of(numeric))


class _Places:
    """Where each value of a vocabulary is."""

    def __init__(self, vocabulary: tuple[str | None, ...]) -> None:
        self._place = {value: position for position, value in enumerate(vocabulary)}
        # Models of before have values in another spelling than theirs is now.
        self._respelt = {values.category(value): position for value, position in reversed(self._place.items())}

    def of(self, value: Any) -> int:
        # What is in the vocabulary is spelt as it should be, which spares most values the looking at.
        found = self._place.get(value) if isinstance(value, str) else None
        return self._respelt.get(values.category(value), UNSEEN) if found is None else found


def _codes(column: Any, name: str, places: _Places) -> Codes:
    try:
        if pa.types.is_null(column.type) or pa.types.is_temporal(column.type):
            column = column.cast(pa.string())
        encoded = pc.dictionary_encode(column, null_encoding="encode")
        if pa.types.is_temporal(encoded.type.value_type) or pa.types.is_binary(encoded.type.value_type):
            encoded = pc.dictionary_encode(column.cast(pa.string()), null_encoding="encode")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"column {name!r} holds {column.type}, but the model was trained on categories there") from None
    table = np.array([places.of(value) for value in [*encoded.dictionary.to_pylist(), None]], dtype=np.int32)
    codes = encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False).astype(np.int64)
    found: Codes = table[codes]
    return found


def _refuse_difference(first: npt.NDArray[Any], second: npt.NDArray[Any], name: str) -> None:
    # What differs from itself is missing.
    different = np.flatnonzero((first != second) & ((first == first) | (second == second)))
    if len(different):
        raise DataError(
            f"row {different[0] + 1}: two columns are called {name!r} and differ here; rename or drop one of them"
        )
