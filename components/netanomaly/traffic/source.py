"""One file of a source, opened: its text in blocks of lines, and what in it was no flow."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from netanomaly.flows import lines
from netanomaly.flows.lines import Lines

HEAD_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20


class Opened:
    """A text file that can be looked into before it is read.

    Attributes:
        uri: Of the file.
        number: Its place among the files of the source, from 0.
        head: The first bytes of its text, at most 1 MiB.
        other_records: How many records were there of what is no flow, by what they are ("a Zeek dns log").
    """

    def __init__(self, uri: str, number: int, stream: Any, block_bytes: int = BLOCK_BYTES) -> None:
        """Args: stream: Has `read(size)`, which gives fewer bytes only at the end."""
        self.uri, self.number = uri, number
        self._stream = stream
        self._block_bytes = block_bytes
        self.head: bytes = stream.read(HEAD_BYTES)
        self._begun = 0
        self.other_records: Counter[str] = Counter()

    def others(self, what: str, records: int) -> None:
        """Take note of records that are no flows."""
        if records:
            self.other_records[what] += records

    def read(self, size: int) -> bytes:
        """The text from its beginning on."""
        if self._begun < len(self.head):
            part = self.head[self._begun : self._begun + size]
            self._begun += len(part)
            if len(part) == size:
                return part
            return part + bytes(self._stream.read(size - len(part)))
        return bytes(self._stream.read(size))

    def blocks(self) -> Iterator[Lines]:
        """The text in blocks of whole lines, without a byte order mark."""
        for block in lines.blocks(self, self._block_bytes):
            if block.first == 1 and block.text.startswith(b"\xef\xbb\xbf"):
                block = Lines(block.text[3:], block.first, block.count)
            yield block

    def chunks(self) -> Iterator[bytes]:
        """The text in pieces of any cut."""
        while chunk := self.read(self._block_bytes):
            yield chunk
