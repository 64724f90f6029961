"""Ctrl-C and SIGTERM while a run goes on: told to the run instead of breaking it off wherever it stands."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptions(told: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Call `told` for SIGINT, SIGTERM and SIGHUP inside the block; what handled them before is put back after it.

    SIGHUP stays ignored where it is (nohup). SIGINT does not: a script's shell ignores it for what runs in the
    background, yet whoever sends it there means it. In another thread than the main one nothing is changed: Python
    delivers signals to the main thread only.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _: FrameType | None) -> None:
        told(signal.Signals(number))

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
