"""A registry in a folder, with the guarantees of a strict object store.

A write goes to a temporary file, is flushed to the disk, renamed over its name and the folder flushed: after a
crash or a power cut the old object is there, or the new one. Compare-and-swap is a comparison and a rename
under an exclusive lock (flock) on the registry's `.lock`; the kernel releases it when its holder dies.
"""

import copy
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from netanomaly.errors import Absent, Refused, StoreRefused, StoreUnavailable
from netanomaly.registry.errors import WrongDigest
from netanomaly.registry.store import Listed, Stored, Uploaded

_PIECE_BYTES = 1 << 20
_TEMPORARY = ".tmp"
_LOCK = ".lock"


class FileStore:
    """Objects as files under one folder, which the first write creates.

    Args:
        root: The registry's folder.
        lock_seconds: How long a write waits for another process's lock before StoreUnavailable.
    """

    def __init__(self, root: Path, *, lock_seconds: float = 30.0) -> None:
        self.root = root.absolute()
        self.uri = self.root.as_uri()
        self._lock_seconds = lock_seconds

    def within(self, seconds: float) -> "FileStore":
        brief = copy.copy(self)
        brief._lock_seconds = min(seconds, self._lock_seconds)
        return brief

    def get(self, key: str) -> Stored:
        with _in_words(self.root, key):
            data = self._path(key).read_bytes()
        return Stored(data, _etag(data))

    def get_other(self, key: str, etag: str) -> Stored | None:
        stored = self.get(key)
        return None if stored.etag == etag else stored

    def put_new(self, key: str, data: bytes) -> str:
        with self._written(data) as temporary, self._lock():
            if self._path(key).exists():
                raise Refused(key)
            self._rename(temporary, key)
        return _etag(data)

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        with self._written(data) as temporary, self._lock():
            try:
                current = _etag(self._path(key).read_bytes())
            except FileNotFoundError:
                raise Refused(key) from None
            if current != etag:
                raise Refused(key)
            self._rename(temporary, key)
        return _etag(data)

    def list(self, prefix: str) -> Iterator[Listed]:
        # The deepest folder that holds everything under the prefix: a prefix may end within a name.
        top = self.root / prefix.rpartition("/")[0]
        with _in_words(self.root, prefix):
            found = sorted(_files(top), key=lambda path: path.relative_to(self.root).as_posix())
        for path in found:
            key = path.relative_to(self.root).as_posix()
            if key.startswith(prefix):
                with suppress(Absent):
                    yield self.stat(key)

    def upload(self, source: Path, address: Callable[[str], str], sha256: str | None = None) -> Uploaded:
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as file, self._temporary() as (temporary, copy):
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                size += len(piece)
                copy.write(piece)
            _flush(copy)
            found = digest.hexdigest()
            if sha256 is not None and sha256 != found:
                raise WrongDigest.of_source(source, found, sha256)
            key = address(found)
            self._rename(temporary, key)
        return Uploaded(key, found, size)

    @contextmanager
    def read(self, key: str) -> Iterator[Iterator[bytes]]:
        with _in_words(self.root, key):
            file = self._path(key).open("rb")
        with file:
            yield iter(lambda: file.read(_PIECE_BYTES), b"")

    def stat(self, key: str) -> Listed:
        with _in_words(self.root, key):
            status = self._path(key).stat()
        mark = f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
        return Listed(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC), mark)

    def remove(self, key: str) -> None:
        with suppress(Absent), _in_words(self.root, key):
            path = self._path(key)
            path.unlink()
            with suppress(OSError):
                # Folders that hold nothing any more go with their last file.
                for folder in path.parents:
                    if folder == self.root:
                        break
                    folder.rmdir()

    def remove_all(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.remove(key)

    def _path(self, key: str) -> Path:
        return self.root / key

    @contextmanager
    def _temporary(self) -> Iterator[tuple[Path, BinaryIO]]:
        path = self.root / _TEMPORARY / f"{os.getpid()}-{secrets.token_hex(8)}"
        with _in_words(self.root, str(path)):
            _make_folder(path.parent)
            try:
                with path.open("xb") as file:
                    yield path, file
            finally:
                path.unlink(missing_ok=True)

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """The data in a flushed temporary file, so that the lock is held for the rename only."""
        with self._temporary() as (path, file):
            file.write(data)
            _flush(file)
            yield path

    def _rename(self, temporary: Path, key: str) -> None:
        path = self._path(key)
        while True:
            _make_folder(path.parent)
            try:
                temporary.replace(path)
                _flush_folder(path.parent)
                return
            except FileNotFoundError:
                # A deletion took the empty folder away between the two lines above.
                if not temporary.exists():
                    raise

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.root / _LOCK).open("a+b") as file:
            deadline = time.monotonic() + self._lock_seconds
            wait_seconds = 0.0005
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StoreUnavailable(self._held(file)) from None
                time.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 1.5, 0.02)
            # For the message of whoever waits in vain; the lock itself is the kernel's.
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
            yield

    def _held(self, file: BinaryIO) -> str:
        file.seek(0)
        holder = file.read(20).decode(errors="replace").strip() or "unknown"
        return (
            f"registry {self.root} is held by another process (pid {holder}) for over {self._lock_seconds:g} seconds; "
            "wait for it to end, or end it, and run again"
        )


@contextmanager
def _in_words(root: Path, key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Absent(key) from None
    except PermissionError as error:
        raise StoreRefused(
            f"no permission for {error.filename or key!r} in registry {root}; ask for the right to it"
        ) from None
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise StoreRefused(
            f"registry {root} is not usable: {error.strerror}: {error.filename or key!r}; name a folder"
        ) from None
    except OSError as error:
        raise StoreUnavailable(
            f"registry {root}: {error.strerror or error} ({error.filename or key}); nothing was lost, run again"
        ) from None


def _etag(data: bytes) -> str:
    # By content: an inode number and a time stamp may both repeat within one tick of the clock.
    return hashlib.sha256(data).hexdigest()


def _files(top: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        for path in top.iterdir():
            if path.name.startswith("."):
                continue
            if path.is_dir():
                yield from _files(path)
            else:
                yield path


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush_folder(folder.parent)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
