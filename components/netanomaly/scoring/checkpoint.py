"""The checkpoint of a follower: which content was scored how far, and what the last commit consists of."""

import hashlib
from contextlib import suppress

import msgspec

from netanomaly import __version__
from netanomaly.errors import Absent, InputError, Refused
from netanomaly.registry import bounds, documents
from netanomaly.registry.store import Store
from netanomaly.scoring.contents import Content

FORMAT = 1
KEY = "checkpoint.json"
SEALED_PREFIX = "known/"
# Some 250 bytes each; the whole checkpoint is written with each commit.
_MOST_CONTENTS, _SEALED_TOGETHER = 4096, 2048


class WrongCheckpoint(InputError):
    """A checkpoint that is damaged, of another model, or of a later version."""


class Output(msgspec.Struct, frozen=True):
    """One output of a commit: its final key, where it was staged, and what its bytes must be."""

    key: str
    staged: str
    sha256: str
    bytes: int


class Sealed(msgspec.Struct, frozen=True):
    """An object of contents that have not changed for long."""

    key: str
    sha256: str
    count: int


class Unread(msgspec.Struct, frozen=True):
    """A file of which nothing is scored while it stays as it is, and why."""

    mark: str
    why: str
    half: bool = False
    """Whether it looks half-written, rather than wrong."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """All that a follower knows of what was done.

    Attributes:
        model: Its name.
        version: Number of the version that scored last; 0 before anything was scored.
        number: Of the last commit that has outputs.
        owner: Whose commits are accepted: a random word.
        outputs: Of the last commit.
        state: Keys of what the next records are seen beside, by what it is.
        contents: Those scored or seen most lately come last.
        sealed: Older ones.
        unread: Files that could not be read, by name.
        others: Marks of files that hold no flows, by name.
        resting: Marks of files whose last line is not at its end, by name.
        counts: What was met so far, by what it is.
        asked: How alerts were asked for when something was committed last: by option, as it was written.
    """

    format: int = FORMAT
    model: str
    version: int = 0
    number: int = 0
    owner: str = ""
    outputs: list[Output] = []
    state: dict[str, str] = {}
    contents: list[Content] = []
    sealed: list[Sealed] = []
    unread: dict[str, Unread] = {}
    others: dict[str, str] = {}
    resting: dict[str, str] = {}
    counts: dict[str, int] = {}
    asked: dict[str, str] = {}
    committed_at: str = ""
    written_by: str = ""
    checksum: str = ""

    def encoded(self) -> bytes:
        """As it is stored."""
        document = msgspec.structs.replace(self, written_by=__version__, checksum="")
        return documents.canonical(msgspec.structs.replace(document, checksum=_checksum(document)))


def decoded(data: bytes, place: str, model: str) -> Checkpoint:
    """A stored checkpoint.

    Args:
        data: Its bytes.
        place: The outputs' folder or bucket, for messages.
        model: The name of the model that is to score.

    Raises:
        WrongCheckpoint: It is damaged, of another model, or of a later version; the message says the way on.
    """
    way = (
        f"restore {place}/{KEY} from a backup, or move the whole folder away and begin anew: then all that is there is "
        "scored again"
    )
    try:
        found = bounds.parse(Checkpoint, data)
    except ValueError as error:
        raise WrongCheckpoint(f"{place}/{KEY} is damaged ({error}); {way}") from None
    if found.format > FORMAT:
        raise WrongCheckpoint(
            f"{place}/{KEY} has format {found.format}, and netanomaly {__version__} reads {FORMAT}: use netanomaly "
            f"{found.written_by[:40]}"
        )
    if found.checksum != _checksum(msgspec.structs.replace(found, checksum="")):
        raise WrongCheckpoint(f"{place}/{KEY} was altered: its checksum is wrong; {way}")
    if found.model != model:
        raise WrongCheckpoint(
            f"{place} holds what model {found.model!r} scored, and this is {model!r}; name another folder with --out: each "
            "model has its own"
        )
    return found


def missing(store: Store, key: str) -> WrongCheckpoint:
    """What to raise where something that a checkpoint names, or the checkpoint itself, is gone."""
    return WrongCheckpoint(
        f"{store.uri}/{key} is gone, and without it nobody knows what was scored; restore it from a backup, or move the whole "
        "folder away and begin anew: then all that is there is scored again"
    )


def contents(store: Store, checkpoint: Checkpoint) -> list[Content]:
    """All contents that are known, the older first.

    Raises:
        WrongCheckpoint: What was sealed is gone or is not what was written.
    """
    found: list[Content] = []
    for sealed in checkpoint.sealed:
        try:
            data = store.get(sealed.key).data
        except Absent:
            raise missing(store, sealed.key) from None
        if hashlib.sha256(data).hexdigest() != sealed.sha256:
            raise WrongCheckpoint(f"{store.uri}/{sealed.key} was altered; restore it from a backup")
        found += bounds.parse(list[Content], data)
    return found + checkpoint.contents


def sealed_where_long(store: Store, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint, its oldest contents in an object of their own where there are many. Nothing is lost by a repeat."""
    if len(checkpoint.contents) <= _MOST_CONTENTS:
        return checkpoint
    old, rest = checkpoint.contents[:_SEALED_TOGETHER], checkpoint.contents[_SEALED_TOGETHER:]
    data = documents.canonical(old)
    digest = hashlib.sha256(data).hexdigest()
    key = f"{SEALED_PREFIX}{sum(each.count for each in checkpoint.sealed):08d}-{digest}.json"
    put_same(store, key, data)
    return msgspec.structs.replace(
        checkpoint, contents=rest, sealed=[*checkpoint.sealed, Sealed(key, digest, len(old))]
    )


def put_same(store: Store, key: str, data: bytes) -> None:
    """Create an object whose key says what it holds; one that is there holds the same."""
    with suppress(Refused):
        store.put_new(key, data)


def _checksum(document: Checkpoint) -> str:
    return hashlib.sha256(documents.canonical(document)).hexdigest()
