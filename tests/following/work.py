"""A follower as a process of its own, which is killed."""

import multiprocessing
import os
import signal
from collections.abc import Mapping
from typing import Any

from netanomaly.scoring import lease
from netanomaly.scoring.following import follow
from netanomaly.scoring.outputs import Outputs
from netanomaly.scoring.settings import Settings

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.following.work", "netanomaly.models.catalogue", "sklearn.ensemble"])

LONGEST_SECONDS = 120
_STEPS = ("upload", "put_new", "put_if_match", "remove_all", "get", "list")


class Deadly:
    """A store in which a process dies before or after its nth step; without one the steps are counted."""

    def __init__(self, store: Any, at: int, after: bool, seen: Any) -> None:
        self._store, self._at, self._after, self._seen = store, at, after, seen
        self.uri = store.uri

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in _STEPS:
            return method

        def step(*arguments: Any, **named: Any) -> Any:
            with self._seen.get_lock():
                number = self._seen.value
                self._seen.value += 1
            if number == self._at and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = method(*arguments, **named)
            answer = list(answer) if name == "list" else answer
            if number == self._at and self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return step


def once(
    environment: Mapping[str, str],
    registry: str,
    source: str,
    out: str,
    at: int = -1,
    after: bool = False,
    seen: Any = None,
) -> None:
    """One look, in which the process dies at a step of its store; -1: it does not. `seen` counts the steps."""
    os.environ.update(environment)
    if seen is not None:
        # No beat of its own among the steps.
        lease.BEAT_SECONDS = 3600
        plain = Outputs.at
        Outputs.at = classmethod(lambda _, uri, model: _deadly(plain(uri, model), at, after, seen))  # type: ignore[assignment]
    follow(registry, "office", Settings(source=[source]), out)


def _deadly(outputs: Outputs, at: int, after: bool, seen: Any) -> Outputs:
    outputs.store = Deadly(outputs.store, at, after, seen)
    return outputs


def started(*arguments: Any) -> Any:
    process = CONTEXT.Process(target=once, args=arguments, daemon=True)
    process.start()
    return process


def ended(process: Any) -> int | None:
    """The exit code."""
    process.join(LONGEST_SECONDS)
    code: int | None = process.exitcode
    if code is None:
        process.kill()
    return code
