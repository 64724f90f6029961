"""Rows scored block by block, two blocks at a time, whoever asks and however deep.

A block stays in the cache, and numpy and the trees release the interpreter lock. What a block calls works on the
block's own thread: members of an ensemble, and models that score batches which are themselves spread over threads,
start no more of them. Two threads that each start two wait for each other.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from netanomaly.models.rows import Floats

_THREADS = 2

_this_thread = threading.local()


def in_blocks(score: Callable[[slice], Floats], rows: int, rows_per_block: int) -> Floats:
    """The scores of so many rows, at least one, put together from those of blocks of them.

    Args:
        score: Scores of the rows in a slice; called from several threads at once.
        rows: How many there are.
        rows_per_block: In a block; fewer in the last.
    """
    parts = [slice(start, min(start + rows_per_block, rows)) for start in range(0, rows, rows_per_block)]
    if len(parts) == 1:
        with one_thread_each():
            return score(parts[0])
    if getattr(_this_thread, "one_of_several", False):
        return np.concatenate([score(part) for part in parts])
    with block_threads() as threads:
        return np.concatenate(list(threads.map(score, parts)))


@contextmanager
def block_threads(count: int = _THREADS) -> Iterator[ThreadPoolExecutor]:
    """Threads of which each scores by itself; matrix products stay on the thread that asks for them."""
    with one_thread_each(), ThreadPoolExecutor(count, initializer=_score_alone) as threads:
        yield threads


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Matrix products on the calling thread alone, until the last of those who asked for it is done.

    Several threads that each call a library which starts threads of its own wait for each other: ten times slower on
    a busy machine. And results stay the same whatever the number of cores.
    """
    _limited.enter()
    try:
        yield
    finally:
        _limited.leave()


class _Limited:
    """The limit is the process's, not a thread's: it is set by the first to come and lifted by the last to go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: Any = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._limit = threadpool_limits(1, user_api="blas")

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


_limited = _Limited()


def _score_alone() -> None:
    _this_thread.one_of_several = True
