"""Open the files of a source, and tell which sensor wrote them; the formats are for the whole source, not for a file."""

from contextlib import closing
from pathlib import Path

from netanomaly.errors import DataError
from netanomaly.flows import formats
from netanomaly.flows.sensor import AUTO, TABLE
from netanomaly.flows.sources import Files, SourceFile
from netanomaly.flows.streams import TextStream
from netanomaly.traffic.recognition import FORMATS, Format, NoFlows, of_columns, recognise
from netanomaly.traffic.source import Opened, OpenedParquet

SENSORS = tuple(dict.fromkeys(each.sensor for each in FORMATS.values()))
CHOICES = (AUTO, TABLE, *SENSORS)
"""What a configuration may say of a source's format."""

# Zeek's own two files that are no logs.
_NO_LOGS = ("stdout.log", "stderr.log")


class OpenFile:
    """One file, open: `opened` is read, and `close` gives its digest where reading gave it."""

    def __init__(self, file: SourceFile, number: int) -> None:
        self.file = file
        self._stream: TextStream | None = None
        if file.size and formats.is_parquet(file):
            parquet = OpenedParquet(number, file)
            self.opened: Opened = parquet
            self.found: Format | NoFlows | None = of_columns(parquet.names)
            return
        if is_empty(file):
            raise DataError(f"{file.uri} is empty; give a file with records, or leave it out of the source")
        self._stream = TextStream(file)
        try:
            self.opened = Opened(number, self._stream)
            self.found = recognise(self.opened.head)
        except BaseException:
            self._stream.close()
            raise

    def digest(self) -> str | None:
        """sha256 of the stored file, in hexadecimal; None where reading it did not give it."""
        return None if self._stream is None else self._stream.digest()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def is_empty(file: SourceFile) -> bool:
    """Whether there is nothing in it, not even a header."""
    return not file.size


def is_no_log(file: SourceFile) -> bool:
    """Whether a file in a folder of logs is none: empty, or what the sensor's process itself printed."""
    return is_empty(file) or Path(file.name).name in _NO_LOGS


def format_of(files: Files, wanted: str = AUTO) -> Format | None:
    """The format of a source by the content of its files; None where it is a table (CSV, Parquet, ARFF).

    Args:
        files: Of the source.
        wanted: One of `CHOICES`.

    Raises:
        DataError: It is not what is wanted; or no file of it holds flows, and the first is something that is known.
    """
    if wanted == TABLE:
        return None
    found: Format | None = None
    nothing = ""
    several = len(files.files) > 1
    for file in files.files:
        if several and is_no_log(file):
            continue
        with closing(OpenFile(file, 0)) as open_file:
            each = open_file.found
        if isinstance(each, NoFlows):
            nothing = nothing or f"{file.uri} is {each.what}: {each.lacks}"
            continue
        if each is None:
            # A table, or nothing that is known: for the reader of tables to say.
            break
        if each.shape != "repeated":
            found = each
            break
        found = found or each
    if found is None and nothing:
        raise DataError(nothing)
    if wanted != AUTO and (found is None or found.sensor != wanted):
        what = "no sensor's" if found is None else f"{found.words}, from {found.sensor}"
        raise DataError(f"format is {wanted!r}, and {files.files[0].uri} is {what}; correct format, or leave it out")
    return found
