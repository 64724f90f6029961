"""A server to talk to, a configuration for it, and the command in a process of its own or in this one."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from netanomaly import cli

from tests.cluster.standin import StandIn
from tests.cluster.standin_http import serve
from tests.command import Ended, netanomaly

Command = Callable[..., Ended]


@pytest.fixture
def through(request: pytest.FixtureRequest) -> str:
    """Whose address is given: the API's, or the UI's, which lets less through."""
    return str(getattr(request, "param", "api"))


@pytest.fixture
def standin(through: str) -> Iterator[StandIn]:
    with serve(StandIn(), ui=through == "ui") as served:
        yield served


@pytest.fixture(autouse=True)
def _nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_SA_TOKEN_PATH", "KF_PIPELINES_UI_ENDPOINT", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NETANOMALY_KFP_TOKEN", "NETANOMALY_KFP_COOKIE", "NETANOMALY_KFP_CA_FILE", "NETANOMALY_KFP_TIMEZONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    # The kfp client keeps cookies below it.
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "nightly.json"
    document = {"model_name": "office", "data_source": "s3://flows/2026/", "registry": "s3://models/registry"}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture
def command(standin: StandIn) -> Command:
    """The command as a person starts it, talking to the stand-in."""

    def command(*arguments: str | Path) -> Ended:
        return netanomaly(*_patient(*arguments), "--host", standin.url)

    return command


@pytest.fixture
def here(standin: StandIn) -> Command:
    """The command in this process: as good for what it does to the server, and a second faster."""

    def here(*arguments: str | Path, host: str = "") -> Ended:
        out, err = io.StringIO(), io.StringIO()
        option = "--kfp" if arguments[0] == "doctor" else "--host"
        words = ["netanomaly", *map(str, _patient(*arguments)), option, host or standin.url]
        with patch.object(sys, "argv", words), redirect_stdout(out), redirect_stderr(err):
            try:
                cli.main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Ended(code, out.getvalue(), err.getvalue())

    return here


def _patient(*arguments: str | Path) -> tuple[str | Path, ...]:
    """With time-outs that a test can wait for."""
    looks = () if arguments[0] == "upload" else ("--interval", "0.01")
    waits = () if "--timeout" in arguments else ("--timeout", "20")
    return (*arguments, *looks, *waits)
