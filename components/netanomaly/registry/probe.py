"""Can this server be trusted with compare-and-swap? Asked before a registry is first written there.

Some stores ignore the conditions of a write, some check them and then write, and let several writers win. The
answer is kept in the registry, by server address, in `probe.json`.
"""

import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from netanomaly.errors import Absent, NetanomalyError, Refused, StoreRefused, StoreUnavailable
from netanomaly.registry import documents, parsing
from netanomaly.registry.errors import UnfitStore
from netanomaly.registry.object_store import ObjectStore
from netanomaly.registry.retrying import Retrying
from netanomaly.registry.store import Store, Stored

KEY = "probe.json"

_WRITERS = 16
_RACES = 3
_ATTEMPTS = 10
_SEAWEEDFS = re.compile(r"SeaweedFS\b.*?(\d{1,9})\.(\d{1,9})")
# Before it the conditions were checked and then written: several winners in 37 to 39 of 40 races.
_SEAWEEDFS_ATOMIC = (4, 18)


class Check(msgspec.Struct, frozen=True):
    """One question to the server, and what it did."""

    question: str
    passed: bool
    found: str


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and whether all was answered rightly. `single_writer`: trusted on its user's word only."""

    server: str
    checks: list[Check]
    probed_at: str
    seconds: float
    single_writer: bool = False

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


class _Remembered(msgspec.Struct, frozen=True):
    format: int
    endpoints: dict[str, Probe]


def trusted(store: ObjectStore, single_writer: bool) -> Store:
    """The store to write to: as it is where the server passed, with the writer's own checks where it did not.

    Args:
        store: The bucket.
        single_writer: The user's word that no two processes write at once: a server that failed is accepted.

    Raises:
        UnfitStore: The server failed and nobody gave that word.
    """
    asking = Retrying(store)
    remembered = _remembered(asking)
    known = remembered.endpoints.get(store.endpoint)
    if known is None:
        known = probe(store)
        if known.passed or single_writer:
            remember(store, known, single_writer)
    if known.passed:
        return asking
    if known.single_writer or single_writer:
        return SingleWriter(asking)
    failed = next(check for check in known.checks if not check.passed)
    raise UnfitStore(
        f"{store.endpoint} cannot keep what several write to: {failed.question}: {failed.found}; "
        "use another store or version of it, or set NETANOMALY_SINGLE_WRITER=1 where only one process ever writes"
    )


def probe(store: ObjectStore) -> Probe:
    """Ask the server, with objects of our own that are removed again; under a second on a near one.

    Raises:
        StoreUnavailable: It does not answer.
        StoreRefused: It may not be written.
    """
    started = time.monotonic()
    key = f"probe/{secrets.token_hex(8)}"
    asking = Retrying(store)
    checks = _one_by_one(asking, key)
    checks += [_version(store.server)]
    names = [key, f"{key}-absent"]
    if all(check.passed for check in checks):
        for number in range(_RACES):
            created, swapped = f"{key}-new-{number}", f"{key}-swap-{number}"
            names += [created, swapped]
            etag = asking.put_new(swapped, b"start")
            checks.append(_race(store, "16 writers create one object", created, store.put_new))
            checks.append(
                _race(store, "16 writers replace one object", swapped, lambda k, d, e=etag: store.put_if_match(k, d, e))  # type: ignore[misc]
            )
    for name in names:
        with suppress(NetanomalyError):
            # Without the right to delete they stay; they are small and harmless.
            store.remove(name)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Probe(server=store.server, checks=checks, probed_at=now, seconds=round(time.monotonic() - started, 3))


def remember(store: ObjectStore, result: Probe, single_writer: bool) -> None:
    """Keep the answer in the registry. Raises StoreUnavailable where others change it again and again."""
    asking = SingleWriter(Retrying(store))
    for _ in range(_ATTEMPTS):
        remembered, etag = _remembered(asking), None
        with suppress(Absent):
            etag = asking.get(KEY).etag
        result = msgspec.structs.replace(result, single_writer=single_writer and not result.passed)
        data = documents.canonical(
            msgspec.structs.replace(remembered, endpoints={**remembered.endpoints, store.endpoint: result})
        )
        with suppress(Refused):
            if etag is None:
                asking.put_new(KEY, data)
            else:
                asking.put_if_match(KEY, data, etag)
            return
    raise StoreUnavailable(f"{store.uri}/{KEY} could not be written: each time it was another's; run again")


