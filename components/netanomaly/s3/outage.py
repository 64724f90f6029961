"""How long a request that failed is asked again."""

import random
import time

from netanomaly.errors import StoreUnavailable, Unreachable

_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 5.0


class Outage:
    """An outage as one request meets it: growing, random waits, until it has lasted for too long.

    It begins with the first failure, not with the request: a large upload may take longer than any outage.

    Args:
        seconds: How long it may last.
        first_contact: How long at most, where the server never answered.
    """

    def __init__(self, seconds: float, first_contact: float) -> None:
        self._seconds = seconds
        self._first_contact = first_contact
        self._began: float | None = None
        self._longest = _FIRST_WAIT_SECONDS

    def wait(self, error: StoreUnavailable, *, answered: bool) -> None:
        """Sleep before the next try.

        Args:
            error: What the last try ended with.
            answered: Whether the server ever answered.

        Raises:
            StoreUnavailable: The error again, where it has lasted for too long.
        """
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        seconds = self._seconds
        if isinstance(error, Unreachable) and not answered:
            seconds = min(seconds, self._first_contact)
        wait = self._longest * (0.5 + random.random() / 2)  # noqa: S311 - jitter
        if now - self._began + wait > seconds:
            raise type(error)(f"{error}; given up after {now - self._began:.0f} seconds") from None
        time.sleep(wait)
        self._longest = min(self._longest * 2, _LONGEST_WAIT_SECONDS)
