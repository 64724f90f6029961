"""What is in the built images, and what is not."""

import json
import re
import subprocess

import pytest
from netanomaly import images
from netanomaly.registry import open_registry
from netanomaly.registry.carried import carry
from netanomaly.stages.train.program import train

from images import build as image_build
from images import wheelhouse
from tests.e2e.inside import run
from tests.unit.models_data import traffic, write
from tests.unit.test_train import SETTINGS

SECRETS = re.compile(
    rb"AKIA[0-9A-Z]{16}|-----BEGIN (?:RSA |EC |OPENSSH |DSA )?PRIVATE KEY-----\n[A-Za-z0-9+/]"
    rb"|(?<![A-Za-z0-9_])gh[pousr]_[A-Za-z0-9]{36}|xox[abp]-[0-9]{10,}"
)

WORKS = """
import importlib, pathlib, sys
root, stage = pathlib.Path("/opt/netanomaly"), sys.argv[1]
sources = list(root.rglob("*.py"))
missing = [str(path) for path in sources if not list(path.parent.glob(f"__pycache__/{path.stem}.cpython-*.pyc"))]
assert sources and not missing, missing[:5]
for path in (root / "netanomaly").rglob("*.py"):
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    if name.startswith(f"netanomaly.{stage}."):
        importlib.import_module(name)
open("/tmp/x", "w").write("x")
for place in (root, pathlib.Path("/"), pathlib.Path("/usr")):
    try:
        (place / "written").write_text("x")
    except OSError:
        continue
    raise SystemExit(f"{place} can be written")
"""

INVENTORY = """
import json, pathlib, shutil
root, top = pathlib.Path("/opt/netanomaly"), pathlib.Path("/")
tools = ("pip", "pip3", "gcc", "cc", "g++", "make", "git", "curl", "wget")
left = ("root/.*_history", "root/.cache", "var/lib/apt/lists/*", "var/cache/apt/archives/*.deb", "tmp/*", "installer")
print(json.dumps({
    "tools": [tool for tool in tools if shutil.which(tool)],
    "pip": [str(path) for place in ("usr/lib", "usr/local/lib", "opt") for path in (top / place).rglob("pip-*")],
    "tests": [str(path) for path in root.rglob("tests") if path.is_dir()] + [str(path) for path in root.rglob("SelfTest")],
    "left": [str(path) for pattern in left for path in top.glob(pattern)],
    "stages": sorted(path.parent.name for path in root.glob("netanomaly/stages/*/__main__.py")),
}))
"""


@pytest.fixture(scope="module", params=images.IMAGES)
def stage(request) -> str:
    return request.param


@pytest.mark.parametrize("user", [None, "1234567:0"])
def test_a_stage_works_locked_down_as_any_user_with_byte_code_for_all(client, stage, user):
    run(client, images.reference(stage), WORKS, stage, **({"user": user} if user else {}))


def test_nothing_that_installs_compiles_tests_or_remembers_is_left(client, stage):
    found = json.loads(run(client, images.reference(stage), INVENTORY))
    assert found == {
        "tools": [],
        "pip": [],
        "tests": [],
        "left": [],
        "stages": [stage] if stage in images.STAGES else [],
    }


def test_the_configuration_of_an_image(client, stage):
    reference = images.reference(stage)
    config = client.images.get(reference).attrs["Config"]
    assert not config["Entrypoint"]
    assert config["User"] == "65532:0"
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    assert labels["version"] == reference.rpartition(":")[2]
    assert labels["licenses"] == "Apache-2.0"
    assert labels["source"].startswith("https://")
    assert re.fullmatch("[0-9a-f]{40}|[0-9.]+", labels["revision"])


def test_only_the_stages_own_libraries_are_in_its_image_and_its_bill_names_them_all(client, stage):
    program = "print(open('/usr/share/netanomaly/sbom.cdx.json').read())"
    bill = json.loads(run(client, images.reference(stage), program))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    lock = (image_build.ROOT / f"requirements/{stage}.txt").read_text()
    locked = {entry.split()[0] for entry in wheelhouse.locked(lock, wheelhouse.machine()).values()}
    # What packages ask for and nothing imports is taken out again (images/install.py), and so out of the bill.
    wanted = {entry for entry in locked if entry.partition("==")[0] not in ("pycparser", "h11")}
    parts = [(part["purl"].partition("/")[0], part["name"], part["version"]) for part in bill["components"]]
    assert {f"{name}=={version}" for kind, name, version in parts if kind == "pkg:pypi"} == wanted
    assert {"libc6", "libssl3t64"} <= {name for kind, name, _ in parts if kind == "pkg:deb"}
    assert json.loads((image_build.ROOT / f"build/sbom/{stage}.cdx.json").read_text()) == bill


SERVES = """
import json, signal, subprocess, sys, time, urllib.request
command = [sys.executable, "-m", "netanomaly.serving", "--model_dir", "/model", "--model_name", "isvc", "--linger_seconds", "0"]
server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
url = "http://127.0.0.1:8080/v2/models/isvc"
for _ in range(600):
    try:
        ready = urllib.request.urlopen("http://127.0.0.1:8080/v2/health/ready").status
        break
    except OSError:
        assert server.poll() is None, "the server ended"
        time.sleep(0.1)
about = json.load(urllib.request.urlopen(url))
inputs = [{"name": each["name"], "shape": [1], "datatype": each["datatype"], "data": [None]} for each in about["inputs"]]
answer = json.load(urllib.request.urlopen(f"{url}/infer", json.dumps({"inputs": inputs}).encode()))
server.send_signal(signal.SIGTERM)
print(json.dumps({"ready": ready, "version": answer["model_version"], "outputs": len(answer["outputs"]), "code": server.wait(60)}))
"""


def test_the_server_serves_locked_down(client, tmp_path):
    """Read-only root, no capability, no network but its own loopback, any user: a model in a folder, verified."""
    rows = traffic(800)
    model = train(write(rows, tmp_path / "flows.parquet"), SETTINGS).model
    model.save(tmp_path / "model.joblib")
    registry = open_registry(tmp_path / "registry")
    registry.register("office", tmp_path / "model.joblib", {"versions": model.versions}, run_id="run")
    carry(registry, "office:1", tmp_path / "carried")
    for path in (tmp_path / "carried", *(tmp_path / "carried").iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    mounted = {str(tmp_path / "carried"): {"bind": "/model", "mode": "ro"}}
    said = run(client, images.reference("serve"), SERVES, volumes=mounted, user="1234567:0")
    assert json.loads(said.splitlines()[-1]) == {"ready": 200, "version": "1", "outputs": 3, "code": 0}


def test_no_layer_holds_a_secret(client):
    """Over all images as they are saved: every layer once, and the configurations with their history."""
    command = [image_build.DOCKER, "save", *(images.reference(stage) for stage in images.IMAGES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as saved:
        assert saved.stdout
        tail, found, size = b"", [], 0
        while piece := saved.stdout.read(1 << 22):
            found += SECRETS.findall(tail + piece)
            tail, size = piece[-100:], size + len(piece)
    assert saved.returncode == 0
    assert size > 50_000_000
    assert found == []


def test_the_scan_knows_a_secret_when_it_sees_one():
    for secret in ("AKIA" + "A" * 16, "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE", "ghp_" + "a" * 36):
        assert SECRETS.search(secret.encode())
