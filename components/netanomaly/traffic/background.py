"""Work on threads of its own, some items ahead or beside other work: parsing and counting let go of the interpreter's lock."""

import ctypes
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

import pyarrow as pa

T = TypeVar("T")
U = TypeVar("U")

# glibc's malloc.h.
_ARENA_MAX, _TRIM_THRESHOLD, _MMAP_THRESHOLD = -8, -1, -3


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def ahead(source: Iterator[T], items: int) -> Generator[T, None, None]:
    """The items of `source` in their order, at most so many made before they are asked for.

    What `source` raises is raised here. When this is closed before its end, `source` is closed on its own thread.
    """
    made: queue.SimpleQueue[_Item[T] | _End] = queue.SimpleQueue()
    asked = threading.Semaphore(items - 1)
    stopped = threading.Event()

    def work() -> None:
        try:
            for item in source:
                made.put(_Item(item))
                asked.acquire()
                if stopped.is_set():
                    break
            else:
                made.put(_End(None))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the items are asked for
            made.put(_End(error))
        finally:
            getattr(source, "close", lambda: None)()

    _share_freed_memory()
    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while isinstance(item := made.get(), _Item):
            asked.release()
            yield item.value
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        asked.release()
        thread.join()


def beside(one: Callable[[], T], other: Callable[[], U]) -> tuple[T, U]:
    """What both give; the second is at work on a thread of its own. Where both fail, the first one's error is raised."""
    with ThreadPoolExecutor(1) as thread:
        later = thread.submit(other)
        return one(), later.result()


@lru_cache(maxsize=1)
def _share_freed_memory() -> None:
    """Let threads take memory that others gave back, and numpy what Arrow did.

    glibc keeps it for each thread, a tenth more at the peak of ingest; Arrow's own allocator keeps it for each thread, and
    away from numpy, a fifth more. What is freed is kept for the next block: to clear new pages for it took a twentieth of all.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, 2 << 20), (_TRIM_THRESHOLD, 64 << 20)):
            libc.mallopt(option, value)
