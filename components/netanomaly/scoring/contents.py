"""Files known by their content: which text was scored how far, whatever its file is called now and however compressed.

A file whose text begins with the whole of a known content is that content. So a renamed, copied or gzipped log is known,
and of one that grew only what is new is scored.
"""

import copy
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

HEAD_BYTES = 4096
"""By so many first bytes a text is told to begin like another."""
_TAIL_BYTES = 4096

PIECE_BYTES = 4 << 20
"""Texts are looked at in pieces of so many bytes."""


class Content(msgspec.Struct, frozen=True):
    """A text, as far as it was scored.

    Attributes:
        name: Of its file, as it was last seen.
        mark: Of the state of that file: while it is the same, nothing is new.
        length: Bytes of text.
        digest: SHA-256 of these.
        head: SHA-256 of the first `HEAD_BYTES`, or of all where there are fewer.
        lines: In it.
        records: As a reader of tables counts them.
    """

    name: str
    mark: str
    length: int
    digest: str
    head: str
    lines: int = 0
    records: int = 0


@dataclass(frozen=True)
class Resume:
    """Where looking at a text ended, so that what it grew by is all that is read of it next.

    Attributes:
        content: The text up to there.
        hashed: The hash of it, which can go on.
        header: What its records are read by.
        tail: Its last bytes: while they stand where they stood in a file that only grew, so does all before.
    """

    content: Content
    hashed: Any
    header: "Header"
    tail: bytes

    @property
    def begins(self) -> int:
        """Where the tail does."""
        return self.content.length - len(self.tail)


@dataclass(frozen=True)
class Text:
    """What was seen of a file's text, from its first byte on.

    Attributes:
        known: The content that it begins with; None where it is new.
        held: A content that was scored further than this text goes, and begins as it does.
        altered: Whether it begins as a known content does, and differs from it later.
        header: What its records are read by and stands before them, of what is known already.
        length: Up to the last line's end, or to the end where the file rests.
        digest, head: As of a content of that length.
        new_digest: SHA-256 of what is new.
        new_lines: Lines in it.
        whole: Whether nothing is left behind `length`.
    """

    known: Content | None
    held: Content | None
    altered: bool
    header: bytes
    length: int
    digest: str
    head: str
    new_digest: str
    new_lines: int
    whole: bool
    look: "_Look"

    @property
    def start(self) -> int:
        """Where what is new begins."""
        return 0 if self.known is None else self.known.length

    @property
    def is_new(self) -> bool:
        return self.length > self.start

    def resume(self, content: Content) -> Resume | None:
        """Where to go on, of the content that this was found to be; None of one that is short."""
        if content.length < HEAD_BYTES or content.length != self.look.at:
            return None
        return Resume(content, self.look.hashed, self.look.header, self.look.tail)


class Known:
    """All contents that are known, found by how they begin."""

    def __init__(self, contents: Iterable[Content]) -> None:
        self._by_head: dict[str, list[Content]] = {}
        self._short: dict[int, list[Content]] = {}
        for content in contents:
            self.add(content)

    def add(self, content: Content, before: Content | None = None) -> None:
        """One more; or the same further on than `before`, which then is known no longer: a copy of it is under way."""
        if before is not None:
            self._of(before).remove(before)
        self._of(content).append(content)

    def _of(self, content: Content) -> list[Content]:
        if content.length < HEAD_BYTES:
            return self._short.setdefault(content.length, [])
        return self._by_head.setdefault(content.head, [])

    def begun_as(self, head: bytes) -> list[Content]:
        """Those that a text with these first `HEAD_BYTES`, or all where it has fewer, may begin with or be part of."""
        found = [
            content
            for length, contents in self._short.items()
            if length <= len(head)
            for content in contents
            if content.digest == _hex(head[:length])
        ]
        if len(head) >= HEAD_BYTES:
            found += self._by_head.get(_hex(head[:HEAD_BYTES]), [])
        return found


def look(blocks: Iterator[bytes], known: Known, *, whole: bool) -> Text:
    """Read a text, and tell what of it is known.

    Args:
        blocks: The text in pieces of any cut.
        known: What there is to know.
        whole: Whether it ends here even without the end of its last line, as of a file that rests or is compressed.
    """
    return _Look(known).through(blocks, whole=whole)


def look_on(blocks: Iterator[bytes], resume: Resume, *, whole: bool) -> Text:
    """The same of a text that was looked at before, from `resume.content.length` on."""
    content = resume.content
    made = _Look(Known([]), content.length, resume.hashed.copy(), found=content, header=copy.deepcopy(resume.header))
    made.header_then, made.tail = made.header.text(), resume.tail
    return made.through(blocks, whole=whole)


