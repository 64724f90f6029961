"""A CSV file as parts: Arrow reads block after block, and a slow, exact reader takes over a block that it refuses.

The slow reader finds file and line of what is wrong. Values that hold line breaks are refused: no traffic record has
them.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from netanomaly.config import CsvFormat
from netanomaly.errors import DataError
from netanomaly.flows import addresses, bounds, columns, dialect, lines, values
from netanomaly.flows.columns import shown
from netanomaly.flows.dialect import Dialect
from netanomaly.flows.lines import Lines
from netanomaly.flows.records import Kind, Part
from netanomaly.flows.sources import PARQUET_SUFFIXES, TEXT_SUFFIXES, is_data_file
from netanomaly.flows.streams import NothingWritten, TextStream

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"
_MOMENT = re.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}")
# A header that begins as a comment: `# a b c`. A column may well be called `#` or `#path`.
_COMMENTED = re.compile(rb"\A#+[ \t]+(?=\S)")
# Spreadsheets write it for each other above the header.
_SEPARATOR_LINE = re.compile(rb"\"?sep=([\x21-\x7e\t ])\"?\r?\n")
# Before so many records there is no telling whether a last, empty field is a delimiter too many.
_TRAILING_TOLD_BY = 200
_INDEX = "Unnamed: 0"
_MOST_COMMENTS = 500


class CsvFile:
    """One open CSV file."""

    def __init__(self, stream: TextStream, layout: CsvFormat, block_bytes: int = lines.BLOCK_BYTES) -> None:
        self.uri = stream.uri
        self.repaired: dict[str, int] = {}
        self.declared: Mapping[str, Kind] = {}
        self._stream = stream
        self._blocks = lines.blocks(stream, block_bytes)
        self._respelt: tuple[bytes, bytes] | None = None
        first = self._start()
        said = _SEPARATOR_LINE.match(first.text)
        if said:
            first = _first_line(first)[1]
            self.repaired["line that names the delimiter"] = 1
        header = first.text.partition(b"\n")[0]
        if layout.has_header:
            first, header = self._uncommented(first)
        if mark := layout.delimiter or (said and said[1].decode()):
            self._dialect = Dialect(mark)
        else:
            self._dialect = dialect.tell(first.text, width=len(layout.columns or ()))
        head, rest = _first_line(first)
        plain = self._dialect.plain(head.text)
        bounds.refuse_many_columns(plain.count(self._dialect.delimiter.encode()) + 1, self.uri)
        fields = self._fields(plain, head.first)
        if not fields:
            raise DataError(
                f"{self.uri}, line {head.first} is blank where the first record or the names are expected; take it out"
            )
        self._refuse_no_data(fields)
        if layout.has_header:
            self._refuse_odd_header(fields, layout)
        self._first = self._plain(rest if layout.has_header else first)
        width = len(layout.columns or ()) or len(fields) - (not fields[-1].strip())
        self._trailing = self._ends_with_a_delimiter(width)
        fields = fields[:width] if self._trailing else fields
        found = self._named(fields) if layout.has_header else [f"column_{each}" for each in range(1, len(fields) + 1)]
        bounds.refuse_long_names(found, self.uri)
        if layout.columns and len(layout.columns) != len(found):
            raise DataError(
                f"{self.uri}, line {head.first} has {len(found)} fields and csv.columns names {len(layout.columns)}; "
                "name every column of the file, in order"
            )
        names = layout.columns or tuple(found)
        self._begin(names)
        if layout.has_header:
            # Repeated further down it is dropped where it reads as the names of the columns.
            self._respelt = (
                header.rstrip(b"\r"),
                self._dialect.delimiter.join([*names, *[""] * self._trailing]).encode(),
            )
            self._first = self._plain(rest)

    def _begin(self, names: Sequence[str]) -> None:
        """Fix the columns of the file; a repeated one is compared and left out."""
        self._columns, self._twins = _apart(names)
        self._places = {name: place for place, name in enumerate(self._columns)}
        self.names = tuple(name for name in self._columns if name not in self._twins)
        self._trailing_name = ""
        if self._trailing:
            self._trailing_name = "\0trailing"
            self._places[self._trailing_name] = len(self._columns)
            self._columns.append(self._trailing_name)
            self.repaired["empty field after the last delimiter left out, in every record"] = 1
        # Of numbers, those that Arrow refused in an earlier part and that take the careful way at once.
        self._careful: set[str] = set()

    @property
    def delimiter(self) -> str:
        return self._dialect.delimiter

    def head(self, names: Sequence[str]) -> pa.Table:
        """The records of the first block, as they are written."""
        return self._texts(self._first, names) if self._first.text.strip() else pa.table({name: [] for name in names})

    def parts(self, numbers: Sequence[str], others: Sequence[str]) -> Iterator[Part]:
        """See `netanomaly.flows.records.Records`."""
        first = 1
        for block in self._all():
            if not block.text.strip(b"\r\n"):
                continue
            table = self._read(block, numbers, others)
            if self._trailing_name:
                self._refuse_trailing(table, block)
                table = table.drop_columns([self._trailing_name])
            yield Part(table, first, partial(self._where, block), block.count - table.num_rows)
            first += table.num_rows

    def digest(self) -> str:
        """sha256 of the stored file."""
        return self._stream.digest()

    def close(self) -> None:
        self._stream.close()

    def _read(self, block: Lines, numbers: Sequence[str], others: Sequence[str]) -> pa.Table:
        plain = [name for name in numbers if name not in self._careful]
        types = {name: pa.float64() if name in plain else pa.string() for name in (*numbers, *others)}
        twins = {twin: name for twin, name in self._twins.items() if name in types}
        types |= {twin: types[name] for twin, name in twins.items()}
        if self._trailing_name:
            types[self._trailing_name] = pa.string()
        try:
            table = self._arrow(block, types, null_values=list(values.MISSING))
        except pa.ArrowInvalid:
            table = self._texts(block, list(types))
            self._note_careful(table, plain)
        if twins:
            # By their places: a table looks for a name through all of them.
            places = {name: place for place, name in enumerate(types)}
            for twin, name in twins.items():
                self._refuse_difference(table.column(places[name]), table.column(places[twin]), name, block)
            table = table.select([place for name, place in places.items() if name not in twins])
        return table

    def _note_careful(self, table: pa.Table, plain: Sequence[str]) -> None:
        """Which of the columns that were read as texts would have to be again, in the parts to come."""
        found = {name: table.column(name).combine_chunks() for name in plain}
        if columns.repeated_header(found, plain) is None:
            self._careful |= {name for name, column in found.items() if not columns.all_plain(column)}

    def _texts(self, block: Lines, names: Sequence[str]) -> pa.Table:
        """Columns of a block as they are written."""
        try:
            return self._arrow(block, dict.fromkeys(names, pa.string()), null_values=[])
        except pa.ArrowInvalid:
            places = [self._places[name] for name in names]
            rows = [row for _, row in self._rows(block)]
            return pa.table({
                name: pa.array([row[place] for row in rows], type=pa.string())
                for name, place in zip(names, places, strict=True)
            })  # fmt: skip

    def _arrow(self, block: Lines, types: Mapping[str, pa.DataType], null_values: list[str]) -> pa.Table:
        table = pacsv.read_csv(
            pa.BufferReader(block.text),
            pacsv.ReadOptions(column_names=self._columns, use_threads=False, block_size=len(block.text) + 1),
            pacsv.ParseOptions(delimiter=self._dialect.delimiter, quote_char=self._dialect.quote),
            pacsv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=null_values, strings_can_be_null=True
            ),
        )
        quote = self._dialect.quote.encode()
        if quote in block.text and table.num_rows != sum(1 for line in block.text.splitlines() if line):
            raise pa.ArrowInvalid("a quoted value holds a line break")
        return table

    def _rows(self, block: Lines) -> list[tuple[int, list[str]]]:
        """Line number and fields of each record; blank lines left out."""
        found = []
        for number, line in _records(block):
            row = self._fields(line, number)
            if len(row) != len(self._columns):
                expected = len(self._columns) - bool(self._trailing_name)
                raise DataError(
                    f"{self.uri}, line {number}: the row has {len(row)} fields where {expected} "
                    "are expected; correct the row (a stray delimiter, or a line cut off?)"
                )
            found.append((number, row))
        return found

    def _where(self, block: Lines, position: int) -> str:
        number, _ = list(_records(block))[position]
        return f"line {number}"

    def _fields(self, line: bytes, number: int) -> list[str]:
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.uri}, line {number}: byte {error.start + 1} ({line[error.start]:#04x}) is not UTF-8; "
                "convert the file, e.g. with iconv -f latin1 -t utf-8"
            ) from None
        try:
            return self._dialect.fields(text)
        except csv.Error as error:
            raise DataError(f"{self.uri}, line {number}: {_unquoted(text, error)}") from None

    def _ends_with_a_delimiter(self, width: int) -> bool:
        """Whether the first records have a field more than so many, and it is empty in all."""
        if width < 2:
            return False
        try:
            rows = [self._fields(line, number) for number, line in _records(self._first, _TRAILING_TOLD_BY)]
        except DataError:
            return False
        return bool(rows) and all(len(row) == width + 1 and not row[-1].strip() for row in rows)

    def _refuse_trailing(self, table: pa.Table, block: Lines) -> None:
        last = table.column(self._trailing_name)
        filled = np.asarray(pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(last), ""), False))
        if filled.any():
            position = int(filled.argmax())
            raise DataError(
                f"{self.uri}, {self._where(block, position)}: {shown(last[position].as_py())} stands in a column without a "
                "name; name it in the header, or correct the row"
            )

    def _named(self, fields: list[str]) -> list[str]:
        names = [name.strip() for name in fields]
        blanks = sum(name != written for name, written in zip(names, fields, strict=True))
        if not names[0] and any(names[1:]) and _INDEX not in names:
            # So `DataFrame.to_csv` writes its index; `pandas.read_csv` gives it the same name.
            names[0] = _INDEX
            self.repaired[f"first column, which has no name, read as {_INDEX!r}"] = 1
        for name, count in sorted(Counter(names).items()):
            if count > 1:
                self.repaired[f"column {name!r} repeated with the same values, read once"] = count - 1
        if blanks:
            self.repaired["blank around a column name removed"] = blanks
        for position, name in enumerate(names):
            if not name:
                raise DataError(f"{self.uri}: column {position + 1} has no name in the header; give it one")
        return names

    def _refuse_no_data(self, fields: list[str]) -> None:
        """A key, a token or settings named by mistake: what is in them is not to stand in a message or a report."""
        # `key: value` is two columns parted by blanks.
        few = len(fields) <= (2 if self._dialect.squeezed else 1)
        if few and not is_data_file(Path(self.uri).name):
            raise DataError(
                f"{self.uri} is no table: it has {len(fields)} column{'s' * (len(fields) > 1)}, and its name is none of a data file "
                f"({', '.join(TEXT_SUFFIXES + PARQUET_SUFFIXES)}); name the file that holds the records, or rename it"
            )

    def _refuse_odd_header(self, fields: list[str], layout: CsvFormat) -> None:
        """A first line that holds no names would give every column a wrong one."""
        other = [mark for mark in dialect.MARKS if mark != self._dialect.delimiter and mark in fields[0]]
        if len(fields) == 1 and other:
            raise DataError(
                f"{self.uri} has one column only, {shown(fields[0])}; its delimiter seems to be {other[0]!r}: "
                "set csv.delimiter"
            )
        numbers = sum(values.number(field) is not None for field in fields if field.strip())
        # Hosts and moments name no column: of a log of few numbers they tell a record, behind a file's name, too (grep).
        named = any(addresses.is_one(field) or _MOMENT.match(field) for field in fields)
        if layout.header is None and (named or 2 * numbers > len(fields)):
            raise DataError(
                f"{self.uri}: the first line is a record and not names ({', '.join(fields[:4])}, ...); "
                'name the columns in csv.columns, or set csv to {"header": false}'
            )

    def _refuse_difference(self, one: pa.ChunkedArray, twin: pa.ChunkedArray, name: str, block: Lines) -> None:
        first, second = one.combine_chunks(), twin.combine_chunks()
        if first.equals(second):
            return
        first, second = (columns.categories(each) for each in (first, second))
        same = pc.equal(first.cast(pa.string()), second.cast(pa.string())).fill_null(False)
        both_missing = pc.and_(first.is_null(), second.is_null())
        different = np.flatnonzero(~np.asarray(pc.or_(same, both_missing)))
        if len(different):
            row = int(different[0])
            here = " and ".join(repr(each[row].as_py()) for each in (first, second))
            raise DataError(
                f"{self.uri}, {self._where(block, row)}: two columns are called {name!r} and differ here ({here}); "
                "rename one of them in the header, or name all columns in csv.columns"
            )

    def _start(self) -> Lines:
        for block in self._blocks:
            text = block.text.removeprefix(_UTF8_MARK) if block.first == 1 else block.text
            if block.first == 1 and text.startswith(_UTF16):
                raise DataError(f"{self.uri} is UTF-16; convert it, e.g. with iconv -f utf-16 -t utf-8")
            leading = len(text) - len(text.lstrip(b"\r\n"))
            if leading < len(text):
                above = text[:leading].count(b"\n")
                return self._checked(Lines(text[leading:], block.first + above, block.count - above))
        raise NothingWritten(self.uri)

    def _uncommented(self, block: Lines) -> tuple[Lines, bytes]:
        """From the header on, without the `#` before it, and the header as it is written.

        Comments above it are left out; the last of them is the header where it has as many fields as the line below.
        """
        found, comments, header = block, 0, b""
        while found.text.startswith(b"#"):
            head, rest = _first_line(found)
            if not rest.text.strip():
                break
            told = dialect.tell(rest.text)
            text = _COMMENTED.sub(b"", head.text, count=1)
            if not rest.text.startswith(b"#") and _width(told, text) == _width(told, rest.text.partition(b"\n")[0]):
                found, header = Lines(text + b"\n" + rest.text, head.first, found.count), head.text
                break
            comments, found = comments + 1, rest
            if comments > _MOST_COMMENTS:
                raise DataError(f"{self.uri} begins with more than {_MOST_COMMENTS:,} comments; take them out")
        if comments:
            self.repaired["comment line skipped"] = comments
        return found, header or found.text.partition(b"\n")[0]

    def _plain(self, block: Lines) -> Lines:
        text = block.text
        if self._respelt is not None:
            written, names = self._respelt
            if written != names and written in text:
                text = re.sub(rb"^" + re.escape(written) + rb"(?=\r?$)", lambda _: names, text, flags=re.MULTILINE)
        text = self._dialect.plain(text)
        return block if text is block.text else Lines(text, block.first, block.count)

    def _all(self) -> Iterator[Lines]:
        yield self._first
        for block in self._blocks:
            yield self._plain(self._checked(block))

    def _checked(self, block: Lines) -> Lines:
        at = block.text.find(b"\0")
        if at >= 0:
            line = block.first + block.text.count(b"\n", 0, at)
            raise DataError(f"{self.uri}, line {line}: a NUL byte; the file is binary or damaged, not CSV text")
        return block


def _records(block: Lines, most: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The lines of a block that are not blank, with their numbers."""
    found = 0
    for offset, raw in enumerate(block.text.split(b"\n")):
        line = raw.removesuffix(b"\r")
        if line.strip():
            yield block.first + offset, line
            found += 1
            if found == most:
                return


