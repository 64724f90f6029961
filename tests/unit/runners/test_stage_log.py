import fcntl
import os

import pytest
from netanomaly.runners.host import _pump
from netanomaly.runners.stage_log import StageLog


@pytest.fixture
def log(tmp_path):
    with StageLog(tmp_path / "deep" / "stage.log", lambda rows: None) as log:
        yield log


def test_an_error_line_is_known_however_it_comes(log):
    for piece in (b"err", b"or: dis", b"k full\nmo", b"re\n"):
        log.feed(piece)
    assert (log.error, log.last_line) == ("disk full", "more")


def test_what_a_stage_says_of_its_memory_is_known_and_is_no_last_word(log):
    log.feed(b"no such column\npeak memory: 52428800 bytes\n")
    assert (log.peak_memory_bytes, log.last_line) == (50 * 2**20, "no such column")


def test_a_last_line_without_its_end_counts(tmp_path):
    with StageLog(tmp_path / "stage.log", lambda rows: None) as log:
        log.feed(b"error: cut short")
    assert log.error == "cut short"


def test_of_an_endless_line_only_the_beginning_is_held(log):
    for _ in range(100):
        log.feed(b"x" * 10_000)
    log.feed(b"\nerror: after it\n")
    assert log.error == "after it"
    log.feed(b"y" * 1_000_000 + b"\n")
    assert len(log.last_line) == 64 * 1024


def test_what_is_still_in_the_pipe_when_the_stage_has_ended_is_logged(log, tmp_path):
    output, written = os.pipe()
    result, report = os.pipe()
    fcntl.fcntl(written, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.write(written, b"z" * 500_000)
    os.write(report, b"0 1\n")
    os.close(report)
    # Kept open: a process that left the group may do so.
    assert _pump(output, result, log) == b"0 1\n"
    for descriptor in (output, written, result):
        os.close(descriptor)
    assert (tmp_path / "deep/stage.log").stat().st_size == 500_000
