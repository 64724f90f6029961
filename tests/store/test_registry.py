"""The registry on a folder: nothing lost, nothing doubled, nothing believed unchecked. Races are in `test_races`."""

import fcntl
import hashlib
import io
import json
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.errors import InputError, StoreRefused, StoreUnavailable
from netanomaly.registry import documents, open_registry
from netanomaly.registry.client import Registry
from netanomaly.registry.errors import (
    DamagedRegistry,
    InvalidName,
    KeyConflict,
    LibraryVersionsMissing,
    MissingArtifact,
    NewerFormat,
    NotInRegistry,
    UnsupportedLibraryVersions,
    WrongDigest,
    WrongSize,
)
from netanomaly.registry.file_store import FileStore
from netanomaly.registry.location import Location
from netanomaly.registry.names import model_name, reference

from tests.store.work import METADATA, ended, start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "registry"


def register(folder: Path, model_file: Path, run_id: str, model: str = "m", **more):
    return open_registry(folder).register(model, model_file, METADATA, run_id=run_id, metrics={"roc_auc": 0.9}, **more)


def head(folder: Path, model: str = "m") -> dict:
    """Read without our client."""
    return json.loads((folder / f"heads/{model}.json").read_text())


def test_versions_are_numbered_and_a_retry_registers_once(folder, model_file):
    assert register(folder, model_file, "run-1").version == 1
    assert register(folder, model_file, "run-2").version == 2
    again = register(folder, model_file, "run-1")
    assert (again.version, again.created) == (1, False)
    assert [version.number for version in open_registry(folder).versions("m")] == [1, 2]


def test_a_file_that_is_not_the_one_described_is_not_registered(place, model_file):
    """One that is sent at once, and one that is sent in parts."""
    for content in (b"model bytes", b"x" * (9 << 20)):
        model_file.write_bytes(content)
        described = hashlib.sha256(content).hexdigest()
        model_file.write_bytes(content[:-1] + b"!")
        with pytest.raises(WrongDigest, match="is not the file that was described"):
            place.open().register("m", model_file, METADATA, run_id="run", sha256=described)
    assert not [key for key in place.objects.all() if key.startswith(("heads/", "models/"))]


@pytest.mark.parametrize("megabytes", [1, 20])
def test_a_file_whose_digest_is_known_is_read_once(place, model_file, monkeypatch, megabytes):
    model_file.write_bytes(os.urandom(megabytes << 20))
    digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
    real, read = Path.open, []

    class Counting(io.BufferedReader):
        def read(self, size=-1):
            read.append(len(data := super().read(size)))
            return data

    def counted(path, *arguments, **more):
        file = real(path, *arguments, **more)
        if path == model_file:
            return Counting(file.detach())
        return file

    monkeypatch.setattr(Path, "open", counted)
    place.open().register("m", model_file, METADATA, run_id="run", sha256=digest)
    monkeypatch.undo()
    assert sum(read) == megabytes << 20


def test_the_same_registration_with_other_contents_is_a_conflict(folder, model_file, tmp_path):
    register(folder, model_file, "run-1")
    model_file.write_bytes(b"other bytes")
    with pytest.raises(KeyConflict, match="run-1"):
        register(folder, model_file, "run-1")
    assert len(head(folder)["tail"]) == 1


class _Killed(FileStore):
    """Kills its own process at the n-th write, before or after it happened."""

    def __init__(self, root: Path, at: int, after: bool) -> None:
        super().__init__(root)
        self._left, self._after = at, after

    def _rename(self, temporary: Path, key: str) -> None:
        self._left -= 1
        if self._left == 0 and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._rename(temporary, key)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _register_and_die(folder: Path, model_file: Path, at: int, after: bool, _: None) -> None:
    Registry(Location(_Killed(folder, at, after))).register(
        "m", model_file, METADATA, run_id="run", metrics={"roc_auc": 0.9}, files={"report.html": model_file}
    )


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_killed_at_any_write_the_retry_leaves_exactly_one_version(folder, model_file, at, after):
    """Writes: model, report, record, head, view."""
    register(folder, model_file, "before")
    assert ended(start(_register_and_die, folder, model_file, at, after)) == -signal.SIGKILL
    committed = len(head(folder)["tail"]) - 1
    assert committed == (1 if (at, after) >= (4, True) else 0)
    retried = register(folder, model_file, "run", files={"report.html": model_file})
    assert (retried.version, retried.created) == (2, not committed)
    assert open_registry(folder).version("m").number == 2
    open_registry(folder).publish()
    view = json.loads((folder / "model_registry.json").read_text())
    assert [version["version"] for version in view["models"][0]["versions"]] == [1, 2]


