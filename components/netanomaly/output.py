"""Where text becomes output: a terminal, a log, a note, a page. All of it goes through here, by a test.

Names, values and answers come from data, stores and servers. A terminal obeys control characters in them (title,
clipboard, cursor); bidirectional controls and characters without a width make one name look like another. They are
shown as escapes (`\\x1b`, `\\u202e`), and never sent.
"""

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

LONGEST_LINE = 8192
"""Characters of one line; what is over is counted. No path is longer."""

# C0, DEL and C1; soft hyphen; what Unicode calls default-ignorable (zero-width, bidirectional, tags, variation
# selectors, fillers); separators that some programs take for line ends; halves of surrogate pairs; non-characters.
_FORMAT = (
    "\xad\u034f\u061c\u070f\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff"
)
_DECEIVING = re.compile(f"[\x00-\x1f\x7f-\x9f{_FORMAT}]")
_DECEIVING_BUT_LAYOUT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_FORMAT}]")


def visible(text: str, longest: int = LONGEST_LINE) -> str:
    """Text of any origin as one line that a terminal only shows, line ends escaped too.

    Args:
        text: Anything.
        longest: Characters kept; how many more there were is said.
    """
    if len(text) > longest:
        text = f"{text[:longest]}... ({len(text) - longest:,} characters more)"
    return _DECEIVING.sub(_escape, text)


def visible_lines(text: str) -> str:
    """A whole document that a program laid out: line ends and tabs are kept, all else is as in `visible`."""
    return _DECEIVING_BUT_LAYOUT.sub(_escape, text)


def json_text(document: Any, indent: int | None = 2, *, allow_nan: bool = False) -> str:
    """A JSON document, readable in every language and safe on a terminal: what deceives is written as JSON escapes.

    Raises:
        ValueError: It holds NaN or infinity, which are no JSON.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=allow_nan)
    return _DECEIVING_BUT_LAYOUT.sub(_json_escape, text)


def say(text: str = "") -> None:
    """One line on standard output."""
    print(visible(text), flush=True)  # noqa: T201 - this is the place


def say_json(document: Any) -> None:
    """The JSON document on standard output that a command answers with: there is one of them."""
    _Answer.given = True
    print(json_text(document, allow_nan=True), flush=True)  # noqa: T201 - this is the place


def answered() -> bool:
    """Whether the document was said: who reads it cannot read a second one behind it."""
    return _Answer.given


def say_json_line(document: Any) -> None:
    """A JSON document as one line on standard output, for programs that read line by line."""
    print(json_text(document, None), flush=True)  # noqa: T201 - this is the place


def tell(text: str) -> None:
    """One line on standard error: progress, warnings, errors."""
    print(visible(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the place


def tell_lines(text: str) -> None:
    """Lines on standard error that a program laid out, such as a traceback."""
    print(visible_lines(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the place


def say_each(lines: Iterable[str]) -> None:
    """Lines on standard output."""
    for line in lines:
        say(line)


def tell_each(lines: Iterable[str]) -> None:
    """Lines on standard error."""
    for line in lines:
        tell(line)


@contextmanager
def guarded() -> Iterator[None]:
    """One command: standard error shows what deceives, for what others write there: libraries' warnings, argparse, Python."""
    outer, before = sys.stderr, _Answer.given
    _Answer.given = False
    sys.stderr = _Guarded(outer)
    try:
        yield
    finally:
        sys.stderr = outer
        _Answer.given = _Answer.given or before


def unguarded(stream: TextIO) -> TextIO:
    """The stream itself, for a program that draws on a terminal and filters what it draws."""
    return stream.stream if isinstance(stream, _Guarded) else stream


class _Answer:
    """Whether the command gave its document."""

    given = False


class _Guarded(io.TextIOBase):
    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding

    def write(self, text: str) -> int:
        self.stream.write(visible_lines(text))
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """The stream stays: it is its owner's to close."""


def _escape(found: "re.Match[str]") -> str:
    code = ord(found[0])
    if found[0] in _SHORT:
        return _SHORT[found[0]]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _json_escape(found: "re.Match[str]") -> str:
    return json.dumps(found[0])[1:-1] if ord(found[0]) != 0x7F else "\\u007f"
