"""References of stage images: they change when, and only when, what goes into the image changes."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from netanomaly import __version__, images
from netanomaly.errors import InputError
from netanomaly.runners import compiled

from tests.command import ROOT, netanomaly


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Iterator[Path]:
    """A clean git checkout of what images are made from; `images` works on it."""
    for folder in ("components", "images", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", ".base"))
    shutil.copy(ROOT / "LICENSE", tmp_path)
    monkeypatch.setattr(images, "_PACKAGE", tmp_path / "components/netanomaly")
    monkeypatch.delenv("BASE_IMAGE", raising=False)
    looked_at_anew()
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    yield tmp_path
    looked_at_anew()


def looked_at_anew() -> None:
    """As in another process."""
    for once in (images._held, images._content, images._changed):
        once.cache_clear()


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "state")


def tags() -> dict[str, str]:
    looked_at_anew()
    return {stage: images.tag(stage) for stage in images.IMAGES}


def changed_by(path: Path) -> set[str]:
    """The stages whose tag changes when a line is added to a file, and the change committed."""
    before = tags()
    path.write_text(path.read_text() + "\n# a change\n")
    commit(images.checkout() or Path())
    return {stage for stage, tag in tags().items() if tag != before[stage]}


def test_a_tag_is_the_version_and_twelve_digits_and_comes_out_the_same_each_time(checkout):
    first = tags()
    assert all(tag.startswith(f"{__version__}-") and len(tag.partition("-")[2]) == 12 for tag in first.values())
    assert len(set(first.values())) == len(images.IMAGES)
    assert tags() == first


@pytest.mark.parametrize(
    "path",
    [
        "components/netanomaly/stage_io.py",
        "components/netanomaly/report/templates/style.css",
        "images/stage.Dockerfile",
        "images/install.py",
        "images/pip.txt",
        "LICENSE",
    ],
)
def test_what_is_in_every_image_changes_every_tag(checkout, path):
    assert changed_by(checkout / path) == set(images.IMAGES)


def test_what_is_in_one_image_changes_its_tag_alone(checkout):
    assert changed_by(checkout / "components/netanomaly/stages/train/program.py") == {"train"}
    assert changed_by(checkout / "requirements/ingest.txt") == {"ingest"}
    assert changed_by(checkout / "components/netanomaly/serving/app.py") == {"serve"}


@pytest.mark.parametrize("path", ["cli/run.py", "runners/host.py", "stages/train/component.py", "images.py"])
def test_what_is_in_no_image_changes_no_tag(checkout, path):
    assert changed_by(checkout / "components/netanomaly" / path) == set()


def test_another_base_image_changes_every_tag(checkout, monkeypatch):
    before = tags()
    monkeypatch.setenv("BASE_IMAGE", "registry.example.org/python:3.13")
    assert all(tag != before[stage] for stage, tag in tags().items())


def test_an_uncommitted_change_shows_in_the_tags_it_concerns(checkout):
    (checkout / "components/netanomaly/stages/train/new.py").write_text("x = 1\n")
    assert {stage for stage, tag in tags().items() if tag.endswith("-dirty")} == {"train"}
    (checkout / "README.md").write_text("x\n")
    assert {stage for stage, tag in tags().items() if tag.endswith("-dirty")} == {"train"}


def test_byte_code_of_this_machine_is_no_part_of_an_image(checkout):
    before = tags()
    cache = checkout / "components/netanomaly/stages/train/__pycache__"
    cache.mkdir()
    (cache / "program.cpython-311.pyc").write_bytes(b"x")
    assert [tag.removesuffix("-dirty") for tag in tags().values()] == list(before.values())


def test_what_images_leave_out_takes_no_file_of_that_name_elsewhere():
    for stage in images.IMAGES:
        held = set(images.inputs(stage))
        assert {f"lib/netanomaly/{path}" for path in ("client.py", "registry/client.py", "s3/client.py")} <= held


def test_without_a_checkout_the_tag_is_the_version(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "_PACKAGE", tmp_path / "site-packages/netanomaly")
    assert images.reference("train", "registry.example.org/team/") == f"registry.example.org/team/train:{__version__}"


def test_the_command_lists_what_the_compiled_pipeline_holds(tmp_path):
    """One digest computed twice: by `netanomaly images` and by `netanomaly compile`."""
    listed = netanomaly("images", "--json", "--image-prefix", "registry.example.org/team").json
    assert list(listed) == list(images.IMAGES)
    netanomaly("compile", "--out", tmp_path, "--image-prefix", "registry.example.org/team")
    written = sorted(tmp_path.glob("*.yaml"))
    lines = [line for path in written for line in path.read_text().splitlines()]
    assert {line.partition("image: ")[2] for line in lines if " image: " in line} == {
        listed[stage] for stage in images.STAGES
    }
    for path in written:
        compiled.read(path)


def test_pushed_images_are_named_by_digest(checkout):
    name = images.reference("train", "registry.example.org/team")
    (checkout / "build").mkdir()
    (checkout / "build/pushed-images.json").write_text(f'{{"{name}": "{name}@sha256:{"0" * 64}"}}')
    assert images.reference("train", "registry.example.org/team") == f"{name}@sha256:{'0' * 64}"
    assert "@" not in images.reference("train")


@pytest.mark.parametrize(
    "prefix",
    ["netanomaly", "registry.example.org/team", "localhost:5000", "registry:5000/a_b/c-d", "[::1]:5000/a", "team/"],
)
def test_a_prefix_that_images_may_have_is_taken(prefix):
    assert images.reference("train", prefix).startswith(f"{prefix.rstrip('/')}/train:")


@pytest.mark.parametrize("prefix", ["bad prefix!", "", "Team", "a//b", "host/Team", "https://host/team", "a:b", "-a"])
def test_a_prefix_that_no_image_may_have_is_refused(prefix):
    with pytest.raises(InputError, match="cannot begin an image's name"):
        images.reference("train", prefix)


def test_images_that_no_registry_has_are_told_of(tmp_path):
    told = netanomaly("compile", "--out", tmp_path)
    assert told.code == 0
    assert "warning: images are called netanomaly/..., which no registry has" in told.stderr
    assert not netanomaly("compile", "--out", tmp_path, "--image-prefix", "registry.example.org/team").stderr
    assert netanomaly("images", "--image-prefix", "bad prefix!").code == 2


IMPORTS_ALL = """
import pkgutil, sys
from pathlib import Path
from images import install
patterns = install._NEVER_IMPORTED
for pattern in patterns:
    if pattern.startswith("pyarrow/") and "/lib" not in pattern:
        sys.modules[pattern.partition(".")[0].replace("/", ".")] = None  # as if it were not there
