"""S3 servers for the tests: on loopback, on free ports, with folders of their own, stopped with the tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from minio import Minio

ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"
BUCKET = "registries"

# Pinned: what the guarantees were measured on.
GO_PACKAGES = {
    "versitygw": "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
    # Archived upstream and AGPL: a test server, nothing else.
    "minio": "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
}


@dataclass(frozen=True)
class Server:
    """A running server; `environment` is what a client of it needs."""

    name: str
    environment: Mapping[str, str]

    @property
    def port(self) -> int:
        return int(self.environment["S3_ENDPOINT_URL"].rpartition(":")[2])


def cache() -> Path:
    """Where built servers are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netanomaly/test-servers"


def binary(name: str) -> Path | None:
    """A server on PATH, or one that was built."""
    if found := shutil.which(name):
        return Path(found)
    built = cache() / name
    return built if built.is_file() else None


def build(packages: Mapping[str, str] = GO_PACKAGES) -> None:
    """Build the commands that are missing, where there is Go; minutes, once."""
    for name, package in packages.items():
        if binary(name) is None:
            print(f"building {name}, once, into {cache()}", flush=True)
            done = subprocess.run(["go", "install", package], env={**os.environ, "GOBIN": str(cache())}, check=False)
            if done.returncode:
                print(f"{name} could not be built; the tests go on without it", flush=True)


def available() -> list[str]:
    """Names of the servers that can be started here."""
    outside = ["outside"] if os.environ.get("NETANOMALY_TEST_S3") else []
    return [*outside, "ministack", *(name for name in GO_PACKAGES if binary(name))]


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """Start a server and make its bucket; stop it in the end."""
    if name == "outside":
        url = os.environ["NETANOMALY_TEST_S3"]
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
        environment = {key: os.environ[key] for key in names if key in os.environ}
        server = Server(name, {"S3_ENDPOINT_URL": url, **environment})
        _make_bucket(server)
        yield server
        return
    port = free_port()
    command, more = _command(name, port, folder)
    environment = {
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
    }
    with ExitStack() as stack:
        log = stack.enter_context((folder / "server.log").open("wb"))
        process = subprocess.Popen(command, env={**os.environ, **more}, stdout=log, stderr=log, cwd=folder)
        stack.callback(_stop, process)
        server = Server(name, environment)
        _wait(process, port, folder / "server.log")
        _make_bucket(server)
        yield server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(name: str, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    data = folder / "data"
    data.mkdir()
    at = f"127.0.0.1:{port}"
    match name:
        case "ministack":
            # It listens everywhere unless told.
            return [str(Path(sys.executable).with_name("ministack"))], {
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "SERVICES": "s3",
                "LOG_LEVEL": "ERROR",
            }
        case "versitygw":
            keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
            return [str(binary(name)), "--port", at, "posix", str(data)], keys
        case "minio":
            keys = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_BROWSER": "off"}
            return [str(binary(name)), "server", "--quiet", "--address", at, str(data)], keys
    raise ValueError(name)


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the test server did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def client(server: Server) -> Minio:
    """A plain client, for what the tests look at without ours."""
    url = server.environment["S3_ENDPOINT_URL"]
    return Minio(
        endpoint=url.partition("://")[2],
        access_key=server.environment.get("AWS_ACCESS_KEY_ID"),
        secret_key=server.environment.get("AWS_SECRET_ACCESS_KEY"),
        session_token=server.environment.get("AWS_SESSION_TOKEN"),
        region=server.environment.get("AWS_REGION", "us-east-1"),
        secure=url.startswith("https"),
    )


def _make_bucket(server: Server) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if not client(server).bucket_exists(BUCKET):
                client(server).make_bucket(BUCKET)
            return
        except Exception:  # the port is open before the server is ready
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    build()
