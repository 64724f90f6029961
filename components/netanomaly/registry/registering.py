"""What a registration writes before it commits: its record. Nothing of it is visible yet."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from netanomaly.errors import InputError, ModelError, Refused, StoreUnavailable
from netanomaly.registry import bounds, documents, names, parsing
from netanomaly.registry.belief import Belief
from netanomaly.registry.documents import Record
from netanomaly.registry.errors import KeyConflict
from netanomaly.registry.signing import Signer
from netanomaly.registry.store import Store

_MOST_METADATA_BYTES = 1 << 20


def plain_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The value as JSON has it. Raises InputError for what JSON has not, and for too much."""
    try:
        text = json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
        bounds.refuse_depth(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{what} cannot be kept as JSON: {error}; give numbers, texts, lists and objects") from None
    if size > _MOST_METADATA_BYTES:
        raise InputError(
            f"{what} has {size:,} bytes of JSON; up to {_MOST_METADATA_BYTES:,} are kept: put more in a file"
        )
    return json.loads(text)  # type: ignore[no-any-return]


def refuse_other_files(artifact: Path, artifact_name: str, files: Mapping[str, Path]) -> None:
    """Return where files can be kept beside a model.

    Raises:
        InvalidName: A name that is none.
        InputError: One is no file, or would take the place of the model or a part of it.
    """
    inside = {path.name for path in artifact.iterdir()} if artifact.is_dir() else {artifact_name or artifact.name}
    for name, path in files.items():
        names.file_name(name)
        if path.is_dir():
            raise InputError(f"{path} is a folder; beside a model only files are kept")
        if name in inside:
            raise InputError(f"{path} would be called {name!r}, as the model is; give it another name")


def put_record(store: Store, record: Record, belief: Belief) -> tuple[Record, str, bool]:
    """Create the record, signed where there is a key, or find that this very registration was begun before.

    Returns:
        The record as it is read from the store, its digest, and whether it is new: then no older entry can be its.

    Raises:
        KeyConflict: The key stands for other contents, or was not signed by this key when it was begun.
    """
    key = documents.record_key(record.model, record.key)
    signer = belief.signer
    if signer is not None:
        record = replace(record, format=documents.SIGNED_FORMAT, registry=belief.identity)
        record = signer.signed(record)
    data = documents.encode_record(record)
    if len(data) > bounds.most_bytes(key):
        raise InputError(f"the record has {len(data):,} bytes, too many; register an archive in place of the folder")
    try:
        store.put_new(key, data)
    except Refused:
        data = store.get(key).data
        found = parsing.record(data, key)
        if found.contents != record.contents:
            raise KeyConflict(
                f"{_called(record)} registered model {record.model!r} before with other contents; "
                "start a new run, or give another key"
            ) from None
        if signer is not None:
            _refuse_other_signer(record, data, signer)
        return found, documents.digest(data), False
    return parsing.record(data, key), documents.digest(data), True


def _refuse_other_signer(record: Record, data: bytes, signer: Signer) -> None:
    try:
        signer.trust().check(data, f"what {_called(record)} registered before")
    except ModelError as error:
        raise KeyConflict(f"{error}; start a new run, or give another key") from None


@contextmanager
def told(uri: str, what: str) -> Iterator[None]:
    """Adds to an outside failure what exists by now, and that running again is safe."""
    try:
        yield
    except StoreUnavailable as error:
        raise type(error)(f"registry {uri}: {error}; {what}, and running again is safe") from None


def _called(record: Record) -> str:
    return f"run {record.run_id!r}" if record.run_id else f"key {record.key[:12]}"
