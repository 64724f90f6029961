"""A run as a person watches it: a table that changes in place on a terminal, plain lines anywhere else.

    with console.view(sys.stderr) as show:
        run(..., on_event=show)

Never standard output: that belongs to the result.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from netanomaly.output import guarded, unguarded, visible
from netanomaly.runners.events import (
    Event,
    RunFinished,
    RunStarted,
    RunStopping,
    TaskFinished,
    TaskProgress,
    TaskRetried,
    TaskStarted,
    TasksUnrolled,
    TaskWaiting,
)
from netanomaly.runners.result import CACHED, CANCELED, FAILED, RUNNING, SKIPPED, SUCCEEDED, WAITING, StageResult

if TYPE_CHECKING:
    from rich.table import Table

_SECONDS_BETWEEN_ROW_LINES = 10.0

_STYLES = {
    SUCCEEDED: "green",
    CACHED: "green",
    FAILED: "bold red",
    CANCELED: "yellow",
    RUNNING: "cyan",
    SKIPPED: "dim",
    WAITING: "dim",
}


@contextmanager
def view(stream: TextIO) -> Iterator[Callable[[Event], None]]:
    """What to give `run` as `on_event` so that its progress shows on the stream."""
    if not stream.isatty():
        yield PlainView(stream)
        return
    # 60 ms that only a person at a terminal waits for.
    from rich.console import Console
    from rich.live import Live

    table = TableView()
    console = Console(file=unguarded(stream))
    # While it draws it stands in for standard error: what others write there is shown through it.
    with Live(get_renderable=table.table, console=console, refresh_per_second=4), guarded():
        yield table


class PlainView:
    """One line for each thing that happens, rows at most every ten seconds: for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows_told: dict[str, float] = {}
        self._errors_of: dict[str, str] = {}
        self._skipped: list[StageResult] = []

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._say(f"run {event.run_id} of {event.pipeline} in {event.place}")
            case TaskStarted():
                self._say(f"{event.stage.name}: started")
                self._rows_told[event.stage.name] = time.monotonic()
            case TaskProgress():
                now = time.monotonic()
                if now - self._rows_told.get(event.name, 0.0) >= _SECONDS_BETWEEN_ROW_LINES:
                    self._rows_told[event.name] = now
                    self._say(f"{event.name}: {event.rows:,} rows")
            case TaskWaiting():
                self._say(_waiting(event))
            case TaskRetried():
                self._say(f"{event.stage.name}: {event.error}; again in {event.wait_seconds:g} s")
            case TaskFinished() if event.stage.state == SKIPPED:
                self._skipped.append(event.stage)
            case TaskFinished():
                self._say(_last_line(self._told_once(event.stage)))
            case RunStopping():
                self._say(f"{event.signal_name}: stopping; once more to kill")
            case RunFinished():
                # Of a run that went well they are of branches that nobody asked for.
                for stage in self._skipped if event.state != SUCCEEDED else ():
                    self._say(_last_line(stage))
                self._say(f"run {event.state} after {event.seconds:.1f} s")

    def _told_once(self, stage: StageResult) -> StageResult:
        """The stage; where another failed with the same words, which is named in their place."""
        first = self._errors_of.setdefault(stage.error, stage.name) if stage.error else stage.name
        return stage if first == stage.name else replace(stage, error=f"as {first}")

    def _say(self, text: str) -> None:
        print(visible(text), file=self._stream, flush=True)


class TableView:
    """The stages of a run and where each stands. `table` may be drawn from another thread at any time."""

    def __init__(self) -> None:
        self._title = ""
        self._note = ""
        self._stages: dict[str, StageResult] = {}
        self._started: dict[str, float] = {}
        self._rows: dict[str, int] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._title = f"{event.pipeline}  {event.place}"
                self._stages = {stage.name: stage for stage in event.stages}
            case TasksUnrolled():
                self._unroll(event)
            case TaskStarted():
                self._started[event.stage.name] = time.monotonic()
                self._stages[event.stage.name] = event.stage
            case TaskProgress():
                self._rows[event.name] = event.rows
            case TaskWaiting():
                self._note = _waiting(event)
            case TaskRetried():
                self._stages[event.stage.name] = event.stage
                self._note = f"{event.stage.name}: {event.error}; again in {event.wait_seconds:g} s"
            case TaskFinished():
                self._stages[event.stage.name] = event.stage
                if event.stage.rows is not None:
                    self._rows[event.stage.name] = event.stage.rows
                if self._note.startswith(f"{event.stage.name}: "):
                    self._note = ""
            case RunStopping():
                self._note = f"{event.signal_name}: stopping; once more to kill"
            case RunFinished():
                self._note = ""

    def _unroll(self, event: TasksUnrolled) -> None:
        stages: dict[str, StageResult] = {}
        for name, stage in self._stages.items():
            if not name.startswith(f"{event.name}/"):
                stages[name] = stage
            else:
                stages.update((each.name, each) for each in event.stages)
        self._stages = stages

    def table(self) -> "Table":
        """The table as it is now."""
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=Text(visible(self._title)),
            title_justify="left",
            caption=Text(visible(self._note)),
            caption_justify="left",
        )
        table.add_column("Stage", overflow="fold")
        table.add_column("State")
        # A copy: the run goes on while this is drawn.
        stages = list(self._stages.values())
        figures = {
            "Seconds": [self._seconds(stage) for stage in stages],
            "Rows": [f"{self._rows[stage.name]:,}" if stage.name in self._rows else "" for stage in stages],
            "Peak memory": [_mebibytes(stage.peak_memory_bytes) for stage in stages],
        }
        # A cluster does not tell memory.
        shown = {heading: values for heading, values in figures.items() if heading == "Seconds" or any(values)}
        for heading in shown:
            table.add_column(heading, justify="right")
        for number, stage in enumerate(stages):
            state = Text(visible(stage.state), style=_STYLES.get(stage.state, ""))
            table.add_row(Text(visible(stage.display_name)), state, *(values[number] for values in shown.values()))
        return table

    def _seconds(self, stage: StageResult) -> str:
        if stage.seconds is not None:
            return f"{stage.seconds:.1f}"
        started = self._started.get(stage.name)
        return "" if started is None else f"{time.monotonic() - started:.0f}"


def _last_line(stage: StageResult) -> str:
    if stage.state in (SKIPPED, CACHED):
        return f"{stage.name}: {stage.state}"
    figures = f"{stage.seconds or 0:.1f} s"
    if stage.rows is not None:
        figures += f", {stage.rows:,} rows"
    if stage.peak_memory_bytes is not None:
        figures += f", {_mebibytes(stage.peak_memory_bytes)}"
    log = f" (log: {stage.log})" if stage.log is not None else ""
    reason = f": {stage.error}{log}" if stage.error and stage.state == FAILED else ""
    return f"{stage.name}: {stage.state} after {figures}{reason}"


def _waiting(event: TaskWaiting) -> str:
    return f"{event.name or 'run'}: waiting: {event.reason}"


def _mebibytes(count: int | None) -> str:
    return "" if count is None else f"{count / 2**20:.0f} MiB"
