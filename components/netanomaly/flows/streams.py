"""A file's content as a plain byte stream: hashed as it is stored, decompressed as it is read."""

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO

import pyarrow as pa

from netanomaly.errors import DataError
from netanomaly.flows.sources import SourceFile

# The first bytes tell a compression more reliably than the name does.
_MAGIC = {
    b"\x1f\x8b": ".gz", b"\xfd7zXZ\0": ".xz", b"BZh": ".bz2", b"\x28\xb5\x2f\xfd": ".zst", b"PK\x03\x04": ".zip",
}  # fmt: skip
PARQUET_MAGIC = b"PAR1"
_MAGIC_BYTES = 6
_DRAIN_BYTES = 1 << 20
# What a decompressor is given at once: what lies behind the end of a member is copied, for each of many small ones.
_FED_BYTES = 1 << 14
# xz -9 takes 65 MiB; a file may ask for 4 GiB.
_XZ_MEMORY = 128 << 20
# Records compress to a tenth or a twentieth, and gzip never to less than a thousandth.
_UNSUSPICIOUS_BYTES = 1 << 30
_BYTES_OF_ONE = 2000


class NothingWritten(DataError):
    """A file of no bytes, or of blanks alone, compressed or not: not even a header tells what it is of."""

    def __init__(self, uri: str) -> None:
        super().__init__(f"{uri} is empty; give a file with records, or leave it out of the source")


class HashedFile(io.RawIOBase):
    """A stored file read from front to end, with the sha256 of the bytes that went by."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._hash = hashlib.sha256()
        self._ahead = b""
        self.count = 0

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay unread."""
        if len(self._ahead) < size:
            more = self._stream.read(size - len(self._ahead))
            self._hash.update(more)
            self.count += len(more)
            self._ahead += more
        return self._ahead[:size]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = 1 << 62
        ahead, self._ahead = self._ahead[:size], self._ahead[size:]
        if len(ahead) == size:
            return ahead
        # Never more than was asked for in one go: `size` may be "all of it".
        more = self._stream.read(min(size - len(ahead), _DRAIN_BYTES)) if size < 1 << 62 else self._stream.read()
        self._hash.update(more)
        self.count += len(more)
        return ahead + more if ahead else more

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def digest(self) -> str:
        """sha256 of the whole file, in hexadecimal; reads what is left of it."""
        while self.read(_DRAIN_BYTES):
            pass
        return self._hash.hexdigest()

    def close(self) -> None:
        self._stream.close()
        super().close()


class TextStream:
    """The decompressed bytes of a text file. Damage to the compressed file comes out as one DataError."""

    def __init__(self, file: SourceFile) -> None:
        self.uri = file.uri
        self._stored = HashedFile(file.open())
        try:
            self._kind = _compression(self._stored, file)
            self._text = self._decompressed(file)
        except DataError:
            self._stored.close()
            raise
        self._count = 0
        # An archive is read through a stream of its own.
        self._archive_bytes = file.size if self._kind == ".zip" else 0
        self._ahead = b""

    @property
    def is_compressed(self) -> bool:
        """Whether the stored bytes are others than the text."""
        return self._kind is not None

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, which stay unread; fewer only at the end."""
        if len(self._ahead) < size:
            self._ahead = self.read(size)
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer only at the end."""
        ahead, self._ahead = self._ahead[:size], self._ahead[size:]
        parts: list[bytes] = [ahead] if ahead else []
        missing = size - len(ahead)
        while missing:
            try:
                part = self._text.read(missing)
            except (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, pa.ArrowInvalid) as error:
                if self._kind is None:
                    raise
                raise DataError(f"{self.uri}: the {self._kind} stream {_in_words(error)}") from None
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        self._count += size - missing
        stored = self._archive_bytes or self._stored.count
        if self._count > max(_UNSUSPICIOUS_BYTES, _BYTES_OF_ONE * stored):
            raise DataError(
                f"{self.uri}: the {self._kind} stream makes {self._count >> 20:,} MiB of {stored:,} bytes, and is "
                "not at its end; no records compress so: make the file again"
            )
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def digest(self) -> str:
        """sha256 of the stored file, in hexadecimal."""
        return self._stored.digest()

    def close(self) -> None:
        if self._kind is not None:
            self._text.close()
        self._stored.close()

    def _decompressed(self, file: SourceFile) -> BinaryIO:
        match self._kind:
            case ".zip":
                return _only_member(file)
            case ".gz":
                return gzip.GzipFile(fileobj=self._stored)  # type: ignore[return-value]
            case ".xz":
                return _Members(
                    self._stored, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY), padding=b"\0"
                )  # type: ignore[return-value]
            case ".bz2":
                return _Members(self._stored, bz2.BZ2Decompressor)  # type: ignore[return-value]
            case ".zst":
                # The standard library reads Zstandard from Python 3.14 on only.
                return pa.CompressedInputStream(pa.PythonFile(self._stored, mode="r"), "zstd")  # type: ignore[no-any-return]
        return self._stored  # type: ignore[return-value]


