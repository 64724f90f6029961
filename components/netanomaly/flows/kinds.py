"""Whether a column holds numbers or categories, told from the first rows of a source."""

from collections.abc import Collection, Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.flows import values

Kind = Literal["number", "category"]


def decide(table: pa.Table, features: Collection[str], categorical: Collection[str]) -> dict[str, Kind]:
    """The kind of every feature.

    A feature is numeric when its Arrow type is, or when more than half of its values that are not missing are
    written as numbers or booleans. One with nothing but missing values counts as numeric. `categorical` overrules.
    """
    return {
        name: "category" if name in categorical or not _is_numeric(table.column(name)) else "number"
        for name in features
    }


def _is_numeric(column: pa.ChunkedArray) -> bool:
    if not is_text(column.type) or all_numbers(column):
        return True
    counts: Mapping[str, int] = {
        item["values"]: item["counts"] for item in pc.value_counts(column.cast(pa.string())).to_pylist()
    }
    present = {text: count for text, count in counts.items() if text is not None and not values.is_missing(text)}
    numbers = sum(count for text, count in present.items() if values.number(text) is not None)
    return not present or 2 * numbers > sum(present.values())


def all_numbers(texts: pa.ChunkedArray) -> bool:
    """Whether every text is written as a number; told at once, where looking at one after the other takes a while."""
    try:
        texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are written words."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
