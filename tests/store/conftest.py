"""Places for registries: a folder, and a prefix in the bucket of each S3 server that can be started here."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from netanomaly.registry import Registry, open_registry
from netanomaly.registry.location import locate

from tests.store import servers
from tests.store.checker import BucketObjects, FolderObjects, Objects, check

STORES = ["file", *servers.available()]
# One worker for each server: it is started once.
EVERY_STORE = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in STORES]
EVERY_SERVER = EVERY_STORE[1:]


@dataclass
class Place:
    """Somewhere to keep a registry, and what its objects are without our client."""

    uri: str
    objects: Objects
    store: str
    server: servers.Server | None = None
    acknowledged: dict[str, dict[str, int]] = field(default_factory=dict)

    def open(self) -> Registry:
        return open_registry(self.uri)

    def probe(self) -> None:
        """Once, so that each of many processes does not."""
        assert locate(self.uri).write

    def check(self, expected=None, publish: bool = True) -> None:
        """All that the registry promises, read from its objects."""
        if publish:
            assert self.open().publish()
        check(self.objects.all(), self.acknowledged if expected is None else expected)


@pytest.fixture(scope="session")
def server_of(tmp_path_factory) -> Iterator[Callable[[str], servers.Server]]:
    started: dict[str, servers.Server] = {}
    with ExitStack() as stack:

        def start(name: str) -> servers.Server:
            if name not in started:
                started[name] = stack.enter_context(servers.running(name, tmp_path_factory.mktemp(name)))
            return started[name]

        yield start


@pytest.fixture
def make_place(server_of, monkeypatch, tmp_path) -> Callable[[str], Place]:
    def make(store: str) -> Place:
        if store == "file":
            folder = tmp_path / "registry"
            return Place(str(folder), FolderObjects(folder), store)
        server = server_of(store)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        # A server that hangs is to fail the test while somebody still waits for it.
        monkeypatch.setenv("S3_READ_SECONDS", "15")
        monkeypatch.setenv("S3_RETRY_SECONDS", "30")
        prefix = f"test/{secrets.token_hex(6)}"
        objects = BucketObjects(servers.client(server), servers.BUCKET, prefix)
        return Place(f"s3://{servers.BUCKET}/{prefix}", objects, store, server)

    return make


@pytest.fixture(params=EVERY_STORE)
def place(request, make_place) -> Place:
    return make_place(request.param)


@pytest.fixture(params=EVERY_SERVER)
def bucket(request, make_place) -> Place:
    return make_place(request.param)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"model bytes")
    return path


def pytest_terminal_summary(terminalreporter) -> None:
    tested = ", ".join(STORES)
    missing = [name for name in servers.GO_PACKAGES if name not in STORES]
    line = f"registry tested on: {tested}"
    if missing:
        line += f" (not here: {', '.join(missing)}; `make test-servers` builds them where there is Go)"
    terminalreporter.write_line(line)
