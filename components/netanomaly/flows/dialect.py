"""How a text file parts its fields, told from its first lines.

Fields are parted by a comma, semicolon, tab or bar, whichever cuts all lines alike and into most fields; by blanks, of
which any number counts as one, where none of those does.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

MARKS = ",;\t|"
BLANK = " "
_LINES_LOOKED_AT = 200
# Of each: no header is as long, and what is not one is not to be cut into millions of pieces.
_BYTES_LOOKED_AT = 1 << 18
# So many of the lines must have as many fields as the first: one may be broken, and is told of when it is read.
_ALIKE = 0.9
_QUOTED_OR_BLANKS = re.compile(rb'"[^"\r\n]*"|[ \t]+')


@dataclass(frozen=True)
class Dialect:
    """What parts fields. `squeezed`: any number of blanks is one, and none counts at either end of a line."""

    delimiter: str
    squeezed: bool = False
    quote: str = '"'

    def plain(self, text: bytes) -> bytes:
        """Whole lines, with one delimiter between fields."""
        if not self.squeezed:
            return text
        if b'"' in text:
            text = _QUOTED_OR_BLANKS.sub(lambda found: found[0] if found[0][:1] == b'"' else b" ", text)
        else:
            text = re.sub(rb"[ \t]+", b" ", text)
        return re.sub(rb"^ | (?=\r?$)", b"", text, flags=re.MULTILINE)

    def fields(self, line: str) -> list[str]:
        """Of one line. Raises csv.Error."""
        return next(csv.reader([line], delimiter=self.delimiter, quotechar=self.quote, strict=True), [])


def tell(text: bytes, *, width: int = 0) -> Dialect:
    """The dialect of a file that begins with these whole lines; by commas where no delimiter cuts them alike.

    Args:
        text: The first lines.
        width: Number of fields, where it is known.
    """
    lines = [
        line[:_BYTES_LOOKED_AT].decode("utf-8", "replace").rstrip("\r")
        for line in text.split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]
        if line.strip() and not line.startswith((b"# ", b"#\t"))
    ]
    by_mark = {mark: _width([_cut(line, mark) for line in lines]) for mark in MARKS}
    likely = max(MARKS, key=lambda mark: (by_mark[mark] == width > 0, by_mark[mark]))
    if by_mark[likely] > 1:
        return Dialect(likely)
    blanks = Dialect(BLANK, squeezed=True)
    if _width([_cut(blanks.plain(line.encode()).decode(), BLANK) for line in lines]) > 1:
        return blanks
    return Dialect(MARKS[0])


def _width(rows: Sequence[list[str]]) -> int:
    """Fields of the first row where nearly all have as many, an empty one at the end not counted; else 0."""
    widths = [len(row) - (len(row) > 1 and not row[-1].strip()) for row in rows]
    if not widths:
        return 0
    alike = sum(
        width in (widths[0], len(rows[0])) or len(row) == widths[0] for width, row in zip(widths, rows, strict=True)
    )
    return widths[0] if alike >= _ALIKE * len(rows) else 0


def _cut(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []
