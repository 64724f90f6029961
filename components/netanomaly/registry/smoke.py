"""The smoke rows of a version: rows with their scores, which whoever serves it is asked for, bit for bit."""

import struct
from typing import Annotated, Any, Literal

import msgspec

from netanomaly import json_input
from netanomaly.registry.errors import DamagedRegistry, NewerFormat

FILE = "smoke_rows.json"
"""What they are called among the files of a version."""
FORMAT = 1


class Column(msgspec.Struct, frozen=True):
    """The values of one column, null where one is missing."""

    name: str
    kind: Literal["number", "category"]
    values: list[float | str | None]


class SmokeRows(msgspec.Struct, frozen=True):
    """Rows by their columns, and the score of each."""

    format: int
    rows: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    columns: Annotated[list[Column], msgspec.Meta(min_length=1)]
    scores: list[float]

    def __post_init__(self) -> None:
        if {len(self.scores), *(len(column.values) for column in self.columns)} != {self.rows}:
            raise ValueError("its columns are not all of one length")

    def inputs(self, start: int = 0, end: int | None = None) -> list[dict[str, Any]]:
        """Some of the rows as the inputs of an inference request of the Open Inference Protocol."""
        found = []
        for column in self.columns:
            values = column.values[start:end]
            datatype = "FP64" if column.kind == "number" else "BYTES"
            found.append({"name": column.name, "datatype": datatype, "shape": [len(values)], "data": values})
        return found


def parse(data: bytes) -> SmokeRows:
    """Smoke rows from the bytes of their file, verified.

    Raises:
        DamagedRegistry: They are none.
        NewerFormat: They were written by a later netanomaly.
    """
    try:
        document = json_input.parse(data)
        written = document.get("format") if isinstance(document, dict) else None
        if isinstance(written, int) and written > FORMAT:
            raise NewerFormat(f"{FILE} has format {written}; this netanomaly reads up to {FORMAT}: install a newer one")
        return msgspec.convert(document, SmokeRows)
    except ValueError as error:
        raise DamagedRegistry(f"{FILE} of the version holds no smoke rows: {error}; register another version") from None


def same_score(one: float, other: object) -> bool:
    """Whether two scores are the same 32 bits, however JSON wrote them."""
    if not isinstance(other, int | float) or isinstance(other, bool):
        return False
    try:
        return struct.pack("<f", one) == struct.pack("<f", other)
    except OverflowError:
        return False
