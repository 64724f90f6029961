"""Ways to build a stage image: either builder, from a wheelhouse, by another builder's hand, with pip inside the build.

Whichever way, the files are the same: content, rights and owners of all of ours, and the list of packages.
"""

import functools
import http.server
import ipaddress
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker import DockerClient
from netanomaly import images
from packaging.utils import canonicalize_name

from images import build as image_build
from images import wheelhouse
from tests.command import ROOT
from tests.e2e.inside import files, run

# They lay out contexts in one folder.
pytestmark = pytest.mark.xdist_group("image builds")
WHEELS = ROOT / ".cache" / "wheelhouse"
# One recipe makes all: a light stage stands for them. `make soak` builds every one again.
BUILT_AGAIN = images.STAGES if os.environ.get("NETANOMALY_SOAK") else ("validate",)
DOCKERS_PIP = """
FROM {base}
COPY pip-*.whl /tmp/
RUN python3 -m zipfile -e /tmp/pip-*.whl /usr/lib/python3/dist-packages && rm /tmp/pip-*.whl
"""


@pytest.fixture
def again(client) -> Iterator[Callable[[str], str]]:
    """A second name for a stage's image, with the tag that is in its bill of materials; removed in the end."""
    names = []

    def naming(stage: str) -> str:
        names.append(f"netanomaly-again/{stage}:{images.tag(stage)}")
        return names[-1]

    yield naming
    for name in names:
        if client.images.list(name):
            client.images.remove(name)


def build(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "images.build", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("stage", BUILT_AGAIN)
@pytest.mark.parametrize("builder", ["classic", "BuildKit"])
def test_a_second_build_without_cache_or_network_gives_the_same_files(
    client, again, tmp_path, monkeypatch, builder, stage
):
    monkeypatch.setenv("DOCKER_BUILDKIT", "1" if builder == "BuildKit" else "0")
    help_text = subprocess.run([image_build.DOCKER, "build", "--help"], capture_output=True, text=True, check=False)
    if builder == "BuildKit" and help_text.returncode:
        pytest.skip(f"not proven: this docker command has no BuildKit: {help_text.stderr.splitlines()[0]}")
    context = image_build.layout(stage, tmp_path / "context", WHEELS)
    image_build._build(stage, again(stage), context, network=False, again=True)
    assert files(client, again(stage)) == files(client, images.reference(stage))


def test_another_builder_makes_the_same_of_the_context_alone(client, again):
    name = again("validate")
    laid_out = build("--context-only", "validate", DOCKER="/no/docker/is/needed")
    assert laid_out.returncode == 0, laid_out.stderr
    context = Path(laid_out.stdout.strip())
    arguments = {"STAGE": "validate", "VERSION": images.tag("validate"), "REVISION": "0" * 40}
    arguments["BASE_IMAGE"] = images.base_image()
    command = [image_build.DOCKER, "build", "--quiet", "--network", "none", "--tag", name]
    command += [f"--build-arg={key}={value}" for key, value in arguments.items()]
    made = subprocess.run(
        [*command, "--file", str(context / "stage.Dockerfile"), str(context)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert files(client, name) == files(client, images.reference("validate"))


@contextmanager
def private_index(address: str, folder: Path) -> Iterator[str]:
    """An index of this machine's wheels behind a certificate that nobody knows; `folder` gets `ca.pem`."""
    root = folder / "simple"
    for wheel in WHEELS.glob("*.whl"):
        project = root / canonicalize_name(wheel.name.partition("-")[0])
        project.mkdir(parents=True, exist_ok=True)
        (project / wheel.name).symlink_to(wheel)
    certificate, key = folder / "ca.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests"]
    command += ["-addext", f"subjectAltName=IP:{address}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((address, 0), functools.partial(Handler, directory=str(root)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    # A refused certificate ends a connection in the middle.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://{address}:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_pip_inside_the_build_uses_the_index_and_trusts_the_authority_it_is_given(client, tmp_path):
    """On another base, one with pip, as the default base is."""
    shutil.copy(next(WHEELS.glob("pip-*.whl")), tmp_path)
    (tmp_path / "Dockerfile").write_text(DOCKERS_PIP.format(base=images.base_image()))
    client.images.build(path=str(tmp_path), tag="netanomaly-again/base:with-pip", network_mode="none")
    places = {"BASE_IMAGE": "netanomaly-again/base:with-pip"}
    built = f"netanomaly-again/validate:{build_tag(places)}"
    try:
        with private_index(gateway(client), tmp_path) as index:
            (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index}\nretries = 0\n")
            options = ["--network", "--pip-config", str(tmp_path / "pip.conf"), "--prefix", "netanomaly-again"]
            # The images that other tests look into keep theirs.
            options += ["--bills", str(tmp_path / "bills")]
            refused = build(*options, "validate", **places)
            assert refused.returncode != 0
            assert "certificate" in refused.stderr.lower(), refused.stderr
            assert refused.stderr.splitlines()[-1].startswith(f"error: image {built} could not be built on")
            made = build(*options, "--ca", str(tmp_path / "ca.pem"), "validate", **places)
            assert made.returncode == 0, made.stderr
        ours = [line for line in files(client, built) if line.startswith("/opt/")]
        assert ours == [line for line in files(client, images.reference("validate")) if line.startswith("/opt/")]
    finally:
        for one in (built, "netanomaly-again/base:with-pip"):
            if client.images.list(one):
                client.images.remove(one)


def gateway(client: DockerClient) -> str:
    """This machine's address as a container has it, in the network that builds get."""
    routes = run(client, images.reference("validate"), "print(open('/proc/net/route').read())", network_mode="bridge")
    default = next(line.split() for line in routes.decode().splitlines() if line.split()[1:2] == ["00000000"])
    return str(ipaddress.IPv4Address(bytes.fromhex(default[2])[::-1]))


def build_tag(environment: dict[str, str]) -> str:
    """The tag of the validate image in another environment."""
    program = "from netanomaly import images; print(images.tag('validate'))"
    asked = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return asked.stdout.strip()


def test_wheels_can_be_had_for_either_processor():
    """Nothing in a lock file or the recipe is for one kind of processor: the same packages, each with its hashes."""
    for stage in images.STAGES:
        lock = (ROOT / f"requirements/{stage}.txt").read_text()
        assert set(wheelhouse.locked(lock, "x86_64")) == set(wheelhouse.locked(lock, "aarch64")) != set()
    recipe = "".join(
        (ROOT / "images" / part).read_text() for part in ("stage.Dockerfile", "install.py", "offline-base.sh")
    )
    assert not any(word in recipe for word in ("x86_64", "amd64", "--platform"))
