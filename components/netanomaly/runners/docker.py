"""Run each stage in its real container: the compiled pipeline's image, command and limits, on this machine's Docker."""

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
from docker.types import LogConfig, Mount

from netanomaly.errors import OutsideError
from netanomaly.runners import docker_daemon
from netanomaly.runners.docker_daemon import Output
from netanomaly.runners.docker_leftovers import RUN_FOLDER_LABEL, RUN_LABEL, TASK_LABEL
from netanomaly.runners.launcher import GRACE_SECONDS, StageCall, StageExit
from netanomaly.runners.outside import LOCAL_PATHS
from netanomaly.runners.stage_log import StageLog

_MIB = 1024 * 1024
# More than any stage starts; a runaway stops here and not at the machine's limit.
_PROCESSES_AT_MOST = 1024


class DockerLauncher:
    """Stages as containers, locked down as a strict cluster would: read-only root, no capabilities, no privileges.

    The run folder is there under its own path, writable; so are `writable` folders; `readable` paths are read-only.
    Files come out owned by whoever runs this. One launcher serves one run: after `stop` it starts nothing more.

    Args:
        client: As from `docker_daemon.connect`.
        environment: Variables for the stages that take any from outside, credentials among them; never on a command
            line or in a label.
        files: Those that these variables name, there read-only for the same stages.
        by_name: Variables for the stages that take these very ones, such as a key to sign with.
        network: "none", or "host" where stages that take variables from outside reach a store, perhaps on this
            machine's loopback. No other stage has a network.
        keep: Leave the containers for a look at them.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        *,
        environment: Mapping[str, str] | None = None,
        files: Sequence[Path] = (),
        by_name: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
        network: str = "none",
        keep: bool = False,
    ) -> None:
        self._api = client.api
        self._environment = dict(environment or {})
        self._files = tuple(files)
        self._by_name = dict(by_name or {})
        self._readable = tuple(readable)
        self._writable = tuple(writable)
        self._network = network
        self._keep = keep
        self._lock = threading.Lock()
        self._containers: set[str] = set()
        self._stopped = False
        with docker_daemon.failures_as(OutsideError, "asking about the daemon"):
            info = client.info()
        self._processors = float(info["NCPU"])
        # Where the daemon itself runs as the user, root in a container is that user outside.
        rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
        self._user = "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"

    def run(self, call: StageCall, on_rows: Callable[[int], None]) -> StageExit:
        """See `Launcher.run`."""
        with self._lock:
            if self._stopped:
                return StageExit(code=None, signal=signal.SIGTERM)
        with docker_daemon.failures_as(OutsideError, f"creating the container of stage {call.name}"):
            container = self._create(call)
        try:
            with self._lock:
                self._containers.add(container)
            return self._follow(call, container, on_rows)
        finally:
            with self._lock:
                self._containers.discard(container)
            # A daemon that is gone leaves it to the next run.
            with suppress(*docker_daemon.FAILURES):
                if self._keep:
                    self._api.kill(container)
                else:
                    self._api.remove_container(container, v=True, force=True)

    def expect(
        self, command: Sequence[str], environment: Mapping[str, str], outside: frozenset[str], run_dir: Path
    ) -> None:
        """See `Launcher.expect`. A container's inputs are part of its command: nothing is got ready."""

    def dismiss(self) -> None:
        """See `Launcher.dismiss`."""

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """See `Launcher.stop`."""
        for container in self._stop_starting():
            threading.Thread(target=self._stop, args=(container, grace_seconds), daemon=True).start()

    def kill(self) -> None:
        """See `Launcher.kill`."""
        for container in self._stop_starting():
            with suppress(*docker_daemon.FAILURES):
                self._api.kill(container)

    def _stop_starting(self) -> set[str]:
        with self._lock:
            self._stopped = True
            return set(self._containers)

    def _stop(self, container: str, grace_seconds: float) -> None:
        with suppress(*docker_daemon.FAILURES):
            self._api.stop(container, timeout=max(1, round(grace_seconds)))

    def _create(self, call: StageCall) -> str:
        memory = call.resources.memory_limit_bytes
        processors = call.resources.cpu_limit
        host = self._api.create_host_config(
            mounts=self._mounts(call),
            network_mode=self._network if call.outside else "none",
            read_only=True,
            tmpfs={"/tmp": "rw,nosuid,nodev,mode=1777"},  # noqa: S108 - the container's own
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            pids_limit=_PROCESSES_AT_MOST,
            mem_limit=memory,
            # The same: no swap beside it, as in a cluster.
            memswap_limit=memory,
            nano_cpus=None if processors is None else int(min(processors, self._processors) * 1e9),
            # What the stage says is followed from its first byte and kept in the run folder.
            log_config=LogConfig(type="none"),
        )
        first, *rest = call.command
        made = self._api.create_container(
            image=call.image,
            entrypoint=[first],
            command=rest,
            user=self._user,
            environment={**LOCAL_PATHS, **call.environment, **self._given(call)},
            labels={RUN_LABEL: call.run_id, TASK_LABEL: call.name, RUN_FOLDER_LABEL: str(call.run_dir)},
            # Python ends by SIGINT even as the first process of its container; SIGTERM would be ignored there.
            stop_signal="SIGINT",
            host_config=host,
        )
        return str(made["Id"])

    def _given(self, call: StageCall) -> dict[str, str]:
        named = {name: value for name, value in self._by_name.items() if name in call.outside}
        return {**(self._environment if call.outside else {}), **named}

    def _mounts(self, call: StageCall) -> list[Mount]:
        writable = {call.run_dir, *self._writable}
        readable = (*self._readable, *(self._files if call.outside else ()))
        paths = {path: path not in writable for path in (*readable, *writable)}
        # By source and target instead of one text: a path may hold colons. Outer folders before what is in them.
        return [Mount(str(path), str(path), type="bind", read_only=paths[path]) for path in sorted(paths)]

    def _follow(self, call: StageCall, container: str, on_rows: Callable[[int], None]) -> StageExit:
        doing = f"running stage {call.name}"
        failure: OSError | None = None
        with docker_daemon.failures_as(OutsideError, doing):
            output = Output(self._api, container)
        with output:
            with docker_daemon.failures_as(OutsideError, f"starting {call.command[0]!r} of stage {call.name}"):
                self._api.start(container)
            with self._lock:
                stopped = self._stopped
            if stopped:
                self._stop(container, GRACE_SECONDS)
            try:
                log = StageLog(call.log, on_rows)
            except OSError as error:
                raise _log_failed(call, error) from None
            with docker_daemon.failures_as(OutsideError, doing), log:
                for piece in output:
                    try:
                        log.feed(piece)
                    except OSError as error:
                        failure = error
                        break
                if failure is None:
                    code = int(self._api.wait(container, timeout=None)["StatusCode"])
                    state = self._api.inspect_container(container)["State"]
        if failure is not None:
            raise _log_failed(call, failure)
        return _exit(call, code, state, log)


def _exit(call: StageCall, code: int, state: Mapping[str, Any], log: StageLog) -> StageExit:
    if state.get("OOMKilled") and code:
        limit = call.resources.memory_limit_bytes
        of = f"its limit is {limit // _MIB} MiB" if limit else "this machine has no more"
        way_out = "raise the limit in the pipeline, or lower the stage's batch or sample sizes"
        return StageExit(code=None, signal=signal.SIGKILL, error=f"killed for memory: {of}; {way_out}")
    if code in (128 + signal.SIGKILL, 128 + signal.SIGSEGV, 128 + signal.SIGABRT, 128 + signal.SIGBUS):
        return StageExit(code=None, signal=code - 128, peak_memory_bytes=log.peak_memory_bytes, error=log.error)
    error = log.error
    if code and error is None:
        said = log.last_line or str(state.get("Error") or "")
        error = f"exited with {code}; its last line: {said[:200]}" if said else None
    return StageExit(code=code, peak_memory_bytes=log.peak_memory_bytes, error=error if code else None)


def _log_failed(call: StageCall, failure: OSError) -> OutsideError:
    return OutsideError(f"log of stage {call.name} cannot be written: {failure.strerror}: {str(call.log)!r}")
