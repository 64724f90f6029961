"""Long tests, by `make soak-registry`: random faults and kills for minutes, and an outage of a minute at full length."""

import os
import random
import signal
import threading
import time

import pytest
from netanomaly.registry import open_registry

from tests.store.proxy import FAULTS, Proxy, proxy
from tests.store.work import CONTEXT, METADATA, end, register

SECONDS = float(os.environ.get("NETANOMALY_SOAK_SECONDS", "0"))

pytestmark = pytest.mark.skipif(not SECONDS, reason="a soak: make soak-registry")

WRITERS = 12
OUTAGE_SECONDS = 60.0


class Weather:
    """Five requests in a hundred meet a fault, at random."""

    def __init__(self, between: Proxy, seed: int) -> None:
        self._between, self._random, self._lock = between, random.Random(seed), threading.Lock()

    def __call__(self, index: int) -> None:
        with self._lock:
            if self._random.random() < 0.05:
                self._between.fault, self._between.at = self._random.choice(FAULTS), index


def acknowledged(receive) -> list[tuple]:
    """What a process told before it ended."""
    told = []
    try:
        while receive.poll(0):
            told.append(receive.recv())
    except EOFError:
        pass
    return told


def test_writers_under_faults_and_kills_lose_and_double_nothing(bucket, model_file):
    """Each run is tried until it is acknowledged; a third of the processes is killed at a random moment."""
    bucket.probe()
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    drawn = random.Random(seed)
    runs: dict[str, dict[str, int]] = {"m": {}, "n": {}}
    done_until = time.monotonic() + SECONDS
    with proxy(bucket.server.port) as between:
        between.late_seconds = 1.5
        between.before = Weather(between, seed)
        environment = {**bucket.server.environment, "S3_ENDPOINT_URL": between.url, "S3_READ_SECONDS": "1"}
        number = 0
        while time.monotonic() < done_until:
            batch = []
            for _ in range(WRITERS):
                number += 1
                model, names = drawn.choice("mmn"), [f"{number}-{index}" for index in range(3)]
                receive, send = CONTEXT.Pipe(duplex=False)
                process = CONTEXT.Process(
                    target=register, args=(environment, bucket.uri, model, model_file, names, 8, send), daemon=True
                )
                process.start()
                send.close()
                batch.append((process, receive, model, names))
            for process, _, _, _ in batch:
                if drawn.random() < 0.33:
                    time.sleep(drawn.random() * 0.5)
                    if process.is_alive():
                        end(process)
            for process, receive, model, names in batch:
                process.join(300)
                assert process.exitcode in (0, -signal.SIGKILL)
                for _, run, version, _ in acknowledged(receive):
                    runs[model][run] = version
                for run in names:
                    done = open_registry(bucket.uri).register(
                        model, model_file, METADATA, run_id=run, metrics={"roc_auc": 0.9}
                    )
                    assert runs[model].setdefault(run, done.version) == done.version
    print(f"{bucket.store}: {sum(map(len, runs.values()))} registrations, {len(between.seen)} requests")
    bucket.check({model: known for model, known in runs.items() if known})


def test_an_outage_of_a_minute_in_the_middle_of_a_registration_is_survived(bucket, model_file, monkeypatch):
    """With the time-outs that a user has."""
    for name in ("S3_READ_SECONDS", "S3_RETRY_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    place = bucket.uri
    with proxy(bucket.server.port) as between:
        monkeypatch.setenv("S3_ENDPOINT_URL", between.url)
        registry = open_registry(place)
        registry.register("m", model_file, METADATA, run_id="first", metrics={"roc_auc": 0.9})
        began: list[float] = []

        def out(index: int) -> None:
            if between.seen[index].startswith("PUT") and "/records/" in between.seen[index]:
                began.append(time.monotonic())
            if began and time.monotonic() - began[0] < OUTAGE_SECONDS:
                raise OSError

        between.before = out
        done = registry.register("m", model_file, METADATA, run_id="second", metrics={"roc_auc": 0.9})
        assert time.monotonic() - began[0] >= OUTAGE_SECONDS
        assert (done.version, done.created) == (2, True)
        bucket.check({"m": {"first": 1, "second": 2}})
