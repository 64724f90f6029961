"""What starts one stage: the seam between executing a DAG and the place where its stages run."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netanomaly.runners.spec import Resources

# Time between asking a stage to end and killing it.
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class StageCall:
    """One attempt of one task. All paths are absolute and below `run_dir`; the stage sees them under the same names.

    `command` is the whole command with its placeholders resolved; `environment` comes on top of what the
    launcher's place has; `name` is the task's path in the pipeline, such as `train` or `inner/train`. `outside` names
    the variables that the pipeline takes from outside for it, credentials above all.
    """

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    resources: Resources
    run_id: str
    run_dir: Path
    log: Path
    outside: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StageExit:
    """How a stage ended: an exit code, or the signal that killed it.

    `peak_memory_bytes` is the largest resident set of any one of its processes, None where unknown.
    `error` is the one clear line: the stage's last `error: ...`, or the launcher's own (memory limit reached).
    """

    code: int | None
    signal: int | None = None
    peak_memory_bytes: int | None = None
    error: str | None = None

    @property
    def shell_code(self) -> int:
        """The exit code as a shell reports it: 128 and the signal's number for a killed stage."""
        return 128 + (self.signal or 0) if self.code is None else self.code

    def in_words(self) -> str:
        """The clear line, or what there is to say without one."""
        if self.error:
            return self.error
        if self.code is None:
            number = self.signal or 0
            name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
            return (
                f"killed by {name} (out of memory?); start the run again" if name == "SIGKILL" else f"killed by {name}"
            )
        return f"exited with {self.code}"


class Launcher(Protocol):
    """Runs stages somewhere. `run` is called from several threads at once, `stop` and `kill` from any."""

    def expect(
        self, command: Sequence[str], environment: Mapping[str, str], outside: frozenset[str], run_dir: Path
    ) -> None:
        """A stage with this command, but for its arguments, is likely to be next: get ready for it, or do nothing.

        `environment` and `outside` are those of its call.
        """
        ...

    def dismiss(self) -> None:
        """No stage will follow: end what was got ready in vain. Returns when no process of it is left."""
        ...

    def run(self, call: StageCall, on_rows: Callable[[int], None]) -> StageExit:
        """Run one stage to its end; its output goes to `call.log`, each progress line also to `on_rows`.

        Returns only when no process of the stage is left. After `stop` it returns at once, having started nothing.

        Raises:
            OutsideError: The stage could not be started, or its log not be written.
        """
        ...

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ask every running stage to end, kill what is left after the grace time, start no more. Does not wait."""
        ...

    def kill(self) -> None:
        """Kill every running stage now, and start no more."""
        ...
