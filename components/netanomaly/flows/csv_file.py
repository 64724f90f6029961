"""A CSV file as batches: Arrow reads block after block, and a slow, exact reader takes over a block that it refuses.

The slow reader finds file, line, column and value of what is wrong, or reads what Arrow does not (booleans among
numbers). Values that hold line breaks are not supported: no traffic record has them.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pacsv

from netanomaly.errors import DataError
from netanomaly.flows import lines, values
from netanomaly.flows.kinds import Kind
from netanomaly.flows.layout import CsvFormat
from netanomaly.flows.streams import TextStream

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"
_SHOWN = 40


@dataclass(frozen=True)
class RawBlock:
    """Whole lines of records, checked for NUL bytes; `first` is the number of the first line in the file."""

    text: bytes
    first: int


class CsvFile:
    """One open CSV file. Read `names` first, then `blocks` once."""

    def __init__(self, stream: TextStream, layout: CsvFormat) -> None:
        self.uri = stream.uri
        self._delimiter = layout.delimiter
        self._blocks = lines.blocks(stream)
        self._first = self._start()
        head, rest = _first_line(self._first)
        fields = self._fields(head.text, head.first)
        self.repaired: dict[str, int] = {}
        if layout.has_header:
            found = self._named(fields)
            self._first = rest
        else:
            found = fields
        if layout.columns and len(layout.columns) != len(found):
            raise DataError(
                f"{self.uri}, line {head.first} has {len(found)} fields and csv.columns names {len(layout.columns)}; "
                "name every column of the file, in order"
            )
        self._columns, self._twins = _apart(layout.columns or tuple(found))
        self.names = tuple(name for name in self._columns if name not in self._twins)

    def blocks(self) -> Iterator[RawBlock]:
        """The records, in blocks of whole lines."""
        for block in self._all():
            if block.text.strip(b"\r\n"):
                yield block

    def texts(self, block: RawBlock, names: Sequence[str]) -> pa.Table:
        """The named columns of a block, as they are written."""
        try:
            return self._arrow(block, dict.fromkeys(names, pa.string()), null_values=[])
        except pa.ArrowInvalid:
            rows = self._rows(block)
            return pa.table({name: [row[self._columns.index(name)] for _, row in rows] for name in names})

    def columns(self, block: RawBlock, kinds: Mapping[str, Kind], texts: Sequence[str]) -> pa.Table:
        """Columns of a block: numbers as doubles, categories and the columns named in `texts` as text.

        Raises:
            DataError: A row with too many or too few fields, text in a column of numbers, bytes that are not UTF-8;
                with file, line, column and value.
        """
        types = {name: pa.float64() if kind == "number" else pa.string() for name, kind in kinds.items()}
        types |= dict.fromkeys(texts, pa.string())
        twins = {twin: name for twin, name in self._twins.items() if name in types}
        types |= {twin: types[name] for twin, name in twins.items()}
        try:
            table = self._arrow(block, types, null_values=list(values.MISSING))
        except pa.ArrowInvalid:
            table = self._slowly(block, types)
        for twin, name in twins.items():
            if not table.column(twin).equals(table.column(name)):
                raise DataError(
                    f"{self.uri}: two columns are called {name!r} and their values differ; rename one of them in the header"
                )
        return table.drop_columns(list(twins))

    def records(self, block: RawBlock) -> int:
        """How many lines of a block are there, empty ones included."""
        return block.text.count(b"\n") + (not block.text.endswith(b"\n"))

    def _arrow(self, block: RawBlock, types: Mapping[str, pa.DataType], null_values: list[str]) -> pa.Table:
        return pacsv.read_csv(
            pa.BufferReader(block.text),
            pacsv.ReadOptions(column_names=self._columns, use_threads=False, block_size=len(block.text) + 1),
            pacsv.ParseOptions(delimiter=self._delimiter),
            pacsv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=null_values, strings_can_be_null=True
            ),
        )

    def _slowly(self, block: RawBlock, types: Mapping[str, pa.DataType]) -> pa.Table:
        places = {name: self._columns.index(name) for name in types}
        columns: dict[str, list[float | str | None]] = {name: [] for name in types}
        for line, row in self._rows(block):
            for name, place in places.items():
                text = row[place]
                if pa.types.is_floating(types[name]):
                    columns[name].append(self._number(text, name, line))
                else:
                    columns[name].append(None if values.is_missing(text) else text)
        return pa.table({name: pa.array(column, type=types[name]) for name, column in columns.items()})

    def _number(self, text: str, name: str, line: int) -> float | None:
        number = values.number(text)
        if number is None:
            raise DataError(
                f"{self.uri}, line {line}: column {name!r} holds numbers, and here {_shown(text)}; "
                "correct the row, or list the column in categorical_columns"
            )
        return None if math.isnan(number) else number

    def _rows(self, block: RawBlock) -> list[tuple[int, list[str]]]:
        """Line number and fields of each record; empty lines left out."""
        found = []
        for offset, raw in enumerate(block.text.split(b"\n")):
            line = raw.removesuffix(b"\r")
            if not line:
                continue
            row = self._fields(line, block.first + offset)
            if len(row) != len(self._columns):
                raise DataError(
                    f"{self.uri}, line {block.first + offset}: the row has {len(row)} fields where {len(self._columns)} "
                    "are expected; correct the row (a stray delimiter, or a line cut off?)"
                )
            found.append((block.first + offset, row))
        return found

    def _fields(self, line: bytes, number: int) -> list[str]:
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.uri}, line {number}: byte {error.start + 1} ({line[error.start]:#04x}) is not UTF-8; "
                "convert the file, e.g. with iconv -f latin1 -t utf-8"
            ) from None
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            raise DataError(f"{self.uri}, line {number}: {error}; correct the quotes in this row") from None

    def _named(self, fields: list[str]) -> list[str]:
        names = [name.strip() for name in fields]
        blanks = sum(name != written for name, written in zip(names, fields, strict=True))
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.repaired[f"column {name!r} repeated with the same values, read once"] = names.count(name) - 1
        if blanks:
            self.repaired["blank around a column name removed"] = blanks
        for position, name in enumerate(names):
            if not name:
                raise DataError(f"{self.uri}: column {position + 1} has no name in the header; give it one")
        return names

    def _start(self) -> RawBlock:
        for block in self._blocks:
            text = block.text.removeprefix(_UTF8_MARK) if block.first == 1 else block.text
            if block.first == 1 and text.startswith(_UTF16):
                raise DataError(f"{self.uri} is UTF-16; convert it, e.g. with iconv -f utf-16 -t utf-8")
            leading = len(text) - len(text.lstrip(b"\r\n"))
            if leading < len(text):
                return self._checked(RawBlock(text[leading:], block.first + text[:leading].count(b"\n")))
        raise DataError(f"{self.uri} is empty; give a file with records, or leave it out of the source")

    def _all(self) -> Iterator[RawBlock]:
        yield self._first
        for block in self._blocks:
            yield self._checked(RawBlock(block.text, block.first))

    def _checked(self, block: RawBlock) -> RawBlock:
        at = block.text.find(b"\0")
        if at >= 0:
            line = block.first + block.text.count(b"\n", 0, at)
            raise DataError(f"{self.uri}, line {line}: a NUL byte; the file is binary or damaged, not CSV text")
        return block


def _first_line(block: RawBlock) -> tuple[RawBlock, RawBlock]:
    head, _, rest = block.text.partition(b"\n")
    return RawBlock(head, block.first), RawBlock(rest, block.first + 1)


def _apart(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Names made unique, and for each that had to change what it was: a repeated column is compared, then dropped."""
    columns: list[str] = []
    twins: dict[str, str] = {}
    for name in names:
        if name in columns:
            twin = f"{name}\0{len(columns)}"
            twins[twin] = name
            columns.append(twin)
        else:
            columns.append(name)
    return columns, twins


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
