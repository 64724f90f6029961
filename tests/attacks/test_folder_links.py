"""Another user of the machine puts links, pipes and devices into a registry's folder, or takes its lock."""

import errno
import fcntl
import os
import re
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from netanomaly.errors import NetanomalyError, StoreRefused, StoreUnavailable
from netanomaly.registry import open_registry
from netanomaly.registry.client import Registry
from netanomaly.registry.collecting import collect
from netanomaly.registry.file_store import FileStore
from netanomaly.registry.fsck import fsck
from netanomaly.registry.location import Location, locate

from tests.command import netanomaly

PRECIOUS = b"precious"


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def victim(tmp_path) -> Path:
    path = tmp_path / "elsewhere" / "victim"
    path.parent.mkdir()
    path.write_bytes(PRECIOUS)
    return path


@pytest.fixture
def model_file(tmp_path) -> Path:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"model bytes")
    return path


def register(root: Path, model_file: Path, run: str = "run", model: str = "m") -> int:
    return open_registry(root).register(model, model_file, {}, run_id=run).version


@pytest.mark.parametrize("kind", ["link", "dangling link", "second name", "pipe", "folder", "link to a device"])
def test_a_lock_that_is_none_is_refused_before_anything_is_done_to_it(root, model_file, victim, kind):
    register(root, model_file)
    lock = root / ".lock"
    lock.unlink()
    match kind:
        case "link":
            lock.symlink_to(victim)
        case "dangling link":
            lock.symlink_to(victim.with_name("not there"))
        case "second name":
            os.link(victim, lock)
        case "pipe":
            os.mkfifo(lock)
        case "folder":
            lock.mkdir()
        case "link to a device":
            lock.symlink_to("/dev/null")
    with pytest.raises(StoreRefused, match=r"\.lock is a link.*remove it"):
        register(root, model_file, "second")
    assert victim.read_bytes() == PRECIOUS
    assert not victim.with_name("not there").exists()
    assert stat.S_IMODE(victim.stat().st_mode) & 0o444
    lock.rmdir() if kind == "folder" else lock.unlink()
    assert register(root, model_file, "second") == 2


