"""A time for all of it together. What is not done then is given up; whoever waits goes on."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from netanomaly.tracking.errors import OutOfTime

SECONDS = 10.0

S = TypeVar("S")
T = TypeVar("T")


class Clock:
    """How much of the time is left."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, over 0.

        Raises:
            OutOfTime: There is none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise OutOfTime(f"it took longer than {self._seconds:g} s")
        return left


def within(work: Callable[[Clock], T], seconds: float = SECONDS) -> T:
    """What the work returns, or raises.

    It has a thread of its own, which ends with the process: a name that nobody resolves, or an answer that comes a byte at
    a time, holds up nobody else.

    Raises:
        OutOfTime: It is not done in time.
    """
    clock = Clock(seconds)
    result: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work(clock))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True, name="tracking")
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not result:
        raise OutOfTime(f"it took longer than {seconds:g} s")
    return result[0]


def several(work: Callable[[S], T], wanted: Sequence[S], at_once: int) -> Iterator[T]:
    """What the work makes of each, so many at a time, as it is ready; they are begun in their order.

    Threads end with the process, as that of `within`.

    Raises:
        Exception: What the work raised first; nothing more is begun then.
    """
    waiting: queue.SimpleQueue[S] = queue.SimpleQueue()
    ready: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
    for each in wanted:
        waiting.put(each)
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                each = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                ready.put((work(each), None))
            except BaseException as error:  # noqa: BLE001 - raised again by who waits
                ready.put((None, error))
                return

    for number in range(min(at_once, len(wanted))):
        threading.Thread(target=run, daemon=True, name=f"tracking-{number}").start()
    try:
        for _ in wanted:
            result, failure = ready.get()
            if failure is not None:
                raise failure
            yield result  # type: ignore[misc]
    finally:
        over.set()
