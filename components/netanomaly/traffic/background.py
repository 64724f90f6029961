"""Run an iterator on a thread of its own, a few items ahead: parsing and counting let go of the interpreter's lock."""

import ctypes
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")

_WAIT_SECONDS = 0.1
# glibc's malloc.h.
_ARENA_MAX = -8


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def ahead(source: Iterator[T], items: int) -> Iterator[T]:
    """The items of `source` in their order, at most so many made before they are asked for.

    What `source` raises is raised here. When this is closed before its end, `source` is closed on its own thread.
    """
    made: queue.Queue[_Item[T] | _End] = queue.Queue(items)
    stopped = threading.Event()

    def put(item: "_Item[T] | _End") -> bool:
        while not stopped.is_set():
            try:
                made.put(item, timeout=_WAIT_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in source:
                if not put(_Item(item)):
                    break
            else:
                put(_End(None))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the items are asked for
            put(_End(error))
        finally:
            getattr(source, "close", lambda: None)()

    _share_freed_memory()
    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while isinstance(item := made.get(), _Item):
            yield item.value
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()


@lru_cache(maxsize=1)
def _share_freed_memory() -> None:
    """Let threads take memory that others gave back: glibc keeps it for each, a tenth more at the peak of ingest."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
