"""What a server holds of what it no longer needs: garbage that waits for a collection, and pages that wait for use."""

import ctypes
import gc
from collections.abc import Callable
from functools import cache


def settle() -> None:
    """Leave what is there already, libraries for the most part, out of collections of garbage from now on.

    A connection, its request and its answer refer to each other, so that only a collection frees them. Python's full one waits
    until a quarter as many objects were made as have lasted: of half a million objects of libraries, 50 MiB of requests.
    """
    gc.collect()
    gc.freeze()
    # How many objects have lasted is counted by a full collection alone, and so by this one: hardly any.
    gc.collect()
    young, middle, _ = gc.get_threshold()
    # Every 14,000 objects in place of every 70,000: of what is left a full collection takes a millisecond.
    gc.set_threshold(young, middle, 2)
    give_back()


def give_back() -> None:
    """Give free pages back to the system, as after a model was let go of: threads load, each with free lists of its own."""
    _trim()(0)


@cache
def _trim() -> Callable[[int], int]:
    """glibc's malloc_trim; of another C library one that does nothing."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return int
    return found