for pattern in install._NEVER_IMPORTED_PACKAGES:
    if "-" not in pattern:
        sys.modules[pattern] = None
import netanomaly, pyarrow.csv, pyarrow.dataset, pyarrow.ipc, pyarrow.parquet
left_out = tuple(f"netanomaly.{name}" for name in ("cli", "cluster", "runners", "command", "mlflow_flavor"))
for module in pkgutil.walk_packages(netanomaly.__path__, "netanomaly."):
    if not module.name.startswith(left_out) and not module.name.endswith((".component", "__main__")):
        __import__(module.name)
from Crypto.PublicKey import ECC
from netanomaly.errors import InputError
from netanomaly.registry.signing import Signer
signer = Signer(ECC.generate(curve="ed25519").export_key(format="PEM"))
signer.trust().verify(signer.signature(b"payload"), b"payload", "it")
try:
    Signer(ECC.generate(curve="P-256").export_key(format="PEM"))
except InputError as error:
    assert "NIST P-256" in str(error)
from netanomaly.s3 import client
mapped = {line.split()[-1] for line in open("/proc/self/maps") if "/" in line}
packages = Path(pyarrow.__file__).parents[1]
print(sorted(set(map(str, (path for pattern in patterns for path in packages.glob(pattern)))) & mapped))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is loaded is read in /proc")
def test_nothing_of_ours_loads_what_images_leave_out():
    """With it gone every module is imported, keys are read, and a key of another kind is told by its name."""
    done = subprocess.run([sys.executable, "-c", IMPORTS_ALL], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == "[]\n", done.stdout + done.stderr
