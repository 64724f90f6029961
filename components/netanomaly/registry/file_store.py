"""A registry in a folder, with the guarantees of a strict object store.

A write goes to a temporary file, is flushed to the disk, renamed over its name and the folder flushed: after a
crash or a power cut the old object is there, or the new one. Compare-and-swap is a comparison and a rename
under an exclusive lock on the registry (`folder_lock`).

The folder may be written by others. Every name in it is opened from the folder above, never through a link, and what
was opened is looked at before it is read: a link put there leads nobody out of the registry. The registry's own folder
may be reached through links, and its rights are those of everything in it: who may read it may read all, who may write
there is a writer.
"""

import copy
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from netanomaly import output
from netanomaly.errors import Absent, Refused, StoreRefused, StoreUnavailable
from netanomaly.registry import bounds
from netanomaly.registry.artifacts import open_source
from netanomaly.registry.errors import WrongDigest
from netanomaly.registry.folder_lock import locked
from netanomaly.registry.store import Listed, Stored, Uploaded

_PIECE_BYTES = 1 << 20
_TEMPORARY = ".tmp"

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER = _ROOT | os.O_NOFOLLOW
# Not waiting: a pipe would keep its reader for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Less what the umask takes away.
_NEW_ROOT_MODE = 0o770


class FileStore:
    """Objects as files under one folder, which the first write creates, closed to other users.

    Args:
        root: The registry's folder.
        lock_seconds: How long a write waits for another process's lock before StoreUnavailable.
    """

    def __init__(self, root: Path, *, lock_seconds: float = 30.0) -> None:
        self.root = root.absolute()
        self.uri = self.root.as_uri()
        # However it is reached: links in the way are its user's own.
        real = self.root.resolve()
        self.identity, self._real_root = real.as_uri(), str(real)
        self._lock_seconds = lock_seconds
        self._told: set[str] = set()

    def within(self, seconds: float) -> "FileStore":
        brief = copy.copy(self)
        brief._lock_seconds = min(seconds, self._lock_seconds)
        return brief

    def get(self, key: str) -> Stored:
        data = self._document(key)
        return Stored(data, _etag(data))

    def get_other(self, key: str, etag: str) -> Stored | None:
        stored = self.get(key)
        return None if stored.etag == etag else stored

    def put_new(self, key: str, data: bytes) -> str:
        with self._written(data) as temporary, self._lock():
            if self._exists(key):
                raise Refused(key)
            self._rename(temporary, key)
        return _etag(data)

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        with self._written(data) as temporary, self._lock():
            try:
                current = _etag(self._document(key))
            except Absent:
                raise Refused(key) from None
            if current != etag:
                raise Refused(key)
            self._rename(temporary, key)
        return _etag(data)

    def list(self, prefix: str) -> Iterator[Listed]:
        strangers: list[str] = []
        found = sorted(self._scan(prefix, strangers), key=lambda item: item.key)
        for key in strangers:
            if key not in self._told:
                self._told.add(key)
                output.tell(f"warning: {self.root}/{key} is a link, pipe or device, and none of its objects: skipped")
        yield from found

    def strangers(self) -> Sequence[str]:
        found: list[str] = []
        for _ in self._scan("", found):
            pass
        return sorted(found)

    def upload(self, source: Path, address: Callable[[str], str], sha256: str | None = None) -> Uploaded:
        digest, size = hashlib.sha256(), 0
        with open_source(source) as file, self._temporary() as (temporary, copy):
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
        with open(self._opened(key), "rb") as file:  # noqa: PTH123 - a descriptor
            yield iter(lambda: file.read(_PIECE_BYTES), b"")

    def stat(self, key: str) -> Listed:
        status = self._status(key)
        if not stat.S_ISREG(status.st_mode):
            raise self._stranger(key)
        return _listed(key, status)

    def remove(self, key: str) -> None:
        try:
            self._removed(key, os.unlink)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _worded(error, self.root, key) from None
        with suppress(OSError, StoreRefused):
            # Folders that hold nothing any more go with their last file.
            while "/" in key:
                key = key.rpartition("/")[0]
                self._removed(key, os.rmdir)

    def remove_all(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.remove(key)

    def _document(self, key: str) -> bytes:
        most = bounds.most_bytes(key)
        descriptor = self._opened(key)
        try:
            # One byte more than there should be tells that it grew.
            data = os.read(descriptor, min(most, os.fstat(descriptor).st_size) + 1)
            while len(data) <= most and (more := os.read(descriptor, most + 1 - len(data))):
                data += more
        except OSError as error:
            raise _worded(error, self.root, key) from None
        finally:
            os.close(descriptor)
        if len(data) > most:
            raise bounds.too_large(key)
        return data

    def _opened(self, key: str) -> int:
        """A descriptor of an object, for reading. Raises what `get` raises."""
        try:
            descriptor = self._reached(key)
            if descriptor is None:
                folder, name = self._parent(key)
                try:
                    descriptor = os.open(name, _READ, dir_fd=folder)
                finally:
                    os.close(folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._stranger(key) from None
            raise _worded(error, self.root, key) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._stranger(key)
        return descriptor

    def _reached(self, key: str) -> int | None:
        """The same at a third of the cost, where the kernel says under what name a file was opened in the end.

        None: not under its own, or it does not say.
        """
        try:
            descriptor = os.open(f"{self._real_root}/{key}", _READ)
        except OSError:
            return None
        try:
            opened = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - each read goes through here
            if opened == f"{self._real_root}/{key}":
                return descriptor
        except OSError:
            pass
        os.close(descriptor)
        return None

    def _exists(self, key: str) -> bool:
        try:
            self._status(key)
        except Absent:
            return False
        return True

    def _status(self, key: str) -> os.stat_result:
        try:
            folder, name = self._parent(key)
            try:
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
            finally:
                os.close(folder)
        except OSError as error:
            raise _worded(error, self.root, key) from None

    def _removed(self, key: str, remove: Callable[..., None]) -> None:
        folder, name = self._parent(key)
        try:
            remove(name, dir_fd=folder)
        finally:
            os.close(folder)

    def _parent(self, key: str, *, make: bool = False) -> tuple[int, str]:
        """A descriptor of the folder that holds an object, reached through no link, and the object's name in it."""
        *folders, name = key.split("/")
        if ".." in folders or name == "..":
            raise self._stranger(key)
        folder = os.open(self.root, _ROOT)
        try:
            for depth, part in enumerate(folders, 1):
                inner = self._inside(folder, part, folders[:depth], make)
                os.close(folder)
                folder = inner
        except BaseException:
            os.close(folder)
            raise
        return folder, name

    def _inside(self, folder: int, part: str, path: Sequence[str], make: bool) -> int:
        while True:
            try:
                return os.open(part, _FOLDER, dir_fd=folder)
            except FileNotFoundError:
                if not make:
                    raise
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(folder, part):
                    raise self._stranger("/".join(path)) from None
                raise
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=folder)
                made = os.open(part, _FOLDER, dir_fd=folder)
                try:
                    os.fchmod(made, stat.S_IMODE(os.fstat(folder).st_mode))
                finally:
                    os.close(made)
                os.fsync(folder)

    def _stranger(self, key: str) -> "_Stranger":
        told = _Stranger(
            f"{self.root}/{key} is a link, pipe or device, and none is kept here: it is not followed; remove it, and "
            "ask who can write there"
        )
        told.key = key
        return told

    @contextmanager
    def _temporary(self) -> Iterator[tuple[Path, BinaryIO]]:
        name = f"{os.getpid()}-{secrets.token_hex(8)}"
        key = f"{_TEMPORARY}/{name}"
        # By the folder: nobody knows the temporary file.
        with _in_words(self.root, _TEMPORARY):
            self._make_root()
            folder, _ = self._parent(key, make=True)
            try:
                descriptor = os.open(name, _NEW, dir_fd=folder)
                try:
                    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                        os.fchmod(descriptor, stat.S_IMODE(os.fstat(folder).st_mode) & 0o666)
                        yield self.root / key, file
                finally:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)
            finally:
                os.close(folder)

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """The data in a flushed temporary file, so that the lock is held for the rename only."""
        with self._temporary() as (path, file):
            file.write(data)
            _flush(file)
            yield path

    def _rename(self, temporary: Path, key: str) -> None:
        start, name = self._parent(f"{_TEMPORARY}/{temporary.name}")
        try:
            while True:
                end, target = self._parent(key, make=True)
                try:
                    os.rename(name, target, src_dir_fd=start, dst_dir_fd=end)
                    os.fsync(end)
                    return
                except FileNotFoundError:
                    # A deletion took the empty folder away between the two lines above.
                    os.stat(name, dir_fd=start, follow_symlinks=False)
                finally:
                    os.close(end)
        finally:
            os.close(start)

    def _make_root(self) -> None:
        if self.root.is_dir():
            return
        self.root.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self.root.mkdir(mode=_NEW_ROOT_MODE)
            _flush_folder(self.root.parent)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with _in_words(self.root, ".lock"), locked(self.root, self._lock_seconds):
            yield

    def _scan(self, prefix: str, strangers: MutableSequence[str]) -> Iterator[Listed]:
        # The deepest folder that holds everything under the prefix: a prefix may end within a name.
        top = prefix.rpartition("/")[0]
        try:
            with _in_words(self.root, prefix):
                folder, _ = self._parent(f"{top}/" if top else "")
                try:
                    yield from self._scanned(folder, f"{top}/" if top else "", prefix, strangers)
                finally:
                    os.close(folder)
        except _Stranger as error:
            strangers.append(error.key)
        except Absent:
            return

    def _scanned(self, folder: int, above: str, prefix: str, strangers: MutableSequence[str]) -> Iterator[Listed]:
        with os.scandir(folder) as found:
            for item in found:
                key = above + item.name
                if item.name.startswith(".") or not (key.startswith(prefix) or f"{key}/".startswith(prefix)):
                    continue
                if item.is_dir(follow_symlinks=False):
                    # Gone, or a link by now: the next listing says so.
                    with suppress(FileNotFoundError, NotADirectoryError), _folder(item.name, folder) as inner:
                        yield from self._scanned(inner, f"{key}/", prefix, strangers)
                elif item.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        yield _listed(key, item.stat(follow_symlinks=False))
                else:
                    strangers.append(key)


