"""What the world does to a run: files that change, kills, interrupts, full disks, two runs at once.

Nothing half done is ever registered, and running again is all there is to do.
"""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import NETANOMALY, ROOT, Ended, netanomaly
from tests.small_disk import mounted
from tests.warm import netanomaly_warm

SAMPLES = ROOT / "configs/data/ml_training_data"
ROWS = 150_000


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A training file that each stage works on for a while, and a configuration for it."""
    folder = tmp_path_factory.mktemp("data")
    header, *rows = (SAMPLES / "sample_training_data.csv").read_text().splitlines()
    chosen = random.Random(1)
    (folder / "training.csv").write_text("\n".join([header, *chosen.choices(rows, k=ROWS)]) + "\n")
    shutil.copy(SAMPLES / "sample_evaluation_data.csv", folder / "evaluation.csv")
    config = {
        "model_name": "hit",
        "model_type": "isolation_forest",
        "data_source": "training.csv",
        "evaluation_data_source": "evaluation.csv",
        "isolation_forest_params": {"n_estimators": 100},
        "gates": {"min_lift": False},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def start(config: Path, workdir: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(NETANOMALY), "run", str(config), "--workdir", str(workdir), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def when(process: "subprocess.Popen[str]", line: str, act: Callable[[], object]) -> Ended:
    """Let it run, act once it has printed a line that starts so, and wait for its end."""
    printed, acted = [], False
    with process:
        for text in process.stderr or ():
            printed.append(text)
            if text.startswith(line) and not acted:
                act()
                acted = True
        assert acted, "".join(printed)
        stdout = process.stdout.read() if process.stdout else ""
    return Ended(process.returncode, stdout, "".join(printed))


def processes(of: Path, module: str = "netanomaly") -> list[int]:
    """Processes whose command line names this module and something in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"{module}\0" in words and str(of) in words:
                found.append(int(entry.name))
    return found


def kill_stage(stage: str, workdir: Path) -> None:
    """SIGKILL to the stage's own process, as the kernel does when memory runs out."""
    end = time.monotonic() + 10
    while not (found := processes(workdir, f"netanomaly.stages.{stage}")):
        assert time.monotonic() < end, f"no process of {stage}"
        time.sleep(0.005)
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def versions(workdir: Path) -> int:
    """How many versions the registry of a work folder holds."""
    view = workdir / "registry" / "model_registry.json"
    if not view.exists():
        return 0
    return sum(len(model["versions"]) for model in json.loads(view.read_text())["models"])


def test_a_file_that_changes_while_it_is_read_ends_the_run(data, tmp_path):
    for name in ("training.csv", "evaluation.csv", "config.json"):
        shutil.copy(data / name, tmp_path)

    def append() -> None:
        with (tmp_path / "training.csv").open("a") as file:
            file.write("60,tcp,1,1,normal\n")

    ended = when(start(tmp_path / "config.json", tmp_path / "runs"), "prepare: succeeded", append)
    assert ended.code == 2, ended.stderr
    assert "training.csv changed while the pipeline ran" in ended.last_line
    assert "start the run again" in ended.last_line
    assert versions(tmp_path / "runs") == 0


@pytest.mark.parametrize("stage", ["ingest", "train", "evaluate"])
def test_a_killed_stage_fails_the_run_and_running_again_mends_it(data, tmp_path, stage):
    process = start(data / "config.json", tmp_path)
    ended = when(process, f"{stage}: started", lambda: kill_stage(stage, tmp_path))
    assert ended.code == 3, ended.stderr
    assert stage in ended.last_line
    assert "killed" in ended.last_line
    states = {each["name"]: each["state"] for each in ended.json["stages"]}
    assert states[stage] == "failed"
    assert states.get("register", "skipped") not in ("succeeded", "running")
    assert versions(tmp_path) == 0
    again = netanomaly_warm("run", data / "config.json", "--workdir", tmp_path, "--json")
    assert (again.code, again.json["version"]) == (0, 1), again.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", ["ingest", "train"])
def test_an_interrupted_run_leaves_no_process_and_registers_nothing(data, tmp_path, stage, signal_number):
    process = start(data / "config.json", tmp_path)
    ended = when(process, f"{stage}: started", lambda: process.send_signal(signal_number))
    assert ended.code not in (0, 1), ended.stderr
    assert "Traceback" not in ended.stderr
    assert processes(tmp_path) == []
    assert versions(tmp_path) == 0


def test_two_runs_at_once_register_two_versions(data, tmp_path):
    running = [start(data / "config.json", tmp_path) for _ in range(2)]
    results = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert [code for _, code in results] == [0, 0], results
    assert sorted(json.loads(out)["version"] for (out, _), _ in results) == [1, 2]
    assert len({json.loads(out)["run_dir"] for (out, _), _ in results}) == 2
    assert versions(tmp_path) == 2


def test_a_folder_that_cannot_be_written_is_named(data):
    ended = netanomaly("run", data / "config.json", "--workdir", "/proc/runs")
    assert ended.code == 3, ended.stderr
    assert "cannot make the run folder /proc/runs" in ended.last_line
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("place", ["taken", "taken/deep"])
def test_a_file_where_the_run_folder_should_be_is_the_users_to_mend(data, tmp_path, place):
    (tmp_path / "taken").write_text("a file")
    ended = netanomaly("run", data / "config.json", "--workdir", tmp_path / place)
    assert ended.code == 2, ended.stderr
    assert "choose another --workdir" in ended.last_line


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of two megabytes."""
    with mounted(tmp_path / "disk", "2m") as disk:
        yield disk


def test_a_full_disk_ends_the_run_with_nothing_registered(data, small_disk, tmp_path):
    registry = tmp_path / "registry"
    (small_disk / "filler").write_bytes(b"\0" * (2 * 2**20 - 256 * 2**10))
    ended = netanomaly("run", data / "config.json", "--workdir", small_disk, "--registry", registry)
    assert ended.code == 3, ended.stderr
    assert "No space left" in ended.last_line
    assert "Traceback" not in ended.stderr
    assert versions(tmp_path) == 0


def test_a_disk_that_fills_up_while_registering_leaves_no_version(data, small_disk, tmp_path):
    (small_disk / "filler").write_bytes(b"\0" * (2 * 2**20 - 64 * 2**10))
    ended = netanomaly("run", data / "config.json", "--workdir", tmp_path, "--registry", small_disk / "registry")
    assert ended.code == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    assert versions(small_disk) == 0
    (small_disk / "filler").unlink()
    (small_disk / "more").mkdir()
    again = netanomaly_warm(
        "run", data / "config.json", "--workdir", tmp_path, "--registry", small_disk / "registry", "--json"
    )
    assert (again.code, again.json["version"]) == (0, 1), again.stderr


def test_a_registry_that_another_process_holds_is_waited_for_and_then_named(data, tmp_path):
    registry = tmp_path / "registry"
    first = netanomaly_warm("run", data / "config.json", "--workdir", tmp_path, "--registry", registry)
    assert first.code == 0, first.stderr
    with (registry / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = netanomaly("run", data / "config.json", "--workdir", tmp_path, "--registry", registry)
    assert ended.code == 3, ended.stderr
    assert str(registry) in ended.last_line
    assert versions(tmp_path) == 1
