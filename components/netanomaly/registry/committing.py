"""Entering a record into its model's head: the one step that makes anything visible.

Writers that meet at one head share its writes. Who was refused leaves a marker; the one that waits longest commits all
markers it sees, and the others look, without reading it anew, whether the head has changed.
"""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from netanomaly.errors import NetanomalyError, Refused
from netanomaly.registry import changes, documents, heads, sealing
from netanomaly.registry.belief import Belief
from netanomaly.registry.changes import Change, Promotion
from netanomaly.registry.documents import Entry, Head, Record
from netanomaly.registry.heads import Found
from netanomaly.registry.store import Listed, Store

# A marker whose writer has not come back for this long is not committed by others any more.
_MARKER_AGE = timedelta(minutes=10)
# How long one waits for the longest waiting writer before it writes itself: that one may have died.
_LEADER_SECONDS = 1.0
_MARKER = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})\.([1-9][0-9]{0,8})")
_CLEANING_SECONDS = 2.0
_MOST_REMOVED = 1000
_MOST_SHARED = 256


@dataclass(frozen=True)
class Committed:
    """A version's number, whether this call made it, and the head with it. `met`: others waited at the same time."""

    version: int
    created: bool
    found: Found
    met: bool

    @property
    def head(self) -> Head:
        return self.found.head


def commit(
    store: Store,
    before: Found,
    record: Record,
    digest: str,
    new: bool,
    promotion: Promotion,
    change: Change,
    belief: Belief,
    *,
    in_company: bool = False,
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
        belief: What is believed of the head, and signs it.
        in_company: Others are at work on this model: wait with them at once, rather than be refused first.
    """
    first = before.head.next if new else 1
    # The aliases of a registration are for its own writer to move; what was begun before has to be looked for.
    # Who signs a head vouches for all in it: not for what others left in a marker.
    shares = new and not promotion.aliases and belief.signer is None
    patience = heads.Patience(store.uri, record.model)
    found, waiting = before, None
    if in_company and shares:
        waiting = _mark(store, record, digest, first)
        found = heads.find(store, record.model, belief)
    while True:
        belief.may_change(found.head)
        entry = _present(store, found.head, record.key, first)
        if entry is not None:
            return Committed(entry.version, waiting is not None, found, met=waiting is not None)
        head = changes.append(found.head, record.key, digest, promotion, change)
        version = head.next - 1
        mine = True
        markers: list[str] = []
        if waiting is not None:
            head, first_in_line, markers = _with_others(store, head, waiting.key, change)
            mine = first_in_line or waiting.for_long
        done = heads.swap(store, found, head, belief) if mine else None
        if done is not None:
            _remove(store, markers)
            return Committed(version, True, done, met=len(markers) > 1)
        if waiting is None and shares:
            waiting = _mark(store, record, digest, first)
        found = _next(store, found, patience, waiting, mine, belief)


@dataclass(frozen=True)
class _Marker:
    """A registration that waits for whoever writes the head next."""

    key: str
    since: float

    @property
    def for_long(self) -> bool:
        return time.monotonic() - self.since > _LEADER_SECONDS


def _mark(store: Store, record: Record, digest: str, first: int) -> _Marker:
    key = f"{documents.pending_folder(record.model)}{record.key}.{digest}.{first}"
    with suppress(Refused):
        store.put_new(key, b"{}")
    return _Marker(key, time.monotonic())


def _remove(store: Store, markers: list[str]) -> None:
    """By whoever committed them; those that stay are removed by the next, or by `gc`."""
    if markers:
        with suppress(NetanomalyError):
            store.within(_CLEANING_SECONDS).remove_all(markers[:_MOST_REMOVED])


def _next(
    store: Store, found: Found, patience: heads.Patience, marker: _Marker | None, refused: bool, belief: Belief
) -> Found:
    """The head to try with next: the present one, once it is another or it is ours to write after all."""
    if refused:
        # By a write that has happened: the head is another already.
        patience.wait()
        return heads.find(store, found.head.model, belief)
    round_trip = 0.0
    while True:
        # Whoever writes takes three round trips: it reads, lists and writes.
        patience.wait(round_trip)
        asked = time.monotonic()
        other = heads.find_other(store, found, belief)
        round_trip = time.monotonic() - asked
        if other is not None:
            return other
        if marker is None or marker.for_long:
            return found


def _present(store: Store, head: Head, key: str, first: int) -> Entry | None:
    for entry in reversed(head.tail):
        if entry.key == key:
            return entry
    sealed_last = head.segments[-1].last if head.segments else 0
    if first > sealed_last:
        return None
    return next((entry for entry in sealing.entries(store, head, first) if entry.key == key), None)


def _with_others(store: Store, head: Head, own: str, change: Change) -> tuple[Head, bool, list[str]]:
    """The head with the registrations of those who wait, too, whether it is ours to write, and the markers done then.

    It is the longest waiting one's; the others only look whether it was done. A marker's name says all: key, record
    digest, and the first version that could be its own. Where entries since then are sealed already, its owner has
    to look for itself.
    """
    listed = sorted(store.list(documents.pending_folder(head.model)), key=lambda item: (item.modified, item.key))
    mine = next((item for item in listed if item.key == own), None)
    known = {entry.key for entry in head.tail[:-1]}
    sealed_last = head.segments[-1].last if head.segments else 0
    leader, markers = None, []
    for item in listed:
        key, digest, first = _parts(item)
        fresh = mine is not None and item.modified > mine.modified - _MARKER_AGE
        if key in known:
            markers.append(item.key)
        if not key or key in known or first <= sealed_last or not fresh or len(markers) >= _MOST_SHARED:
            continue
        leader = leader or item.key
        if item.key != own:
            head = changes.append(head, key, digest, Promotion(), change)
        known.add(key)
        markers.append(item.key)
    return head, leader in (None, own), markers


def _parts(item: Listed) -> tuple[str, str, int]:
    parts = _MARKER.fullmatch(item.key.rpartition("/")[2])
    return (parts[1], parts[2], int(parts[3])) if parts else ("", "", 0)
