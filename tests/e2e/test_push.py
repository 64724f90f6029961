"""`make push` against a real container registry: what it pushes, what compiled pipelines then name, what is refused."""

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from docker import DockerClient
from docker.errors import ImageNotFound
from netanomaly import images
from netanomaly.runners import docker_daemon
from netanomaly.runners.docker import DockerLauncher
from netanomaly.runners.launcher import StageCall
from netanomaly.runners.spec import Resources

from tests.command import ROOT, Ended
from tests.e2e import container_registry

# Two light ones, that share all but one layer: pushing is one thing for every stage.
STAGES = ("validate", "register")
pytestmark = [
    pytest.mark.xdist_group("container registry"),
    pytest.mark.skipif(
        not container_registry.binary().is_file(), reason="not proven: no container registry; `make test-servers`"
    ),
]


class Checkout:
    """A copy of what images are made from, so that what is noted of a push stays out of this checkout."""

    def __init__(self, folder: Path, client: DockerClient) -> None:
        for name in ("components", "images", "requirements"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "LICENSE", folder)
        self.folder = folder
        self.notes = folder / "build/pushed-images.json"
        self.tags: list[str] = []
        self._client = client

    def run(self, *arguments: str, **environment: str) -> Ended:
        paths = {"PYTHONPATH": f"{self.folder / 'components'}:{self.folder}", "PATH": "/usr/bin:/bin"}
        daemon = {"DOCKER_HOST": docker_daemon.address(), "BASE_IMAGE": images.base_image()}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={"HOME": str(self.folder), **paths, **daemon, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def push(self, prefix: str, **environment: str) -> Ended:
        return self.run("-m", "images.push", "--prefix", prefix, *STAGES, **environment)

    def references(self, prefix: str) -> dict[str, str]:
        program = "from netanomaly.cli import main; main()"
        listed = self.run("-c", program, "images", "--json", "--image-prefix", prefix)
        assert listed.code == 0, listed.stderr
        return dict(listed.json)

    def tagged(self, prefix: str) -> dict[str, str]:
        """References under a prefix; the images of STAGES are there under them, as `make images` leaves them."""
        references = self.references(prefix)
        for stage in STAGES:
            repository, _, tag = references[stage].rpartition(":")
            self._client.images.get(images.reference(stage)).tag(repository, tag)
            self.tags.append(references[stage])
        return references

    def compile(self, prefix: str) -> str:
        program = "from netanomaly.cli import main; main()"
        compiled = self.run("-c", program, "compile", "--out", "out", "--image-prefix", prefix)
        assert compiled.code == 0, compiled.stderr
        return "".join(path.read_text() for path in sorted((self.folder / "out").glob("*.yaml")))


@pytest.fixture
def checkout(client, tmp_path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "checkout", client)
    yield made
    for tag in made.tags:
        with suppress(ImageNotFound):
            client.images.remove(tag)


def test_what_is_missing_is_pushed_once_and_then_named_by_its_digest(client, checkout, tmp_path):
    with container_registry.running(tmp_path) as registry:
        prefix = f"{registry.address}/team"
        names = checkout.tagged(prefix)
        first = checkout.push(prefix)
        assert first.code == 0, first.stderr
        assert [line for line in first.stdout.splitlines() if "pushing" in line] == [
            f"pushing {names[stage]}" for stage in STAGES
        ]
        notes = json.loads(checkout.notes.read_text())
        for stage in STAGES:
            name, _, tag = names[stage].partition("/")[2].rpartition(":")
            answer = requests.head(
                f"http://{registry.address}/v2/{name}/manifests/{tag}",
                headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
                timeout=10,
            )
            assert notes[names[stage]] == f"{names[stage]}@{answer.headers['Docker-Content-Digest']}"

        # What another machine has pushed is not pushed again either, and its digest is known all the same.
        checkout.notes.unlink()
        second = checkout.push(prefix)
        assert (second.code, "pushing" in second.stdout) == (0, False), second.stdout + second.stderr
        assert json.loads(checkout.notes.read_text()) == notes

        named = set(re.findall(r"(?m)^\s*image: (\S+)$", checkout.compile(prefix)))
        assert named == {notes.get(names[stage], names[stage]) for stage in images.STAGES}

        # As a pipeline names it, on a machine that does not have it yet.
        reference = notes[names["validate"]]
        client.images.remove(names["validate"])
        docker_daemon.require(client, [reference])
        call = StageCall("validate", reference, ("python3", "-V"), {}, Resources(), "run", tmp_path, tmp_path / "log")
        assert DockerLauncher(client).run(call, lambda _: None).code == 0
        client.images.remove(reference)


def test_a_private_registry_is_one_clear_line_until_docker_has_logged_in(checkout, tmp_path):
    with container_registry.running(tmp_path, private=True) as registry:
        checkout.tagged(f"{registry.address}/team")
        refused = checkout.push(f"{registry.address}/team")
        assert (refused.code, len(refused.stderr.splitlines())) == (3, 1), refused.stderr
        assert "`docker login`" in refused.stderr
        secret = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": secret}}}))
        pushed = checkout.push(f"{registry.address}/team", DOCKER_CONFIG=str(tmp_path))
        assert pushed.code == 0, pushed.stderr
        assert secret not in checkout.notes.read_text() + pushed.stdout


def test_a_registry_that_fails_or_is_absent_is_one_clear_line_and_nothing_is_noted(checkout, tmp_path):
    with container_registry.running(tmp_path, storage=Path("/dev/null/no-folder")) as registry:
        checkout.tagged(f"{registry.address}/team")
        failed = checkout.push(f"{registry.address}/team")
    absent = checkout.push(f"{registry.address}/team")
    for ended, reason in ((failed, "500"), (absent, "connection refused")):
        assert (ended.code, len(ended.stderr.splitlines())) == (3, 1), ended.stderr
        assert registry.address in ended.stderr
        assert reason in ended.stderr
    assert not checkout.notes.exists()
    unknown = checkout.run("-m", "images.push", "--prefix", "x.example.org", "tarin")
    assert (unknown.code, "no stage is called tarin; there are prepare" in unknown.stderr) == (2, True)
