"""A CSV file as batches: Arrow reads block after block, and a slow, exact reader takes over a block that it refuses.

The slow reader finds file, line, column and value of what is wrong, or reads what Arrow does not (booleans among
numbers, blanks around a missing value). Values that hold line breaks are refused: no traffic record has them.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from netanomaly.config import CsvFormat
from netanomaly.errors import DataError
from netanomaly.flows import lines, other_formats, values
from netanomaly.flows.kinds import Kind, all_numbers
from netanomaly.flows.lines import Lines
from netanomaly.flows.streams import TextStream

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_DELIMITERS = ";\t|,"
_TRUE = ["true", "True", "TRUE", "1", "1.0"]
_FALSE = ["false", "False", "FALSE", "0", "0.0"]
_SHOWN = 40


class CsvFile:
    """One open CSV file. Read `names` first, then `blocks` once."""

    def __init__(self, stream: TextStream, layout: CsvFormat, block_bytes: int = lines.BLOCK_BYTES) -> None:
        self.uri = stream.uri
        self._delimiter = layout.delimiter
        self._blocks = lines.blocks(stream, block_bytes)
        self._first = self._start()
        head, rest = _first_line(self._first)
        fields = self._fields(head.text, head.first)
        self.repaired: dict[str, int] = {}
        self._booleans: set[str] = set()
        if layout.has_header:
            self._refuse_odd_header(fields, layout)
            found = self._named(fields)
            self._first = rest
        else:
            found = [f"column_{position}" for position in range(1, len(fields) + 1)]
        if layout.columns and len(layout.columns) != len(found):
            raise DataError(
                f"{self.uri}, line {head.first} has {len(found)} fields and csv.columns names {len(layout.columns)}; "
                "name every column of the file, in order"
            )
        self._columns, self._twins = _apart(layout.columns or tuple(found))
        self.names = tuple(name for name in self._columns if name not in self._twins)

    def blocks(self) -> Iterator[Lines]:
        """The records, in blocks of whole lines."""
        for block in self._all():
            if block.text.strip(b"\r\n"):
                yield block

    def texts(self, block: Lines, names: Sequence[str]) -> pa.Table:
        """The named columns of a block, as they are written. Asked of the first block, it tells which are booleans."""
        try:
            table = self._arrow(block, dict.fromkeys(names, pa.string()), null_values=[])
        except pa.ArrowInvalid:
            rows = self._rows(block)
            table = pa.table({name: [row[self._columns.index(name)] for _, row in rows] for name in names})
        for name in names:
            if all_numbers(table.column(name)):
                continue
            words = {text.strip().lower() for text in table.column(name).unique().to_pylist() if text}
            if words & {"true", "false"}:
                self._booleans.add(name)
        return table

    def columns(self, block: Lines, kinds: Mapping[str, Kind], texts: Sequence[str]) -> pa.Table:
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
            self._refuse_difference(table, twin, name, block)
        return table.drop_columns(list(twins))

    def _arrow(self, block: Lines, types: Mapping[str, pa.DataType], null_values: list[str]) -> pa.Table:
        booleans = [name for name, kind in types.items() if kind == pa.float64() and name in self._booleans]
        table = pacsv.read_csv(
            pa.BufferReader(block.text),
            pacsv.ReadOptions(column_names=self._columns, use_threads=False, block_size=len(block.text) + 1),
            pacsv.ParseOptions(delimiter=self._delimiter),
            pacsv.ConvertOptions(
                column_types={**types, **dict.fromkeys(booleans, pa.bool_())},
                include_columns=list(types),
                null_values=null_values,
                strings_can_be_null=True,
                true_values=_TRUE,
                false_values=_FALSE,
            ),
        )
        if b'"' in block.text and table.num_rows != sum(1 for line in block.text.splitlines() if line):
            raise pa.ArrowInvalid("a quoted value holds a line break")
        if booleans:
            table = table.cast(pa.schema(types.items()))
        return table

    def _slowly(self, block: Lines, types: Mapping[str, pa.DataType]) -> pa.Table:
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
        if number is None and name in self._twins:
            raise self._different(self._twins[name], line, f"one of them holds {_shown(text)}")
        if number is None:
            raise DataError(
                f"{self.uri}, line {line}: column {name!r} holds numbers, and here {_shown(text)}; "
                "correct the row, or list the column in categorical_columns"
            )
        return None if math.isnan(number) else number

    def _rows(self, block: Lines) -> list[tuple[int, list[str]]]:
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
            raise DataError(f"{self.uri}, line {number}: {_unquoted(text, error)}") from None

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

    def _refuse_odd_header(self, fields: list[str], layout: CsvFormat) -> None:
        """A first line that holds no names would give every column a wrong one."""
        other = [mark for mark in _OTHER_DELIMITERS if mark != self._delimiter and mark in fields[0]]
        if len(fields) == 1 and other:
            raise DataError(
                f"{self.uri} has one column only, {_shown(fields[0])}; its delimiter seems to be {other[0]!r}: "
                "set csv.delimiter"
            )
        numbers = sum(values.number(field) is not None for field in fields if field.strip())
        if layout.header is None and 2 * numbers > len(fields):
            raise DataError(
                f"{self.uri}: the first line is a record and not names ({', '.join(fields[:4])}, ...); "
                'name the columns in csv.columns, or set csv to {"header": false}'
            )

    def _refuse_difference(self, table: pa.Table, twin: str, name: str, block: Lines) -> None:
        first, second = (table.column(column).to_numpy() for column in (name, twin))
        # What differs from itself is missing.
        different = np.flatnonzero((first != second) & ((first == first) | (second == second)))
        if not len(different):
            return
        row = int(different[0])
        line, _ = self._rows(block)[row]
        raise self._different(name, line, f"{first[row]} and {second[row]}")

    def _different(self, name: str, line: int, values: str) -> DataError:
        return DataError(
            f"{self.uri}, line {line}: two columns are called {name!r} and differ here ({values}); "
            "rename one of them in the header, or name all columns in csv.columns"
        )

    def _start(self) -> Lines:
        for block in self._blocks:
            text = block.text.removeprefix(_UTF8_MARK) if block.first == 1 else block.text
            if block.first == 1 and text.startswith(_UTF16):
                raise DataError(f"{self.uri} is UTF-16; convert it, e.g. with iconv -f utf-16 -t utf-8")
            if block.first == 1:
                other_formats.refuse(text, self.uri)
            leading = len(text) - len(text.lstrip(b"\r\n"))
            if leading < len(text):
                above = text[:leading].count(b"\n")
                return self._checked(Lines(text[leading:], block.first + above, block.count - above))
        raise DataError(f"{self.uri} is empty; give a file with records, or leave it out of the source")

    def _all(self) -> Iterator[Lines]:
        yield self._first
        for block in self._blocks:
            yield self._checked(block)

    def _checked(self, block: Lines) -> Lines:
        at = block.text.find(b"\0")
        if at >= 0:
            line = block.first + block.text.count(b"\n", 0, at)
            raise DataError(f"{self.uri}, line {line}: a NUL byte; the file is binary or damaged, not CSV text")
        return block


def _unquoted(text: str, error: csv.Error) -> str:
    """What the csv module means, in words: its own are for programmers."""
    if "\r" in text:
        return "a carriage return inside the row; end lines with \\n or \\r\\n, e.g. with tr '\\r' '\\n'"
    if "end of data" in str(error):
        return "a quoted value does not end on its line; close the quote, or take the line break out of the value"
    return f"{error}; correct the quotes in this row"


def _first_line(block: Lines) -> tuple[Lines, Lines]:
    head, _, rest = block.text.partition(b"\n")
    return Lines(head, block.first, 1), Lines(rest, block.first + 1, block.count - 1)


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
