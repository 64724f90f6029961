"""What the processes of the tests do. They are forked from a clean server process, which starts in milliseconds."""

import multiprocessing
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netanomaly.registry import open_registry, sealing

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.store.work", "netanomaly.registry.probe"])

METADATA = {"versions": {"scikit-learn": "1.0.0"}, "note": "é"}


def register(
    environment: Mapping[str, str], uri: str, model: str, file: Path, runs: list[str], tail: int, answers
) -> None:
    """Register runs one after the other; put (run, version, created) for each that was acknowledged."""
    os.environ.update(environment)
    sealing.LONGEST_TAIL = tail
    registry = open_registry(uri)
    for run in runs:
        done = registry.register(model, file, METADATA, run_id=run, metrics={"roc_auc": 0.9})
        answers.put((model, run, done.version, done.created))
    registry.flush()


def race(target: Callable[..., None], arguments: list[tuple], count: int) -> tuple[list[Any], list[int | None]]:
    """Run the target in one process for each of the arguments, all at once; its `count` answers, and exit codes."""
    answers = CONTEXT.Queue()
    processes = [CONTEXT.Process(target=target, args=(*one, answers)) for one in arguments]
    for process in processes:
        process.start()
    got = [answers.get(timeout=120) for _ in range(count)]
    for process in processes:
        process.join(60)
    return got, [process.exitcode for process in processes]
