"""A Docker daemon of the tests' own, to be killed, starved of disk and shut off from folders. Needs root."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import docker
import pytest

from images.build import DOCKER


class OwnDaemon:
    """A daemon with its data in a folder. `hidden` is a folder that it has under the same path, but another one."""

    def __init__(self, folder: Path, data: Path) -> None:
        # Sockets have short names.
        self._folder = folder
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        self.hidden = folder / "hidden"
        self.hidden.mkdir(parents=True)
        self.address = f"unix://{folder / 'socket'}"

    def start(self) -> None:
        """Start the daemon, and wait until it answers."""
        daemon = ["dockerd", "--host", self.address, "--data-root", str(self._data), "--bridge", "none"]
        daemon += [
            "--iptables=false",
            "--exec-root",
            str(self._folder / "exec"),
            "--pidfile",
            str(self._folder / "pid"),
        ]
        # In a network of its own: without a bridge it would remove that of this machine's daemon.
        apart = ["unshare", "--mount", "--net", "sh", "-c", 'mount -t tmpfs hidden "$0" && exec "$@"', str(self.hidden)]
        log = self._folder / "log"
        with log.open("ab") as said:
            self._process = subprocess.Popen([*apart, *daemon], stdout=said, stderr=said)
        until = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"dockerd does not start: {log.read_text()[-1000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """As a crash or the kernel would: its containers stay behind."""
        assert self._process
        self._process.kill()
        self._process.wait()
        # Its containerd dies with it. Where no init reaps that one, the next daemon would take it for alive.
        (self._folder / "exec/containerd/containerd.pid").unlink()

    def stop(self) -> None:
        """End it in good order."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)

    def load(self, references: Iterable[str]) -> None:
        """Copy images from the daemon that tests use."""
        with subprocess.Popen([DOCKER, "save", *references], stdout=subprocess.PIPE) as saved:
            command = [DOCKER, "--host", self.address, "load", "--quiet"]
            subprocess.run(command, stdin=saved.stdout, check=True, capture_output=True)
        assert saved.returncode == 0

    @contextmanager
    def client(self) -> Iterator[docker.DockerClient]:
        """A client inside the block."""
        with closing(docker.DockerClient(base_url=self.address, timeout=60)) as client:
            yield client

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking, suppress(OSError):
            asking.connect(self.address.removeprefix("unix://"))
            asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 OK" in asking.recv(100)
        return False


@contextmanager
def daemon(folder: Path, data: Path) -> Iterator[OwnDaemon]:
    """A running daemon; stopped in the end, and what it kept removed.

    Skips the test where this user may not start one.
    """
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("not proven: only root can start a daemon to be killed, and needs dockerd")
    own = OwnDaemon(folder, data)
    try:
        own.start()
        yield own
    finally:
        own.stop()
        subprocess.run(["umount", str(folder / "exec/netns/default")], check=False, capture_output=True)
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
