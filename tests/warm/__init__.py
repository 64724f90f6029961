"""Pipelines on this machine whose stages are forked from one process that has imported what they need.

A stage's interpreter spends a second on imports and a tenth of one on a test's few rows. Here the runner's own supervisor
starts, in place of that interpreter, a small client of a warm process, which forks the stage: `python -m` of the same
module, with the same arguments, environment, folder and descriptors. What a process of its own is, its peak memory, its
start and its end by a signal, is for tests of `netanomaly` and of `HostLauncher` as they are.
"""

import atexit
import functools
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from netanomaly.runners.host import HostLauncher

from tests.command import Ended, netanomaly_here

_SERVER, _CLIENT = (Path(__file__).with_name(name) for name in ("server.py", "client.py"))


def netanomaly_warm(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Ended:
    """`tests.command.netanomaly` in this process, whose stages are warm ones."""
    with warm_stages():
        return netanomaly_here(*arguments, cwd=cwd, **environment)


@contextmanager
def warm_stages() -> Iterator[None]:
    """Inside the block every `HostLauncher` forks the stages of netanomaly."""
    start = HostLauncher._start

    def forked(launcher: HostLauncher, command: list[str], environment: Mapping[str, str], stdin: int) -> Any:
        if command[1:2] == ["-m"] and command[2].startswith("netanomaly.stages."):
            command = [sys.executable, "-I", "-S", str(_CLIENT), _server(), *command[2:]]
        return start(launcher, command, environment, stdin)

    with (
        mock.patch.object(HostLauncher, "_start", forked),
        # Nothing is won by a process that imports ahead.
        mock.patch.object(HostLauncher, "expect", return_value=None),
    ):
        yield


@functools.cache
def _server() -> str:
    """The address of this process's warm one, which ends with it."""
    folder = tempfile.TemporaryDirectory(prefix="netanomaly-warm-")
    address = str(Path(folder.name, "socket"))
    server = subprocess.Popen([sys.executable, _SERVER, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"

    def end() -> None:
        server.communicate(timeout=60)
        folder.cleanup()

    atexit.register(end)
    return address
