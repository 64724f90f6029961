"""Each stage gets the secrets that the compiled pipeline gives it on a cluster, and no other; others read no run folder."""

import json
import os
import stat
import sys

import pytest
from netanomaly.errors import NetanomalyError
from netanomaly.runners import HostLauncher, compiled
from netanomaly.runners.launcher import StageCall
from netanomaly.runners.outside import given
from netanomaly.runners.spec import Container, Resources
from netanomaly.tracking import Access, recording
from netanomaly.tracking.patience import Clock
from netanomaly.tracking.server import Server

from tests.command import ROOT, netanomaly

PIPELINE = ROOT / "components/netanomaly/compiled/training.yaml"
SECRETS = {
    "NETANOMALY_SIGN_KEY": "signing-key",
    "NETANOMALY_KFP_TOKEN": "kfp-token",
    "NETANOMALY_KFP_COOKIE": "kfp-cookie",
    "AWS_ACCESS_KEY_ID": "store-id",
    "AWS_SECRET_ACCESS_KEY": "store-secret",
    "MLFLOW_TRACKING_TOKEN": "mlflow-token",
    "MLFLOW_TRACKING_PASSWORD": "mlflow-password",
    "GITHUB_TOKEN": "some-token",
    "DATABASE_URL": "postgres://u:password@h",
    "SSH_AUTH_SOCK": "agent",
}
STORE = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def outside_of(stage):
    tasks = compiled.read(PIPELINE).dag.tasks.values()
    body = next(task.component.body for task in tasks if task.name == stage)
    assert isinstance(body, Container)
    return body.outside


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("prepare", STORE),
        ("ingest", STORE),
        ("validate", set()),
        ("train", set()),
        ("evaluate", STORE),
        ("register", STORE | {"NETANOMALY_SIGN_KEY"}),
        ("track", STORE | {"MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"}),
    ],
)
def test_a_stage_gets_what_the_pipeline_gives_it(stage, expected):
    environment = {**SECRETS, "PATH": "/bin", "LANG": "C.UTF-8"}
    found = given(environment, outside_of(stage))
    assert set(found) & set(SECRETS) == expected
    assert {"PATH", "LANG"} <= set(found)


@pytest.mark.parametrize("stage", ["train", "register"])
def test_a_process_of_the_host_finds_no_more(stage, tmp_path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    told = tmp_path / "environment.json"
    call = StageCall(
        name=stage,
        image="",
        command=(sys.executable, "-c", f"import json, os; json.dump(dict(os.environ), open({str(told)!r}, 'w'))"),
        environment={},
        resources=Resources(),
        run_id="1",
        run_dir=tmp_path,
        log=tmp_path / "log",
        outside=outside_of(stage),
    )
    assert HostLauncher().run(call, lambda _: None).code == 0
    found = json.loads(told.read_text())
    expected = STORE | {"NETANOMALY_SIGN_KEY"} if stage == "register" else set()
    assert set(found) & set(SECRETS) == expected
    assert found["NETANOMALY_LOCAL_PATHS"] == "1"


@pytest.mark.parametrize(
    "proxy", ["http://u:hush@127.0.0.1:9", "http://u:hush@[::1", "ftp://u:hush@x", "hush:hush@x:y"]
)
def test_a_proxys_password_is_in_no_message(monkeypatch, proxy):
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(NetanomalyError) as told:
        recording.find_experiment(Server(Access("http://example.invalid"), Clock(3)), "x")
    assert "hush" not in str(told.value)
    host = "http://example.invalid:8080"
    ended = netanomaly("upload", "--host", host, HTTP_PROXY=proxy, http_proxy=proxy, NO_PROXY="", no_proxy="")
    assert ended.code in (2, 3), ended.stderr
    assert "hush" not in ended.stderr + ended.stdout


@pytest.fixture
def open_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize(("chosen", "group"), [("", 0), ("027", stat.S_IRGRP)])
def test_others_read_neither_run_folder_nor_registry(tmp_path, chosen, group):
    data = tmp_path / "flows.csv"
    data.write_text(
        "bytes,label\n" + "".join(f"{number % 97},{'normal' if number % 5 else 'scan'}\n" for number in range(900))
    )
    configuration = tmp_path / "c.json"
    configuration.write_text(
        json.dumps({"model_name": "m", "data_source": str(data), "model_type": "isolation_forest"})
    )
    environment = {"NETANOMALY_UMASK": chosen} if chosen else {}
    ended = netanomaly("run", configuration, "--workdir", tmp_path / "runs", **environment)
    assert ended.code in (0, 4), ended.stderr
    made = [tmp_path / "runs", *(tmp_path / "runs").rglob("*")]
    assert len(made) > 20
    for path in made:
        mode = path.stat().st_mode
        assert not mode & stat.S_IRWXO, path
        assert mode & stat.S_IRGRP == group, path


@pytest.mark.parametrize("value", ["x", "999", "-1", "07777"])
def test_a_umask_that_is_none_is_refused(value):
    ended = netanomaly("images", NETANOMALY_UMASK=value)
    assert ended.code == 2
    assert "NETANOMALY_UMASK" in ended.last_line
