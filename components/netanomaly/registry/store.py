"""What the registry asks of a place to keep objects: a folder or a bucket.

Keys are relative to the registry, with slashes. Every write is atomic: a reader sees the object before it or
after it, never a part. The two conditional writes are atomic against each other, from any process.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Stored:
    """An object's bytes, and the opaque token that stands for this very state of it."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class Listed:
    """One object of a listing; `modified` is by the store's own clock. `mark` changes whenever the object does."""

    key: str
    size_bytes: int
    modified: datetime
    mark: str


@dataclass(frozen=True)
class Uploaded:
    """Where a file went, and what was seen of it on the way."""

    key: str
    sha256: str
    size_bytes: int


class Store(Protocol):
    """A place for objects.

    Every method may raise StoreUnavailable (it may or may not have happened; trying again may help) and
    StoreRefused (it did not happen, and will not).
    """

    uri: str
    identity: str
    """What it is called where that has to be the same for everybody: see `belief`."""

    def within(self, seconds: float) -> "Store":
        """The same place, for work that may be left undone: an outage or a lock is waited for no longer than that."""

    def get(self, key: str) -> Stored:
        """The whole object. Raises Absent, and DamagedRegistry where it is larger than any document."""

    def get_other(self, key: str, etag: str) -> Stored | None:
        """The whole object, or None while its token is still this one. Raises Absent."""

    def put_new(self, key: str, data: bytes) -> str:
        """Create the object and return its token. Raises Refused when there is one already, whatever it holds."""

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        """Replace the object if its token is still this one, and return the new. Raises Refused, also when absent."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """All objects whose key begins with the prefix, by key."""

    def strangers(self) -> Sequence[str]:
        """What stands where objects do and is none: links, pipes, devices. Never followed, read or removed."""

    def upload(self, source: Path, address: Callable[[str], str], sha256: str | None = None) -> Uploaded:
        """Store a file under the key that `address` gives for its SHA-256, reading it once.

        Nothing is visible under that key before the last byte is there. `sha256`, when known, is checked.
        An object already there is written anew: that mends a damaged one.

        Raises:
            WrongDigest: The file is not the one whose `sha256` was given.
        """

    def read(self, key: str) -> AbstractContextManager[Iterator[bytes]]:
        """The object in pieces of bounded size. Raises Absent on entering."""

    def stat(self, key: str) -> Listed:
        """Size and age of the object. Raises Absent."""

    def remove(self, key: str) -> None:
        """Delete the object, if it is there."""

    def remove_all(self, keys: Sequence[str]) -> None:
        """Delete these objects, those that are there; at most 1,000."""
