"""The lock of a registry in a folder: held by one writer at a time, and by nobody who is none.

`flock` asks for no right to write: whoever can open the file can hold it for ever. So the file is open to those only who
may write in the registry's folder. Nothing is ever written into it, whatever stands in its place. Who holds it is asked
of the kernel, and named only where that is known. The kernel releases it when its holder dies.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netanomaly.errors import StoreRefused, StoreUnavailable

_NAME = ".lock"
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LOCKS = Path("/proc/locks")
_LONGEST_WAIT_SECONDS = 0.02


@contextmanager
def locked(root: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of the registry in this folder.

    Raises:
        StoreUnavailable: Another process held it for so long.
        StoreRefused: What stands in its place is no file.
        OSError: It cannot be opened.
    """
    deadline = time.monotonic() + seconds
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            descriptor = _found_or_made(root, folder)
            try:
                own = _looked_at(root, folder, descriptor)
                _take(root, descriptor, deadline, seconds)
                # Somebody may have removed the file while we waited, and others hold the one that is there now.
                if _is_in_place(folder, own):
                    yield
                    return
            finally:
                os.close(descriptor)
    finally:
        os.close(folder)


def _looked_at(root: Path, folder: int, descriptor: int) -> os.stat_result:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise _no_lock(root)
    mode = _writers(os.fstat(folder))
    if stat.S_IMODE(status.st_mode) != mode and status.st_uid == os.geteuid():
        os.fchmod(descriptor, mode)
    return status


def _take(root: Path, descriptor: int, deadline: float, seconds: float) -> None:
    wait_seconds = 0.0005
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreUnavailable(_held(root, descriptor, seconds)) from None
        time.sleep(wait_seconds)
        wait_seconds = min(wait_seconds * 1.5, _LONGEST_WAIT_SECONDS)


def _found_or_made(root: Path, folder: int) -> int:
    try:
        while True:
            with suppress(FileNotFoundError):
                return os.open(_NAME, _OPEN, dir_fd=folder)
            with suppress(FileExistsError):
                descriptor = os.open(_NAME, _OPEN | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
                with suppress(OSError):
                    # A folder that is shared by its group may not hand the group on.
                    os.fchown(descriptor, -1, os.fstat(folder).st_gid)
                return descriptor
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV):
            raise _no_lock(root) from None
        raise


def _writers(folder: os.stat_result) -> int:
    """The rights to the lock: of those who may write in the folder, and of nobody else."""
    return 0o600 | (0o060 if folder.st_mode & stat.S_IWGRP else 0) | (0o006 if folder.st_mode & stat.S_IWOTH else 0)


def _is_in_place(folder: int, own: os.stat_result) -> bool:
    try:
        return os.path.samestat(own, os.stat(_NAME, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _held(root: Path, descriptor: int, seconds: float) -> str:
    holder = _holder(os.fstat(descriptor))
    who = f"another process (pid {holder})" if holder else "another process, maybe on another machine"
    then = "wait for it to end, or end it" if holder else "wait for it to end"
    return f"registry {root} is held by {who} for over {seconds:g} seconds; {then}, and run again"


def _holder(lock: os.stat_result) -> int | None:
    """The process that holds the lock, where the kernel tells."""
    inode = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
    try:
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        # 1: FLOCK  ADVISORY  WRITE 1234 08:01:567 0 EOF; who waits has an arrow after the number.
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == inode and int(fields[4]) > 0:
            return int(fields[4])
    return None


def _no_lock(root: Path) -> StoreRefused:
    return StoreRefused(
        f"{root}/{_NAME} is a link, folder, pipe or device, or has a second name, and no lock that a registry made; "
        "remove it, and ask who can write there"
    )
