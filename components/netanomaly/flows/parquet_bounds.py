"""What a Parquet file says of its own sizes, looked at before Arrow believes it and takes the memory.

Arrow reads a column chunk as it is stored and decodes page after page. A page names its decoded size in a header that
stands before it (https://parquet.apache.org/docs/file-format/data-pages/, Thrift's compact protocol): a few bytes that
compress well can ask for any amount of memory. So the bytes that Arrow asks for are followed on their way, and no page
gets through that is larger than one of a writer that means well. Writers make pages of about a mebibyte.
"""

import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from netanomaly.errors import DataError

LARGEST_FOOTER = 16 << 20
LARGEST_PAGE = 64 << 20
LARGEST_PAGES_AT_ONCE = 256 << 20
"""Of all columns together, as each has one in memory."""
MOST_ROW_GROUPS = 65_536
DEEPEST_SCHEMA = 64
# More rows than these, and more of them for a stored byte, is a file that is made to take for ever.
_ROWS_IN_ANY_FILE = 10_000_000
_ROWS_IN_A_BYTE = 1000

_MAGIC = b"PAR1"
_TAIL = 8
# Thrift's compact types that are skipped in a way of their own.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
_DEEPEST_STRUCT = 16
_LONGEST_HEADER = 1 << 20
_LOOK = 256


class Damaged(Exception):
    """These bytes are not what they should be."""


class Bounded(io.RawIOBase):
    """A Parquet file whose column chunks are looked at as they are read.

    Args:
        stream: The file.
        uri: Its name, for messages.
    """

    def __init__(self, stream: BinaryIO, uri: str) -> None:
        super().__init__()
        self._stream = stream
        self._uri = uri
        self._chunks: dict[int, _Chunk] = {}
        self._largest: deque[int] = deque(maxlen=1)
        self._following = False

    def check_footer(self) -> None:
        """Raise DataError where the footer is larger or deeper than that of a table of traffic; else leave it to Arrow."""
        size = self._stream.seek(0, io.SEEK_END)
        if size < _TAIL + len(_MAGIC):
            return
        self._stream.seek(size - _TAIL)
        tail = self._stream.read(_TAIL)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or length > size - _TAIL:
            return
        if length > LARGEST_FOOTER:
            raise DataError(
                f"{self._uri}: its footer has {length:,} bytes, and read are {LARGEST_FOOTER:,}; write it as several "
                "files, or with larger row groups"
            )
        self._stream.seek(size - _TAIL - length)
        try:
            found = _footer(self._stream.read(length))
        except (Damaged, IndexError):
            return
        if found.depth > DEEPEST_SCHEMA:
            raise DataError(
                f"{self._uri}: its columns are nested {found.depth} deep; a table of traffic has plain columns"
            )
        if found.row_groups > MOST_ROW_GROUPS:
            raise DataError(
                f"{self._uri}: it has {found.row_groups:,} row groups, and read are {MOST_ROW_GROUPS:,}; write it with "
                "larger ones"
            )
        if found.rows > max(_ROWS_IN_ANY_FILE, _ROWS_IN_A_BYTE * size):
            raise DataError(
                f"{self._uri}: it claims {found.rows:,} rows in {size:,} bytes; no traffic compresses so: make it again"
            )

    def follow(self, columns: int) -> None:
        """From here on what is read are column chunks, of so many columns at once."""
        self._chunks.clear()
        self._largest = deque(maxlen=max(columns, 1))
        self._following = True

    def read(self, size: int = -1) -> bytes:
        if not self._following:
            return self._stream.read(size)
        start = self._stream.tell()
        data = self._stream.read(size)
        chunk = self._chunks.pop(start, None)
        if chunk is None:
            chunk = _Chunk()
        try:
            largest = chunk.feed(data)
        except Damaged:
            raise DataError(
                f"{self._uri} is damaged: from byte {start:,} on there is something else than pages of a column; copy or make it again"
            ) from None
        self._chunks[start + len(data)] = chunk
        self._largest.append(largest)
        if largest > LARGEST_PAGE or sum(self._largest) > LARGEST_PAGES_AT_ONCE:
            raise DataError(
                f"{self._uri}: a column has, from byte {start:,} on, a page of {largest >> 20:,} MiB decoded, and read are "
                f"{LARGEST_PAGE >> 20} MiB ({LARGEST_PAGES_AT_ONCE >> 20} of all columns together); does it hold values that "
                "belong to no traffic record? Else write the file with a data_page_size of 1 MiB"
            )
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Chunk:
    """The pages of a column chunk, from header to header, in as many pieces as it is read in."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0
        self._largest = 0

    def feed(self, data: bytes) -> int:
        """The largest page so far, in bytes decoded. Raises Damaged."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        while True:
            step = min(self._skip, len(data) - at)
            at += step
            self._skip -= step
            if at >= len(data):
                return self._largest
            header = _page_header(data, at)
            if header is None:
                self._rest = data[at:]
                if len(self._rest) > _LONGEST_HEADER:
                    raise Damaged
                return self._largest
            at, self._skip, decoded = header
            self._largest = max(self._largest, decoded)


