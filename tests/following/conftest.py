"""A registered model of Zeek's flows, and places for what a follower writes."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from netanomaly.scoring.following import follow
from netanomaly.scoring.settings import Settings

from tests.following import conn_logs
from tests.following.reading import Outputs
from tests.store import servers
from tests.warm import netanomaly_warm

STORES = ["file", *servers.available()]


@pytest.fixture(scope="session")
def registry(tmp_path_factory) -> str:
    """Where model `office` is registered, which learnt from Zeek's flows."""
    folder = tmp_path_factory.mktemp("following")
    conn_logs.written(folder / "conn.log", conn_logs.flows(1, 3000))
    config = {
        "model_name": "office",
        "model_type": "isolation_forest",
        "isolation_forest_params": {"n_estimators": 25},
        "data_source": "conn.log",
    }
    (folder / "config.json").write_text(json.dumps(config))
    run = netanomaly_warm("run", folder / "config.json", "--workdir", folder / "work", "--json")
    assert run.code == 0, run.stderr
    return str(folder / "work/registry")


@pytest.fixture
def logs(tmp_path) -> Path:
    """The folder that is followed."""
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


@pytest.fixture(scope="session")
def server_of(tmp_path_factory) -> Iterator[Callable[[str], servers.Server]]:
    started: dict[str, servers.Server] = {}
    with ExitStack() as stack:

        def start(name: str) -> servers.Server:
            if name not in started:
                started[name] = stack.enter_context(servers.running(name, tmp_path_factory.mktemp(name)))
            return started[name]

        yield start


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in STORES])
def outputs(request, tmp_path, server_of, monkeypatch) -> Outputs:
    """Where a follower writes, on each store."""
    if request.param == "file":
        return Outputs.in_a_folder(tmp_path / "out")
    server = server_of(request.param)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Outputs.in_a_bucket(server, f"test/{secrets.token_hex(6)}")


@pytest.fixture
def out(tmp_path) -> Outputs:
    """Where a follower writes: a folder."""
    return Outputs.in_a_folder(tmp_path / "out")


@pytest.fixture
def followed(registry, logs) -> Callable[..., dict]:
    """One look at the folder."""

    def look(outputs: Outputs, **options) -> dict:
        settings = Settings(source=options.pop("source", [str(logs)]), **options.pop("settings", {}))
        return follow(
            options.pop("registry", registry), options.pop("model", "office"), settings, outputs.uri, **options
        )

    return look
