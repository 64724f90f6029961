"""The steps that make a model a version: artefact, record, head. Only the last one makes anything visible."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from netanomaly.errors import InputError, ModelError, NetanomalyError, Refused, StoreUnavailable
from netanomaly.registry import changes, documents, heads, sealing
from netanomaly.registry.changes import Change, Promotion
from netanomaly.registry.documents import Entry, Head, Record
from netanomaly.registry.errors import KeyConflict
from netanomaly.registry.heads import Found
from netanomaly.registry.signing import Signer
from netanomaly.registry.store import Listed, Store

_MOST_METADATA_BYTES = 1 << 20
# A marker whose writer has not come back for this long is not committed by others any more.
_MARKER_AGE = timedelta(minutes=10)
# How long one waits for the longest waiting writer before it writes itself: that one may have died.
_LEADER_SECONDS = 1.0


@dataclass(frozen=True)
class Committed:
    """A version's number, whether this call made it, and the head with it."""

    version: int
    created: bool
    head: Head


def plain_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The value as JSON has it. Raises InputError for what JSON has not, and for too much."""
    try:
        text = json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{what} cannot be kept as JSON: {error}; give numbers, texts, lists and objects") from None
    if size > _MOST_METADATA_BYTES:
        raise InputError(
            f"{what} has {size:,} bytes of JSON; up to {_MOST_METADATA_BYTES:,} are kept: put more in a file"
        )
    return json.loads(text)  # type: ignore[no-any-return]


def put_record(store: Store, record: Record, signer: Signer | None = None) -> tuple[Record, str, bool]:
    """Create the record, signed where there is a key, or find that this very registration was begun before.

    Returns:
        The record, its digest, and whether it is new: then no older entry can be its.

    Raises:
        KeyConflict: The key stands for other contents, or was not signed by this key when it was begun.
    """
    key = documents.record_key(record.model, record.key)
    if signer is not None:
        record = signer.signed(record)
    data = documents.canonical(record)
    try:
        store.put_new(key, data)
    except Refused:
        data = store.get(key).data
        found = documents.decode(Record, data, key)
        if found.contents != record.contents:
            raise KeyConflict(
                f"{_called(record)} registered model {record.model!r} before with other contents; "
                "start a new run, or give another key"
            ) from None
        if signer is not None:
            _refuse_other_signer(record, data, signer)
        return found, documents.digest(data), False
    return record, documents.digest(data), True


def _refuse_other_signer(record: Record, data: bytes, signer: Signer) -> None:
    try:
        signer.trust().check(data, f"what {_called(record)} registered before")
    except ModelError as error:
        raise KeyConflict(f"{error}; start a new run, or give another key") from None


def commit(
    store: Store, before: Found, record: Record, digest: str, new: bool, promotion: Promotion, change: Change
) -> Committed:
    """Enter the record into its model's head, unless it is there.

    Args:
        store: Where.
        before: The head as it was before the record was made: entries that were sealed then need no search.
        record: What was registered.
        digest: SHA-256 of the record's bytes.
        new: The record was created by this call.
        promotion: Aliases to move in the same write.
        change: Who and why.
    """
    first = before.head.next if new else 1
    patience = heads.Patience(store.uri, record.model)
    found, marker, marked_at, mine_to_write = before, "", 0.0, True
    while True:
        entry = _present(store, found.head, record.key, first)
        if entry is not None:
            _unmark(store, marker)
            return Committed(entry.version, bool(marker), found.head)
        head = changes.append(found.head, record.key, digest, promotion, change)
        version = head.next - 1
        if marker:
            head, mine_to_write = _with_others(store, head, marker, change)
            mine_to_write = mine_to_write or time.monotonic() - marked_at > _LEADER_SECONDS
        done = heads.swap(store, found, head) if mine_to_write else None
        if done is not None:
            _unmark(store, marker)
            return Committed(version, True, done)
        if not marker and new and not promotion.aliases:
            marker, marked_at = (
                f"{documents.pending_folder(record.model)}{record.key}.{digest}.{first}",
                time.monotonic(),
            )
            with suppress(Refused):
                store.put_new(marker, b"{}")
        patience.wait()
        found = heads.find(store, record.model)


@contextmanager
def told(uri: str, what: str) -> Iterator[None]:
    """Adds to an outside failure what exists by now, and that running again is safe."""
    try:
        yield
    except StoreUnavailable as error:
        raise type(error)(f"registry {uri}: {error}; {what}, and running again is safe") from None


def _present(store: Store, head: Head, key: str, first: int) -> Entry | None:
    for entry in reversed(head.tail):
        if entry.key == key:
            return entry
    sealed_last = head.segments[-1].last if head.segments else 0
    if first > sealed_last:
        return None
    return next((entry for entry in sealing.entries(store, head, first) if entry.key == key), None)


def _with_others(store: Store, head: Head, own: str, change: Change) -> tuple[Head, bool]:
    """The head with the registrations of those who wait, too, and whether it is ours to write.

    It is the longest waiting one's; the others only look whether it was done. A marker's name says all: key, record
    digest, and the first version that could be its own. Where entries since then are sealed already, its owner has
    to look for itself.
    """
    listed = sorted(store.list(documents.pending_folder(head.model)), key=lambda item: (item.modified, item.key))
    mine = next((item for item in listed if item.key == own), None)
    known = {entry.key for entry in head.tail[:-1]}
    sealed_last = head.segments[-1].last if head.segments else 0
    leader = None
    for item in listed:
        key, digest, first = _marker(item)
        fresh = mine is not None and item.modified > mine.modified - _MARKER_AGE
        if not key or key in known or first <= sealed_last or not fresh:
            continue
        leader = leader or item.key
        if item.key != own:
            head = changes.append(head, key, digest, Promotion(), change)
        known.add(key)
    return head, leader in (None, own)


def _marker(item: Listed) -> tuple[str, str, int]:
    parts = item.key.rpartition("/")[2].split(".")
    if len(parts) != 3 or not parts[2].isdigit():
        return "", "", 0
    return parts[0], parts[1], int(parts[2])


def _unmark(store: Store, marker: str) -> None:
    if marker:
        with suppress(NetanomalyError):
            store.remove(marker)


def _called(record: Record) -> str:
    return f"run {record.run_id!r}" if record.run_id else f"key {record.key[:12]}"
