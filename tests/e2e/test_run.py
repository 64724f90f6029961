"""The whole training pipeline, every stage in its real container."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from netanomaly import images
from netanomaly.cli.compile import compiled_file
from netanomaly.runners import docker_leftovers

from tests.command import NETANOMALY, ROOT, netanomaly
from tests.store import servers

CONFIG = ROOT / "configs/nsl-kdd.json"
# One worker runs the demo once for all tests of it.
pytestmark = pytest.mark.xdist_group("containers")
COMMAND = ("run", str(CONFIG), "--runner", "docker", "--workdir")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    """A folder with everything in its name that a path may hold."""
    return tmp_path_factory.mktemp("containers") / "runs: é &"


@pytest.fixture(scope="module")
def demo(client, workdir):
    return netanomaly(*COMMAND, workdir, "--json")


def containers(client, workdir: Path) -> list:
    found = client.api.containers(all=True, filters={"label": docker_leftovers.RUN_LABEL})
    return [one for one in found if str(workdir) in one["Labels"][docker_leftovers.RUN_FOLDER_LABEL]]


def started(workdir: Path) -> subprocess.Popen:
    return subprocess.Popen([str(NETANOMALY), *COMMAND, str(workdir)], stderr=subprocess.PIPE, text=True)


def registered(registry: Path | str, **environment: str) -> int:
    """How many versions a registry holds."""
    ended = netanomaly("registry", "list", "--registry", registry, "--json", cwd=None, **environment)
    assert ended.code == 0, ended.stderr
    return sum(model["versions_registered"] for model in ended.json)


def test_the_demo_registers_a_version_from_containers(demo, client, workdir):
    assert demo.code == 0, demo.stderr
    assert demo.json["version"] == 1
    assert demo.json["metrics"]["roc_auc"] > 0.9
    assert containers(client, workdir) == []
    assert registered(workdir / "registry") == 1


def test_the_peak_memory_of_every_stage_is_told(demo):
    ran = [stage for stage in demo.json["stages"] if stage["state"] != "skipped"]
    peaks = {stage["name"]: stage["peak_memory_bytes"] for stage in ran}
    assert all(10 * 2**20 < peak < 2**30 for peak in peaks.values()), peaks
    assert peaks["train"] > 2 * peaks["prepare"], peaks


def test_every_file_is_the_users(demo, workdir):
    assert {path.stat().st_uid for path in workdir.rglob("*")} == {os.getuid()}


def test_the_run_folder_holds_the_pipeline_with_the_images_that_ran(demo):
    text = (Path(demo.json["run_dir"]) / "pipeline.yaml").read_text()
    ran = images.named(compiled_file("training").read_text())
    assert {"prepare", "register"} <= set(ran)
    assert all(images.reference(stage) in text for stage in ran)


def test_a_users_error_in_a_container_is_the_one_clear_line_with_its_code(client, tmp_path):
    ended = netanomaly(*COMMAND, tmp_path, "--set", "data_source=/no/such")
    assert ended.code == 2
    assert "/no/such" in ended.last_line


def test_ctrl_c_in_each_stage_leaves_no_container_and_no_half_registration(client, tmp_path):
    for task in ("prepare", "ingest", "ingest-2", "validate", "train", "evaluate", "register", "track"):
        process = started(tmp_path)
        assert process.stderr
        for line in process.stderr:
            if line.startswith(f"{task}: started"):
                process.send_signal(signal.SIGINT)
                break
        said = process.communicate(timeout=60)[1]
        # The stage may have ended in the same moment; only the last ones' end is the run's.
        assert process.returncode in ((130, 0) if task in ("register", "track") else (130,)), said
        assert containers(client, tmp_path) == [], task
    before = registered(tmp_path / "registry")
    assert before <= 2
    again = netanomaly(*COMMAND, tmp_path, "--json")
    assert (again.code, again.json["version"]) == (0, before + 1), again.stderr


def test_what_a_killed_run_leaves_is_removed_by_the_next_and_living_runs_are_let_be(client, tmp_path):
    process = started(tmp_path / "killed")
    until = time.monotonic() + 60
    while not containers(client, tmp_path / "killed") and time.monotonic() < until:
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert containers(client, tmp_path / "killed")
    two = [started(tmp_path / "one"), started(tmp_path / "two")]
    said = [process.communicate(timeout=200)[1] for process in two]
    assert [process.returncode for process in two] == [0, 0], said
    assert containers(client, tmp_path) == []


def test_a_run_registers_to_object_storage_on_this_machines_loopback(client, tmp_path):
    """Credentials reach the stages as environment; nothing of the run holds them."""
    store = next(name for name in ("versitygw", "minio", "ministack") if name in servers.available())
    with servers.running(store, tmp_path) as server:
        uri = f"s3://{servers.BUCKET}/team/registry"
        for version in (1, 2):
            ended = netanomaly(*COMMAND, tmp_path / "runs", "--registry", uri, "--json", cwd=None, **server.environment)
            assert (ended.code, ended.json["version"]) == (0, version), ended.stderr
        assert registered(uri, **server.environment) == 2
    for path in (tmp_path / "runs").rglob("*"):
        assert not path.is_file() or servers.SECRET_KEY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9", "nonsense"])
def test_a_daemon_that_cannot_be_used_is_one_line_and_code_3(tmp_path, host):
    ended = netanomaly(*COMMAND, tmp_path / "runs", DOCKER_HOST=host)
    assert (ended.code, len(ended.stderr.strip().splitlines())) == (3, 1), ended.stderr
    assert f"Docker daemon answers at {host}" in ended.stderr or f"Docker daemon at {host}" in ended.stderr
    assert not (tmp_path / "runs").exists()
