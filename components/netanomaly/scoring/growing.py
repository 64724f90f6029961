"""Files that are written while they are looked at: whether one is done, and where it goes on."""

import time
from collections.abc import Collection
from pathlib import Path

from netanomaly.flows import sources
from netanomaly.flows.sources import Present
from netanomaly.scoring.contents import PIECE_BYTES, Content, Resume, Text, look_on
from netanomaly.traffic.recognition import Format, NoFlows

LAST_LINE_SECONDS = 900.0
"""A file that nobody wrote to for so long ends where it ends: writers pause in the middle of a line, for seconds and minutes."""


class Resumes:
    """Where files that grow were looked at to, so that of each the rest alone is read."""

    def __init__(self) -> None:
        self._resumes: dict[str, tuple[str, Resume]] = {}

    def keep(self, names: Collection[str]) -> None:
        """Forget all other files."""
        self._resumes = {name: each for name, each in self._resumes.items() if name in names}

    def add(self, each: Present, resume: Resume) -> None:
        """A file was looked at to there."""
        self._resumes[each.file.address] = _inode(each), resume

    def grown(self, each: Present, held: Content | None, *, whole: bool) -> Text | None:
        """The text of a file that was looked at before and only grew, of which the rest alone is read; None: it may be another.

        Args:
            held: The content that a file of its name is known to hold.
            whole: Whether the last line is one without its end.
        """
        inode, resume = self._resumes.get(each.file.address, ("", None))
        if resume is None or inode != _inode(each) or each.file.size < resume.content.length:
            return None
        if held != resume.content:
            return None
        with each.file.open() as stream:
            stream.seek(resume.begins)
            if stream.read(len(resume.tail)) != resume.tail:
                return None
            return look_on(iter(lambda: stream.read(PIECE_BYTES), b""), resume, whole=whole)


def is_left(each: Present) -> bool:
    """Whether nobody wrote to a file for so long that its last line is taken as it is."""
    return time.time() - each.modified >= LAST_LINE_SECONDS


def goes_on_in_a_line(each: Present, start: int) -> bool:
    """Whether the text on both sides of a place is one line."""
    with each.file.open() as stream:
        stream.seek(start - 1)
        return b"\n" not in stream.read(2)


def is_still(each: Present) -> bool:
    """Whether a file is there as it was listed; else it is for the next look."""
    if not each.grows:
        return True
    try:
        status = Path(each.file.address).stat()
    except FileNotFoundError:
        return False
    return sources.mark_of(status) == each.mark


def is_of_a_sensor(name: str) -> bool:
    """Captures are looked at so that they are told of."""
    return sources.is_sensor_file(name) or sources.is_capture_file(name)


def reads_in_parts(found: Format | NoFlows | None, begins: bytes) -> bool:
    """Whether a text may be read part by part: where each record is one line, and a flow one record."""
    if isinstance(found, Format) and found.shape != "two-way":
        return False
    return begins not in (b"[", b"@", b"%")


def _inode(each: Present) -> str:
    return each.mark.partition("-")[0]
