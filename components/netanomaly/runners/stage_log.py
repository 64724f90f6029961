"""A stage's log: written as it comes, with the kinds of line that mean something picked out."""

import re
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_PROGRESS = re.compile(r"progress: (\d{1,18}) rows")
_PEAK_MEMORY = re.compile(r"peak memory: (\d{1,18}) bytes")
_ERROR = "error: "
# A longer line is none of these; its rest is not kept.
_LONGEST_LINE_BYTES = 64 * 1024


class StageLog:
    """Feeds a stage's output to its log file and watches its lines.

    `error` is the text of the last `error: ...` line, `last_line` the last line that is not blank;
    `peak_memory_bytes` is what the stage said of itself, None where it did not get to say it.
    """

    def __init__(self, path: Path, on_rows: Callable[[int], None]) -> None:
        self.error: str | None = None
        self.peak_memory_bytes: int | None = None
        self.last_line = ""
        self._on_rows = on_rows
        self._line = bytearray()
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: whoever reads the log while the stage runs sees what it said.
        self._file = path.open("wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._read_line()
        self._file.close()

    def feed(self, data: bytes) -> None:
        """Take the next piece of output.

        Raises:
            OSError: The log cannot be written.
        """
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        *ended, left = data.split(b"\n")
        for piece in ended:
            self._keep(piece)
            self._read_line()
        self._keep(left)

    def _keep(self, piece: bytes) -> None:
        self._line += piece[: _LONGEST_LINE_BYTES - len(self._line)]

    def _read_line(self) -> None:
        line = self._line.decode("utf-8", errors="replace").strip()
        self._line.clear()
        if not line:
            return
        if peak := _PEAK_MEMORY.fullmatch(line):
            self.peak_memory_bytes = int(peak[1])
            return
        self.last_line = line
        progress = _PROGRESS.fullmatch(line)
        if progress:
            self._on_rows(int(progress[1]))
        elif line.startswith(_ERROR):
            self.error = line.removeprefix(_ERROR)
