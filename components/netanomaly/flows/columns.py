"""Columns as they were read, made into clean numbers and categories: the policy of `values`, column by column.

What `ingest` reads of a file and what `model.score` is given as a frame go through here, whatever Arrow type they have.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError
from netanomaly.flows import values
from netanomaly.flows.batch import Numbers
from netanomaly.flows.notations import PLAIN, Notation, number

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_MISSING = pa.array(values.MISSING)
_SHOWN = 40
# Blanks, and the byte order mark of a file that was joined to another.
_AROUND = " \t\ufeff"


@dataclass(frozen=True)
class Doubles:
    """A column of numbers: float64, NaN where missing.

    Attributes:
        values: One for each row.
        understood: Values that are written as no plain number, by what they were.
        wrong: Position of the first value that is no number, NaN in `values`; None where there is none.
    """

    values: Floats
    understood: Mapping[str, int] = field(default_factory=dict)
    wrong: int | None = None


def doubles(column: Any, notation: Notation = PLAIN) -> Doubles:
    """An Arrow array of any plain type as numbers.

    Raises:
        pa.ArrowInvalid, pa.ArrowNotImplementedError: Its type is neither a number nor text.
    """
    if pa.types.is_dictionary(column.type) and not is_text(column.type):
        column = column.cast(column.type.value_type)
    if not is_text(column.type):
        if pa.types.is_temporal(column.type):
            raise pa.ArrowInvalid("a time is no number")
        if not pa.types.is_float64(column.type):
            column = pc.cast(column, pa.float64(), safe=False)
        return Doubles(column.to_numpy(zero_copy_only=False))
    if notation == PLAIN and (plain := _plain_texts(column)) is not None:
        return Doubles(plain)
    return _spelt(column, notation)


def numbers(columns: Iterable[Floats], count: int, rows: int) -> tuple[Numbers, dict[int, Mask], Mask]:
    """So many columns of doubles, taken one after the other, as a matrix with a row for each.

    And of columns with values that had to become missing, which rows those are; and per column whether none is missing.
    """
    matrix = np.empty((count, rows))
    infinite: dict[int, Mask] = {}
    for position, column in enumerate(columns):
        matrix[position] = column
    if not rows:
        return matrix, infinite, np.ones(count, dtype=bool)
    # Two passes clear nearly every column; only one that holds a missing or absurd value is looked at closely.
    lowest, highest = matrix.min(axis=1), matrix.max(axis=1)
    complete = (lowest >= -values.LARGEST) & (highest <= values.LARGEST)
    for position in np.flatnonzero(~complete).tolist():
        absurd = np.abs(matrix[position]) > values.LARGEST
        if absurd.any():
            infinite[position] = absurd
            matrix[position, absurd] = np.nan
    return matrix, infinite, complete


def categories(column: Any, clean: Callable[[Any], str | None] = values.category) -> pa.DictionaryArray:
    """A column of any plain type as dictionary-encoded text; each distinct value is cleaned once.

    Raises:
        pa.ArrowInvalid, pa.ArrowNotImplementedError: Its type is neither number, text nor time.
    """
    if pa.types.is_null(column.type) or pa.types.is_temporal(column.type):
        column = column.cast(pa.string())
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if pa.types.is_temporal(encoded.type.value_type):
        encoded = pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.cast(pa.string()))
    cleaned = [None if value is None else clean(value) for value in encoded.dictionary.to_pylist()]
    distinct = sorted({text for text in cleaned if text is not None})
    place = {text: position for position, text in enumerate(distinct)}
    translate = np.array([-1 if text is None else place[text] for text in cleaned] + [-1], dtype=np.int32)
    codes = encoded.indices.fill_null(len(cleaned)).to_numpy(zero_copy_only=False)
    translated = translate[codes.astype(np.int64)]
    return pa.DictionaryArray.from_arrays(
        pa.array(translated, mask=translated < 0), pa.array(distinct, type=pa.string())
    )


def repeated_header(columns: Mapping[str, Any], numeric: Sequence[str]) -> Mask | None:
    """Which rows repeat the names of the columns, as files do that were joined with their headers; None: no row.

    Args:
        columns: Arrow arrays by name.
        numeric: Those of them that hold numbers: where one was read as such, no row holds its name.
    """
    if not columns or any(not is_text(columns[name].type) for name in numeric):
        return None
    found: Mask | None = None
    for name, column in columns.items():
        if not is_text(column.type):
            return None
        same = _equal(column, name)
        found = same if found is None else found & same
        if not found.any():
            return None
    return found


def all_plain(column: Any) -> bool:
    """Whether an array of texts holds plain numbers alone, or nothing."""
    return _plain_texts(column) is not None


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are written words."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def no_number(column: Any, position: int, name: str, notation: Notation, where: str, way_out: str) -> DataError:
    """What to tell of the text at a position in a column of numbers."""
    text = column[position].as_py()
    as_what = "numbers" if notation == PLAIN else f"numbers ({notation})"
    return DataError(f"{where}: column {name!r} holds {as_what}, and here {shown(text)}; {way_out}")


def shown(text: str) -> str:
    """A value in a message."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _plain_texts(column: Any) -> Floats | None:
    """Texts that are plain numbers or missing, told at once; None where one is anything else."""
    if pa.types.is_dictionary(column.type):
        return None
    trimmed = pc.utf8_trim_whitespace(column)
    trimmed = pc.if_else(pc.is_in(trimmed, _MISSING.cast(trimmed.type)), pa.scalar(None, trimmed.type), trimmed)
    try:
        found: Floats = trimmed.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return found


def _spelt(column: Any, notation: Notation) -> Doubles:
    """Texts read one by one, each distinct one once."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    read = [np.nan if text is None else number(text, notation) for text in texts]
    table = np.array([np.nan if each is None else each for each in read] + [np.nan])
    codes = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False).astype(np.int64)
    how = [
        None if text is None or found is None else _how(text, found, notation)
        for text, found in zip(texts, read, strict=True)
    ]
    counts = np.bincount(codes, minlength=len(texts) + 1)
    understood: dict[str, int] = {}
    for reason, count in zip(how, counts.tolist(), strict=False):
        if reason and count:
            understood[reason] = understood.get(reason, 0) + count
    wrong = None
    if any(each is None for each in read):
        unread = np.array([each is None for each in read] + [False])[codes]
        wrong = int(unread.argmax()) if unread.any() else None
    return Doubles(table[codes], understood, wrong)


def _how(text: str, found: float, notation: Notation) -> str | None:
    if np.isnan(found):
        return None
    if values.is_hexadecimal(text.strip()):
        return "hexadecimal value read as a number"
    plain = values.number(text)
    return None if plain == found else f"value read as a number written with {notation}"


def _equal(column: Any, name: str) -> Mask:
    if pa.types.is_dictionary(column.type):
        wanted = np.array(
            [text is not None and text.strip(_AROUND) == name for text in column.dictionary.to_pylist()] + [False]
        )
        codes = column.indices.fill_null(len(wanted) - 1).to_numpy(zero_copy_only=False).astype(np.int64)
        equal: Mask = wanted[codes]
        return equal
    same = pc.equal(pc.utf8_trim(column, characters=_AROUND), pa.scalar(name, column.type))
    found: Mask = np.asarray(same.fill_null(False))
    return found
