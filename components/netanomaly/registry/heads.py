"""Reading heads, and changing them by compare-and-swap until it succeeds."""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from netanomaly import __version__
from netanomaly.errors import Absent, InputError, Refused, StoreUnavailable
from netanomaly.registry import bounds, documents, names, parsing, sealing
from netanomaly.registry.belief import Belief
from netanomaly.registry.documents import Entry, Head
from netanomaly.registry.errors import NotInRegistry
from netanomaly.registry.store import Listed, Store, Stored

_CONTENDED_SECONDS = 120.0
_FIRST_WAIT_SECONDS = 0.002
_LONGEST_WAIT_SECONDS = 0.25
_READERS = 16


@dataclass(frozen=True)
class Found:
    """A head as it was read; `etag` is None where there is none yet."""

    head: Head
    etag: str | None
    unknown: dict[str, Any]


def find(store: Store, model: str, belief: Belief) -> Found:
    """The head of a model, an empty one where there is none.

    Raises:
        DamagedRegistry, NewerFormat: It cannot be read.
        ModelError: It is not believed; see `Belief.admit`.
    """
    key = documents.head_key(model)
    try:
        stored = store.get(key)
    except Absent:
        belief.admit_absent(model)
        return Found(Head(format=documents.FORMAT, model=model), None, {})
    return _found(key, stored, belief)


def find_other(store: Store, found: Found, belief: Belief) -> Found | None:
    """The head of the same model as it is now; None while it is the one found. Raises as `find`."""
    key = documents.head_key(found.head.model)
    try:
        stored = store.get(key) if found.etag is None else store.get_other(key, found.etag)
    except Absent:
        return None
    return None if stored is None else _found(key, stored, belief)


def find_changed(store: Store, found: Found, belief: Belief) -> Found | None:
    """As `find_other`, where a head that is gone is not as it was: it comes as an empty one."""
    try:
        stored = store.get_other(documents.head_key(found.head.model), found.etag or "")
    except Absent:
        return find(store, found.head.model, belief)
    return None if stored is None else _found(documents.head_key(found.head.model), stored, belief)


def _found(key: str, stored: Stored, belief: Belief) -> Found:
    head, unknown = parsing.head(stored.data, key)
    belief.admit(head, unknown)
    return Found(head, stored.etag, unknown)


def find_all(store: Store, models: Iterable[str], belief: Belief) -> list[Head]:
    """The heads of many models, in their order, several at a time."""
    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(lambda model: find(store, model, belief).head, models))


def listed(store: Store) -> dict[str, Listed]:
    """The heads that there are, by model, sorted. What stands among them under no model's name is none: fsck says so."""
    return {documents.model_of(item.key): item for item in store.list(documents.HEADS) if documents.is_head(item.key)}


def need(store: Store, model: str, belief: Belief) -> Head:
    """The head of a model that has versions. Raises NotInRegistry, with the models that there are."""
    head = find(store, names.model_name(model), belief).head
    if head.next == 1:
        some = list(listed(store))
        known = ", ".join(some[:10]) + (f" and {len(some) - 10} more" if len(some) > 10 else "")
        raise NotInRegistry(f"registry {store.uri} has no model {model!r}; it has: {known or 'none'}")
    return head


def need_entry(store: Store, head: Head, version: int) -> Entry:
    """The entry of one version. Raises NotInRegistry, with the versions that there are."""
    entry = sealing.entry_of(store, head, version)
    if entry is None:
        raise NotInRegistry(f"model {head.model!r} has no version {version}; it has 1 to {head.next - 1}")
    return entry


def swap(store: Store, found: Found, changed: Head, belief: Belief) -> Found | None:
    """Put the changed head in place of the one found, signed where there is a key; None where another was faster."""
    changed = sealing.sealed(store, changed)
    changed = replace(changed, revision=found.head.revision + 1, updated_at=documents.now(), written_by=__version__)
    changed = belief.signed(changed, found.unknown)
    data = documents.encode_head(changed, found.unknown)
    if len(data) > bounds.most_bytes(documents.HEADS):
        raise InputError(f"the head of model {changed.model!r} would be too large; remove aliases that nobody uses")
    key = documents.head_key(changed.model)
    try:
        etag = store.put_new(key, data) if found.etag is None else store.put_if_match(key, data, found.etag)
    except Refused:
        return None
    return Found(changed, etag, found.unknown)


def change(store: Store, model: str, change_id: str, make: Callable[[Head], Head], belief: Belief) -> Head:
    """Replace a head by what `make` makes of it, again and again until no other writer was faster.

    Args:
        store: Where.
        model: Which model's head.
        change_id: Stands in the log once the change is made, so that one whose answer was lost is not made twice.
        make: From one head to the next; the same head where there is nothing to do.
        belief: What is believed and signed; a head that is not believed is not changed.

    Returns:
        The head as it is now; the one that was there where `make` changed nothing.

    Raises:
        StoreUnavailable: Others changed it without a gap for two minutes.
    """
    patience = Patience(store.uri, model)
    first_event = 0
    while True:
        found = find(store, model, belief)
        belief.may_change(found.head)
        if first_event and any(event.id == change_id for event in sealing.events(store, found.head, first_event)):
            return found.head
        first_event = first_event or found.head.next_event
        changed = make(found.head)
        if changed is found.head:
            return changed
        done = swap(store, found, changed, belief)
        if done is not None:
            return done.head
        patience.wait()


class Patience:
    """A growing, random wait between attempts of writers that collide, with an end."""

    def __init__(self, uri: str, model: str) -> None:
        self._uri, self._model = uri, model
        self._deadline = time.monotonic() + _CONTENDED_SECONDS
        self._longest = _FIRST_WAIT_SECONDS

    def wait(self, at_least: float = 0.0) -> None:
        """Raises StoreUnavailable where it has gone on for two minutes."""
        if time.monotonic() > self._deadline:
            raise StoreUnavailable(
                f"model {self._model!r} in registry {self._uri} was changed by others for {_CONTENDED_SECONDS:g} "
                "seconds without a gap; run again, nothing is registered twice"
            )
        time.sleep(at_least + self._longest * random.random())  # noqa: S311 - jitter
        self._longest = min(self._longest * 2, _LONGEST_WAIT_SECONDS)
