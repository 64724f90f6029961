"""Asking a store again, for a bounded time, and settling by reading what a lost answer left open.

A conditional write that was sent and not answered may have happened. Sent again it would be refused by its own
first try: so the object is read, and what stands there says who won.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from netanomaly.errors import Absent, Refused, StoreUnavailable, Unreachable
from netanomaly.registry.object_store import ObjectStore
from netanomaly.registry.store import Listed, Stored, Uploaded
from netanomaly.s3.outage import Outage

T = TypeVar("T")


class Retrying:
    """A store in a bucket that survives outages shorter than `retry` seconds.

    Args:
        store: The bucket.
        seconds: How long a request is asked again after it first failed; default: the bucket's `timeouts.retry`.
    """

    def __init__(self, store: ObjectStore, seconds: float | None = None) -> None:
        self._store = store
        self._seconds = store.timeouts.retry if seconds is None else seconds
        self.uri, self.identity = store.uri, store.identity
        self._answered = False

    def within(self, seconds: float) -> "Retrying":
        return Retrying(self._store, min(seconds, self._seconds))

    def get(self, key: str) -> Stored:
        return self._again(lambda: self._store.get(key))

    def get_other(self, key: str, etag: str) -> Stored | None:
        return self._again(lambda: self._store.get_other(key, etag))

    def put_new(self, key: str, data: bytes) -> str:
        return self._conditionally(key, data, None, lambda: self._store.put_new(key, data))

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        return self._conditionally(key, data, etag, lambda: self._store.put_if_match(key, data, etag))

    def list(self, prefix: str) -> Iterator[Listed]:
        # Whole, so that a listing cut off half-way is not taken for a short one.
        yield from self._again(lambda: list(self._store.list(prefix)))

    def strangers(self) -> Sequence[str]:
        return []

    def upload(self, source: Path, address: Callable[[str], str], sha256: str | None = None) -> Uploaded:
        return self._again(lambda: self._store.upload(source, address, sha256))

    @contextmanager
    def read(self, key: str) -> Iterator[Iterator[bytes]]:
        size = self.stat(key).size_bytes
        yield self._pieces(key, size)

    def stat(self, key: str) -> Listed:
        return self._again(lambda: self._store.stat(key))

    def remove(self, key: str) -> None:
        self._again(lambda: self._store.remove(key))

    def remove_all(self, keys: Sequence[str]) -> None:
        self._again(lambda: self._store.remove_all(keys))

    def _pieces(self, key: str, size: int) -> Iterator[bytes]:
        """Goes on where an answer was cut off; who reads compares the digest of the whole."""
        done = 0
        outage = self._outage()
        while done < size:
            try:
                with self._store.read(key, done) as pieces:
                    for piece in pieces:
                        done += len(piece)
                        yield piece
                        outage = self._outage()
                return
            except StoreUnavailable as error:
                outage.wait(error, answered=self._answered)

    def _conditionally(self, key: str, data: bytes, etag: str | None, write: Callable[[], str]) -> str:
        outage = self._outage()
        ambiguous = False
        while True:
            try:
                written = write()
            except Refused:
                if not ambiguous:
                    self._answered = True
                    raise
                return self._settled(key, data)
            except StoreUnavailable as error:
                ambiguous = ambiguous or not isinstance(error, Unreachable)
                outage.wait(error, answered=self._answered)
            else:
                self._answered = True
                return written
            if not ambiguous:
                continue
            try:
                current: Stored | None = self.get(key)
            except Absent:
                current = None
            if current is not None and current.data == data:
                return current.etag
            if (current.etag if current else None) != etag:
                raise Refused(key)

    def _settled(self, key: str, data: bytes) -> str:
        """After a refusal that our own unanswered try may have caused."""
        try:
            current = self.get(key)
        except Absent:
            raise Refused(key) from None
        if current.data != data:
            raise Refused(key)
        return current.etag

    def _outage(self) -> Outage:
        return Outage(self._seconds, self._store.timeouts.first_contact)

    def _again(self, ask: Callable[[], T]) -> T:
        outage = self._outage()
        while True:
            try:
                answer = ask()
            except StoreUnavailable as error:
                outage.wait(error, answered=self._answered)
            except Absent:
                self._answered = True
                raise
            else:
                self._answered = True
                return answer
