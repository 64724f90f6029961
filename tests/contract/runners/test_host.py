"""The host launcher with real processes: output, exit, memory, and that nothing is left behind."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import netanomaly
import pytest
import yaml
from netanomaly.errors import OutsideError
from netanomaly.runners import HostLauncher, StageCall, StageExit
from netanomaly.runners.spec import Resources

from tests.unit.runners.making import document, task

# Tells its process number and that of a child through a FIFO, then both wait for ever.
WAITING = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"])
with open(os.environ["TELL"], "w") as tell:
    tell.write(f"{os.getpid()} {child.pid}\\n")
signal.pause()
"""

RUNNER = """
import sys
from netanomaly.runners import HostLauncher, run
result = run(sys.argv[1], {}, sys.argv[2], launcher=HostLauncher(), side_by_side=2)
print(result.state, *(stage.state for stage in result.stages))
sys.exit(result.exit_code)
"""


def ends_within(pid: int, seconds: float = 20) -> bool:
    """Whether the process is gone, or goes in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


@pytest.fixture
def call(tmp_path):
    def call(*command, environment=None, log=None):
        return StageCall(
            name="stage",
            image="image:1",
            command=command,
            environment=environment or {},
            resources=Resources(),
            run_id="1",
            run_dir=tmp_path,
            log=log or tmp_path / "stage.log",
        )

    return call


@pytest.fixture
def python(call, tmp_path):
    """Run a Python program as a stage; gives how it ended, its log and the rows it told of."""

    def python(program, *, launcher=None, environment=None):
        rows: list[int] = []
        end = (launcher or HostLauncher()).run(call("python3", "-c", program, environment=environment), rows.append)
        return end, (tmp_path / "stage.log").read_text(), rows

    return python


@pytest.fixture
def tell(tmp_path):
    """A FIFO, and how to read process numbers from it: so many of them."""
    path = tmp_path / "tell"
    os.mkfifo(path)
    # Open for both, so that it never ends between two writers.
    with os.fdopen(os.open(path, os.O_RDWR), "rb", buffering=0) as told:

        def pids(count):
            text = b""
            while len(text.split()) < count or not text.endswith(b"\n"):
                assert select.select([told], [], [], 60)[0], "no stage tells its number"
                text += told.read(4096)
            return [int(word) for word in text.split()]

        yield path, pids


def test_output_of_both_kinds_goes_to_the_log_and_rows_are_told(python):
    program = """
