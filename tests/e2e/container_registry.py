"""A real container registry (CNCF Distribution, Apache-2.0) on the loopback; built once where there is Go."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.store import servers

PACKAGE = "github.com/distribution/distribution/v3/cmd/registry@v3.1.2"

_CONFIGURATION = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {storage}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
# With no such file the registry makes one, with a user and a password that it tells in its log.
_PRIVATE = "auth: {{htpasswd: {{realm: tests, path: {passwords}}}}}\n"


@dataclass(frozen=True)
class Registry:
    """A running registry. `user` and `password` are those of a private one."""

    address: str
    user: str = ""
    password: str = ""


def binary() -> Path:
    """Where the registry is, or will be once it is built."""
    return servers.cache() / "registry"


def build() -> None:
    """Build the registry if it is missing; a minute and a half on two cores, once."""
    if not binary().is_file():
        print(f"building a container registry, once, into {servers.cache()}", flush=True)
        subprocess.run(["go", "install", PACKAGE], env={**os.environ, "GOBIN": str(servers.cache())}, check=False)


@contextmanager
def running(folder: Path, *, private: bool = False, storage: Path | None = None) -> Iterator[Registry]:
    """Start an empty registry, and stop it in the end. Without `storage` it keeps images in the folder."""
    port = servers.free_port()
    configuration = folder / "registry.yaml"
    text = _CONFIGURATION.format(storage=storage or folder / "storage", port=port)
    configuration.write_text(text + (_PRIVATE.format(passwords=folder / "htpasswd") if private else ""))
    log = folder / "registry.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [str(binary()), "serve", str(configuration)],
            stdout=said,
            stderr=said,
            # Version 3 sends traces to a collector unless told.
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        )
    try:
        _wait(process, port, log)
        user, password = _account(log) if private else ("", "")
        yield Registry(f"127.0.0.1:{port}", user, password)
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the container registry did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _account(log: Path) -> tuple[str, str]:
    told = dict(re.findall(r"\b(user|password)=\"?([^\s\"]+)", log.read_text()))
    return told["user"], told["password"]


if __name__ == "__main__":
    build()
