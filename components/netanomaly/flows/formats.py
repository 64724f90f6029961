"""Which reader a file is for, told by its content; by its name only where that is a promise (`.parquet`).

To add a format: a reader as `netanomaly.flows.records` asks for, and an entry in `TEXT_FORMATS`.
"""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from io import SEEK_END
from pathlib import Path

from netanomaly.config import CsvFormat
from netanomaly.flows import other_formats, sources
from netanomaly.flows.arff_file import ArffFile, is_arff
from netanomaly.flows.csv_file import CsvFile
from netanomaly.flows.parquet_file import ParquetFile
from netanomaly.flows.records import Records
from netanomaly.flows.sources import SourceFile
from netanomaly.flows.streams import PARQUET_MAGIC, NothingWritten, TextStream

# So much of a text is looked at to tell its format.
PEEK_BYTES = 1 << 16

Open = Callable[[TextStream, CsvFormat, int], Records]


@dataclass(frozen=True)
class TextFormat:
    """A format of text files.

    Attributes:
        name: For people.
        begins: Whether a text with these first bytes (`PEEK_BYTES` of them, decompressed) is of it.
        open: Its reader, of a stream, the configuration's `csv` and the bytes that make a part.
    """

    name: str
    begins: Callable[[bytes], bool]
    open: Open


# The first that a file begins as is its own; all else is CSV.
TEXT_FORMATS: tuple[TextFormat, ...] = (
    TextFormat("ARFF", is_arff, lambda stream, _csv, block_bytes: ArffFile(stream, block_bytes)),
)


def open_records(file: SourceFile, csv: CsvFormat, block_bytes: int) -> Records:
    """The file's reader, opened.

    Raises:
        NothingWritten: There is nothing in it, not even a header.
        DataError: It cannot be read, or is of a format that is not read, which the message names.
    """
    if not file.size:
        raise NothingWritten(file.uri)
    if is_parquet(file):
        return ParquetFile(file)
    stream = TextStream(file)
    try:
        start = stream.peek(PEEK_BYTES)
        for each in TEXT_FORMATS:
            if each.begins(start):
                return each.open(stream, csv, block_bytes)
        other_formats.refuse(start, file.uri)
        if csv.has_header:
            other_formats.refuse_headless(start, file.uri)
        return CsvFile(stream, csv, block_bytes)
    except BaseException:
        stream.close()
        raise


def start_of(file: SourceFile) -> bytes:
    """The first bytes of a text, decompressed, `PEEK_BYTES` at most; none of Parquet or where nothing is written.

    Raises:
        DataError: It cannot be read.
    """
    if file.size and not is_parquet(file):
        with suppress(NothingWritten), closing(TextStream(file)) as stream:
            return stream.peek(PEEK_BYTES)
    return b""


def is_parquet(file: SourceFile) -> bool:
    """Whether a file is Parquet, by its name or its content."""
    if Path(file.name).suffix.lower() in sources.PARQUET_SUFFIXES:
        return True
    size = len(PARQUET_MAGIC)
    with file.open() as stream:
        if file.size < 2 * size or stream.read(size) != PARQUET_MAGIC:
            return False
        # A header may begin so, too.
        stream.seek(-size, SEEK_END)
        return stream.read(size) == PARQUET_MAGIC
