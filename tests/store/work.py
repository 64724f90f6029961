"""What the processes of the tests do. They are forked from a clean server process, which starts in milliseconds."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from netanomaly.registry import open_registry, sealing

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.store.work", "netanomaly.registry.probe"])

# One that takes longer hangs: the test fails, and does not.
LONGEST_SECONDS = 120

METADATA = {"versions": {"scikit-learn": "1.0.0"}, "note": "é"}


def register(
    environment: Mapping[str, str], uri: str, model: str, file: Path, runs: list[str], tail: int, answers
) -> None:
    """Register runs one after the other; send (model, run, version, created) for each that was acknowledged."""
    os.environ.update(environment)
    sealing.LONGEST_TAIL = tail
    registry = open_registry(uri)
    for run in runs:
        done = registry.register(model, file, METADATA, run_id=run, metrics={"roc_auc": 0.9})
        if answers is not None:
            answers.send((model, run, done.version, done.created))
    registry.flush()


def move_for_ever(environment: Mapping[str, str], uri: str, answers) -> None:
    """Point the alias champion at version 1 and 2 in turn."""
    os.environ.update(environment)
    registry = open_registry(uri)
    number = 0
    while True:
        registry.set_alias(f"m:{number % 2 + 1}", "champion")
        number += 1


def race(target: Callable[..., None], arguments: list[tuple]) -> tuple[list[Any], list[int | None]]:
    """Run the target in one process for each of the arguments, all at once; all answers, and the exit codes."""
    running: dict[Any, Any] = {}
    for one in arguments:
        receive, send = CONTEXT.Pipe(duplex=False)
        running[receive] = _started(target, (*one, send))
        send.close()
    got = []
    waiting: set[Any] = set(running)
    deadline = time.monotonic() + LONGEST_SECONDS
    while waiting:
        ready: list[Any] = wait(waiting, max(0.0, deadline - time.monotonic()))
        assert ready, f"{len(waiting)} processes did not end in {LONGEST_SECONDS} seconds"
        for pipe in ready:
            try:
                got.append(pipe.recv())
            except EOFError:
                waiting.discard(pipe)
    return got, [ended(process) for process in running.values()]


def start(target: Callable[..., None], *arguments: Any) -> Any:
    """A process of its own, whose answers nobody reads."""
    return _started(target, (*arguments, None))


def ended(process: Any) -> int | None:
    """The exit code of a process that ends by itself."""
    process.join(LONGEST_SECONDS)
    return process.exitcode


def end(process: Any) -> None:
    """SIGKILL, and only return when it is dead. Another thread may wait for it, too."""
    os.kill(process.pid, signal.SIGKILL)
    assert wait([process.sentinel], LONGEST_SECONDS)


def _started(target: Callable[..., None], arguments: tuple) -> Any:
    # A daemon: the end of the tests ends it, and does not wait for it.
    process = CONTEXT.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process
