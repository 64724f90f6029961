"""A writer of the registry names files outside it: nothing outside is read, written, copied or shown."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from netanomaly.errors import InputError
from netanomaly.registry import ModelRegistryClient, open_registry
from netanomaly.registry.collecting import collect
from netanomaly.registry.errors import DamagedRegistry, WrongSize
from netanomaly.registry.fsck import fsck
from netanomaly.registry.importing import import_file
from netanomaly.registry.location import locate

from tests.attacks import forging
from tests.command import netanomaly

SECRET = b"a line of /etc/shadow"

OUT_OF_A_FOLDER = ["../evil", "../../home/u/.ssh/authorized_keys", "/etc/cron.d/x", "a/../../x", "..", ".", "", "a//b"]
UNPRINTABLE = ["a\0b", "a\nb", "\x1b]0;x\x07", "\u202egnp.exe", "back\\slash", "a" * 300]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside" / "secret"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "registry"


def refused_everywhere(root: Path, out: Path) -> None:
    """By each way to a record; and fsck names it in one line."""
    before = {path for path in out.parent.rglob("*") if not path.is_relative_to(root)}
    registry = open_registry(root)
    for use in (
        lambda: registry.version("m"),
        lambda: registry.versions("m"),
        lambda: registry.download("m:1", out),
        lambda: registry.load("m:1"),
        lambda: ModelRegistryClient(root).get_model_version_details("m"),
        lambda: ModelRegistryClient(root).list_model_versions("m"),
        lambda: registry.set_alias("m:1", "champion"),
        lambda: collect(locate(root)),
    ):
        with pytest.raises(DamagedRegistry) as told:
            use()
        assert "\n" not in str(told.value)
        assert SECRET.decode() not in str(told.value)
    assert {path for path in out.parent.rglob("*") if not path.is_relative_to(root)} == before
    result = fsck(locate(root), repair=True)
    assert not result.sound
    assert any("/records/" in finding.key for finding in result.findings)
    assert all("\n" not in finding.problem for finding in result.findings)


@pytest.mark.parametrize("name", [*OUT_OF_A_FOLDER, *UNPRINTABLE])
def test_a_file_beside_the_model_has_a_plain_name(root, tmp_path, name):
    forging.registry(root, forging.record(files={name: forging.file(name=name)}))
    refused_everywhere(root, tmp_path / "out")


@pytest.mark.parametrize("name", [*OUT_OF_A_FOLDER, *UNPRINTABLE])
def test_a_file_of_a_model_folder_has_plain_names(root, tmp_path, name):
    one = forging.file()
    whole = forging.sha256(forging.canonical({name: one["sha256"]}))
    place = f"models/m/artifacts/{whole}/"
    forging.registry(
        root,
        forging.record(
            artifact={"path": place, "sha256": whole, "bytes": one["bytes"]},
            tree={name: {**one, "path": f"{place}{name}"}},
        ),
    )
    refused_everywhere(root, tmp_path / "out")


def test_a_model_file_lies_in_the_registry_at_the_address_of_its_content(root, tmp_path, outside):
    true: dict[str, Any] = forging.file()
    for path in (
        str(outside),
        "/etc/shadow",
        "/dev/zero",
        "../outside/secret",
        f"models/m/../../../{outside}",
        f"models/other/artifacts/{true['sha256']}/model.joblib",
        f"models/m/artifacts/{'0' * 64}/model.joblib",
        f"{true['path']}/../model.joblib",
        "heads/m.json",
        true["path"] + "\0",
    ):
        said = {"path": path, "sha256": forging.sha256(SECRET), "bytes": len(SECRET)}
        wrong: list[dict[str, Any]] = [{"artifact": said}, {"files": {"x": said}}, {"artifact": {**true, "path": path}}]
        for fields in wrong:
            forging.registry(root, forging.record(**fields))
            refused_everywhere(root, tmp_path / "out")


def test_two_files_of_a_download_never_have_one_name(root, tmp_path):
    """One that replaces the model by a file of another digest."""
    forging.registry(root, forging.record(files={"model.joblib": forging.file(data=b"other", name="model.joblib")}))
    refused_everywhere(root, tmp_path / "out")


@pytest.mark.parametrize("model", ["../evil", "a/b", "a\0", "", ".hidden", "x" * 200])
def test_a_head_of_no_model_is_listed_nowhere_and_named_by_fsck(root, model):
    forging.registry(root, forging.record())
    name = model.replace("/", "-").replace("\0", "-").strip(".") or "no model"
    forging.put(root, f"heads/{name}.json".replace("x" * 200, "x " * 100), forging.canonical(forging.head(model)))
    assert open_registry(root).models() == ["m"] or fsck(locate(root)).findings
    assert not fsck(locate(root)).sound


def test_reading_stops_at_the_declared_size(root, tmp_path):
    """A file that has no end, or a very far one, costs what the record says."""
    one = forging.file(data=b"12345")
    forging.registry(root, forging.record(artifact=one))
    forging.put(root, one["path"], b"")
    os.truncate(root / one["path"], 1 << 40)
    for use in (
        lambda: open_registry(root).download("m", tmp_path / "out"),
        lambda: open_registry(root).load("m"),
    ):
        with pytest.raises(WrongSize, match="more than 5 bytes"):
            use()
    assert not list((tmp_path / "out").iterdir())
    assert any("more than 5" in finding.problem for finding in fsck(locate(root)).findings)


@pytest.mark.parametrize("at", ["file", "folder"])
def test_a_download_goes_through_no_link(root, tmp_path, outside, at):
    data = b"new"
    whole = forging.sha256(forging.canonical({"a/b": forging.sha256(data)}))
    place = f"models/m/artifacts/{whole}/"
    one: dict[str, Any] = {"path": f"{place}a/b", "sha256": forging.sha256(data), "bytes": 3}
    forging.registry(root, forging.record(artifact={"path": place, "sha256": whole, "bytes": 3}, tree={"a/b": one}))
    forging.put(root, one["path"], data)
    out = tmp_path / "out"
    if at == "folder":
        out.mkdir()
        (out / "a").symlink_to(outside.parent)
        with pytest.raises(InputError, match="link"):
            open_registry(root).download("m", out)
    else:
        (out / "a").mkdir(parents=True)
        (out / "a/b").symlink_to(outside)
        open_registry(root).download("m", out)
        assert (out / "a/b").read_bytes() == data
        assert not (out / "a/b").is_symlink()
    assert outside.read_bytes() == SECRET
    assert [path.name for path in outside.parent.iterdir()] == ["secret"]


def original(folder: Path, model_path: str) -> Path:
    path = folder / "model_registry.json"
    path.write_text(
        json.dumps({"models": [{"model_name": "old", "versions": [{"version": "1", "model_path": model_path}]}]})
    )
    return path


@pytest.mark.parametrize("way", ["absolute", "upward", "link", "through a linked folder"])
def test_an_import_takes_what_lies_below_its_file_unless_told(root, tmp_path, outside, way):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "linked").symlink_to(outside.parent)
    named = {
        "absolute": str(outside),
        "upward": "../outside/secret",
        "link": "link",
        "through a linked folder": "linked/secret",
    }[way]
    file = original(folder, named)
    done = netanomaly("registry", "import", file, "--registry", root)
    assert (done.code, "--files-below" in done.last_line) == (2, True), done.stderr
    assert not root.exists()
    told = netanomaly("registry", "import", file, "--registry", root, "--files-below", outside.parent)
    assert told.code == 0, told.stderr
    assert open_registry(root).version("old").record.artifact.sha256 == forging.sha256(SECRET)


def test_an_import_takes_no_more_than_its_file_when_it_names_the_folder_itself(root, tmp_path):
    with pytest.raises(InputError, match="--files-below"):
        import_file(locate(root), original(tmp_path, "."))


@pytest.mark.parametrize("name", ["9" * 300, "a/" * 3000, "x" * 5000 + "/y", "a\0b", "loop", "file/inside"])
def test_a_model_file_whose_name_no_file_can_have_is_not_there(root, tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"x")
    path = original(tmp_path, name)
    assert [one.with_file for one in import_file(locate(root), path)] == [False]


def test_a_model_file_that_may_not_be_looked_at_is_told(root, tmp_path, monkeypatch):
    """It is not taken for one that is gone, and what root may look at depends on no rights."""

    def forbidden(path, **_):
        raise PermissionError(13, "Permission denied")

    path = original(tmp_path, "closed/model.joblib")
    monkeypatch.setattr(Path, "exists", forbidden)
    with pytest.raises(InputError, match=r"^the model file of version '1' of model 'old' .* Permission denied"):
        import_file(locate(root), path)
