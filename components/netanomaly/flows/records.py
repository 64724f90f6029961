"""What every reader of a format offers: one open file of a source, as parts of consecutive records.

A new format is one class with these members and one entry in `netanomaly.flows.formats`. A reader says what is written
and where; what it means (missing, numbers, categories, times, labels) is the policy's, and the same for all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

Kind = Literal["number", "category"]


@dataclass(frozen=True)
class Part:
    """Consecutive records of one file.

    Attributes:
        table: The columns that were asked for. Numbers are of any numeric type, or text as it is written; all others are
            text or of the type they are stored in.
        first: Number of the first record among those of the file, from 1.
        where: Where the record at a position of the table is in the file, for messages: "line 17".
        blank: Lines that hold no record.
    """

    table: pa.Table
    first: int
    where: Callable[[int], str]
    blank: int = 0


class Records(Protocol):
    """One open file of a source. `head` may be called before `parts`, which is read once; then `digest`; then `close`."""

    @property
    def uri(self) -> str:
        """For messages."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, each once, as people and models call them: blanks around them gone."""

    @property
    def repaired(self) -> Mapping[str, int]:
        """What was odd about the file and how often, by reason, for the ingest report; known once `parts` is through."""

    @property
    def declared(self) -> Mapping[str, Kind]:
        """Columns of which the file itself says what they are (the nominal attributes of ARFF); of all others values tell."""

    @property
    def delimiter(self) -> str:
        """What parts fields; empty where nothing does. Among semicolons, `1,234` more likely has a decimal comma."""

    def head(self, names: Sequence[str]) -> pa.Table:
        """The first records of these columns, as `parts` has them, all as they are written where that is text.

        Raises:
            DataError: A type that is neither number, text nor time.
        """

    def parts(self, numbers: Sequence[str], others: Sequence[str]) -> Iterator[Part]:
        """All records in order. Memory is that of a part.

        Args:
            numbers: Columns expected to hold plain numbers; those that do may come as such.
            others: Columns wanted as they are written or stored.

        Raises:
            DataError: What cannot be read, with file, line and value.
        """

    def digest(self) -> str | None:
        """sha256 of the stored file, in hexadecimal, where reading it gave it; None where it did not."""

    def close(self) -> None: ...