def _width(told: Dialect, line: bytes) -> int:
    try:
        return len(told.fields(told.plain(line).decode("utf-8", "replace").rstrip("\r")))
    except csv.Error:
        return 0


def _unquoted(text: str, error: csv.Error) -> str:
    """What the csv module means, in words: its own are for programmers."""
    if "\r" in text:
        return "a carriage return inside the row; end lines with \\n or \\r\\n, e.g. with tr '\\r' '\\n'"
    if "field limit" in str(error):
        return f"a value of more than {csv.field_size_limit():,} bytes; no traffic record has one (is the delimiter right?)"
    if "end of data" in str(error):
        return "a quoted value does not end on its line; close the quote, or take the line break out of the value"
    return f"{error}; correct the quotes in this row"


def _first_line(block: Lines) -> tuple[Lines, Lines]:
    head, _, rest = block.text.partition(b"\n")
    return Lines(head, block.first, 1), Lines(rest, block.first + 1, block.count - 1)


def _apart(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Names made unique, and for each that had to change what it was: a repeated column is compared, then dropped."""
    found: list[str] = []
    twins: dict[str, str] = {}
    seen: set[str] = set()
    for name in names:
        if name in seen:
            twin = f"{name}\0{len(found)}"
            twins[twin] = name
            found.append(twin)
        else:
            seen.add(name)
            found.append(name)
    return found, twins
