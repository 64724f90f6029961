"""Faults that only a daemon of one's own can be made to have: killed, full, apart from this machine's folders."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from netanomaly import images
from netanomaly.errors import OutsideError
from netanomaly.runners import docker_leftovers
from netanomaly.runners.docker import DockerLauncher
from netanomaly.runners.launcher import StageCall
from netanomaly.runners.spec import Resources

from tests.command import NETANOMALY, ROOT, netanomaly
from tests.e2e import own_daemon
from tests.e2e.own_daemon import OwnDaemon

pytestmark = pytest.mark.xdist_group("own daemon")
COMMAND = ("run", str(ROOT / "configs/nsl-kdd.json"), "--runner", "docker", "--workdir")


@pytest.fixture(scope="module")
def own(client, tmp_path_factory) -> Iterator[OwnDaemon]:
    """A daemon with every stage's image."""
    folder = Path(tempfile.mkdtemp(prefix="netanomaly-own."))
    with own_daemon.daemon(folder, tmp_path_factory.mktemp("docker")) as daemon:
        daemon.load(images.reference(stage) for stage in images.STAGES)
        yield daemon


def running(own: OwnDaemon) -> list[str]:
    """The tasks whose containers run."""
    with own.client() as client:
        found = client.api.containers(filters={"label": docker_leftovers.TASK_LABEL})
    return [one["Labels"][docker_leftovers.TASK_LABEL] for one in found]


@pytest.mark.parametrize("task", ["train", "register"])
def test_a_daemon_killed_in_a_stage_ends_the_run_and_it_can_be_repeated_once_it_is_started(own, tmp_path, task):
    work = tmp_path / "runs"
    command = [str(NETANOMALY), *COMMAND, str(work)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "DOCKER_HOST": own.address}
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith(f"{task}: started"):
            break
    until = time.monotonic() + 20
    while task not in running(own) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    own.kill()
    said = process.communicate(timeout=100)[1]
    own.start()
    assert process.returncode == 3, said
    assert "is gone" in said.splitlines()[-1]
    assert "start it and run again" in said.splitlines()[-1]
    again = netanomaly(*COMMAND, work, "--json", DOCKER_HOST=own.address)
    assert again.code == 0, again.stderr
    # A stage that had the time to register before it was cut off has; the run after it is another one.
    view = json.loads((work / "registry/model_registry.json").read_text())
    runs = [version["metadata"]["run_id"] for version in view["models"][0]["versions"]]
    assert len(runs) == len(set(runs)) == again.json["version"] <= (2 if task == "register" else 1)
    with own.client() as client:
        assert client.api.containers(all=True) == []


def test_a_work_folder_that_is_not_the_daemons_is_one_clear_line_and_code_3(own):
    ended = netanomaly(*COMMAND, own.hidden / "runs", DOCKER_HOST=own.address)
    assert ended.code == 3
    assert f"{own.hidden}/runs" in ended.last_line
    assert "is not shared with the Docker daemon" in ended.last_line
    assert "choose a --workdir" in ended.last_line


def test_a_user_who_may_not_use_docker_is_told_the_way_out(own):
    """Another user is a process of its own: what it needs is loaded before it becomes that user."""
    program = """
import os, sys
from netanomaly.errors import OutsideError
from netanomaly.runners import docker_daemon
docker_daemon.docker.DockerClient(version="1.41").close()
os.setgroups([]), os.setgid(65534), os.setuid(65534)
try: docker_daemon.connect()
except OutsideError as error: print(error)
"""
    command = [sys.executable, "-c", program]
    asked = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "DOCKER_HOST": own.address}
    )
    assert asked.stdout.startswith(f"no permission for the Docker daemon at {own.address}; add yourself to its group")


def test_a_full_daemon_is_one_clear_line_until_there_is_room(client, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    # Room for one light image and little more.
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "small", str(data)], check=False)
    if mounted.returncode:
        pytest.skip("not proven: only root can make a small disk")
    image = images.reference("validate")
    call = StageCall("validate", image, ("python3", "-V"), {}, Resources(), "run", tmp_path, tmp_path / "log")
    try:
        with own_daemon.daemon(Path(tempfile.mkdtemp(prefix="netanomaly-own.")), data) as own:
            own.load([image])
            with own.client() as connected:
                launcher = DockerLauncher(connected)
                assert launcher.run(call, lambda _: None).code == 0
                fill(data / "filler")
                with pytest.raises(OutsideError, match=r"Docker's disk is full .*free some"):
                    launcher.run(call, lambda _: None)
                (data / "filler").unlink()
                assert launcher.run(call, lambda _: None).code == 0
                assert connected.api.containers(all=True) == []
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def fill(path: Path) -> None:
    """Write a file until its disk is full."""
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(1 << 16)):
            pass
