"""Removing what nothing refers to any more: files of deleted versions, of registrations never finished, old segments.

Only what the store's own clock calls old goes: a registration that is under way wrote its files a moment ago.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from netanomaly.errors import Absent
from netanomaly.registry import documents, heads, sealing
from netanomaly.registry.belief import Belief
from netanomaly.registry.documents import DELETED
from netanomaly.registry.download import record_of
from netanomaly.registry.location import Location
from netanomaly.registry.store import Listed, Store

DEFAULT_AGE = timedelta(days=7)


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be; and what is no object of a registry (links, pipes), and was left alone."""

    keys: list[str]
    bytes: int
    strangers: Sequence[str]


def collect(location: Location, *, older_than: timedelta = DEFAULT_AGE, dry_run: bool = False) -> Collected:
    """Remove unreferenced objects that are older than that; never a record, a head or the view.

    Raises:
        DamagedRegistry: Something cannot be read that may refer to what would be removed; nothing is removed.
    """
    store = location.write
    now = _now(store)
    removed: list[Listed] = []
    for model in heads.listed(store):
        folder = f"{documents.MODELS}{model}/"
        listed = [
            found
            for part in ("artifacts/", "segments/", "pending/")
            for found in store.list(folder + part)
            if now - found.modified > older_than
        ]
        # Listed before the head is read: what is entered later refers to files younger than those.
        kept = _referenced(store, model, location.belief)
        for found in listed:
            if found.key in kept or not _still_old(store, found.key, now - older_than):
                continue
            removed.append(found)
            if not dry_run:
                store.remove(found.key)
    size = sum(found.size_bytes for found in removed)
    return Collected([found.key for found in removed], size, store.strangers())


def _referenced(store: Store, model: str, belief: Belief) -> set[str]:
    head = heads.find(store, model, belief).head
    keys = {
        documents.segment_key(model, segment.first, segment.sha256) for segment in [*head.segments, *head.log_segments]
    }
    for entry in sealing.entries(store, head):
        if entry.status != DELETED:
            record = record_of(store, head, entry, belief)
            keys.update(file.path for file in [record.artifact, *record.tree.values(), *record.files.values()])
    return keys


def _still_old(store: Store, key: str, before: datetime) -> bool:
    # A registration writes its files anew even where they are: it may have done so since the listing.
    try:
        return store.stat(key).modified < before
    except Absent:
        return False


def _now(store: Store) -> datetime:
    """The time by the store's clock."""
    key = f"probe/clock-{secrets.token_hex(6)}"
    store.put_new(key, b"{}")
    try:
        return store.stat(key).modified
    finally:
        with suppress(Absent):
            store.remove(key)
