"""Reading the registry's documents: bounded, in a format that is known, and looked at before anything uses them."""

import re
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from netanomaly import __version__
from netanomaly.registry import bounds, checking, documents, names
from netanomaly.registry.documents import Entry, Event, Head, Record, Segment
from netanomaly.registry.errors import DamagedRegistry, NewerFormat

T = TypeVar("T", bound=msgspec.Struct)

_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")
_HEAD_FIELDS = frozenset(Head.__struct_fields__)


class _Format(msgspec.Struct):
    format: int
    written_by: str = ""


def decode(kind: type[T], data: bytes, key: str) -> T:
    """Read a document that has a format.

    Raises:
        NewerFormat: A later netanomaly wrote it.
        DamagedRegistry: It is not such a document; the message names the place.
    """
    try:
        found = bounds.parse(kind, data)
    except ValueError as error:
        with suppress(ValueError):
            _refuse_newer(bounds.parse(_Format, data), key)
        raise checking.damaged(key, error) from None
    _refuse_newer(found, key)
    return found


def record(data: bytes, key: str) -> Record:
    """A record, with names and places that a registration writes. Raises as `decode`."""
    found = decode(Record, data, key)
    try:
        checking.record(found, data)
    except checking.WRONG as error:
        raise checking.damaged(key, error) from None
    return found


def head(data: bytes, key: str) -> tuple[Head, dict[str, Any]]:
    """A head and the fields that this version of the package does not know. Raises as `decode`."""
    found, unknown, sealed = head_as_it_stands(data, key)
    if not sealed:
        raise DamagedRegistry(f"{key} of the registry was altered: its checksum is wrong; run registry fsck")
    return found, unknown


def head_as_it_stands(data: bytes, key: str) -> tuple[Head, dict[str, Any], bool]:
    """As `head`, of a head whose checksum may be wrong; whether it is right comes last."""
    found = decode(Head, data, key)
    with checking.of(key):
        unknown: dict[str, Any] = {}
        # Most heads are of this version and as they were written, and need not be read and written a second time.
        if not _HEAD_FIELDS.issuperset(bounds.parse(dict[str, msgspec.Raw], data)):
            document = bounds.parse(dict[str, Any], data)
            unknown = {name: value for name, value in document.items() if name not in _HEAD_FIELDS}
            bounds.refuse_depth(unknown)
        if found.model != documents.model_of(key):
            raise ValueError(f"it is the head of model {names.short(found.model)}")
        checking.head(found)
        sealed = _as_written(found.checksum, data) or _sealed(data)
    return found, unknown, sealed


def _as_written(checksum: str, data: bytes) -> bool:
    """Whether the checksum is of exactly the bytes around it, as this package writes them."""
    before, mark, after = data.partition(b'"checksum":"%s",' % checksum.encode())
    return bool(mark) and checksum == documents.digest(before + after)


def _sealed(data: bytes) -> bool:
    """Whether the checksum is of what the document says, however it is written."""
    document = bounds.parse(dict[str, Any], data)
    checksum = document.pop("checksum", None)
    return bool(checksum == documents.digest(documents.canonical(document)))


def entries(data: bytes, segment: Segment, key: str) -> list[Entry]:
    """A segment's entries. Raises DamagedRegistry."""
    with checking.of(key):
        found = bounds.parse(list[Entry], data)
        checking.entries(found, segment.first, segment.last)
    return found


def events(data: bytes, segment: Segment, key: str) -> list[Event]:
    """A segment's events. Raises DamagedRegistry."""
    with checking.of(key):
        found = bounds.parse(list[Event], data)
        checking.events(found, segment.first, segment.last)
    return found


def _refuse_newer(found: Any, key: str) -> None:
    if found.format > documents.SIGNED_FORMAT:
        writer = getattr(found, "written_by", "")
        later = writer if _VERSION.fullmatch(writer) else "of a later version"
        raise NewerFormat(
            f"{key} has format {found.format}; netanomaly {__version__} reads up to {documents.SIGNED_FORMAT}: "
            f"use netanomaly {later}"
        )
