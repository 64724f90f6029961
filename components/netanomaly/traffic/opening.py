"""Open the files of a source, and tell which sensor wrote them; the formats are for the whole source, not for a file."""

from contextlib import closing
from pathlib import Path

from netanomaly.errors import DataError
from netanomaly.flows import formats
from netanomaly.flows.sensor import AUTO, TABLE
from netanomaly.flows.sources import Files, SourceFile
from netanomaly.flows.streams import NothingWritten, TextStream
from netanomaly.traffic.recognition import FORMATS, Format, NoFlows, of_columns, recognise
from netanomaly.traffic.source import Opened, OpenedParquet

SENSORS = tuple(dict.fromkeys(each.sensor for each in FORMATS.values()))
CHOICES = (AUTO, TABLE, *SENSORS)
"""What a configuration may say of a source's format."""

# Zeek's own two files that are no logs.
_NO_LOGS = ("stdout.log", "stderr.log")


class OpenFile:
    """One file, open: `opened` is read, and `digest` is what reading gave of it."""

    def __init__(self, file: SourceFile, number: int) -> None:
        """Raises:
        NothingWritten: There is nothing in it, not even a header.
        DataError: It cannot be read.
        """
        self.file = file
        self._stream: TextStream | None = None
        if file.size and formats.is_parquet(file):
            parquet = OpenedParquet(number, file)
            self.opened: Opened = parquet
            self.found: Format | NoFlows | None = of_columns(parquet.names)
            return
        self._stream = TextStream(file)
        try:
            self.opened = Opened(number, self._stream)
            if not self.opened.head.removeprefix(b"\xef\xbb\xbf").strip():
                raise NothingWritten(file.uri)
            self.found = recognise(self.opened.head)
        except BaseException:
            self._stream.close()
            raise

    def digest(self) -> str | None:
        """sha256 of the stored file, in hexadecimal; None where reading it did not give it."""
        self.opened.close()
        return None if self._stream is None else self._stream.digest()

    def close(self) -> None:
        # What reads ahead holds the stream.
        self.opened.close()
        if self._stream is not None:
            self._stream.close()


def is_no_log(file: SourceFile) -> bool:
    """Whether a file in a folder of logs is what the sensor's process itself printed."""
    return Path(file.name).name in _NO_LOGS


def format_of(files: Files, wanted: str = AUTO, nothing_is: str = "") -> Format | None:
    """The format of a source by the content of its files; None where it is a table (CSV, Parquet, ARFF).

    Files in which nothing is written tell nothing, and are passed over where there are others.

    Args:
        files: Of the source.
        wanted: One of `CHOICES`.
        nothing_is: The kind of sensor that a source is of in which nothing is written; empty: none.

    Raises:
        DataError: It is not what is wanted; or no file of it holds flows, and the first is something that is known.
    """
    if wanted == TABLE:
        return None
    found: Format | None = None
    nothing = ""
    several = len(files.files) > 1
    is_written = False
    for file in files.files:
        if several and is_no_log(file):
            continue
        try:
            with closing(OpenFile(file, 0)) as open_file:
                each = open_file.found
        except NothingWritten:
            continue
        is_written = True
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
    if nothing_is and not is_written:
        return next(each for each in FORMATS.values() if each.sensor == (nothing_is if wanted == AUTO else wanted))
    if wanted != AUTO and (found is None or found.sensor != wanted):
        what = "no sensor's" if found is None else f"{found.words}, from {found.sensor}"
        raise DataError(f"format is {wanted!r}, and {files.files[0].uri} is {what}; correct format, or leave it out")
    return found