def _only_member(file: SourceFile) -> BinaryIO:
    """The one file that a zip archive holds. Its list of members is at the end, so it is opened a second time."""
    stored = file.open()
    try:
        looked_at = _ShortReads(stored)
        archive = zipfile.ZipFile(looked_at)
        looked_at.largest = file.size
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            names = ", ".join(repr(member.filename[:40]) for member in members[:3])
            raise DataError(
                f"{file.uri} is a zip archive (or a spreadsheet) of {len(members)} files ({names}), and one is read; "
                "unpack it, or save it as CSV"
            )
        if members[0].flag_bits & _ENCRYPTED:
            raise DataError(f"{file.uri} is an encrypted zip archive; unpack it with its password")
        # LZMA's window is as large as the archive says, up to 4 GiB.
        if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
            raise DataError(
                f"{file.uri} is a zip archive compressed in another way than zip's own (deflate); unpack it"
            )
        return _Member(stored, archive.open(members[0]))  # type: ignore[return-value]
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        stored.close()
        raise DataError(
            f"{file.uri} is a zip archive that cannot be read ({error}); copy or download it again"
        ) from None
    except BaseException:
        stored.close()
        raise


_ENCRYPTED = 1
_LARGEST_DIRECTORY = 4 << 20


class _ShortReads:
    """A zip archive's file. Its list of members is read at once, whole: of a list of millions nothing is read."""

    def __init__(self, stored: BinaryIO) -> None:
        self._stored = stored
        self.seek, self.tell, self.close = stored.seek, stored.tell, stored.close
        self.mode = "rb"
        self.largest = _LARGEST_DIRECTORY

    def read(self, size: int = -1) -> bytes:
        if size > max(self.largest, _LARGEST_DIRECTORY):
            raise zipfile.BadZipFile(f"its list of files has {size:,} bytes, as of tens of thousands; one file is read")
        return self._stored.read(size)

    def seekable(self) -> bool:
        return True


class _Member:
    """A file in a zip archive, closed together with the archive."""

    def __init__(self, stored: BinaryIO, member: IO[bytes]) -> None:
        self._stored, self._member = stored, member

    def read(self, size: int) -> bytes:
        return self._member.read(size)

    def close(self) -> None:
        self._member.close()
        self._stored.close()


class _Members:
    """The members of an xz or bzip2 file, one after another.

    `lzma.open` and `bz2.open` end without a word at whatever follows a member and is none: a damaged second member
    would be rows that nobody misses. Here it is an error of the decompressor.
    """

    def __init__(
        self,
        stored: HashedFile,
        begin: Callable[[], lzma.LZMADecompressor | bz2.BZ2Decompressor],
        padding: bytes = b"",
    ) -> None:
        """Args: padding: The byte that may lie between members (xz format, 2.2)."""
        self._stored = stored
        self._begin = begin
        self._padding = padding
        self._member = begin()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end. Raises EOFError, OSError, lzma.LZMAError."""
        part = b""
        while not part:
            data = b""
            if self._member.eof:
                data = self._member.unused_data.lstrip(self._padding)
                while not data:
                    stored = self._stored.read(_FED_BYTES)
                    if not stored:
                        return b""
                    data = stored.lstrip(self._padding)
                self._member = self._begin()
            elif self._member.needs_input:
                data = self._stored.read(_FED_BYTES)
                if not data:
                    raise EOFError("the last member ends too early")
            part = self._member.decompress(data, size)
        return part

    def close(self) -> None:
        """Nothing is open but the stored file."""


def _compression(stored: HashedFile, file: SourceFile) -> str | None:
    """The compression a file starts with.

    Raises:
        NothingWritten: The file is empty.
        DataError: It is not compressed as its name says.
    """
    start = stored.peek(_MAGIC_BYTES)
    kind = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
    suffix = Path(file.name).suffix.lower()
    if not start:
        raise NothingWritten(file.uri)
    if suffix in _MAGIC.values() and suffix != kind:
        what = f"{kind} compressed" if kind else "not compressed"
        raise DataError(f"{file.uri} is named {suffix} but is {what}; rename it, or compress it again")
    return kind


def _in_words(error: Exception) -> str:
    if isinstance(error, EOFError) or "runcated" in str(error):
        return "ends too early; copy or download it again"
    if "emory" in str(error):
        return (
            f"asks for more than {_XZ_MEMORY >> 20} MiB of memory to be read; compress it again, with a smaller window"
        )
    return f"is damaged ({error}); copy or download it again"