def _page_header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Where the header ends, bytes stored and bytes decoded of its page; None where the header is not whole yet."""
    look = _LOOK
    while True:
        window = data[at : at + look]
        reader = _Compact(window)
        try:
            sizes = {2: 0, 3: 0}
            for field, kind in reader.fields():
                if field in sizes and kind in _INTEGERS:
                    sizes[field] = reader.integer()
                else:
                    reader.skip(kind)
        except IndexError:
            if len(window) < look:
                return None
            look *= 16
            if look > 16 * _LONGEST_HEADER:
                raise Damaged from None
            continue
        if sizes[2] < 0 or sizes[3] < 0:
            raise Damaged
        return at + reader.at, sizes[3], sizes[2]


@dataclass(frozen=True)
class _Footer:
    depth: int
    rows: int
    row_groups: int


def _footer(data: bytes) -> _Footer:
    """What of the file's metadata bounds the rest: fields 2 to 4 of FileMetaData."""
    reader = _Compact(data)
    depth = rows = 0
    for field, kind in reader.fields():
        if field == 2 and kind == _LIST:
            depth = _schema_depth(reader)
        elif field == 3 and kind in _INTEGERS:
            rows = reader.integer()
        elif field == 4 and kind == _LIST:
            return _Footer(depth, rows, reader.list_header()[0])
        else:
            reader.skip(kind)
    return _Footer(depth, rows, 0)


def _schema_depth(reader: "_Compact") -> int:
    """How deep columns are nested: the schema is a tree in depth-first order, each with its number of children."""
    count, _ = reader.list_header()
    left: list[int] = []
    deepest = 0
    for _ in range(count):
        children = 0
        for field, kind in reader.fields():
            if field == 5 and kind in _INTEGERS:
                children = reader.integer()
            else:
                reader.skip(kind)
        while left and not left[-1]:
            left.pop()
        if left:
            left[-1] -= 1
        if children > 0:
            left.append(children)
            deepest = max(deepest, len(left))
    return deepest


class _Compact:
    """Thrift's compact protocol, as much of it as finds the end of a struct. Raises IndexError at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Each field's number and type, up to the struct's end; the caller reads or skips its value."""
        field = 0
        while True:
            head = self._byte()
            if not head:
                return
            field = field + (head >> 4) if head >> 4 else self.integer()
            yield field, head & 15

    def list_header(self) -> tuple[int, int]:
        """Number and type of a list's elements."""
        head = self._byte()
        return (head >> 4 if head >> 4 != 15 else self._unsigned()), head & 15

    def integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int, depth: int = 0) -> None:
        if depth > _DEEPEST_STRUCT:
            raise Damaged
        if kind in (_TRUE, _FALSE):
            return
        if kind in _INTEGERS:
            self._unsigned()
        elif kind == _BYTE:
            self._advance(1)
        elif kind == _DOUBLE:
            self._advance(8)
        elif kind == _BINARY:
            self._advance(self._unsigned())
        elif kind in (_LIST, _SET):
            count, inner = self.list_header()
            for _ in range(count):
                self._skip_element(inner, depth)
        elif kind == _MAP:
            count = self._unsigned()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._skip_element(kinds >> 4, depth)
                self._skip_element(kinds & 15, depth)
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        else:
            raise Damaged

    def _skip_element(self, kind: int, depth: int) -> None:
        # A truth value is a byte in a list, and in a field part of its head.
        self.skip(_BYTE if kind in (_TRUE, _FALSE) else kind, depth + 1)

    def _advance(self, count: int) -> None:
        self.at += count
        if self.at > len(self._data):
            raise IndexError

    def _byte(self) -> int:
        value = self._data[self.at]
        self.at += 1
        return value

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise Damaged
