"""Requests of a day, hurried: no failed request, no mixed answer, no growth. Two seconds of it in `make test`."""

import os
import re
import threading
import time
from pathlib import Path

from netanomaly.registry import open_registry
from netanomaly.registry.changes import CHAMPION

from tests.serving.running import ARROW, Server, stream
from tests.serving.test_following import following

SECONDS = float(os.environ.get("NETANOMALY_SOAK_SECONDS", "2"))
# What the allocator keeps of a burst; a leak of a request's rows would be hundreds of times as much.
_GROWTH_BYTES = 40 << 20
_LONG_SECONDS = 120
_MOST_BYTES = 250e6


def resident(running: Server) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{running.process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024.0


def test_a_day_of_requests_and_moves_leaves_the_server_as_it_was(own_office):
    table = own_office.rows(200)
    scores = [model.score(table).tolist() for model in own_office.models]
    wrong: list[str] = []
    counts = [0, 0, 0]
    done = threading.Event()

    def by_json(running: Server) -> None:
        while not done.is_set():
            answered = running.score(table)
            counts[0] += 1
            if answered.status != 200:
                wrong.append(f"{answered.status}: {answered.body[:200]!r}")
            elif answered.output("score") != scores[int(answered.json["model_version"]) - 1]:
                wrong.append("a mixed answer")

    def by_arrow(running: Server) -> None:
        body = stream(table)
        while not done.is_set():
            counts[1] += 1
            if running.ask(running.infer, body, content_type=ARROW).status != 200:
                wrong.append("Arrow")

    def spoilt(running: Server) -> None:
        while not done.is_set():
            counts[2] += 1
            if running.ask(running.infer, b'{"inputs": [' + b"[" * 50_000).status != 400:
                wrong.append("spoilt")

    with following(own_office, "--no_access_log") as running:
        registry, moves = open_registry(own_office.uri), 0
        threads = [threading.Thread(target=each, args=[running]) for each in (by_json, by_arrow, spoilt)]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        early = 0.0
        try:
            while (passed := time.monotonic() - begun) < SECONDS and not wrong:
                moves += 1
                registry.set_alias(f"office:{1 + moves % 2}", CHAMPION)
                time.sleep(min(SECONDS / 110, 5))
                if not early and passed > SECONDS / 4:
                    early = resident(running)
        finally:
            done.set()
            for thread in threads:
                thread.join(60)
        late = resident(running)
        print(f"{sum(counts)} requests, {moves} moves, {early / 2**20:.0f} MiB early and {late / 2**20:.0f} MiB late")
    assert not wrong
    assert late < _MOST_BYTES
    # Of a short run both are of its beginning.
    assert SECONDS < _LONG_SECONDS or late - early < _GROWTH_BYTES