def test_who_may_not_write_is_told_the_folder_and_no_name_that_nobody_knows(root, model_file, monkeypatch):
    register(root, model_file)
    opened = os.open

    def refused(path, flags, *arguments, **named):
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opened(path, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(
        StoreRefused, match=f"^no permission to write in {re.escape(str(root))}; ask for the right to it$"
    ):
        register(root, model_file, "second")


@pytest.mark.parametrize(("folder", "lock"), [(0o700, 0o600), (0o755, 0o600), (0o2770, 0o660), (0o777, 0o666)])
def test_only_who_may_write_in_the_folder_can_open_the_lock(root, model_file, folder, lock):
    """`flock` asks for no right to write: a reader could hold it for ever."""
    root.mkdir()
    root.chmod(folder)
    register(root, model_file)
    assert stat.S_IMODE((root / ".lock").stat().st_mode) == lock
    # One that an earlier version made.
    (root / ".lock").chmod(0o644)
    register(root, model_file, "second")
    assert stat.S_IMODE((root / ".lock").stat().st_mode) == lock


def test_a_new_registry_is_closed_to_others_and_what_is_in_a_shared_one_is_shared(root, model_file, tmp_path):
    before = os.umask(0)
    try:
        register(root, model_file)
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o770)
        os.umask(0o077)
        register(shared, model_file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(root.stat().st_mode) == 0o770
    for path in shared.rglob("*"):
        wanted = 0o770 if path.is_dir() else 0o660
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_no_process_is_named_that_is_not_known_to_hold_the_lock(root, model_file):
    register(root, model_file)
    (root / ".lock").write_text("1")
    with (root / ".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="is held by another process") as told:
            Registry(Location(FileStore(root, lock_seconds=0.05))).register("m", model_file, {}, run_id="second")
    assert "pid 1)" not in str(told.value)
    assert (root / ".lock").read_text() == "1"


def test_a_lock_that_was_taken_away_is_not_held_by_two(root, model_file):
    register(root, model_file)
    first, second = FileStore(root), FileStore(root, lock_seconds=0.05)
    with first._lock():
        (root / ".lock").unlink()
        with second._lock():
            pass
        with second._lock(), pytest.raises(StoreUnavailable), FileStore(root, lock_seconds=0.05)._lock():
            pass


@pytest.mark.parametrize(
    "at", ["heads", "heads/m.json", "models", "models/m", "models/m/records", "model_registry.json"]
)
def test_a_link_in_place_of_what_is_the_registrys_is_not_followed(root, model_file, tmp_path, at):
    register(root, model_file)
    path, moved = root / at, tmp_path / "moved"
    path.rename(moved)
    path.symlink_to(moved)
    held = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and not file.is_symlink()}
    for use in (lambda: open_registry(root).version("m"), lambda: register(root, model_file, "second")):
        try:
            use()
        except NetanomalyError as error:
            assert error.exit_code in (2, 3)
        else:
            assert at == "model_registry.json" or "heads" in at
    for file, data in held.items():
        if moved in (file, *file.parents):
            assert file.read_bytes() == data
    if moved.is_dir():
        assert {file for file in held if moved in file.parents} == {file for file in moved.rglob("*") if file.is_file()}
    assert any(finding.key == at and "link" in finding.problem for finding in fsck(locate(root)).findings)


def test_gc_removes_nothing_through_a_linked_folder_and_says_what_it_left(root, model_file, victim):
    register(root, model_file)
    (root / "models/m/artifacts" / ("0" * 64)).symlink_to(victim.parent)
    (root / "models/m/segments").symlink_to(victim.parent)
    os.mkfifo(root / "models/m/artifacts/pipe")
    done = collect(locate(root), older_than=timedelta(seconds=-60))
    assert victim.read_bytes() == PRECIOUS
    assert not [key for key in done.keys if "0000" in key]
    assert done.strangers == [
        f"models/m/artifacts/{'0' * 64}",
        "models/m/artifacts/pipe",
        "models/m/segments",
    ]
    shown = netanomaly("registry", "gc", "--registry", root)
    assert (shown.code, shown.stdout.count("left as it is")) == (0, 3)


def test_a_head_that_is_a_link_is_not_listed_and_that_is_said(root, model_file, tmp_path):
    register(root, model_file)
    register(tmp_path / "theirs", model_file, model="n")
    (root / "heads/n.json").symlink_to(tmp_path / "theirs/heads/n.json")
    shown = netanomaly("registry", "list", "--registry", root)
    assert "n " not in [line[:2] for line in shown.stdout.splitlines()]
    assert "heads/n.json is a link, pipe or device" in shown.stderr


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_model_file_that_is_a_pipe_or_a_device_is_not_read(root, model_file, tmp_path, kind):
    register(root, model_file)
    path = next((root / "models/m/artifacts").rglob("model.joblib"))
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(StoreRefused, match="not followed"):
        open_registry(root).download("m", tmp_path / "out")
    with pytest.raises(StoreRefused, match="not followed"):
        open_registry(root).load("m")
    assert any(kind in finding.problem for finding in fsck(locate(root)).findings)


def test_a_folder_swapped_for_a_link_between_look_and_write_leads_nowhere(root, model_file, victim, monkeypatch):
    """At every moment of a registration: before each file or folder is opened."""
    register(root, model_file)
    real = os.open
    opened = []

    def counting(*arguments, **more):
        opened.append(arguments)
        return real(*arguments, **more)

    monkeypatch.setattr(os, "open", counting)
    register(root, model_file, "counted")
    for moment in range(0, len(opened), 3):
        left = [moment]

        def swapping(*arguments, left=left, **more):
            left[0] -= 1
            if left[0] == 0:
                (root / "models/m").rename(root / "models/away")
                (root / "models/m").symlink_to(victim.parent)
            return real(*arguments, **more)

        monkeypatch.setattr(os, "open", swapping)
        try:
            register(root, model_file, f"run {moment}")
        except NetanomalyError as error:
            assert "\n" not in str(error)
        monkeypatch.undo()
        if (root / "models/m").is_symlink():
            (root / "models/m").unlink()
            (root / "models/away").rename(root / "models/m")
        assert [path.name for path in victim.parent.iterdir()] == ["victim"]
        assert victim.read_bytes() == PRECIOUS
