"""Get a model out of the registry: verified first, used after.

A model file is a pickle: loading it runs code that it holds. So its bytes are hashed against the record before
anything else sees them, and the bytes that were hashed are the ones that are loaded.
"""

import hashlib
import io
import secrets
from pathlib import Path
from typing import Any

from netanomaly.errors import ModelError
from netanomaly.registry.documents import File, Record
from netanomaly.registry.errors import (
    Absent,
    LibraryVersionsMissing,
    MissingArtifact,
    UnsupportedLibraryVersions,
    WrongDigest,
    WrongSize,
)
from netanomaly.registry.store import Store


def fetch(store: Store, file: File, target: Path) -> Path:
    """Copy a stored file; it gets its name only when size and digest are right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    digest, size = hashlib.sha256(), 0
    try:
        with temporary.open("xb") as copy, store.read(file.path) as pieces:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                copy.write(piece)
        _check(file, digest.hexdigest(), size)
        temporary.replace(target)
    except Absent:
        raise MissingArtifact(f"{file.path} is gone from the registry; restore it from a backup") from None
    finally:
        temporary.unlink(missing_ok=True)
    return target


def load_verified(store: Store, record: Record) -> Any:
    """The model that a record describes."""
    buffer = io.BytesIO()
    digest = hashlib.sha256()
    try:
        with store.read(record.artifact.path) as pieces:
            for piece in pieces:
                digest.update(piece)
                buffer.write(piece)
    except Absent:
        raise MissingArtifact(f"{record.artifact.path} is gone from the registry; restore it from a backup") from None
    _check(record.artifact, digest.hexdigest(), buffer.tell())
    _check_libraries(record)
    import joblib

    buffer.seek(0)
    return joblib.load(buffer)


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
