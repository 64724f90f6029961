"""Get a model out of the registry: verified first, used after.

A model file is a pickle: loading it runs code that it holds. So its bytes are hashed against the record before
anything else sees them, and the bytes that were hashed are the ones that are loaded.
"""

import hashlib
import io
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netanomaly.errors import Absent, ModelError
from netanomaly.registry import documents
from netanomaly.registry.documents import Entry, File, Record
from netanomaly.registry.errors import (
    DamagedRegistry,
    LibraryVersionsMissing,
    MissingArtifact,
    UnsupportedLibraryVersions,
    WrongDigest,
    WrongSize,
)
from netanomaly.registry.signing import Trust
from netanomaly.registry.store import Store


def record_of(store: Store, model: str, entry: Entry, trust: Trust | None = None) -> Record:
    """The record of a version, as it was registered.

    Args:
        store: Where.
        model: Whose version it is.
        entry: The version, in the model's head.
        trust: The keys by which it is believed; None: it needs no signature.

    Raises:
        DamagedRegistry: It is gone or was altered.
        Unsigned, UnknownSigner, WrongSignature: It is not vouched for by a trusted key.
    """
    key = documents.record_key(model, entry.key)
    try:
        data = store.get(key).data
    except Absent:
        raise DamagedRegistry(
            f"{key} of registry {store.uri} is gone, the record of version {entry.version}; restore it from a backup"
        ) from None
    if documents.digest(data) != entry.record:
        raise DamagedRegistry(
            f"{key} of registry {store.uri} was altered after version {entry.version} was registered; "
            "restore it from a backup"
        )
    record = documents.decode(Record, data, key)
    if trust is not None:
        trust.check(data, f"version {entry.version} of model {model!r} in registry {store.uri}")
    if (record.model, record.key) != (model, entry.key):
        raise DamagedRegistry(
            f"{key} of registry {store.uri} is the record of another registration, of model {record.model!r}; "
            "restore it from a backup"
        )
    return record


def fetch_all(store: Store, record: Record, destination: Path) -> list[Path]:
    """Copy all files of a version into a folder, the model first."""
    if not record.artifact.path:
        raise MissingArtifact(
            f"model {record.model!r} was imported without its file; import it again where the file is"
        )
    files = dict(record.tree) or {record.artifact.path.rpartition("/")[2]: record.artifact}
    files.update(record.files)
    return [fetch(store, file, destination / name) for name, file in files.items()]


def fetch(store: Store, file: File, target: Path) -> Path:
    """Copy a stored file; it gets its name only when size and digest are right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as copy:
            _read(store, file, copy.write)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def check(store: Store, file: File) -> None:
    """Read a stored file to its end. Raises what `fetch` raises."""
    _read(store, file, len)


def load_verified(store: Store, record: Record) -> Any:
    """The model that a record describes."""
    if record.tree:
        raise ModelError(f"model {record.model!r} is a folder; download it, and load it with what it was made with")
    buffer = io.BytesIO()
    _read(store, record.artifact, buffer.write)
    try:
        _check_libraries(record)
        import joblib
    except ModuleNotFoundError as error:
        raise ModelError(
            f"loading a model takes {error.name}, which is not installed here: pip install 'netanomaly[evaluate]'"
        ) from None
    buffer.seek(0)
    return joblib.load(buffer)


def _read(store: Store, file: File, take: Callable[[bytes], object]) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with store.read(file.path) as pieces:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                take(piece)
    except Absent:
        raise MissingArtifact(f"{file.path} is gone from the registry; restore it from a backup") from None
    _check(file, digest.hexdigest(), size)


def _check(file: File, sha256: str, size: int) -> None:
    if size != file.bytes:
        raise WrongSize(
            f"{file.path} has {size} bytes and was registered with {file.bytes}; it was altered or cut off: "
            "do not use it, restore it from a backup"
        )
    if sha256 != file.sha256:
        raise WrongDigest(
            f"{file.path} has SHA-256 {sha256} and was registered with {file.sha256}; it was altered: "
            "do not use it, restore it from a backup"
        )


def _check_libraries(record: Record) -> None:
    from netanomaly.models.model import check_versions

    if "scikit-learn" not in record.library_versions:
        raise LibraryVersionsMissing(
            f"the record of model {record.model!r} (run {record.run_id}) does not say which scikit-learn made it; "
            "register it with its versions"
        )
    try:
        check_versions(record.library_versions)
    except ModelError as error:
        raise UnsupportedLibraryVersions(str(error)) from None
