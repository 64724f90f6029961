"""Run each stage as a process of this machine, with this Python and this netanomaly."""

import json
import os
import select
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from netanomaly.errors import OutsideError
from netanomaly.runners import ahead, supervisor
from netanomaly.runners.launcher import GRACE_SECONDS, StageCall, StageExit
from netanomaly.runners.outside import LOCAL_PATHS, given
from netanomaly.runners.stage_log import StageLog

_PYTHON = ("python3", "python")
# python3 -m module: what of a stage's command is known before its inputs are.
_PREFIX = 3
_PIECE_BYTES = 64 * 1024


class HostLauncher:
    """Stages as subprocesses. The image and the limits of a container do not apply.

    A stage gets what of this process's environment `outside` lets through, then its container's, then `environment`. It is a process group
    of its own, so that Ctrl-C reaches the runner only, and none of it outlives the runner. One launcher serves
    one run: after `stop` it starts nothing more.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(environment or {})
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._ahead: list[tuple[str, dict[str, str], _Begun]] = []
        self._stopped = False

    def run(self, call: StageCall, on_rows: Callable[[int], None]) -> StageExit:
        """See `Launcher.run`."""
        environment = self._complete(call.environment, call.outside)
        begun = self._got_ready(call, environment)
        if begun is None:
            command = [sys.executable if call.command[0] in _PYTHON else call.command[0], *call.command[1:]]
            try:
                begun = self._start(command, environment, subprocess.DEVNULL)
            except OSError as error:
                raise OutsideError(f"stage {call.name} could not be started: {error.strerror}") from None
        if begun is None:
            return StageExit(code=None, signal=signal.SIGTERM)
        try:
            return self._follow(call, begun, on_rows)
        finally:
            begun.close()

    def expect(
        self, command: Sequence[str], environment: Mapping[str, str], outside: frozenset[str], run_dir: Path
    ) -> None:
        """See `Launcher.expect`. A netanomaly stage's interpreter starts, imports, and waits for its arguments."""
        if len(command) != _PREFIX or command[0] not in _PYTHON or command[1] != "-m" or not _is_stage(command[2]):
            return
        complete = self._complete(environment, outside)
        try:
            begun = self._start([sys.executable, ahead.__file__, command[2], str(run_dir)], complete, subprocess.PIPE)
        except OSError:  # the stage itself will meet it, and say so
            return
        if begun is not None:
            with self._lock:
                self._ahead.append((command[2], complete, begun))

    def dismiss(self) -> None:
        """See `Launcher.dismiss`."""
        with self._lock:
            left, self._ahead = self._ahead, []
        for _, _, begun in left:
            _signal_group(begun.process.pid, signal.SIGTERM)
        for _, _, begun in left:
            # The supervisor reports, or is gone, when it has seen the end of what waited.
            select.select([begun.result], [], [], GRACE_SECONDS)
            self._end(begun)
            begun.close()

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """See `Launcher.stop`."""
        self._signal_all(signal.SIGTERM)
        timer = threading.Timer(grace_seconds, self.kill)
        timer.daemon = True
        timer.start()

    def kill(self) -> None:
        """See `Launcher.kill`."""
        self._signal_all(signal.SIGKILL)

    def _complete(self, environment: Mapping[str, str], outside: frozenset[str]) -> dict[str, str]:
        return _same_package({**given(os.environ, outside), **LOCAL_PATHS, **environment, **self._environment})

    def _got_ready(self, call: StageCall, environment: Mapping[str, str]) -> "_Begun | None":
        """The process that waits for this stage's arguments, with them on their way; None where there is none."""
        begun = None
        with self._lock:
            for position, (module, prepared, waiting) in enumerate(self._ahead):
                if tuple(call.command[1:_PREFIX]) == ("-m", module) and prepared == environment:
                    begun = waiting
                    del self._ahead[position]
                    break
        if begun is not None and begun.process.stdin is not None:
            # One that died meanwhile reads nothing; how it ended is told by its supervisor.
            with suppress(BrokenPipeError), begun.process.stdin as arguments:
                arguments.write(json.dumps(call.command[_PREFIX:]).encode() + b"\n")
        return begun

    def _start(self, command: list[str], environment: Mapping[str, str], stdin: int) -> "_Begun | None":
        life, held = os.pipe()
        result, report = os.pipe()
        output, written = os.pipe()
        process = None
        try:
            guard = [sys.executable, "-I", "-S", supervisor.__file__, str(life), str(report)]
            with self._lock:
                if self._stopped:
                    return None
                process = subprocess.Popen(
                    guard + command,
                    stdin=stdin,
                    stdout=written,
                    stderr=written,
                    env=dict(environment),
                    pass_fds=(life, report),
                    start_new_session=True,
                )
                self._groups.add(process.pid)
            return _Begun(process, held=held, result=result, output=output)
        finally:
            for descriptor in (life, report, written, *((held, result, output) if process is None else ())):
                os.close(descriptor)

    def _end(self, begun: "_Begun") -> None:
        with self._lock:
            # Not yet waited for, so the number is still this group's and no other's.
            _signal_group(begun.process.pid, signal.SIGKILL)
            self._groups.discard(begun.process.pid)
        begun.process.wait()

    def _follow(self, call: StageCall, begun: "_Begun", on_rows: Callable[[int], None]) -> StageExit:
        failure: OSError | None = None
        try:
            with StageLog(call.log, on_rows) as log:
                report = _pump(begun.output, begun.result, log)
        except OSError as error:
            failure = error
        finally:
            self._end(begun)
        if failure is not None:
            raise OutsideError(f"log of stage {call.name} cannot be written: {failure.strerror}: {str(call.log)!r}")
        return _exit(call, report, log)

    def _signal_all(self, number: int) -> None:
        with self._lock:
            self._stopped = True
            for group in self._groups:
                _signal_group(group, number)


