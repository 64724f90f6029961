"""Get a model out of the registry: verified first, used after.

A model file is a pickle: loading it runs code that it holds. So its bytes are hashed against the record before
anything else sees them, and the bytes that were hashed are the ones that are loaded.
"""

import hashlib
import io
import pickle
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from netanomaly.errors import Absent, ModelError
from netanomaly.registry import checking, documents, parsing
from netanomaly.registry.belief import Belief
from netanomaly.registry.destination import Destination
from netanomaly.registry.documents import Entry, File, Head, Record
from netanomaly.registry.errors import (
    DamagedRegistry,
    LibraryVersionsMissing,
    MissingArtifact,
    NotAModel,
    UnsupportedLibraryVersions,
    WrongDigest,
    WrongSize,
)
from netanomaly.registry.store import Store

# What unpickling raises for bytes that are no pickle, or one of what is not here.
_NOT_LOADED = (
    *(pickle.UnpicklingError, ImportError, AttributeError, EOFError, LookupError, ValueError, TypeError),
    *(ArithmeticError, MemoryError, RecursionError, NotImplementedError, OSError, AssertionError, zlib.error),
)


def record_of(store: Store, head: Head, entry: Entry, belief: Belief) -> Record:
    """The record of a version, as it was registered.

    Args:
        store: Where.
        head: The head of its model.
        entry: The version, in that head.
        belief: What is believed of it.

    Raises:
        DamagedRegistry: It is gone or was altered.
        Unsigned, UnknownSigner, WrongSignature: It is not vouched for by a trusted key.
    """
    model = head.model
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
    record = parsing.record(data, key)
    belief.admit_record(head, record, data, f"version {entry.version} of model {model!r} in registry {store.uri}")
    if (record.model, record.key) != (model, entry.key):
        raise DamagedRegistry(
            f"{key} of registry {store.uri} is the record of another registration, of model {record.model!r}; "
            "restore it from a backup"
        )
    return record


def fetch_all(store: Store, record: Record, destination: Path) -> list[Path]:
    """Copy all files of a version into a folder, the model first. Each gets its name when size and digest are right."""
    if not record.artifact.path:
        raise MissingArtifact(
            f"model {record.model!r} was imported without its file; import it again where the file is"
        )
    with Destination(destination) as folder:
        for name, file in _files(record):
            with folder.file(name) as copy:
                _read(store, file, copy.write)
    return [destination / name for name, _ in _files(record)]


def _files(record: Record) -> Iterator[tuple[str, File]]:
    yield from record.tree.items() or [(checking.model_file_name(record), record.artifact)]
    yield from record.files.items()


def fetch(store: Store, file: File) -> bytes:
    """The bytes of a small file of a version. Raises WrongDigest, WrongSize or MissingArtifact where it is not the one."""
    buffer = io.BytesIO()
    _read(store, file, buffer.write)
    return buffer.getvalue()


def check(store: Store, file: File) -> None:
    """Read a stored file to its end. Raises WrongDigest, WrongSize or MissingArtifact where it is not the one."""
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
    try:
        return joblib.load(buffer)
    except _NOT_LOADED as error:
        raise NotAModel(
            f"the file of model {record.model!r} (run {record.run_id!r}) is as it was registered, and no model that can "
            f"be loaded: {type(error).__name__}: {error}; register another"
        ) from None


def _read(store: Store, file: File, take: Callable[[bytes], object]) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with store.read(file.path) as pieces:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                if size > file.bytes:
                    # Not read on: it may have no end.
                    raise WrongSize(_wrong_size(file, f"more than {file.bytes}"))
                take(piece)
    except Absent:
        raise MissingArtifact(f"{file.path} is gone from the registry; restore it from a backup") from None
    _check(file, digest.hexdigest(), size)


def _check(file: File, sha256: str, size: int) -> None:
    if size != file.bytes:
        raise WrongSize(_wrong_size(file, str(size)))
    if sha256 != file.sha256:
        raise WrongDigest(
            f"{file.path} has SHA-256 {sha256} and was registered with {file.sha256}; it was altered: "
            "do not use it, restore it from a backup"
        )


def _wrong_size(file: File, size: str) -> str:
    return (
        f"{file.path} has {size} bytes and was registered with {file.bytes}; it was altered or cut off: "
        "do not use it, restore it from a backup"
    )


def _check_libraries(record: Record) -> None:
    from netanomaly.models.model import check_versions

    if "scikit-learn" not in record.library_versions:
        raise LibraryVersionsMissing(
            f"the record of model {record.model!r}{f' (run {record.run_id})' if record.run_id else ''} does not say which "
            "scikit-learn made it, and nothing else is loaded; register it with the model_metadata.json of its run (--metadata)"
        )
    try:
        check_versions(record.library_versions)
    except ModelError as error:
        raise UnsupportedLibraryVersions(str(error)) from None
