"""The champion moves under load while the registry's server fails: no failed request, no mixed answer.

Ten moves in `make test`, a hundred in `make soak-serve`.
"""

import os
import random
import time
from collections.abc import Iterator

import pytest
from netanomaly.registry import open_registry
from netanomaly.registry.changes import CHAMPION

from tests.serving.conftest import Office, registered
from tests.serving.load import Load
from tests.serving.test_following import eventually, following, version
from tests.store import servers
from tests.store.proxy import FAULTS, Proxy, proxy

MOVES = int(os.environ.get("NETANOMALY_SOAK_MOVES", "10"))
# Of the requests to the store. Each look of the server sends one or two, taking a version up three or four.
_SHARE_OF_FAULTS = 0.3


@pytest.fixture
def bucket_office(trained, tmp_path, monkeypatch) -> Iterator[tuple[Office, servers.Server]]:
    with servers.running("ministack", tmp_path) as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        yield registered(f"s3://{servers.BUCKET}/registry", *trained), store


class Weather:
    """Which requests to the store fail, and how: some at any time, in an outage all of some kind.

    Attributes:
        outage: The fragment of a path of which every request fails; empty: there is no outage.
        share: Of the other requests that fail.
        faults: How many failed.
    """

    def __init__(self, between: Proxy) -> None:
        self._between, self._random = between, random.Random(7)
        self.outage, self.share = "", _SHARE_OF_FAULTS
        self.faults = 0

    def __call__(self, index: int) -> None:
        away = bool(self.outage) and self.outage in self._between.seen[index]
        if away or self._random.random() < self.share:
            self.faults += 1
            self._between.fault = "503 before" if away else self._random.choice(FAULTS)
            self._between.at = index


def test_moves_under_load_while_the_registry_fails_lose_no_request_and_mix_no_answer(bucket_office):
    office, store = bucket_office
    registry = open_registry(office.uri)
    begun = time.monotonic()
    with proxy(store.port) as between:
        between.late_seconds = 0.6
        environment = {"S3_ENDPOINT_URL": between.url, "S3_READ_SECONDS": "0.5", "S3_RETRY_SECONDS": "0.5"}
        with following(office, "--no_access_log", environment=environment) as running, Load(running, office) as load:
            between.before = weather = Weather(between)
            for move in range(MOVES):
                number = 2 - move % 2
                # In every fifth move the store is away when the alias moves, and until the server has said so: all of it,
                # and the time after what the head names, so that the move is seen and cannot be followed.
                weather.outage = {0: "/", 5: "/artifacts/"}.get(move % 10, "")
                # Another fault after it would have everything looked at anew.
                weather.share = 0.0 if weather.outage else _SHARE_OF_FAULTS
                registry.set_alias(f"office:{number}", CHAMPION)
                if weather.outage:
                    eventually(lambda: "detail" in running.ask("/v2/health/ready").json or load.wrong, 60)
                    assert running.ask("/v2/health/ready").status == 200
                    weather.outage = ""
                eventually(lambda number=number: load.latest == number or load.wrong, 60)
            between.before = lambda index: None
            eventually(lambda: "detail" not in running.ask("/v2/health/ready").json, 60)
            assert version(running) == str(number)
            failures = sum("is not followed, the version before goes on" in line for line in running.said)
            print(
                f"{MOVES} moves in {time.monotonic() - begun:.0f} s, {load.answers} answers, {weather.faults} faults of "
                f"{len(between.seen)} requests to the store, {failures} times told"
            )
    assert not load.wrong
    assert load.answers > MOVES
    assert weather.faults >= MOVES
    assert failures >= MOVES // 5
