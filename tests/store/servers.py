"""S3 servers for the tests: on loopback, on free ports, with folders of their own, stopped with the tests.

Every wait here has an end: a server that hangs, or another program on the port that was free a moment ago, fails the
tests that ask it, and not the patience of whoever waits for them.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import urllib3
from minio import Minio

ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"
BUCKET = "registries"

_START_SECONDS = 60
_ANSWER_SECONDS = 15
_PORTS_TRIED = 3

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
    return [*outside, "ministack", *(name for name in ("weed", *GO_PACKAGES) if binary(name))]


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
    with ExitStack() as stack:
        port = stack.enter_context(_started(name, folder))
        server = Server(
            name,
            {
                "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                "AWS_REGION": "us-east-1",
            },
        )
        _make_bucket(server)
        yield server


@contextmanager
def _started(name: str, folder: Path) -> Iterator[int]:
    """The port that the server's own process listens on."""
    log = folder / "server.log"
    (folder / "data").mkdir()
    for _ in range(_PORTS_TRIED):
        port = free_port()
        command, more = _command(name, port, folder)
        with log.open("wb") as written:
            process = subprocess.Popen(command, env={**os.environ, **more}, stdout=written, stderr=written, cwd=folder)
        try:
            if _listens(process, port):
                yield port
                return
        finally:
            _stop(process)
    raise RuntimeError(f"the test server did not start: {log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(name: str, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    data = folder / "data"
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
            return [str(binary(name)), "--port", at, "--keep-alive", "posix", str(data)], keys
        case "minio":
            keys = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_BROWSER": "off"}
            return [str(binary(name)), "server", "--quiet", "--address", at, str(data)], keys
        case "weed":
            return _seaweedfs(port, folder), {}
    raise ValueError(name)


def _seaweedfs(port: int, folder: Path) -> list[str]:
    """All its servers in one process, each on a free port of its own, HTTP and gRPC."""
    keys = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    identities = {
        "identities": [{"name": "test", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}]
    }
    (folder / "identities.json").write_text(json.dumps(identities))
    ports = [f"-{part}={free_port()}" for part in ("master.port", "volume.port", "filer.port")]
    ports += [f"-{part}.port.grpc={free_port()}" for part in ("master", "volume", "filer", "s3")]
    return [
        *(str(binary("weed")), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *("-master.volumeSizeLimitMB=64", "-volume.max=0", "-filer", "-s3", f"-s3.port={port}"),
        *(f"-s3.config={folder / 'identities.json'}", *ports),
    ]


def _listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether it came to listen; it may have ended because somebody else took the port."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                # Somebody else's socket answers at once, and the server needs a moment to fail at it.
                time.sleep(0.1)
                return process.poll() is None
        time.sleep(0.05)
    return False


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
        # The client's own waits five minutes for an answer, six times.
        http_client=urllib3.PoolManager(timeout=_ANSWER_SECONDS, retries=urllib3.Retry(2, backoff_factor=0.2)),
    )


def _make_bucket(server: Server) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if not client(server).bucket_exists(BUCKET):
                client(server).make_bucket(BUCKET)
            return
        except Exception:  # the port is open before the server is ready
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait(10)


if __name__ == "__main__":
    build()
