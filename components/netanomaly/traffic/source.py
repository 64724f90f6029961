"""One file of a source, opened: what wrote it, its text in blocks of lines, and what in it was no flow."""

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.errors import DataError
from netanomaly.flows import lines
from netanomaly.flows.lines import Lines
from netanomaly.flows.sources import SourceFile

HEAD_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20
_ROWS = 65_536


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

    def others(self, what: str, records: int) -> None:
        """Take note of records that are no flows."""
        if records:
            self.other_records[what] += records

    def blocks(self) -> Iterator[Lines]:
        """The text in blocks of whole lines, without a byte order mark."""
        for block in lines.blocks(self._stream, self._block_bytes):
            if block.first == 1 and block.text.startswith(b"\xef\xbb\xbf"):
                block = Lines(block.text[3:], block.first, block.count)
            yield block

    def chunks(self) -> Iterator[bytes]:
        """The text in pieces of any cut."""
        while chunk := self._stream.read(self._block_bytes):
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
        self._file = file
        with file.open() as stream:
            self.names = self._open(stream).schema_arrow.names

    def tables(self, names: list[str]) -> Iterator[tuple[pa.Table, int]]:
        first = 1
        with self._file.open() as stream:
            parquet = self._open(stream)
            try:
                for batch in parquet.iter_batches(
                    _ROWS, columns=[name for name in self.names if name in names], use_threads=False
                ):
                    yield pa.Table.from_batches([batch]), first
                    first += batch.num_rows
            except (pa.ArrowInvalid, OSError) as error:
                raise DataError(f"{self.uri} is damaged: {' '.join(str(error).split())[:200]}; copy it again") from None

    def _open(self, stream: object) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(stream, pre_buffer=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(
                f"{self.uri} is not a Parquet file that can be read: {' '.join(str(error).split())[:200]}; copy it again"
            ) from None
