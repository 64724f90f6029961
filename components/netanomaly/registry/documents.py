"""The registry's JSON documents: record and head. What is stored is exactly what stands here; `parsing` reads it.

Each carries `format`: 2 where it is signed as part of its registry, else 1, which older versions read, too.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from netanomaly import __version__
from netanomaly.registry import names
from netanomaly.registry.bounds import VIEW as VIEW

FORMAT, SIGNED_FORMAT = 1, 2
"""What an unsigned document is written in, and a signed one; the latter is the newest that is read."""

HEADS = "heads/"
MODELS = "models/"

Status = Literal["ready", "deprecated", "deleted"]
READY: Status = "ready"
DEPRECATED: Status = "deprecated"
DELETED: Status = "deleted"

_Digest = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
# JSON's numbers go on for ever; files and versions do not.
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
_Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class File(msgspec.Struct, frozen=True):
    """One stored file: its key in the registry, and what its bytes must be."""

    path: str
    sha256: str
    bytes: _Bytes


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
    # Of a signed record: the identity of the registry, whose signed head alone may list it.
    registry: str = ""
    signature: Signature | None = None


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version in the index: its number, its key, the digest of its record's bytes, and its status."""

    version: _Count
    key: _Digest
    record: _Digest
    status: Status = READY

    @property
    def number(self) -> int:
        return self.version


class Alias(msgspec.Struct, frozen=True):
    """Where an alias points, since when, and where it pointed before, the latest last."""

    version: _Count
    since: str
    previous: list[_Count] = []


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a model's append-only log: who changed what, when and why."""

    number: _Count
    id: str
    at: str
    by: str
    action: str
    version: _Count
    alias: str = ""
    previous: _Count | None = None
    why: str = ""


class Segment(msgspec.Struct, frozen=True):
    """Entries or events `first` to `last`, sealed in an object of their own."""

    first: _Count
    last: _Count
    sha256: _Digest


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one model, replaced by compare-and-swap.

    The newest entries and events stand in it, older ones in segments: its size, and so the time of a registration,
    does not grow with the number of versions.
    """

    format: int
    model: str
    revision: _Count = 0
    next: _Count = 1
    next_event: _Count = 1
    updated_at: str = ""
    aliases: dict[str, Alias] = {}
    segments: list[Segment] = []
    tail: list[Entry] = []
    log_segments: list[Segment] = []
    log: list[Event] = []
    written_by: str = __version__
    # The identity of the registry that it was signed for, and the signature of all fields but it and the checksum.
    registry: str = ""
    signature: Signature | None = None
    # SHA-256 of the canonical document without this field.
    checksum: str = ""


def canonical(document: Any) -> bytes:
    """The one way a document is written: sorted keys, no blanks, UTF-8."""
    return msgspec.json.encode(document, order="sorted")


def now() -> str:
    """This moment, as documents have it: UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def registration_key(model: str, run_id: str, task_name: str, key: str = "") -> str:
    """What tells a registration from others: the same run, task and key register once."""
    return digest(canonical([model, run_id, task_name, key]))


def tree_digest(files: Mapping[str, str]) -> str:
    """Digest of a folder, from the SHA-256 of each file by its path in the folder."""
    return digest(canonical(dict(files)))


def encode_record(record: Record) -> bytes:
    """A record as it is stored."""
    document = msgspec.to_builtins(record)
    if not record.registry:
        # As versions before signed heads wrote it.
        del document["registry"]
    return canonical(document)


def head_document(head: Head, unknown: dict[str, Any]) -> dict[str, Any]:
    """A head's fields without checksum and signature, and those that this version did not know when it read it."""
    document = {**unknown, **msgspec.to_builtins(head)}
    for name in ("checksum", "signature", *(() if head.registry else ("registry",))):
        document.pop(name, None)
    return document


def encode_head(head: Head, unknown: dict[str, Any]) -> bytes:
    """A head with its checksum."""
    document = head_document(head, unknown)
    if head.signature is not None:
        document["signature"] = msgspec.to_builtins(head.signature)
    return canonical({**document, "checksum": digest(canonical(document))})


def head_key(model: str) -> str:
    return f"{HEADS}{model}.json"


def model_of(key: str) -> str:
    """The model whose head is stored under this key."""
    return key.removeprefix(HEADS).removesuffix(".json")


def is_head(key: str) -> bool:
    """Whether a listed object can be the head of a model."""
    return key.startswith(HEADS) and key.endswith(".json") and names.is_model_name(model_of(key))


def record_key(model: str, key: str) -> str:
    return f"{MODELS}{model}/records/{key}.json"


def artifact_key(model: str, sha256: str, name: str) -> str:
    return f"{MODELS}{model}/artifacts/{sha256}/{name}"


def segment_key(model: str, first: int, sha256: str) -> str:
    return f"{MODELS}{model}/segments/{first}-{sha256}.json"


def pending_folder(model: str) -> str:
    return f"{MODELS}{model}/pending/"
