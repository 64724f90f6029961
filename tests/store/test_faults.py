"""One fault at each request of a registration, on every server: it succeeds, once; and a longer outage ends clearly."""

import secrets
import time

import pytest
from netanomaly.errors import StoreUnavailable
from netanomaly.registry import open_registry

from tests.store.proxy import FAULTS, Proxy, proxy
from tests.store.work import METADATA


@pytest.fixture
def between(bucket, monkeypatch):
    """A proxy before the bucket's server; the client is pointed to it."""
    with proxy(bucket.server.port) as made:
        monkeypatch.setenv("S3_ENDPOINT_URL", made.url)
        monkeypatch.setenv("S3_READ_SECONDS", "0.4")
        made.late_seconds = 0.6
        yield made


def register(place, model_file, run: str, model: str = "m") -> None:
    registry = open_registry(place.uri)
    done = registry.register(model, model_file, METADATA, run_id=run, files={"report.html": model_file})
    registry.flush()
    place.acknowledged.setdefault(model, {})[run] = done.version


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_any_request_of_a_registration_loses_and_doubles_nothing(bucket, between: Proxy, model_file, fault):
    register(bucket, model_file, "first")
    between.plan(-1, "")
    register(bucket, model_file, "counted")
    requests = len(between.seen)
    assert requests >= 8
    for at in range(requests):
        between.plan(at, fault)
        register(bucket, model_file, f"run-{at}")
        assert len(between.seen) > at
    between.plan(-1, "")
    bucket.check()


@pytest.mark.parametrize("fault", ["drop before", "drop after", "500 after"])
def test_a_fault_at_any_request_of_a_first_registration_is_survived(bucket, between: Proxy, model_file, fault):
    """The first one probes the server, and makes the head."""
    register(bucket, model_file, "run", "m0")
    for at in range(8):
        between.plan(at, fault)
        register(bucket, model_file, "run", f"m{at + 1}")
    between.plan(-1, "")
    bucket.check()


def test_an_outage_longer_than_the_retries_says_what_exists_and_that_running_again_is_safe(
    bucket, between: Proxy, model_file, monkeypatch
):
    register(bucket, model_file, "first")
    between.plan(-1, "")
    register(bucket, model_file, "second")
    put_head = next(index for index, line in enumerate(between.seen) if line.startswith("PUT") and "/heads/" in line)
    monkeypatch.setenv("S3_RETRY_SECONDS", "0.5")
    between.plan(-1, "")

    def down(index: int) -> None:
        if index >= put_head:
            raise OSError

    between.before = down
    with pytest.raises(StoreUnavailable, match=r"files are stored.*running again is safe") as told:
        register(bucket, model_file, "third")
    assert told.value.exit_code == 3
    between.before = lambda index: None
    bucket.check(publish=False)
    register(bucket, model_file, "third")
    bucket.check()


def test_a_change_whose_answer_was_lost_is_made_once(bucket, between: Proxy, model_file):
    for run in ("a", "b", "c"):
        register(bucket, model_file, run)
    registry = open_registry(bucket.uri)
    for number in (1, 2, 3):
        registry.set_alias(f"m:{number}", "champion")
    between.plan(-1, "")
    registry.rollback("m")
    put_head = next(index for index, line in enumerate(between.seen) if line.startswith("PUT") and "/heads/" in line)
    registry.set_alias("m:3", "champion")
    between.plan(put_head, "drop after")
    assert registry.rollback("m") == (3, 2)
    assert registry.champion("m") == 2
    assert [event.action for event in registry.history("m")].count("rollback") == 2
    bucket.check()


def test_an_outage_that_begins_after_the_commit_keeps_nobody_waiting(bucket, between: Proxy, model_file, monkeypatch):
    register(bucket, model_file, "first")

    def down(index: int) -> None:
        if any(line.startswith("PUT") and "/heads/" in line for line in between.seen[:index]):
            raise OSError

    monkeypatch.setenv("S3_RETRY_SECONDS", "60")
    between.plan(-1, "")
    between.before = down
    started = time.monotonic()
    register(bucket, model_file, "second")
    assert time.monotonic() - started < 30
    between.before = lambda index: None
    bucket.check()


def test_a_download_that_is_cut_off_again_and_again_goes_on_while_something_arrives(
    bucket, between: Proxy, model_file, monkeypatch, tmp_path
):
    """Longer in all than an outage may be."""
    model_file.write_bytes(secrets.token_bytes(8 << 20))
    register(bucket, model_file, "first")
    monkeypatch.setenv("S3_RETRY_SECONDS", "0.12")
    between.plan(-1, "cut body")
    cut: list[int] = []

    def cut_off(index: int) -> None:
        if len(cut) < 6 and between.seen[index].startswith("GET") and "/artifacts/" in between.seen[index]:
            cut.append(index)
            between.at = index

    between.before = cut_off
    started = time.monotonic()
    path, _ = open_registry(bucket.uri).download("m:1", tmp_path / "out")
    assert path.read_bytes() == model_file.read_bytes()
    assert len(cut) == 6
    assert time.monotonic() - started > 0.12
