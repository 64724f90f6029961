"""Alerts to receivers: an address that takes them by HTTP, standard output. At least once, and never in the way of scoring.

What is delivered are the published alerts of commits, in their order, by a thread of its own. How far each receiver was
told stands in `delivered.json`; what was told after that and before a kill is told again, and an alert's `id` tells repeats.
A receiver that is dead, hangs, redirects or answers anything but 2xx is asked again, ever more slowly.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from netanomaly import json_input, output
from netanomaly.errors import Absent, NetanomalyError, OutsideError, Refused
from netanomaly.registry import bounds, documents
from netanomaly.registry.store import Store
from netanomaly.scoring.outputs import ALERTS

KEY = "delivered.json"
_TOGETHER, _TOGETHER_BYTES = 100, 256 << 10
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 300.0
_MOST_TRIES = 50
FINISH_SECONDS = 30.0
"""A follower that ends waits so long for what is not yet delivered; the next one goes on with it."""


class NotDelivered(OutsideError):
    """A receiver did not take what it was given; it may the next time."""


class Receiver(Protocol):
    """Somewhere that takes alerts. `key` names it in `delivered.json`, and `words` to people."""

    key: str
    words: str

    def send(self, name: str, alerts: Sequence[dict[str, Any]]) -> None:
        """Give it some alerts; `name` is the same whenever they are given again. Raises NotDelivered."""


class Delivered(msgspec.Struct, frozen=True):
    """The last commit whose alerts each receiver has, by its key."""

    format: int = 1
    commits: dict[str, int] = {}


class Delivery:
    """Delivers to one receiver what is published, from the commits on that it does not have."""

    def __init__(self, store: Store, receiver: Receiver, last_commit: int) -> None:
        """Args:
        last_commit: Where there is no note of the receiver yet, it is told what is committed after this one.
        """
        self._store, self._receiver = store, receiver
        self._done = _noted(store).commits.get(receiver.key, -1)
        if self._done < 0:
            self._done = last_commit
            _note(store, receiver.key, last_commit)
        self.words = receiver.words
        self._within = 0
        self._last = last_commit
        self._wake, self._stop = threading.Event(), threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def published(self, commit: int) -> None:
        """There may be more, up to this commit."""
        self._last = commit
        self._wake.set()

    def finish(self, deadline: float) -> bool:
        """Wait for what is not yet delivered, until then (`time.monotonic`) at most; whether everything was."""
        while self._thread.is_alive() and self._done < self._last and time.monotonic() < deadline:
            time.sleep(0.02)
        whole = self._done >= self._last
        self._stop.set()
        self._wake.set()
        self._thread.join(max(0.0, min(1.0, deadline - time.monotonic())))
        if not whole:
            output.tell(
                f"warning: {self._receiver.words} does not have the alerts after commit {self._done:08d} yet; the next follower "
                "goes on with them"
            )
        return whole

    def _work(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while not self._stop.is_set():
            try:
                self._deliver()
            except (NetanomalyError, OSError, ValueError) as error:
                if str(error) != self._told:
                    self._told = str(error)
                    output.tell(f"warning: alerts wait: {error}; tried again until they are taken")
                self._stop.wait(wait * random.uniform(0.75, 1.25))  # noqa: S311 - so that not all come at once
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
            else:
                if self._told:
                    output.tell(f"{self._receiver.words} takes alerts again")
                wait, self._told = _FIRST_WAIT_SECONDS, ""
                self._wake.wait()
                self._wake.clear()

    def _deliver(self) -> None:
        last = self._last
        for number, key in self._waiting(last):
            try:
                with self._store.read(key) as pieces:
                    lines = b"".join(pieces).splitlines()
            except Absent:
                # Old alerts may be removed at any time, also between a listing and this.
                output.tell(
                    f"warning: {self._store.uri}/{key} was removed before {self._receiver.words} was told of it"
                )
                lines = []
            for begin, some in together(lines):
                if begin < self._within or self._stop.is_set():
                    continue
                if some:
                    self._receiver.send(f"{number:08d}-{begin}", some)
                self._within = begin + 1
            if self._stop.is_set():
                return
            self._within = 0
            self._done = number
            _note(self._store, self._receiver.key, number)
        self._done = max(self._done, last)

    def _waiting(self, last: int) -> list[tuple[int, str]]:
        if self._done >= last:
            return []
        found = [(_number(item.key), item.key) for item in self._store.list(ALERTS)]
        return sorted((number, key) for number, key in found if self._done < number <= last)


def together(lines: Sequence[bytes]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Alerts as they are given at once, less those that a person's verdict suppresses; each with its place among the lines."""
    begin = 0
    while begin < len(lines):
        end, size = begin, 0
        while (
            end < len(lines) and end - begin < _TOGETHER and (end == begin or size + len(lines[end]) < _TOGETHER_BYTES)
        ):
            size += len(lines[end])
            end += 1
        alerts = [json_input.parse(line) for line in lines[begin:end]]
        yield begin, [alert for alert in alerts if not _is_suppressed(alert)]
        begin = end


def deliver_all(lines: Sequence[bytes], receiver: Receiver, name: str, seconds: float = FINISH_SECONDS) -> None:
    """Give a receiver these alerts, asking again for so long.

    Raises:
        NotDelivered: It did not take them all; the message says how many it did.
    """
    deadline = time.monotonic() + seconds
    for begin, some in together(lines):
        wait = _FIRST_WAIT_SECONDS
        while some:
            try:
                receiver.send(f"{name}-{begin}", some)
                break
            except NotDelivered as error:
                if time.monotonic() + wait > deadline:
                    meant = [not _is_suppressed(json_input.parse(line)) for line in lines]
                    told = f"it has {sum(meant[:begin]):,} of {sum(meant):,} alerts"
                    raise NotDelivered(f"{error}; {told}") from None
                time.sleep(wait)
                wait *= 2


class Printed:
    """Alerts on standard output, one JSON document a line."""

    key, words = "stdout", "standard output"

    def send(self, name: str, alerts: Sequence[dict[str, Any]]) -> None:  # noqa: ARG002 - a document says itself which it is
        for alert in alerts:
            output.say_json_line(alert)


def _is_suppressed(alert: dict[str, Any]) -> bool:
    ours: Callable[[Any], dict[str, Any]] = lambda value: value if isinstance(value, dict) else {}  # noqa: E731
    places = (alert, ours(alert.get("netanomaly")), ours(ours(alert.get("unmapped")).get("netanomaly")))
    return any(place.get("suppressed_by") for place in places)


def _number(key: str) -> int:
    text = key.removeprefix(ALERTS).partition(".")[0]
    return int(text) if text.isascii() and text.isdigit() else -1


def _noted(store: Store) -> Delivered:
    with suppress(Absent):
        return _parsed(store.get(KEY).data)
    return Delivered()


def _parsed(data: bytes) -> Delivered:
    with suppress(ValueError):
        return bounds.parse(Delivered, data)
    return Delivered()


def _note(store: Store, key: str, commit: int) -> None:
    """Note how far one receiver was told, and nothing of others, who note at the same time.

    A receiver whose note is lost is taken for a new one by the next follower: what waits for it would never be told.
    """
    with suppress(OutsideError):
        for _ in range(_MOST_TRIES):
            with suppress(Refused):
                try:
                    held = store.get(KEY)
                except Absent:
                    store.put_new(KEY, documents.canonical(Delivered(commits={key: commit})))
                else:
                    made = Delivered(commits={**_parsed(held.data).commits, key: commit})
                    store.put_if_match(KEY, documents.canonical(made), held.etag)
                return
