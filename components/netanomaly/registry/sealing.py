"""Old entries and events leave the head for segments, so that it keeps its size.

A segment is content-addressed and never changes. The newest one is replaced by a longer one until it is full: a
model of 100,000 versions has some fifty. A tail of 256 instead of 512 entries halves what each registration moves.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

import msgspec

from netanomaly.errors import Absent, Refused
from netanomaly.registry import documents, parsing
from netanomaly.registry.documents import Entry, Event, Head, Segment
from netanomaly.registry.errors import DamagedRegistry
from netanomaly.registry.store import Store

LONGEST_TAIL = 256
_LONGEST_LOG = 32
_FULL_SEGMENT = 2048


T = TypeVar("T", Entry, Event)


def sealed(store: Store, head: Head) -> Head:
    """The head with its tail and log short enough; what leaves them is stored first."""
    if len(head.tail) > LONGEST_TAIL:
        tail, segments = _seal(store, head.model, Entry, head.tail, head.segments, LONGEST_TAIL // 2)
        head = msgspec.structs.replace(head, tail=tail, segments=segments)
    if len(head.log) > _LONGEST_LOG:
        log, segments = _seal(store, head.model, Event, head.log, head.log_segments, _LONGEST_LOG // 2)
        head = msgspec.structs.replace(head, log=log, log_segments=segments)
    return head


def entries(store: Store, head: Head, first: int = 1) -> Iterator[Entry]:
    """Entries from version `first` on, oldest first; segments are read as they are reached."""
    for segment in head.segments:
        if segment.last >= first:
            yield from (entry for entry in read(store, head.model, segment, Entry) if entry.version >= first)
    yield from (entry for entry in head.tail if entry.version >= first)


def newest_entries(store: Store, head: Head) -> Iterator[Entry]:
    """All entries, newest first."""
    yield from reversed(head.tail)
    for segment in reversed(head.segments):
        yield from reversed(read(store, head.model, segment, Entry))


def events(store: Store, head: Head, first: int = 1) -> Iterator[Event]:
    """Events from number `first` on, oldest first."""
    for segment in head.log_segments:
        if segment.last >= first:
            yield from (event for event in read(store, head.model, segment, Event) if event.number >= first)
    yield from (event for event in head.log if event.number >= first)


def entry_of(store: Store, head: Head, version: int) -> Entry | None:
    """The entry of one version: at most one segment is read."""
    for entry in head.tail:
        if entry.version == version:
            return entry
    for segment in head.segments:
        if segment.first <= version <= segment.last:
            return next((found for found in read(store, head.model, segment, Entry) if found.version == version), None)
    return None


def replaced(store: Store, head: Head, entry: Entry) -> Head:
    """The head with another entry for that version; in a segment that makes a new segment."""
    if any(known.version == entry.version for known in head.tail):
        tail = [entry if known.version == entry.version else known for known in head.tail]
        return msgspec.structs.replace(head, tail=tail)
    segments = []
    for segment in head.segments:
        if segment.first <= entry.version <= segment.last:
            items = read(store, head.model, segment, Entry)
            items = [entry if known.version == entry.version else known for known in items]
            segments.append(_write(store, head.model, items))
        else:
            segments.append(segment)
    return msgspec.structs.replace(head, segments=segments)


def read(store: Store, model: str, segment: Segment, kind: type[T]) -> list[T]:
    """What a segment holds.

    Raises:
        DamagedRegistry: It is gone, or not what was sealed.
    """
    key = documents.segment_key(model, segment.first, segment.sha256)
    try:
        data = store.get(key).data
    except Absent:
        raise DamagedRegistry(f"{key} of registry {store.uri} is gone; restore it from a backup") from None
    if documents.digest(data) != segment.sha256:
        raise DamagedRegistry(f"{key} of registry {store.uri} was altered; restore it from a backup")
    if kind is Entry:
        return parsing.entries(data, segment, key)  # type: ignore[return-value]
    return parsing.events(data, segment, key)  # type: ignore[return-value]


def _seal(
    store: Store, model: str, kind: type[T], items: list[T], segments: list[Segment], count: int
) -> tuple[list[T], list[Segment]]:
    leaving, staying = items[:count], items[count:]
    segments = list(segments)
    if segments and segments[-1].last - segments[-1].first + 1 < _FULL_SEGMENT:
        leaving = read(store, model, segments.pop(), kind) + leaving
    return staying, [*segments, _write(store, model, leaving)]


def _write(store: Store, model: str, items: list[T]) -> Segment:
    data = documents.canonical(items)
    segment = Segment(items[0].number, items[-1].number, documents.digest(data))
    with suppress(Refused):
        # Refused: another writer sealed the very same.
        store.put_new(documents.segment_key(model, segment.first, segment.sha256), data)
    return segment
