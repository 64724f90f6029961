"""A disk that is full, a store that is away for a minute or an hour, a machine's clock that jumps."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from netanomaly.errors import OutsideError, StoreUnavailable
from netanomaly.registry.file_store import FileStore
from netanomaly.scoring.following import EVERY_SECONDS, follow
from netanomaly.scoring.settings import Settings

from tests.command import netanomaly
from tests.following.conn_logs import START, flows, probes, uid, written
from tests.following.reading import Outputs
from tests.small_disk import mounted

STORE = ("get", "put_new", "put_if_match", "upload", "read", "list", "remove_all", "stat")


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    with mounted(tmp_path / "disk", "4m") as disk:
        yield disk


def fill(disk: Path, free_bytes: int) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes(max(shutil.disk_usage(disk).free - free_bytes, 0)))
    return ballast


def test_a_full_disk_loses_nothing_wherever_it_is_met(small_disk, followed, logs, registry):
    """By how much is left, another step fails: scratch, what is staged, the checkpoint, what is published."""
    out = Outputs.in_a_folder(small_disk / "out")
    expected: list[str] = []
    said = set()

    def another(number: int) -> None:
        start = START + number * 3600
        lines = [*flows(number, 200, start=start), *probes(30, start=start, name=f"s{number}x")]
        written(logs / f"conn.{number:03d}.log", lines)
        expected.extend(uid(line) for line in lines)

    another(0)
    followed(out)
    for number, free in enumerate(range(0, 240 << 10, 24 << 10), start=1):
        another(number)
        ballast = fill(small_disk, free)
        try:
            followed(out)
        except (OutsideError, OSError) as error:
            said.add(type(error).__name__)
        out.check_seen()
        ballast.unlink()
        followed(out)
        out.check(expected)
    assert said

    another(999)
    fill(small_disk, 0)
    ended = netanomaly("score", "office", logs, "--out", out.uri, "--registry", registry, "--follow", "--once")
    assert ended.code == 3, ended.stderr
    assert "No space left on device" in ended.stderr
    assert "registry" not in ended.stderr.replace(registry, "")
    assert "Traceback" not in ended.stderr


def test_a_full_disk_is_one_line_of_score(small_disk, logs, registry):
    written(logs / "conn.log", flows(2, 3000))
    fill(small_disk, 8 << 10)
    ended = netanomaly("score", "office", logs, "--out", small_disk / "scored", "--registry", registry)
    assert ended.code == 3, ended.stderr
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (small_disk / "scored").exists()


@pytest.mark.parametrize("seconds", [60, 3600])
def test_a_store_that_is_away_for_long_is_asked_seldom_and_told_of_once(
    out, registry, logs, monkeypatch, capsys, seconds
):
    """By a clock of our own: who waits is told how long, and does not wait."""
    lines = flows(2, 60)
    written(logs / "conn.0.log", lines[:30])
    clock, asked = [0.0], [0]
    follow(registry, "office", Settings(source=[str(logs)]), out.uri)
    written(logs / "conn.1.log", lines[30:])

    class Waiting(threading.Event):
        def wait(self, timeout=None):
            clock[0] += timeout
            if clock[0] > seconds + 600:
                self.set()
            return self.is_set()

    for name in STORE:
        plain = getattr(FileStore, name)

        def away(self, *arguments, plain=plain, **named):
            if str(self.root) == out.uri and 1 < clock[0] < seconds:
                asked[0] += 1
                raise StoreUnavailable("the store is away")
            return plain(self, *arguments, **named)

        monkeypatch.setattr(FileStore, name, away)
    hidden = logs / "conn.1.log"
    hidden.rename(logs.parent / "conn.1.log")

    class Written(Waiting):
        def wait(self, timeout=None):
            ended = super().wait(timeout)
            if clock[0] >= EVERY_SECONDS and not hidden.exists():
                (logs.parent / "conn.1.log").rename(hidden)
            return ended

    follow(registry, "office", Settings(source=[str(logs)]), out.uri, once=False, stop=Written())
    out.check([uid(line) for line in lines])
    told = capsys.readouterr().err
    assert (told.count("the store is away"), told.count("goes on")) == (1, 1)
    # At each try it asks once or twice: from 8 seconds apart to a minute.
    assert 2 <= asked[0] <= 2 * (5 + seconds / 60)


@pytest.mark.parametrize("jump_seconds", [-400 * 86_400.0, -3600.0, 3600.0, 400 * 86_400.0])
def test_a_machine_whose_clock_jumps_scores_each_line_once(out, followed, logs, monkeypatch, jump_seconds):
    lines = flows(2, 90)
    log = written(logs / "conn.log", lines[:30], close=False)
    followed(out)
    plain = time.time
    monkeypatch.setattr(time, "time", lambda: plain() + jump_seconds)
    for begin in (30, 60):
        new = "".join(f"{line}\n" for line in lines[begin : begin + 30])
        # A clock that went back makes no unfinished line one that nobody goes on with.
        cut = len(new) - 20 if jump_seconds < 0 else 0
        for part in (new[:cut], new[cut:]):
            with log.open("a") as file:
                file.write(part)
            # A file rests when it is the same at two looks.
            followed(out)
            followed(out)
        os.utime(log, (plain() + jump_seconds, plain() + jump_seconds))
        followed(out)
    out.check([uid(line) for line in lines])


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_is_whole_is_scored_at_the_next_look(out, followed, logs, compressed):
    """Looks are seconds apart: with reading and scoring a file is scored within ten seconds of being whole."""
    assert 2 * EVERY_SECONDS < 10
    lines = flows(2, 30)
    path = written(logs / "conn.log", lines)
    if compressed:
        subprocess.run(["gzip", str(path)], check=True)
    followed(out)
    out.check([uid(line) for line in lines])
