"""The registry's JSON documents: record and head. What is stored is exactly what stands here.

Each carries `format`. A document of a newer format is refused; fields of a head that this version does not know are
kept when it is written again.
"""

import hashlib
from typing import Any, TypeVar

import msgspec

from netanomaly import __version__
from netanomaly.registry.errors import DamagedRegistry, NewerFormat

FORMAT = 1

VIEW = "model_registry.json"
HEADS = "heads/"


class File(msgspec.Struct, frozen=True):
    """One stored file: its key in the registry, and what its bytes must be."""

    path: str
    sha256: str
    bytes: int


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One registration, immutable. Which version number it got stands in the head."""

    format: int
    model: str
    key: str
    # SHA-256 of everything that the caller gave: two registrations of one key with equal contents are the same.
    contents: str
    created_at: str
    model_version: str = ""
    description: str = ""
    metadata: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    artifact: File
    files: dict[str, File] = {}
    library_versions: dict[str, str] = {}
    run_id: str = ""
    task_name: str = ""
    written_by: str = __version__


class Entry(msgspec.Struct, frozen=True):
    """One version in the index: its number, its key, and the digest of its record's bytes."""

    version: int
    key: str
    record: str


class Alias(msgspec.Struct, frozen=True):
    """Where an alias points, and since when."""

    version: int
    since: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one model, replaced by compare-and-swap."""

    format: int
    model: str
    revision: int = 0
    next: int = 1
    aliases: dict[str, Alias] = {}
    tail: list[Entry] = []
    written_by: str = __version__


T = TypeVar("T", bound=msgspec.Struct)


def canonical(document: Any) -> bytes:
    """The one way a document is written: sorted keys, no blanks, UTF-8."""
    return msgspec.json.encode(document, order="sorted")


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def decode(kind: type[T], data: bytes, key: str) -> T:
    """Read a document.

    Raises:
        NewerFormat: A later netanomaly wrote it.
        DamagedRegistry: It is not such a document; the message names the place.
    """
    try:
        version = msgspec.json.decode(data, type=_Format)
        if version.format > FORMAT:
            raise NewerFormat(
                f"{key} has format {version.format}; netanomaly {__version__} reads up to {FORMAT}: "
                f"use netanomaly {version.written_by or 'of a later version'}"
            )
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise DamagedRegistry(f"{key} of the registry is damaged: {error}; restore it from a backup") from None


def encode_head(head: Head, unknown: dict[str, Any]) -> bytes:
    """A head, with the fields that this version of the package did not know when it read it."""
    return canonical({**unknown, **msgspec.to_builtins(head)})


def unknown_fields(head: bytes) -> dict[str, Any]:
    """The fields of a stored head that this version of the package does not know."""
    known = set(Head.__struct_fields__)
    return {name: value for name, value in msgspec.json.decode(head).items() if name not in known}


def head_key(model: str) -> str:
    return f"{HEADS}{model}.json"


def model_of(key: str) -> str:
    """The model whose head is stored under this key."""
    return key.removeprefix(HEADS).removesuffix(".json")


def record_key(model: str, key: str) -> str:
    return f"models/{model}/records/{key}.json"


def artifact_key(model: str, sha256: str, name: str) -> str:
    return f"models/{model}/artifacts/{sha256}/{name}"


class _Format(msgspec.Struct):
    format: int
    written_by: str = ""
