"""SIGKILL before and after each request of a registration: the retry with the same key leaves exactly one version."""

import secrets
import signal
import threading
import time

from netanomaly.registry import open_registry

from tests.store.proxy import proxy
from tests.store.work import LONGEST_SECONDS, METADATA, end, ended, move_for_ever, register, start


def test_killed_at_any_request_the_retry_leaves_exactly_one_version(bucket, model_file):
    with proxy(bucket.server.port) as between:
        environment = {**bucket.server.environment, "S3_ENDPOINT_URL": between.url}
        runs = {}

        def killed_at(at: int, after: bool, run: str) -> None:
            started = threading.Event()
            process = None

            def kill(index: int) -> None:
                if index == at:
                    started.wait(10)
                    end(process)
                    if not after:
                        raise ConnectionError

            between.plan(-1, "")
            between.before, between.after = (lambda index: None, kill) if after else (kill, lambda index: None)
            process = start(register, environment, bucket.uri, "m", model_file, [run], 256)
            started.set()
            assert ended(process) == (-signal.SIGKILL if at >= 0 else 0)

        killed_at(-1, False, "first")
        killed_at(-1, False, "counted")
        requests = list(between.seen)
        runs = {"first": 1, "counted": 2}
        head = next(index for index, line in enumerate(requests) if line.startswith("PUT") and "/heads/" in line)
        for at in range(len(requests)):
            for after in (False, True):
                run = f"run-{at}-{after}"
                killed_at(at, after, run)
                done = open_registry(bucket.uri).register(
                    "m", model_file, METADATA, run_id=run, metrics={"roc_auc": 0.9}
                )
                assert done.created == ((at, after) < (head, True))
                runs[run] = done.version
    assert len(requests) >= 8
    bucket.check({"m": runs})


def test_killed_while_the_last_part_of_a_large_file_is_sent_nothing_is_visible(bucket, model_file):
    model_file.write_bytes(secrets.token_bytes(20 << 20))
    with proxy(bucket.server.port) as between:
        environment = {**bucket.server.environment, "S3_ENDPOINT_URL": between.url}
        started, process = threading.Event(), None

        def kill(index: int) -> None:
            if "partNumber=3" in between.seen[index]:
                started.wait(10)
                end(process)
                raise ConnectionError

        between.before = kill
        process = start(register, environment, bucket.uri, "m", model_file, ["run"], 256)
        started.set()
        assert ended(process) == -signal.SIGKILL
    assert not [key for key in bucket.objects.all() if key.startswith(("heads/", "models/"))]
    place = open_registry(bucket.uri)
    assert place.register("m", model_file, METADATA, run_id="run", metrics={"roc_auc": 0.9}).version == 1
    bucket.check({"m": {"run": 1}})


def test_killed_while_it_changes_an_alias_the_head_is_whole(place, model_file):
    registry = place.open()
    for run in ("a", "b"):
        done = registry.register("m", model_file, METADATA, run_id=run)
        place.acknowledged.setdefault("m", {})[run] = done.version
    environment = dict(place.server.environment) if place.server else {}
    for _ in range(3):
        seen = len(registry.history("m"))
        process = start(move_for_ever, environment, place.uri)
        deadline = time.monotonic() + LONGEST_SECONDS
        while len(registry.history("m")) < seen + 4:
            assert process.is_alive()
            assert time.monotonic() < deadline
        end(process)
        place.check()