class _Stranger(StoreRefused):
    """What stands where a folder or an object is to be."""

    key = ""


@contextmanager
def _folder(name: str, above: int) -> Iterator[int]:
    descriptor = os.open(name, _FOLDER, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_link(folder: int, name: str) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _listed(key: str, status: os.stat_result) -> Listed:
    mark = f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
    return Listed(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC), mark)


@contextmanager
def _in_words(root: Path, key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _worded(error, root, key) from None


def _worded(error: OSError, root: Path, key: str) -> Exception:
    match error:
        case FileNotFoundError():
            return Absent(key)
        case PermissionError():
            if key == _TEMPORARY:
                return StoreRefused(f"no permission to write in {root}; ask for the right to it")
            return StoreRefused(f"no permission for {key or error.filename!r} in {root}; ask for the right to it")
        case NotADirectoryError() | IsADirectoryError() | FileExistsError():
            return StoreRefused(f"{root} is not usable: {error.strerror}: {error.filename or key!r}; name a folder")
    return StoreUnavailable(f"{root}: {error.strerror or error} ({key or error.filename}); nothing was lost, run again")


def _etag(data: bytes) -> str:
    # By content: an inode number and a time stamp may both repeat within one tick of the clock.
    return hashlib.sha256(data).hexdigest()


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
