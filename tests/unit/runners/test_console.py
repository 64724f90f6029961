import io

import pytest
from netanomaly.runners import StageExit, run
from netanomaly.runners.console import PlainView, TableView, view
from netanomaly.runners.events import TaskFinished
from netanomaly.runners.result import StageResult

from tests.unit.runners.making import FakeLauncher, document, succeed, task, written


class Terminal(io.StringIO):
    def isatty(self):
        return True


def count(call, on_rows):
    on_rows(1_234_567)
    return succeed(call, on_rows)


@pytest.fixture
def watched(tmp_path):
    """Run a chain whose second stage fails, with a view."""

    def watched(show):
        chain = {"a": task("a"), "b": task("b", after=("a",)), "c": task("c", after=("b",))}
        failing = StageExit(code=2, error="column 'x' [bytes] is absent", peak_memory_bytes=300 * 2**20)
        launcher = FakeLauncher(a=count, b=lambda call, on_rows: failing)
        return run(written(document(chain), tmp_path), {}, tmp_path / "run", launcher=launcher, on_event=show)

    return watched


def test_a_pipe_gets_one_line_for_each_thing_that_happens(watched, tmp_path):
    stream = io.StringIO()
    with view(stream) as show:
        watched(show)
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith(f"of small in {tmp_path / 'run'}")
    assert lines[1] == "a: started"
    assert lines[2].startswith("a: succeeded after 0.")
    assert lines[3] == "b: started"
    assert lines[4].startswith("b: failed after 0.")
    assert lines[4].endswith(f"s, 300 MiB: column 'x' [bytes] is absent (log: {tmp_path / 'run/logs/b.log'})")
    assert lines[5] == "c: skipped"
    assert lines[6].startswith("run failed after ")


def test_rows_are_told_to_a_pipe_only_now_and_then(watched, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("netanomaly.runners.console._SECONDS_BETWEEN_ROW_LINES", 0.0)
    watched(PlainView(stream))
    assert "a: 1,234,567 rows\n" in stream.getvalue()


def test_a_terminal_gets_a_table_with_every_stage(watched):
    stream = Terminal()
    with view(stream) as show:
        watched(show)
    shown = stream.getvalue()
    for text in ("Stage", "succeeded", "failed", "skipped", "1,234,567", "300 MiB"):
        assert text in shown


def test_the_table_can_be_drawn_before_the_run_has_begun():
    assert TableView().table().row_count == 0


def test_what_two_stages_failed_of_alike_is_said_once():
    stream = io.StringIO()
    show = PlainView(stream)
    for name in ("ingest", "ingest-2"):
        show(TaskFinished(StageResult(name, name, state="failed", seconds=1.0, error="x.csv does not exist")))
    first, second = stream.getvalue().splitlines()
    assert "x.csv does not exist" in first
    assert second == "ingest-2: failed after 1.0 s: as ingest"
