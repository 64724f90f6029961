"""One file of a source, opened: what wrote it, its text in blocks of lines, and what in it was no flow."""

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Protocol

import pyarrow as pa

from netanomaly.flows import lines
from netanomaly.flows.lines import Lines
from netanomaly.flows.parquet_file import ParquetFile
from netanomaly.flows.sources import SourceFile
from netanomaly.interruption import end_if_interrupted
from netanomaly.traffic.background import ahead

HEAD_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20


class PeekedStream(Protocol):
    """Text as bytes that can be looked into before it is read."""

    @property
    def uri(self) -> str: ...

    def peek(self, size: int, /) -> bytes: ...

    def read(self, size: int, /) -> bytes: ...


class Opened:
    """A file of a source.

    Attributes:
        uri: Of the file.
        number: Its place among the files of the source, from 0.
        head: The first bytes of its text, at most 1 MiB.
        other_records: How many records were there of what is no flow, by what they are ("a Zeek dns log").
    """

    def __init__(self, number: int, stream: PeekedStream, block_bytes: int = BLOCK_BYTES) -> None:
        self.uri, self.number = stream.uri, number
        self._stream = stream
        self._block_bytes = block_bytes
        self.head = stream.peek(HEAD_BYTES)
        self.other_records: Counter[str] = Counter()
        self._reading: Generator[Lines, None, None] | None = None

    def others(self, what: str, records: int) -> None:
        """Take note of records that are no flows."""
        if records:
            self.other_records[what] += records

    def blocks(self) -> Iterator[Lines]:
        """The text in blocks of whole lines, without a byte order mark.

        Of more than the head they are read on a thread of its own, one ahead, until `close`.
        """
        blocks = lines.blocks(self._stream, self._block_bytes)
        if len(self.head) == HEAD_BYTES:
            blocks = self._reading = ahead(blocks, 1)
        for block in blocks:
            end_if_interrupted()
            if block.first == 1 and block.text.startswith(b"\xef\xbb\xbf"):
                block = Lines(block.text[3:], block.first, block.count)
            yield block

    def close(self) -> None:
        """Read no further."""
        if self._reading is not None:
            self._reading.close()

    def chunks(self) -> Iterator[bytes]:
        """The text in pieces of any cut."""
        while chunk := self._stream.read(self._block_bytes):
            end_if_interrupted()
            yield chunk

    def tables(self, names: list[str]) -> Iterator[tuple[pa.Table, int]]:
        """Columns of a Parquet file as far as it has them, and the number of each table's first record.

        Raises:
            DataError: It is damaged.
        """
        raise NotImplementedError


class OpenedParquet(Opened):
    """A Parquet file of a source; `names` are its columns."""

    def __init__(self, number: int, file: SourceFile) -> None:
        self.uri, self.number, self.head = file.uri, number, b""
        self.other_records = Counter()
        self._reading = None
        self._file = file
        with closing(ParquetFile(file)) as parquet:
            self.names = parquet.names

    def tables(self, names: list[str]) -> Iterator[tuple[pa.Table, int]]:
        with closing(ParquetFile(self._file)) as parquet:
            for part in parquet.parts([], [name for name in self.names if name in names]):
                end_if_interrupted()
                yield part.table, part.first
