"""Lines of fields with a separator between them, as typed columns: Arrow reads them, and a careful reader takes over
a block that Arrow refuses, which finds the lines that are none."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from netanomaly.errors import DataError
from netanomaly.flows.lines import Lines
from netanomaly.traffic.table import Counts

LineNumbers = npt.NDArray[np.int64]
H = TypeVar("H")

ANOTHER_WIDTH = "line with another number of fields than its header"
NOT_TEXT = "line that is not UTF-8 text"
TWO_LINES = "line with a carriage return inside"


@dataclass(frozen=True)
class Layout:
    """How a delimited text is written.

    Attributes:
        names: Of all columns, in order.
        types: Arrow types of the columns that are wanted; others are skipped.
        delimiter: Between fields.
        missing: Texts that mean "not said", beside the empty one.
        quoted: Whether fields may stand in double quotes.
        stripped: Whether blanks around fields are to be taken off.
    """

    names: Sequence[str]
    types: Mapping[str, pa.DataType]
    delimiter: str
    missing: Sequence[str] = ("-",)
    quoted: bool = False
    stripped: bool = False

    @property
    def wanted(self) -> list[str]:
        """The columns that are there and wanted."""
        return [name for name in self.names if name in self.types]


def read(
    block: Lines, layout: Layout, counts: Counts, skipped: Callable[[bytes], str | None] | None = None
) -> tuple[pa.Table, LineNumbers]:
    """The wanted columns of a block, and the number of each row's line in the file.

    Lines that cannot be read are dropped and counted by reason, never silently.

    Args:
        block: Whole lines, none of them a header.
        layout: Of the lines.
        counts: What is dropped.
        skipped: Says of a line why it is no record (the reason is counted), None where it is one. Asked only where
            Arrow refuses the block.
    """
    # Such a carriage return ends a row for Arrow: one more, as a blank line or an open quote makes one less.
    ends_inside = block.text.count(b"\r") != block.text.count(b"\r\n")
    if not ends_inside and (skipped is None or not layout.stripped):
        try:
            table = _arrow(block.text, layout, layout.types)
        except (pa.ArrowInvalid, pa.ArrowKeyError):
            table = None
        if table is not None and table.num_rows == block.count:
            return table, np.arange(block.first, block.first + block.count)
    return _careful(block, layout, counts, skipped)


def _arrow(text: bytes, layout: Layout, types: Mapping[str, pa.DataType]) -> pa.Table:
    return pacsv.read_csv(
        pa.BufferReader(text),
        read_options=pacsv.ReadOptions(
            column_names=list(layout.names), use_threads=False, block_size=max(len(text) + 1, 1024)
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=layout.delimiter, quote_char='"' if layout.quoted else False, double_quote=layout.quoted
        ),
        convert_options=pacsv.ConvertOptions(
            include_columns=layout.wanted,
            column_types={name: types[name] for name in layout.wanted},
            null_values=["", *layout.missing],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            true_values=["true", "True", "TRUE", "T", "t", "1"],
            false_values=["false", "False", "FALSE", "F", "f", "0"],
        ),
    )


def _careful(
    block: Lines, layout: Layout, counts: Counts, skipped: Callable[[bytes], str | None] | None
) -> tuple[pa.Table, LineNumbers]:
    delimiter = layout.delimiter.encode()
    kept: list[bytes] = []
    numbers: list[int] = []
    for number, line in enumerate(block.text.split(b"\n"), block.first):
        line = line.rstrip(b"\r")
        if not line.strip():
            continue
        reason = skipped(line) if skipped else None
        if reason is None and not layout.quoted and line.count(delimiter) != len(layout.names) - 1:
            reason = ANOTHER_WIDTH
        if reason is None and b"\r" in line:
            # Arrow would take it for the end of a line.
            reason = TWO_LINES
        if reason is None and not _is_text(line):
            reason = NOT_TEXT
        if reason is not None:
            if reason:
                counts.drop(reason)
            continue
        kept.append(line)
        numbers.append(number)
    if layout.quoted:
        kept, numbers = _right_width(kept, numbers, layout, counts)
    lines = np.array(numbers, dtype=np.int64)
    texts = {name: pa.string() for name in layout.wanted}
    if not kept:
        return pa.schema({name: layout.types[name] for name in layout.wanted}).empty_table(), lines
    table = _arrow(b"\n".join([*kept, b""]), layout, texts)
    return _typed(table, lines, layout, counts)


def _right_width(
    kept: list[bytes], numbers: list[int], layout: Layout, counts: Counts
) -> tuple[list[bytes], list[int]]:
    """Those of lines with quotes that have as many fields as columns, each asked alone."""
    delimiter = layout.delimiter.encode()
    right: list[bytes] = []
    places: list[int] = []
    for line, number in zip(kept, numbers, strict=True):
        fits = line.count(delimiter) == len(layout.names) - 1 and b'"' not in line
        # Twice, since an open quote swallows the line behind it; a quote within a field opens none, so counting does not tell.
        if not fits:
            try:
                fits = _arrow((line + b"\n") * 2, layout, {name: pa.string() for name in layout.wanted}).num_rows == 2
            except pa.ArrowInvalid:
                fits = False
        if fits:
            right.append(line)
            places.append(number)
        else:
            counts.drop(ANOTHER_WIDTH)
    return right, places


def _typed(table: pa.Table, lines: LineNumbers, layout: Layout, counts: Counts) -> tuple[pa.Table, LineNumbers]:
    """Texts as what they are to be; rows with a text that is not are dropped."""
    columns: dict[str, pa.Array] = {}
    wrong = np.zeros(table.num_rows, dtype=bool)
    for name in layout.wanted:
        text = table.column(name).combine_chunks()
        if isinstance(text, pa.ChunkedArray):
            text = pa.concat_arrays(text.chunks)
        columns[name], bad = cast(text, layout.types[name], layout.missing)
        if (found := bad & ~wrong).any():
            counts.drop(f"{name} that is no {word_for(layout.types[name])}", int(found.sum()))
        wrong |= bad
    made = pa.table(columns)
    return (made.filter(pa.array(~wrong)), lines[~wrong]) if wrong.any() else (made, lines)


def cast(text: pa.Array, kind: pa.DataType, missing: Sequence[str] = ()) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """A column of texts as a type, and which of them cannot be; those are null."""
    if pa.types.is_dictionary(kind):
        return text.dictionary_encode(), np.zeros(len(text), dtype=bool)
    if pa.types.is_string(kind):
        return text, np.zeros(len(text), dtype=bool)
    encoded = text.dictionary_encode()
    values, bad = [], []
    for written in encoded.dictionary.to_pylist():
        value = _value(written.strip(), kind, missing)
        values.append(None if value is _WRONG else value)
        bad.append(value is _WRONG)
    codes = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    made = pa.array([*values, None], type=kind).take(pa.array(codes))
    return made, np.array([*bad, False])[codes]


_WRONG = object()


def _value(text: str, kind: pa.DataType, missing: Sequence[str]) -> object:
    if not text or text in missing:
        return None
    if pa.types.is_boolean(kind):
        return {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}.get(text.lower(), _WRONG)
    try:
        if pa.types.is_floating(kind):
            return float(text) if "_" not in text else _WRONG
        digits = text.lstrip("+-").isdigit()
        # A double does not hold every number of 64 bits.
        whole = int(text) if digits else float(text)
        exact = int(whole)
    except (ValueError, OverflowError):
        return _WRONG
    low, high = (
        (0, 2**kind.bit_width - 1)
        if pa.types.is_unsigned_integer(kind)
        else (-(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1)
    )
    return exact if exact == whole and low <= exact <= high and "_" not in text else _WRONG


def word_for(kind: pa.DataType) -> str:
    """What a type is called in a message."""
    if pa.types.is_boolean(kind):
        return "true or false"
    return "number" if pa.types.is_floating(kind) else "whole number"


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def headed_parts(
    block: Lines, header: re.Pattern[bytes], names: Callable[[bytes], H | None], word: bytes = b""
) -> Iterator[tuple[Lines, H | None]]:
    """Runs of records of a block, and each header between them with what it says.

    Args:
        block: Whole lines.
        header: Finds lines, with their ends, that may be headers.
        names: What such a line says; None where it is a record after all.
        word: In lower case, what no header lacks: a block without it is not searched any further.
    """
    if word not in block.text.lower():
        yield block, None
        return
    place, first = 0, block.first
    for found in header.finditer(block.text):
        named = names(found.group())
        if named is None:
            continue
        before = block.text[place : found.start()]
        if before.strip():
            yield Lines(before, first, before.count(b"\n")), None
        first += before.count(b"\n")
        yield Lines(found.group(), first, 1), named
        first, place = first + 1, found.end()
    rest = block.text[place:]
    if rest.strip():
        yield Lines(rest, first, rest.count(b"\n") + (not rest.endswith(b"\n"))), None


# Of a block. A joined file has a few headers; reading a run between two costs as much as reading hundreds of lines.
_FEW_HEADERS = 64
_MOST_CHANGES = 1_000


def joined(parts: Iterable[tuple[Lines, H | None]], in_force: H | None, uri: str) -> Iterator[tuple[Lines, H | None]]:
    """The parts of a block, where a header that says nothing new parts no runs if there are many of them.

    Args:
        parts: Runs of records, and each header between them, in their order.
        in_force: The header before the block.
        uri: Of the file, for messages.

    Raises:
        DataError: The header changes again and again.
    """
    found = list(parts)
    if sum(header is not None for _, header in found) <= _FEW_HEADERS:
        yield from found
        return
    run: list[bytes] = []
    first = following = changes = 0
    for part, header in found:
        new = header is not None and header != in_force
        if run and new:
            yield Lines(b"".join(run), first, following - first), None
            run = []
        if new:
            changes += 1
            if changes > _MOST_CHANGES:
                raise DataError(
                    f"{uri}, line {part.first}: the header has changed over {_MOST_CHANGES:,} times within "
                    f"{part.first - found[0][0].first:,} lines; put the lines of each header into a file of their own"
                )
            in_force = header
            yield part, header
            continue
        if not run:
            first = following = part.first
        # Blank lines, which are no records, keep the numbers of the others: in place of a header, and where there were some.
        run += [b"\n" * (part.first - following), part.text if header is None else b"\n"]
        following = part.first + part.count
    if run:
        yield Lines(b"".join(run), first, following - first), None
