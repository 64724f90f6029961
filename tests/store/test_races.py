"""Many real processes on one registry: numbers dense and unique, nothing lost, nothing twice."""

import threading

import pytest
from netanomaly.registry import Promotion, open_registry, sealing
from netanomaly.registry.errors import KeyConflict

from tests.store.proxy import proxy
from tests.store.work import METADATA, race, register


def environment(place) -> dict[str, str]:
    return dict(place.server.environment) if place.server else {}


@pytest.mark.parametrize(("writers", "each"), [(1, 6), (8, 4), (32, 1)])
@pytest.mark.parametrize("models", ["one", "many"])
def test_writers_at_once_lose_and_double_nothing(place, model_file, writers, each, models):
    """With a tail of 8 entries, so that it rolls over into segments during the race."""
    place.probe()
    arguments = [
        (
            environment(place),
            place.uri,
            "m" if models == "one" else f"m{number}",
            model_file,
            [f"w{number}-{run}" for run in range(each)],
            8,
        )
        for number in range(writers)
    ]
    answers, codes = race(register, arguments)
    assert codes == [0] * writers
    for model, run, version, created in answers:
        place.acknowledged.setdefault(model, {})[run] = version
        assert created
    place.check()


def test_one_key_from_16_processes_is_one_version(place, model_file):
    place.probe()
    arguments = [(environment(place), place.uri, "m", model_file, ["same"], 256) for _ in range(16)]
    answers, codes = race(register, arguments)
    assert codes == [0] * 16
    assert {version for _, _, version, _ in answers} == {1}
    place.check({"m": {"same": 1}})


def test_the_same_key_with_other_contents_is_a_conflict(place, model_file):
    place.open().register("m", model_file, METADATA, run_id="run")
    model_file.write_bytes(b"other bytes")
    with pytest.raises(KeyConflict, match="start a new run, or give another key"):
        place.open().register("m", model_file, METADATA, run_id="run")
    place.check({"m": {"run"}})


def test_the_retry_of_a_key_that_is_in_a_segment_finds_it(place, model_file, monkeypatch):
    monkeypatch.setattr(sealing, "LONGEST_TAIL", 4)
    registry = place.open()
    for number in range(12):
        place.acknowledged.setdefault("m", {})[str(number)] = registry.register(
            "m", model_file, METADATA, run_id=str(number)
        ).version
    again = registry.register("m", model_file, METADATA, run_id="0")
    assert (again.version, again.created) == (1, False)
    place.check()


def test_a_stalled_writer_that_wakes_after_its_retry_won_and_was_sealed_registers_nothing_twice(
    bucket, model_file, monkeypatch
):
    monkeypatch.setattr(sealing, "LONGEST_TAIL", 4)
    open_registry(bucket.uri).register("m", model_file, METADATA, run_id="first")
    with proxy(bucket.server.port) as between:
        asleep, awake = threading.Event(), threading.Event()

        def stall(index: int) -> None:
            line = between.seen[index]
            if line.startswith("PUT") and "/heads/" in line:
                asleep.set()
                awake.wait(30)

        between.before = stall
        monkeypatch.setenv("S3_ENDPOINT_URL", between.url)
        stalled = open_registry(bucket.uri)
        done = []
        thread = threading.Thread(
            target=lambda: done.append(stalled.register("m", model_file, METADATA, run_id="stalled"))
        )
        thread.start()
        assert asleep.wait(30)
        monkeypatch.setenv("S3_ENDPOINT_URL", bucket.server.environment["S3_ENDPOINT_URL"])
        others = open_registry(bucket.uri)
        runs = {"first": 1}
        for run in ("stalled", *"abcdefgh"):
            runs[run] = others.register("m", model_file, METADATA, run_id=run).version
        awake.set()
        thread.join(30)
    assert [one.version for one in done] == [runs["stalled"]]
    bucket.check({"m": runs})


def test_of_two_that_beat_the_same_champion_the_second_becomes_challenger(place, model_file):
    registry = place.open()

    def promoted(run: str, champion: int | None):
        promotion = Promotion(("champion",), compared=True, champion=champion)
        return registry.register("m", model_file, METADATA, run_id=run, promotion=promotion)

    assert promoted("a", None).aliases == ("champion",)
    assert promoted("b", 1).aliases == ("champion",)
    second = promoted("c", 1)
    assert second.aliases == ("challenger",)
    assert "the champion was version 2" in second.reason
    assert registry.history("m")[-1].why == second.reason
    # A retry is the same registration: it moves nothing.
    assert promoted("b", 1).created is False
    assert registry.champion("m") == 2
    place.check({"m": {"a", "b", "c"}})
