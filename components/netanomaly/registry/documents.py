"""The registry's JSON documents: record and head. What is stored is exactly what stands here.

Each carries `format`. A document of a newer format is refused; fields of a head that this version does not know are
kept when it is written again.
"""

import hashlib
import threading
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from netanomaly import __version__
from netanomaly.registry.errors import DamagedRegistry, NewerFormat

FORMAT = 1

VIEW = "model_registry.json"
HEADS = "heads/"
MODELS = "models/"

READY, DEPRECATED, DELETED = "ready", "deprecated", "deleted"


class File(msgspec.Struct, frozen=True):
    """One stored file: its key in the registry, and what its bytes must be."""

    path: str
    sha256: str
    bytes: int


class Signature(msgspec.Struct, frozen=True):
    """An Ed25519 signature in base64, and the id of its key: 16 hexadecimal digits of the public key's SHA-256."""

    key: str
    value: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One registration, immutable. Which version number it got stands in the head."""

    format: int
    model: str
    key: str
    # SHA-256 of everything that the caller gave: two registrations of one key with equal contents are the same.
    contents: str
    created_at: str
    created_by: str = ""
    model_version: str = ""
    description: str = ""
    metadata: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    # A folder's `path` ends with a slash; its digest is that of its files' names and digests, which `tree` lists.
    artifact: File
    tree: dict[str, File] = {}
    files: dict[str, File] = {}
    library_versions: dict[str, str] = {}
    run_id: str = ""
    task_name: str = ""
    # Of an entry imported from another registry: where it stood, and why there is no model file where there is none.
    imported: dict[str, Any] = {}
    written_by: str = __version__
    signature: Signature | None = None


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version in the index: its number, its key, the digest of its record's bytes, and its status."""

    version: int
    key: str
    record: str
    status: str = READY

    @property
    def number(self) -> int:
        return self.version


class Alias(msgspec.Struct, frozen=True):
    """Where an alias points, since when, and where it pointed before, the latest last."""

    version: int
    since: str
    previous: list[int] = []


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a model's append-only log: who changed what, when and why."""

    number: int
    id: str
    at: str
    by: str
    action: str
    version: int
    alias: str = ""
    previous: int | None = None
    why: str = ""


class Segment(msgspec.Struct, frozen=True):
    """Entries or events `first` to `last`, sealed in an object of their own."""

    first: int
    last: int
    sha256: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one model, replaced by compare-and-swap.

    The newest entries and events stand in it, older ones in segments: its size, and so the time of a registration,
    does not grow with the number of versions.
    """

    format: int
    model: str
    revision: int = 0
    next: int = 1
    next_event: int = 1
    updated_at: str = ""
    aliases: dict[str, Alias] = {}
    segments: list[Segment] = []
    tail: list[Entry] = []
    log_segments: list[Segment] = []
    log: list[Event] = []
    written_by: str = __version__
    # SHA-256 of the canonical document without this field.
    checksum: str = ""


T = TypeVar("T", bound=msgspec.Struct)
P = TypeVar("P")

_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
_making = threading.Lock()


def canonical(document: Any) -> bytes:
    """The one way a document is written: sorted keys, no blanks, UTF-8."""
    return msgspec.json.encode(document, order="sorted")


def now() -> str:
    """This moment, as documents have it: UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def parse(kind: type[P], data: bytes | msgspec.Raw) -> P:
    """Read JSON as that type. Raises msgspec.MsgspecError.

    Decoders are made one at a time: msgspec 0.22 crashes when two threads meet a type for the first time together.
    """
    with _making:
        decoder = _decoders.get(kind)
        if decoder is None:
            decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    return decoder.decode(data)  # type: ignore[no-any-return]


def decode(kind: type[T], data: bytes, key: str) -> T:
    """Read a document.

    Raises:
        NewerFormat: A later netanomaly wrote it.
        DamagedRegistry: It is not such a document; the message names the place.
    """
    try:
        version = parse(_Format, data)
        if version.format > FORMAT:
            raise NewerFormat(
                f"{key} has format {version.format}; netanomaly {__version__} reads up to {FORMAT}: "
                f"use netanomaly {version.written_by or 'of a later version'}"
            )
        return parse(kind, data)
    except msgspec.MsgspecError as error:
        raise DamagedRegistry(f"{key} of the registry is damaged: {error}; restore it from a backup") from None


def encode_head(head: Head, unknown: dict[str, Any]) -> bytes:
    """A head with its checksum, and with the fields that this version of the package did not know when it read it."""
    document = {**unknown, **msgspec.to_builtins(head)}
    document.pop("checksum", None)
    return canonical({**document, "checksum": digest(canonical(document))})


def decode_head(data: bytes, key: str) -> tuple[Head, dict[str, Any]]:
    """A head and its unknown fields.

    Raises:
        NewerFormat: A later netanomaly wrote it.
        DamagedRegistry: It is not what was written.
    """
    head = decode(Head, data, key)
    document = msgspec.json.decode(data)
    checksum = document.pop("checksum", None)
    if checksum != digest(canonical(document)):
        raise DamagedRegistry(f"{key} of the registry was altered: its checksum is wrong; run registry fsck")
    if head.model != model_of(key):
        raise DamagedRegistry(f"{key} of the registry is the head of model {head.model!r}; run registry fsck")
    known = set(Head.__struct_fields__)
    return head, {name: value for name, value in document.items() if name not in known}


def head_key(model: str) -> str:
    return f"{HEADS}{model}.json"


def model_of(key: str) -> str:
    """The model whose head is stored under this key."""
    return key.removeprefix(HEADS).removesuffix(".json")


def record_key(model: str, key: str) -> str:
    return f"{MODELS}{model}/records/{key}.json"


def artifact_key(model: str, sha256: str, name: str) -> str:
    return f"{MODELS}{model}/artifacts/{sha256}/{name}"


def segment_key(model: str, first: int, sha256: str) -> str:
    return f"{MODELS}{model}/segments/{first}-{sha256}.json"


def pending_folder(model: str) -> str:
    return f"{MODELS}{model}/pending/"


class _Format(msgspec.Struct):
    format: int
    written_by: str = ""