import sys
print("progress: 5 rows", flush=True)
print("to standard error, progress: 6 rows", file=sys.stderr)
print("progress: 70 rows", file=sys.stderr)
sys.stdout.write("no end of line")
"""
    end, log, rows = python(program)
    assert (end.code, end.signal, end.error) == (0, None, None)
    assert rows == [5, 70]
    assert log.splitlines() == [
        "progress: 5 rows",
        "to standard error, progress: 6 rows",
        "progress: 70 rows",
        "no end of line",
    ]


def test_the_last_error_line_is_the_stages_word(python):
    end, log, _ = python("print('error: first'); print('error: the second one'); print('noise'); raise SystemExit(2)")
    assert (end.code, end.error) == (2, "the second one")
    assert log.endswith("noise\n")


def test_without_an_error_line_the_last_line_is_shown(python):
    end, _, _ = python("print('Killed by fate\\n\\n'); raise SystemExit(7)")
    assert end.in_words() == "exited with 7; its last line: Killed by fate"


def test_a_line_of_10_megabytes_and_bytes_that_are_no_text_are_logged_whole(call, tmp_path):
    program = "import sys; sys.stdout.buffer.write(b'\\xff' * 10_000_000 + b'\\nprogress: 3 rows\\n')"
    rows: list[int] = []
    HostLauncher().run(call("python3", "-c", program), rows.append)
    assert (tmp_path / "stage.log").stat().st_size == 10_000_018
    assert rows == [3]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_killed_stage_is_known_by_its_signal(python, number):
    end, _, _ = python(f"import os; os.kill(os.getpid(), {int(number)})")
    assert (end.code, end.signal) == (None, number)
    assert number.name in end.in_words()


def test_python_is_this_python_with_this_netanomaly_whatever_lies_in_the_working_folder(python, tmp_path, monkeypatch):
    (tmp_path / "netanomaly").mkdir()
    (tmp_path / "netanomaly/__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    _, log, _ = python("import sys, netanomaly; print(sys.executable); print(netanomaly.__file__)")
    assert log.splitlines() == [sys.executable, netanomaly.__file__]


def test_the_environment_is_ours_then_the_containers_then_the_launchers(python, monkeypatch):
    for name in ("LC_A", "B", "C", "SECRET"):
        monkeypatch.setenv(name, "ours")
    program = "import os; print(*(os.environ.get(name) for name in ('LC_A', 'B', 'C', 'SECRET')))"
    launcher = HostLauncher({"C": "launcher's"})
    _, log, _ = python(program, launcher=launcher, environment={"B": "container's", "C": "container's"})
    assert log == "ours container's launcher's None\n"


def test_a_stage_has_nothing_to_read_on_standard_input(python):
    _, log, _ = python("import sys; print(repr(sys.stdin.read()))")
    assert log == "''\n"


def test_ignored_signals_of_the_supervisor_do_not_reach_the_stage(call, tmp_path):
    HostLauncher().run(call("grep", "SigIgn", "/proc/self/status"), lambda _: None)
    ignored = int((tmp_path / "stage.log").read_text().split()[1], 16)
    # 32 and 33 are glibc's own.
    assert ignored & (1 << 31) - 1 == 0


def test_no_descriptor_of_the_runner_reaches_the_stage(call, tmp_path):
    HostLauncher().run(call("ls", "/proc/self/fd"), lambda _: None)
    # The fourth is ls reading the folder.
    assert (tmp_path / "stage.log").read_text().split() == ["0", "1", "2", "3"]


def test_a_program_that_is_not_there_is_named(call):
    with pytest.raises(OutsideError, match="'no-such-program' could not be started: No such file"):
        HostLauncher().run(call("no-such-program"), lambda _: None)


def test_a_log_that_cannot_be_written_ends_the_stage(call, tell):
    program = f"print('x', flush=True)\n{WAITING}"
    full = call("python3", "-u", "-c", program, environment={"TELL": str(tell[0])}, log=Path("/dev/full"))
    with pytest.raises(OutsideError, match="log of stage stage cannot be written: No space left on device"):
        HostLauncher().run(full, lambda _: None)


def test_peak_memory_is_the_stages_own_and_not_the_runners(python):
    """The kernel starts a process's peak with that of its parent: a large runner must not show in a small stage."""
    ballast = bytearray(b"x" * 200_000_000)
    small, _, _ = python("pass")
    assert len(ballast) == 200_000_000
    assert small.peak_memory_bytes is not None
    assert small.peak_memory_bytes < 40_000_000
    large, _, _ = python("x = b'x' * 100_000_000")
    assert large.peak_memory_bytes is not None
    assert 100_000_000 < large.peak_memory_bytes < 140_000_000


def test_what_a_stage_leaves_running_is_killed_when_it_ends(python):
    program = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"])
print(left.pid)
"""
    end, log, _ = python(program)
    assert end.code == 0
    assert ends_within(int(log))


def test_a_process_that_left_the_group_with_our_output_open_does_not_hold_us_up(python):
    program = """
