"""What a follower knows of its source: what was committed last, and what was met since.

The checkpoint is replaced as a whole; nothing here is written before it is committed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from netanomaly.flows.sources import Present
from netanomaly.scoring.checkpoint import Checkpoint
from netanomaly.scoring.contents import Content, Known


class Noted:
    """A checkpoint that is being made.

    Attributes:
        now: As it would be committed.
        contents: Of files, known by what they begin with.
        by_name: The content that a file of this name held last.
        marks: The state of each file when it was looked at last, by its name.
    """

    def __init__(self, committed: Checkpoint, contents: Sequence[Content]) -> None:
        """Args: contents: Those of the checkpoint, and those that were sealed."""
        self.now = committed
        self.contents = Known(contents)
        self.by_name = {content.name: content for content in contents}
        self.marks = {content.name: content.mark for content in contents}

    def change(self, **fields: Any) -> None:
        """Fields of the checkpoint."""
        self.now = msgspec.structs.replace(self.now, **fields)

    def note(self, what: str, count: int = 1) -> None:
        """Count what was met."""
        counts = {**self.now.counts, what: self.now.counts.get(what, 0) + count}
        self.change(counts=counts)

    def note_other(self, each: Present, what: str) -> None:
        """A file that holds no flows."""
        if each.file.address not in self.now.others:
            self.note(f"files of {what.removeprefix('a ')}")
        self.change(others={**self.now.others, each.file.address: each.mark})

    def let_rest(self, each: Present) -> None:
        """Looked at again though nobody writes to it: once it rests, its last line is all there is."""
        if each.grows and self.now.resting.get(each.file.address) != each.mark:
            self.change(resting={**self.now.resting, each.file.address: each.mark})

    def forget(self, what: str, name: str) -> None:
        """What `unread`, `others` or `resting` says of a file."""
        held: Mapping[str, Any] = getattr(self.now, what)
        if name in held:
            kept = {key: value for key, value in held.items() if key != name}
            self.change(**{what: kept})

    def forget_absent(self, names: Collection[str]) -> None:
        """What is remembered of files by name alone goes with them."""
        for name in ("unread", "others", "resting"):
            held: Mapping[str, Any] = getattr(self.now, name)
            kept = {key: value for key, value in held.items() if key in names}
            if len(kept) != len(held):
                self.change(**{name: kept})

    def replace(self, before: Content | None, content: Content) -> None:
        """A content as it is known from now on."""
        if before == content:
            return
        name = content.name
        kept = [each for each in self.now.contents if each not in (before, content)]
        self.contents.add(content, before)
        self.by_name[name], self.marks[name] = content, content.mark
        self.change(contents=[*kept, content])
