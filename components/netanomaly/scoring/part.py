"""A part of a file's text as a file of its own: what its records are read by, and the lines that are new."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from netanomaly.errors import DataError
from netanomaly.flows.sources import COMPRESSED_SUFFIXES, SourceFile
from netanomaly.flows.streams import TextStream

_SKIPPED_BYTES = 4 << 20


class Changed(DataError):
    """A file is another than it was a moment ago."""


@dataclass(frozen=True)
class Part:
    """Text of a file from one byte to another, decompressed.

    Attributes:
        file: The whole one.
        header: Stands before the part's own text.
        start, end: Bytes of the file's text.
        digest: SHA-256 of what lies between them, in hexadecimal.
        compressed: Whether the file is.
    """

    file: SourceFile
    header: bytes
    start: int
    end: int
    digest: str
    compressed: bool

    @property
    def uri(self) -> str:
        return self.file.uri

    @property
    def name(self) -> str:
        """As the text alone would be called: by its name a compressed file would be taken for one."""
        path = Path(self.file.name)
        return str(path.with_suffix("")) if path.suffix.lower() in COMPRESSED_SUFFIXES else self.file.name

    @property
    def size(self) -> int:
        return len(self.header) + self.end - self.start

    @property
    def address(self) -> str:
        return self.file.address

    @property
    def identity_is_known(self) -> bool:
        return True

    def open(self) -> BinaryIO:
        """The text. Reading its end raises Changed where it is another than was looked at."""
        if self.compressed:
            stream: BinaryIO = TextStream(self.file)  # type: ignore[assignment]
            _skip(stream, self.start)
        else:
            stream = self.file.open()
            stream.seek(self.start)
        return _PartStream(self, stream)  # type: ignore[return-value]

    def identity(self, _: str | None = None, /) -> str:
        return f"sha256:{self.digest}"


class _PartStream(io.RawIOBase):
    def __init__(self, part: Part, stream: BinaryIO) -> None:
        super().__init__()
        self._part, self._stream = part, stream
        self._header, self._left = part.header, part.end - part.start
        self._hashed = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = len(self._header) + self._left if size < 0 else size
        ahead, self._header = self._header[:wanted], self._header[wanted:]
        text = self._stream.read(min(wanted - len(ahead), self._left)) if self._left and wanted > len(ahead) else b""
        self._hashed.update(text)
        self._left -= len(text)
        if (self._left and wanted > len(ahead) and not text) or (
            not self._left and self._hashed.hexdigest() != self._part.digest
        ):
            raise Changed(f"{self._part.uri} changed while it was read; it is looked at again")
        return ahead + text if ahead else text

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _skip(stream: BinaryIO, count: int) -> None:
    while count and (skipped := stream.read(min(count, _SKIPPED_BYTES))):
        count -= len(skipped)
