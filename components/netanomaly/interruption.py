"""Ctrl-C, told to work on other threads: a signal interrupts the main thread alone, which has to wait for theirs."""

import threading

_asked = threading.Event()


class Interrupted(BaseException):
    """Ctrl-C: in place of KeyboardInterrupt, of which typer makes an exit that says nothing."""


def interrupt() -> None:
    """Have whatever calls `end_if_interrupted` end, on any thread."""
    _asked.set()


def forget() -> None:
    """What is begun from now on was not told to end: another command of the same process."""
    _asked.clear()


def end_if_interrupted() -> None:
    """Raise Interrupted where the process was told to end. Called between parts of work of a tenth of a second or so."""
    if _asked.is_set():
        raise Interrupted