def test_the_view_has_the_fields_of_the_original_with_relative_paths_and_is_rebuilt_the_same(folder, model_file):
    register(folder, model_file, "run-1", model_version="1.0.0", description="d")
    register(folder, model_file, "run-1", model="other")
    path = folder / "model_registry.json"
    written = path.read_bytes()
    model = json.loads(written)["models"][0]
    version = model["versions"][0]
    assert {"model_id", "model_name", "metadata", "versions"} <= set(model)
    assert {"version", "model_path", "creation_timestamp", "description", "metadata", "metrics"} <= set(version)
    assert (folder / version["model_path"]).read_bytes() == b"model bytes"
    path.unlink()
    assert open_registry(folder).publish()
    assert path.read_bytes() == written


def test_a_damaged_view_is_written_anew(folder, model_file):
    register(folder, model_file, "run-1")
    (folder / "model_registry.json").write_text("{")
    register(folder, model_file, "run-2")
    view = json.loads((folder / "model_registry.json").read_text())
    assert [version["version"] for version in view["models"][0]["versions"]] == [1, 2]


def stored_model(folder: Path) -> Path:
    return next((folder / "models/m/artifacts").rglob("model.joblib"))


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda path: path.write_bytes(b"Model bytes"), WrongDigest),
        (lambda path: path.write_bytes(b"model byte"), WrongSize),
        (lambda path: path.unlink(), MissingArtifact),
    ],
)
def test_a_model_altered_after_registration_is_neither_downloaded_nor_loaded(
    folder, model_file, tmp_path, spoil, error
):
    register(folder, model_file, "run-1")
    spoil(stored_model(folder))
    with pytest.raises(error):
        open_registry(folder).download("m:1", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(error):
        open_registry(folder).load("m:1")


def test_a_download_gives_the_registered_bytes_and_the_files_beside_them(folder, model_file, tmp_path):
    register(folder, model_file, "run-1", files={"report.html": model_file})
    files = open_registry(folder).download("m", tmp_path / "out")
    assert [path.name for path in files] == ["model.joblib", "report.html"]
    assert all(path.read_bytes() == b"model bytes" for path in files)


def test_other_libraries_are_refused_before_anything_is_unpickled(folder, model_file):
    register(folder, model_file, "run-1")
    with pytest.raises(UnsupportedLibraryVersions, match=r"1\.0\.0"):
        open_registry(folder).load("m:1")
    open_registry(folder).register("n", model_file, {}, run_id="r")
    with pytest.raises(LibraryVersionsMissing, match=r"register it with the model_metadata\.json of its run"):
        open_registry(folder).load("n:1")


def test_an_altered_record_or_head_is_named(folder, model_file):
    register(folder, model_file, "run-1")
    record = next((folder / "models/m/records").iterdir())
    record.write_text(record.read_text().replace("0.9", "0.8"))
    with pytest.raises(DamagedRegistry, match="altered"):
        open_registry(folder).version("m:1")
    record.unlink()
    with pytest.raises(DamagedRegistry, match="gone"):
        open_registry(folder).version("m:1")
    (folder / "heads/m.json").write_text("{")
    with pytest.raises(DamagedRegistry, match=r"heads/m\.json"):
        open_registry(folder).version("m:1")


def test_a_newer_format_is_refused_and_unknown_fields_are_kept(folder, model_file):
    register(folder, model_file, "run-1")
    path = folder / "heads/m.json"
    later = {**head(folder), "later": {"x": 1}}
    del later["checksum"]
    later["checksum"] = documents.digest(documents.canonical(later))
    path.write_text(json.dumps(later))
    register(folder, model_file, "run-2")
    assert head(folder)["later"] == {"x": 1}
    path.write_text(json.dumps({**head(folder), "format": 3, "written_by": "9.9"}))
    with pytest.raises(NewerFormat, match=r"9\.9"):
        register(folder, model_file, "run-3")


def test_a_lock_held_by_another_is_told_with_its_pid(folder, model_file):
    register(folder, model_file, "run-1")
    with (folder / ".lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = Registry(Location(FileStore(folder, lock_seconds=0.05)))
        with pytest.raises(StoreUnavailable, match=f"pid {os.getpid()}") as told:
            waiting.register("m", model_file, METADATA, run_id="run-2")
    assert told.value.exit_code == 3
    assert len(head(folder)["tail"]) == 1


def test_a_full_disk_is_an_outside_failure_and_registers_nothing(folder, model_file, monkeypatch):
    register(folder, model_file, "run-1")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        register(folder, model_file, "run-2")
    monkeypatch.undo()
    assert len(head(folder)["tail"]) == 1
    assert register(folder, model_file, "run-2").version == 2


def test_an_alias_points_at_a_version_and_champion_is_found(folder, model_file):
    registry = open_registry(folder)
    assert registry.champion("m") is None
    register(folder, model_file, "run-1")
    register(folder, model_file, "run-2")
    assert registry.champion("m") is None
    registry.set_alias("m:1", "champion")
    assert registry.champion("m") == 1
    assert registry.version("m@champion").number == 1
    assert registry.version("m@champion").aliases == ("champion",)


def test_an_alias_is_pointed_at_a_version_that_was_named_and_never_at_whatever_came_last(folder, model_file):
    registry = open_registry(folder)
    for number in range(1, 11):
        register(folder, model_file, f"run-{number}")
    registry.deprecate("m:9")
    registry.set_alias("m:1", "champion")
    with pytest.raises(
        InputError, match=r"'champion' is to point at, e\.g\. m:10, or --newest; versions.*: 10, 9 \(deprecated\), 8"
    ) as told:
        registry.set_alias("m", "champion")
    assert "3, ..." in str(told.value)
    assert "\n" not in str(told.value)
    assert registry.champion("m") == 1
    assert registry.set_alias("m", "champion", newest=True).number == 10
    for named in ("m:1", "m@champion"):
        with pytest.raises(InputError, match="names a version, and --newest asks for the newest"):
            registry.set_alias(named, "challenger", newest=True)
    # Another alias says which version, too.
    assert registry.set_alias("m@champion", "challenger").number == 10


@pytest.mark.parametrize(
    ("wanted", "message"),
    [("x", "it has: m"), ("m:7", "it has 1 to 1"), ("m@challenger", "it has: none")],
)
def test_what_is_not_there_is_told_with_what_is(folder, model_file, wanted, message):
    register(folder, model_file, "run-1")
    with pytest.raises(NotInRegistry, match=message):
        open_registry(folder).version(wanted)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "é", "x" * 300, ".a", "a.", "a\n"])
