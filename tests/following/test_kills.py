"""SIGKILL before and after every step of a commit, and at random moments: each record is scored once all the same.

`make soak-follow` does it a thousand times over two hundred files; here is a short version.
"""

import gzip
import os
import random
import signal
import time

import pytest

from tests.following.conn_logs import START, flows, probes, uid, written
from tests.following.work import CONTEXT, ended, started

KILLS = int(os.environ.get("NETANOMALY_SOAK_KILLS", "6"))
FILES = max(6, KILLS // 5)
# A folder, and one server: what a store promises is tested on each by the registry's tests.
PLACES = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("file", "ministack")]


@pytest.mark.parametrize("outputs", PLACES, indirect=True)
def test_killed_before_and_after_every_step_the_next_one_finishes_it(outputs, registry, logs):
    environment = dict(outputs.server.environment) if outputs.server else {}
    expected: list[str] = []
    number = 0

    def run(at: int = -1, after: bool = False) -> tuple[int | None, int]:
        """A look at one more file, and at what the one before left."""
        nonlocal number
        start = START + number * 600
        lines = [*flows(number, 12, start=start), *probes(8, start=start, name=f"s{number}x")]
        written(logs / f"conn.{number:04d}.log", lines)
        expected.extend(uid(line) for line in lines)
        number += 1
        seen = CONTEXT.Value("i", 0)
        code = ended(started(environment, registry, str(logs), outputs.uri, at, after, seen))
        outputs.check_seen()
        return code, seen.value

    assert run()[0] == 0
    code, steps = run()
    assert code == 0
    outputs.check(expected)
    # After one step is before the next but for what is done in memory; a bucket's steps are the same, and slower.
    long = KILLS > 100
    places = range(0, steps, 1 if outputs.server is None or long else 5)
    codes = [run(at, after)[0] for at in places for after in ((False, True) if long else (at % 2 == 1,))]
    assert set(codes) == {-signal.SIGKILL}
    assert run()[0] == 0
    outputs.check(expected)


@pytest.mark.parametrize("outputs", PLACES, indirect=True)
def test_killed_at_random_moments_over_files_of_every_fate(outputs, registry, logs):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    environment = dict(outputs.server.environment) if outputs.server else {}
    expected: list[str] = []
    growing: list[str] = []
    path = logs / "conn.log"
    written(path, [], close=False)
    made = kills = 0
    # So long that most looks are killed, and none is sure to be before its end: a look takes as long as the machine is busy.
    longest = 3.0
    while made < FILES or kills < KILLS:
        made += 1
        lines = flows(chosen.randrange(2**31), 30, start=START + made * 300, name=f"f{made}x")
        expected += [uid(line) for line in lines]
        match chosen.randrange(4):
            case 0:
                written(logs / f"whole.{made}.log", lines)
            case 1:
                rotated = logs / f"gz.{made}.log"
                written(rotated, lines)
                (logs / f"gz.{made}.log.gz").write_bytes(gzip.compress(rotated.read_bytes()))
                rotated.unlink()
            case 2:
                growing += lines
                with path.open("a") as file:
                    file.write("".join(f"{line}\n" for line in lines))
            case _:
                growing += lines
                with path.open("a") as file:
                    file.write("".join(f"{line}\n" for line in lines))
                path.rename(logs / f"rotated.{made}.log")
                written(path, growing := [], close=False)
        for _ in range(max(1, -(-KILLS // FILES))):
            process = started(environment, registry, str(logs), outputs.uri)
            process.join(chosen.random() * longest)
            if process.is_alive():
                # Not os.kill: it may have ended since.
                process.kill()
                kills += 1
                longest *= 1.02
            else:
                longest *= 0.95
            assert ended(process) in (0, -signal.SIGKILL)
            outputs.check_seen()
    began = time.monotonic()
    assert ended(started(environment, registry, str(logs), outputs.uri)) == 0
    print(f"{made} files, {kills} kills, the last look took {time.monotonic() - began:.1f} s")
    outputs.check(expected)