@dataclass(frozen=True)
class _Begun:
    """A supervisor with its stage, and this side's ends of its pipes."""

    process: "subprocess.Popen[bytes]"
    held: int
    result: int
    output: int

    def close(self) -> None:
        for descriptor in (self.held, self.result, self.output):
            os.close(descriptor)
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()


def _is_stage(module: str) -> bool:
    package, _, stage = module.rpartition(".")
    return package == "netanomaly.stages" and stage.isidentifier()


def _pump(output: int, result: int, log: StageLog) -> bytes:
    """Log the stage's output until its supervisor is gone, and return the supervisor's report."""
    report = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        selector.register(result, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if output in ready:
                data = os.read(output, _PIECE_BYTES)
                if data:
                    log.feed(data)
                else:
                    selector.unregister(output)
            if result in ready:
                data = os.read(result, _PIECE_BYTES)
                if not data:
                    break
                report += data
    # What is still in the pipe; not its end, which a process that left the group may hold open.
    os.set_blocking(output, False)
    with suppress(BlockingIOError):
        log.feed(os.read(output, 16 * _PIECE_BYTES))
    return report


def _exit(call: StageCall, report: bytes, log: StageLog) -> StageExit:
    words = report.split()
    if not words:
        # The supervisor itself was killed, and its stage with it.
        return StageExit(code=None, signal=signal.SIGKILL, error=log.error)
    if words[0] == b"E":
        raise OutsideError(f"{call.command[0]!r} could not be started: {os.strerror(int(words[1]))}")
    code, peak = int(words[0]), int(words[1])
    if code < 0:
        return StageExit(code=None, signal=-code, peak_memory_bytes=peak, error=log.error)
    error = log.error if code else None
    if code and error is None and log.last_line:
        error = f"exited with {code}; its last line: {log.last_line[:200]}"
    return StageExit(code=code, peak_memory_bytes=peak, error=error)


def _signal_group(group: int, number: int) -> None:
    # Gone; macOS says EPERM of a group that holds only the dead.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _same_package(environment: dict[str, str]) -> dict[str, str]:
    """With what makes a stage import the netanomaly that is running here, and not a folder of that name in sight."""
    environment["PYTHONSAFEPATH"] = "1"
    root = str(Path(__file__).parents[2])
    if Path(root).name not in ("site-packages", "dist-packages"):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    return environment