def _remembered(store: Store) -> _Remembered:
    try:
        return parsing.decode(_Remembered, store.get(KEY).data, KEY)
    except Absent:
        return _Remembered(documents.FORMAT, {})


def _one_by_one(store: Retrying, key: str) -> list[Check]:
    first = store.put_new(key, b"first")
    return [
        _refused("creating an object that exists", lambda: store.put_new(key, b"second")),
        _refused(
            "replacing an object by a stale token",
            lambda: store.put_if_match(key, b"third", '"00000000000000000000000000000000"'),
        ),
        _refused("replacing an object that is absent", lambda: store.put_if_match(f"{key}-absent", b"fourth", first)),
        _accepted("replacing an object by its token", lambda: store.put_if_match(key, b"fifth", store.get(key).etag)),
        Check("reading what was written", *_reads_back(store, key, b"fifth")),
    ]


def _reads_back(store: Retrying, key: str, expected: bytes) -> tuple[bool, str]:
    data = store.get(key).data
    return (True, "as written") if data == expected else (False, f"{data!r} in place of {expected!r}")


def _refused(question: str, write: Callable[[], Any]) -> Check:
    try:
        write()
    except Refused:
        return Check(question, True, "refused, as it must be")
    except StoreRefused as error:
        return Check(question, False, str(error))
    return Check(question, False, "accepted; the server ignores the condition")


def _accepted(question: str, write: Callable[[], Any]) -> Check:
    try:
        write()
    except Refused:
        return Check(question, False, "refused, though the token was right")
    except StoreRefused as error:
        return Check(question, False, str(error))
    return Check(question, True, "accepted")


def _race(store: ObjectStore, question: str, key: str, write: Callable[[str, bytes], str]) -> Check:
    def attempt(number: int) -> bool | None:
        try:
            write(key, f"writer {number}".encode())
        except Refused:
            return False
        except StoreUnavailable:
            return None
        return True

    with ThreadPoolExecutor(_WRITERS) as writers:
        won = list(writers.map(attempt, range(_WRITERS)))
    winners = [number for number, outcome in enumerate(won) if outcome]
    stands = Retrying(store).get(key).data
    unanswered = [number for number, outcome in enumerate(won) if outcome is None]
    if len(winners) > 1:
        return Check(question, False, f"{len(winners)} of them were told that they had; the check is not atomic")
    if not any(stands == f"writer {number}".encode() for number in winners or unanswered):
        return Check(question, False, "what one was told to have written is not there")
    return Check(question, True, "one did")


def _version(server: str) -> Check:
    found = _SEAWEEDFS.search(server)
    if found and (int(found[1]), int(found[2])) < _SEAWEEDFS_ATOMIC:
        return Check("the server's version", False, f"{server!r}; conditional writes race in SeaweedFS before 4.18")
    return Check("the server's version", True, server or "not told")


class SingleWriter:
    """A store whose conditions its only writer checks by itself, before each write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.uri, self.identity = store.uri, store.identity
        self.get, self.get_other, self.list, self.upload = store.get, store.get_other, store.list, store.upload
        self.read, self.stat, self.strangers = store.read, store.stat, store.strangers
        self.remove, self.remove_all = store.remove, store.remove_all

    def within(self, seconds: float) -> "SingleWriter":
        return SingleWriter(self._store.within(seconds))

    def put_new(self, key: str, data: bytes) -> str:
        if self._current(key) is not None:
            raise Refused(key)
        return self._store.put_new(key, data)

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        current = self._current(key)
        if current is None or current.etag != etag:
            raise Refused(key)
        return self._store.put_if_match(key, data, etag)

    def _current(self, key: str) -> Stored | None:
        try:
            return self._store.get(key)
        except Absent:
            return None
