"""Who works on a folder of outputs: so that of two followers one works and the other says so.

Nothing depends on it but politeness: a commit of a follower that was overtaken is refused all the same. No wall clock is
asked: whether another lives is told by its process, where it is of this machine, or by its beat.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from netanomaly.errors import Absent, OutsideError, Refused
from netanomaly.registry import bounds, documents
from netanomaly.registry.store import Store, Stored

KEY = "follower.json"
BEAT_SECONDS, PATIENCE_SECONDS = 15.0, 60.0
"""Who works beats so often; who finds a beat that is not this machine's waits so long for the next."""
_LOOK_SECONDS = 1.0


class _Follower(msgspec.Struct, frozen=True):
    """Who works. `machine` names the processes among which `process` is one; empty where it cannot be told."""

    word: str = ""
    beat: int = 0
    host: str = ""
    pid: int = 0
    machine: str = ""
    process: str = ""


class AnotherWorks(OutsideError):
    """Another follower lives and works here."""


@contextmanager
def held(store: Store, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Be the one who works on these outputs.

    Raises:
        AnotherWorks: Another one does.
    """
    word = secrets.token_hex(8)
    etag = _taken(store, word, patience_seconds)
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(store, word, etag, done), daemon=True)
    beating.start()
    try:
        yield
    finally:
        done.set()
        beating.join(BEAT_SECONDS)
        with suppress(OutsideError, Absent, Refused):
            current = store.get(KEY)
            if _parsed(current).word == word:
                store.put_if_match(KEY, documents.canonical(_Follower()), current.etag)


def _taken(store: Store, word: str, patience_seconds: float) -> str:
    mine = documents.canonical(_myself(word, 0))
    deadline = time.monotonic() + patience_seconds
    first: _Follower | None = None
    while True:
        try:
            current = store.get(KEY)
        except Absent:
            with suppress(Refused):
                return store.put_new(KEY, mine)
            continue
        other = _parsed(current)
        first = first or other
        if other.word and other != first:
            raise _busy(store, other)
        gone = not other.word or _is_gone(other)
        if gone is False:
            raise _busy(store, other)
        if gone or time.monotonic() >= deadline:
            with suppress(Refused):
                return store.put_if_match(KEY, mine, current.etag)
            continue
        time.sleep(min(_LOOK_SECONDS, patience_seconds / 4))


def _beat(store: Store, word: str, etag: str, done: threading.Event) -> None:
    beat = 0
    while not done.wait(BEAT_SECONDS):
        beat += 1
        # An outage is survived: whoever takes over meanwhile refuses our commits.
        with suppress(OutsideError):
            try:
                etag = store.put_if_match(KEY, documents.canonical(_myself(word, beat)), etag)
            except Refused:
                return


def _busy(store: Store, other: _Follower) -> AnotherWorks:
    return AnotherWorks(
        f"another follower works on {store.uri}: process {other.pid} on {other.host}; this one leaves it to it"
    )


def _myself(word: str, beat: int) -> _Follower:
    return _Follower(word, beat, socket.gethostname()[:100], os.getpid(), _machine(), _process(os.getpid()))


def _is_gone(other: _Follower) -> bool | None:
    """Whether a follower's process is no more; None where that cannot be told from here."""
    if not other.machine or other.machine != _machine():
        return None
    return _process(other.pid) != other.process


def _machine() -> str:
    """This boot of this machine, and the processes that see each other in it; empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - it leads nowhere
    except OSError:
        return ""


def _process(pid: int) -> str:
    """What tells a process from a later one of the same number; empty where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name, in parentheses, may hold anything; 22nd is when it started.
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{pid}-{fields[19]}"


def _parsed(stored: Stored) -> _Follower:
    try:
        return bounds.parse(_Follower, stored.data)
    except ValueError:
        # Advisory: a damaged one is nobody's.
        return _Follower()
