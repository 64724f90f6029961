"""What a document of a registry must say before anything in it is used: names, places, numbers.

Once, where it is read: who goes on with a record or a head need not ask again whether a name leads out of the registry,
a digest is one, or a number can be counted to.
"""

import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter

from netanomaly.registry import bounds, documents, names
from netanomaly.registry.documents import Entry, Event, File, Head, Record, Segment
from netanomaly.registry.errors import DamagedRegistry, InvalidName

# Twice what is written.
_LONGEST_SEGMENT = 4096
_DIGEST = re.compile("[0-9a-f]{64}")
_VERSION, _KEY, _RECORD = attrgetter("version"), attrgetter("key"), attrgetter("record")


WRONG = (ValueError, InvalidName)
"""What the checks here raise."""


@contextmanager
def of(key: str) -> Iterator[None]:
    """What is wrong inside becomes DamagedRegistry, and names the document."""
    try:
        yield
    except WRONG as error:
        raise damaged(key, error) from None


def damaged(key: str, error: Exception) -> DamagedRegistry:
    """What is said of a document of which this was found wrong."""
    return DamagedRegistry(f"{key} of the registry is damaged: {error}; restore it from a backup")


def record(found: Record, data: bytes) -> None:
    """Raises ValueError or InvalidName where a record's names or places are not what a registration writes.

    Args:
        data: What it was read from.
    """
    names.model_name(found.model)
    _format(found)
    if not bounds.surely_shallow(data):
        bounds.refuse_depth(found.metadata)
        bounds.refuse_depth(found.imported)
    _digests((found.key, found.contents))
    _artifact(found)
    for name, file in found.files.items():
        names.file_name(name)
        _stored(file, found.model, file.sha256, name)
    if found.files or found.tree:
        _apart([*found.tree, *([] if found.tree else [model_file_name(found)]), *found.files])


def model_file_name(found: Record) -> str:
    """What the model's file is called, where it is one file."""
    return found.artifact.path.rpartition("/")[2]


def head(found: Head) -> None:
    """Raises ValueError or InvalidName where a head's numbers or names cannot be."""
    names.model_name(found.model)
    _format(found)
    last = _segments(found.segments)
    entries(found.tail, last + 1, found.next - 1)
    last = _segments(found.log_segments)
    events(found.log, last + 1, found.next_event - 1)
    for name, alias in found.aliases.items():
        names.alias_name(name)
        for version in (alias.version, *alias.previous):
            if not 0 < version < found.next:
                raise ValueError(f"alias {name} points at version {version}, which there is not")


def entries(found: Sequence[Entry], first: int, last: int) -> None:
    """Raises ValueError where these are not the entries of versions `first` to `last`."""
    _numbers("versions", list(map(_VERSION, found)), first, last)
    # At once: one by one takes as long as reading the whole head.
    joined = "".join((*map(_KEY, found), *map(_RECORD, found)))
    try:
        binascii.unhexlify(joined)
    except ValueError:
        raise ValueError("a digest in it is none") from None
    if joined != joined.lower():
        raise ValueError("a digest in it is none")


def events(found: Sequence[Event], first: int, last: int) -> None:
    """Raises ValueError where these are not the events `first` to `last`."""
    _numbers("events", [event.number for event in found], first, last)
    for event in found:
        if event.alias:
            names.alias_name(event.alias)


def relative_path(path: str) -> str:
    """A path below a folder, of plain names. Raises InvalidName."""
    for part in path.split("/"):
        names.file_name(part)
    return path


def _format(found: Record | Head) -> None:
    signed = found.signature is not None and bool(found.registry)
    if found.format < documents.FORMAT or signed != (found.format == documents.SIGNED_FORMAT):
        raise ValueError(f"format {found.format} does not go with its signature")


def _artifact(found: Record) -> None:
    artifact = found.artifact
    if found.tree:
        _stored(artifact, found.model, artifact.sha256, "")
        for name, file in found.tree.items():
            _stored(file, found.model, artifact.sha256, relative_path(name))
        if artifact.sha256 != documents.tree_digest({name: file.sha256 for name, file in found.tree.items()}):
            raise ValueError("the digest of its folder is not that of the files it lists")
    elif artifact.path:
        _stored(artifact, found.model, artifact.sha256, names.file_name(model_file_name(found)))
    elif artifact != File("", "", 0):
        raise ValueError("its model file has no place")


def _stored(file: File, model: str, folder: str, name: str) -> None:
    """A stored file lies at the address of its content, and nowhere else."""
    _digests((file.sha256,) if file.sha256 == folder else (file.sha256, folder))
    if file.path != documents.artifact_key(model, folder, name):
        raise ValueError(f"it places a file at {names.short(file.path)}, which is not the address of its content")


def _apart(paths: Iterable[str]) -> None:
    """Two files of one name, or a file where a folder is: a download would let one replace the other."""
    seen: set[str] = set()
    folders: set[str] = set()
    for path in filter(None, paths):
        above = path.split("/")[:-1]
        inside = {"/".join(above[: depth + 1]) for depth in range(len(above))}
        if path in seen or path in folders or inside & seen:
            raise ValueError(f"it has two files called {names.short(path)}")
        seen.add(path)
        folders |= inside


def _segments(found: Sequence[Segment]) -> int:
    last = 0
    for segment in found:
        _digests((segment.sha256,))
        if segment.first != last + 1 or not 0 <= segment.last - segment.first < _LONGEST_SEGMENT:
            raise ValueError(f"a segment {segment.first} to {segment.last} follows number {last}")
        last = segment.last
    return last


def _numbers(what: str, found: list[int], first: int, last: int) -> None:
    # The length first: a last number of 10^12 would be counted to.
    if len(found) != last - first + 1 or found != list(range(first, last + 1)):
        raise ValueError(f"its {what} are not {first} to {last}, each once")


def _digests(found: Sequence[str]) -> None:
    for one in found:
        if not _DIGEST.fullmatch(one):
            raise ValueError("a digest in it is none")