import subprocess, sys
command = [sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"]
print(subprocess.Popen(command, start_new_session=True).pid)
"""
    end, log, _ = python(program)
    assert end.code == 0
    os.kill(int(log), signal.SIGKILL)


def in_thread(launcher, call):
    """Start a stage; the list has how it ended once the thread has."""
    ends: list[StageExit] = []
    thread = threading.Thread(target=lambda: ends.append(launcher.run(call, lambda _: None)))
    thread.start()
    return thread, ends


def test_stop_ends_a_stage_and_its_children_and_starts_no_more(call, tell):
    launcher = HostLauncher()
    thread, ends = in_thread(launcher, call("python3", "-c", WAITING, environment={"TELL": str(tell[0])}))
    pids = tell[1](2)
    launcher.stop()
    thread.join(20)
    assert [end.signal for end in ends] == [signal.SIGTERM]
    assert all(ends_within(pid) for pid in pids)
    assert launcher.run(call("python3", "-c", "raise SystemExit(1)"), lambda _: None).code is None


def test_a_stage_that_will_not_end_is_killed_after_the_grace_time(call, tell):
    program = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{WAITING}"
    launcher = HostLauncher()
    thread, ends = in_thread(launcher, call("python3", "-c", program, environment={"TELL": str(tell[0])}))
    pids = tell[1](2)
    launcher.stop(grace_seconds=0.05)
    thread.join(20)
    assert [end.signal for end in ends] == [signal.SIGKILL]
    assert all(ends_within(pid) for pid in pids)


@pytest.fixture
def runner(tmp_path, tell):
    """A runner in a process of its own, two stages of it running; gives it and all process numbers below it."""
    pipeline = document(
        {"one": task("one"), "two": task("two"), "last": task("last", after=("one", "two"))},
        container={
            "command": ["python3", "-c", WAITING],
            "args": [],
            "env": [{"name": "TELL", "value": str(tell[0])}],
        },
    )
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(pipeline))
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(path), str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        text=True,
    )
    pids = tell[1](4)
    yield process, pids
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_runner_leaves_no_process_and_says_canceled(runner, number, code):
    process, pids = runner
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == code
    assert output == "canceled canceled canceled skipped\n"
    assert all(ends_within(pid, 0) for pid in pids)


def test_a_killed_runner_leaves_no_process(runner, tmp_path):
    process, pids = runner
    process.kill()
    assert all(ends_within(pid) for pid in pids)
    assert '"state": "running"' in (tmp_path / "run/run.json").read_text()


HELP = ("python3", "-m", "netanomaly.stages.validate")


def in_folder(folder: Path) -> list[str]:
    """Command lines of processes that name this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and "ahead.py" in words:
            found.append(words)
    return found


def test_an_expected_stage_is_told_its_arguments_in_the_process_that_waits(tmp_path):
    launcher = HostLauncher()
    launcher.expect(HELP, {}, frozenset(), tmp_path)
    end = time.monotonic() + 10
    while len(in_folder(tmp_path)) < 2:  # the stage and its supervisor
        assert time.monotonic() < end
        time.sleep(0.01)
    log = tmp_path / "log"
    call = StageCall("a", "image", (*HELP, "--help"), {}, Resources(), "run", tmp_path, log)
    assert launcher.run(call, lambda _: None).code == 0
    assert "usage: python -m netanomaly.stages.validate" in log.read_text()
    assert in_folder(tmp_path) == []
    # Another one starts as if nothing had been expected, and ends alike.
    assert launcher.run(call, lambda _: None).code == 0
    refused = StageCall("b", "image", (*HELP, "--wrong"), {}, Resources(), "run", tmp_path, log)
    launcher.expect(HELP, {}, frozenset(), tmp_path)
    waited = launcher.run(refused, lambda _: None)
    assert (waited.code, waited.in_words()) == (2, launcher.run(refused, lambda _: None).in_words())


def test_a_stage_expected_in_another_environment_starts_afresh(tmp_path):
    launcher = HostLauncher()
    launcher.expect(HELP, {"A": "1"}, frozenset(), tmp_path)
    call = StageCall("a", "image", (*HELP, "--help"), {"A": "2"}, Resources(), "run", tmp_path, tmp_path / "log")
    assert launcher.run(call, lambda _: None).code == 0
    assert len(in_folder(tmp_path)) == 2
    launcher.dismiss()
    assert in_folder(tmp_path) == []


def test_what_waits_is_gone_after_a_stop(tmp_path):
    launcher = HostLauncher()
    for _ in range(3):
        launcher.expect(HELP, {}, frozenset(), tmp_path)
    launcher.stop()
    launcher.dismiss()
    assert in_folder(tmp_path) == []


def test_a_command_that_is_no_stage_of_ours_is_not_started_ahead(tmp_path):
    launcher = HostLauncher()
    for command in (("python3", "-m", "http.server"), ("sh", "-c", "netanomaly.stages.train"), ("python3", "-m")):
        launcher.expect(command, {}, frozenset(), tmp_path)
    assert in_folder(tmp_path) == []