def test_a_name_that_cannot_be_one_is_refused(folder, model_file, name):
    with pytest.raises(InvalidName):
        register(folder, model_file, "run-1", model=name)


@pytest.mark.parametrize("alias", ["3", "v3", "latest", "", "a/b"])
def test_an_alias_that_looks_like_a_version_is_refused(folder, model_file, alias):
    register(folder, model_file, "run-1")
    with pytest.raises(InvalidName):
        open_registry(folder).set_alias("m:1", alias)


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9_-])?", fullmatch=True), st.integers(1, 10**9))
def test_a_reference_that_is_written_is_read_back(name, number):
    assert model_name(name) == name
    assert str(reference(f"{name}:{number}")) == f"{name}:{number}"


@pytest.mark.parametrize("uri", ["s3://b", "s3://bucket/a/../b", "s3://bucket/x?y", "file://host/x", "http://x"])
def test_a_uri_that_is_no_folder_here_is_refused(uri):
    with pytest.raises(InputError, match=r"write|name"):
        open_registry(uri)


@pytest.mark.parametrize("inside", ["", "deep"])
def test_a_registry_that_is_a_file_is_no_empty_registry(tmp_path, inside):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreRefused, match=r"Not a directory: .*; name a folder"):
        open_registry(tmp_path / "taken" / inside).models()


def test_a_model_that_is_no_file_or_empty_is_refused(folder, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("empty", "link", "absent", "."):
        with pytest.raises(InputError):
            register(folder, tmp_path / name, "run-1")
