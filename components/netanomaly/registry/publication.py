"""When one process brings the registry's view up to date: soon, bounded, and not at every registration."""

import atexit
import time
from contextlib import suppress

from netanomaly.errors import NetanomalyError
from netanomaly.registry import view
from netanomaly.registry.documents import Record
from netanomaly.registry.location import Location

# What a registration may spend on the view; a person's command may take longer.
_VIEW_SECONDS = 0.05
# What is done is done: an outage that begins after it is no reason to keep the caller.
_OUTAGE_SECONDS = 2.0
_SECONDS_BETWEEN, _MOST_SECONDS_BETWEEN = 1.0, 16.0


class Publisher:
    """Writes the view after what it is told of. Where that fails, whoever publishes next mends the view."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._published = 0.0
        self._seconds_between = _SECONDS_BETWEEN
        self._waiting: dict[str, Record] = {}

    def registered(self, digest: str, record: Record, *, in_company: bool) -> None:
        """Publish at once, but not more often than every second: a burst ends with one more when the process does.

        Args:
            digest: The record's, as its entry has it.
            record: The new version's.
            in_company: Others register versions of this model at the same time. Each would read the records of all:
                so this process publishes rarely, and when it ends.
        """
        self._waiting[digest] = record
        if in_company:
            self._seconds_between = _MOST_SECONDS_BETWEEN
            self._published = self._published or time.monotonic()
        if time.monotonic() - self._published >= self._seconds_between:
            self.flush()
        elif len(self._waiting) == 1:
            atexit.register(self.flush)

    def changed(self, model: str) -> None:
        """Publish a model whose aliases or statuses changed."""
        with suppress(NetanomalyError):
            view.publish(self._location.write.within(_OUTAGE_SECONDS), self._location.belief, {model})

    def flush(self) -> None:
        """Publish what waits for it, within a bounded time."""
        if not self._waiting:
            return
        own = {record.model for record in self._waiting.values()}
        with suppress(NetanomalyError):
            store = self._location.write.within(_OUTAGE_SECONDS)
            done = view.publish(store, self._location.belief, own, known_records=self._waiting, seconds=_VIEW_SECONDS)
            # Where many publish they give way to each other; the last one of them does it.
            longer = min(self._seconds_between * 2, _MOST_SECONDS_BETWEEN)
            self._seconds_between = _SECONDS_BETWEEN if done else longer
        self._published = time.monotonic()
        self._waiting = {}
        atexit.unregister(self.flush)

    def rebuild(self) -> bool:
        """Write the view anew from the heads and records; whether it could be done."""
        try:
            return view.publish(self._location.write, self._location.belief, rebuild=True)
        except NetanomalyError:
            return False