@dataclass
class _Look:
    known: Known
    at: int = 0
    """Bytes that went by."""
    hashed: Any = field(default_factory=hashlib.sha256)
    new: Any = field(default_factory=hashlib.sha256)
    new_lines: int = 0
    found: Content | None = None
    header: "Header" = field(default_factory=lambda: Header())
    header_then: bytes = b""
    tail: bytes = b""

    def through(self, blocks: Iterator[bytes], *, whole: bool) -> Text:
        resumed = self.found
        carry = next(blocks, b"") if resumed else _first(blocks, HEAD_BYTES)
        head = carry[:HEAD_BYTES]
        alike = [] if resumed else self.known.begun_as(head)
        places: dict[int, list[Content]] = {}
        for content in alike:
            places.setdefault(content.length, []).append(content)
        ahead = sorted(places)
        while True:
            cut = carry.rfind(b"\n") + 1
            self._take(carry[:cut], ahead, places)
            rest = carry[cut:]
            piece = next(blocks, b"")
            if not piece:
                break
            carry = rest + piece
        if whole:
            self._take(rest, ahead, places)
        else:
            self._look_into(rest, ahead, places)
        seen = self.at if whole else self.at + len(rest)
        further = [content for content in alike if content.length > seen]
        return Text(
            known=self.found,
            held=max(further, key=lambda content: content.length) if self.found is None and further else None,
            altered=self.found is None and not further and any(each.length >= HEAD_BYTES for each in alike),
            header=self.header_then,
            length=max(self.at, 0 if self.found is None else self.found.length),
            digest=self.hashed.hexdigest(),
            head=resumed.head if resumed else _hex(head[: min(self.at, HEAD_BYTES)]),
            new_digest=self.new.hexdigest(),
            new_lines=self.new_lines,
            whole=whole or not rest,
            look=self,
        )

    def _take(self, text: bytes, ahead: list[int], places: dict[int, list[Content]]) -> None:
        """Hash a piece, stopping where a known content may end."""
        done = 0
        while ahead and ahead[0] <= self.at + len(text) - done:
            length = ahead.pop(0)
            part = text[done : done + length - self.at]
            self._hash(part)
            done += len(part)
            self._compare(self.hashed.hexdigest(), places[length])
        self._hash(text[done:])

    def _look_into(self, rest: bytes, ahead: list[int], places: dict[int, list[Content]]) -> None:
        """Of a line that is not at its end: whether a content that is known ends in it."""
        for length in [each for each in ahead if each <= self.at + len(rest)]:
            hashed = self.hashed.copy()
            hashed.update(rest[: length - self.at])
            self._compare(hashed.hexdigest(), places[length])

    def _compare(self, digest: str, contents: list[Content]) -> None:
        for content in contents:
            if content.digest == digest:
                self.found, self.new, self.new_lines = content, hashlib.sha256(), 0
                self.header_then = self.header.text()

    def _hash(self, part: bytes) -> None:
        if not part:
            return
        self.hashed.update(part)
        self.new.update(part)
        self.new_lines += part.count(b"\n")
        self.header.take(part, self.at)
        self.at += len(part)
        self.tail = part[-_TAIL_BYTES:] if len(part) >= _TAIL_BYTES else (self.tail + part)[-_TAIL_BYTES:]


class Header:
    """The lines that say how the records after them are read: those with # of Zeek's logs, else the first of a table."""

    def __init__(self) -> None:
        self._marked: dict[bytes, bytes] = {}
        self._first = b""
        self._is_marked = self._is_json = False
        self._rest = b""

    def take(self, part: bytes, at: int) -> None:
        """Text at a place; each piece follows the one before."""
        if at == 0:
            start = part.removeprefix(b"\xef\xbb\xbf").lstrip()
            self._is_marked, self._is_json = start.startswith(b"#"), start.startswith((b"{", b"["))
        if self._is_json:
            return
        if not self._is_marked:
            if not self._complete:
                self._first += part[:_LONGEST_HEADER]
            return
        text = self._rest + part
        self._rest = b""
        if b"#" not in text:
            return
        for line in text.splitlines(keepends=True) if text.startswith(b"#") else _lines_marked(text):
            if not line.startswith(b"#"):
                continue
            if not line.endswith(b"\n"):
                self._rest = line
                continue
            word = line.split(None, 1)[0]
            # A log may be opened anew further down; what it says then holds from there.
            self._marked[word] = line

    @property
    def _complete(self) -> bool:
        return self._end() >= 0 or len(self._first) >= _LONGEST_HEADER

    def _end(self) -> int:
        """Where the first line ends that is not blank and does not only name the delimiter."""
        place = 0
        while (end := self._first.find(b"\n", place)) >= 0:
            line = self._first[place:end].strip().lower()
            if line and not line.startswith((b"sep=", b'"sep=')):
                return end + 1
            place = end + 1
        return -1

    def text(self) -> bytes:
        """The header by now."""
        if self._is_marked:
            return b"".join(self._marked.values())
        return self._first[: max(self._end(), 0)]


_LONGEST_HEADER = 1 << 20


def _lines_marked(text: bytes) -> Iterator[bytes]:
    place = text.find(b"\n#")
    while place >= 0:
        end = text.find(b"\n", place + 1)
        yield text[place + 1 : end + 1 if end >= 0 else None]
        place = text.find(b"\n#", place + 1)


def _first(blocks: Iterator[bytes], size: int) -> bytes:
    found = b""
    while len(found) < size and (piece := next(blocks, b"")):
        found += piece
    return found


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
