"""Trials in a process of their own: whatever becomes of it, even where the kernel kills it, the search goes on.

    python -m netanomaly.tuning.apart

It is asked on standard input and answers on standard output, a line of JSON each: first what all trials share, then one
trial after the other. Libraries, rows and folds are read once for all of them. Loads no numeric library itself.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from netanomaly import absent, json_input
from netanomaly.errors import NetanomalyError
from netanomaly.late_import import put_off_scipy_stats
from netanomaly.tuning.endings import FAILED, NOT_RUN

_LONGEST_REASON = 300
# An answer has a few figures for each of at most 200 classes.
_LONGEST_ANSWER = 4 << 20
_LAST_WORDS = 4096


class Trials:
    """Trials of the same rows, folds and way of fitting, one after the other; the process behind them ends with the block.

    Args:
        rows: The sample of rows, Parquet.
        shared: The folds and the defaults' scores.
        fitting: How candidates are fitted: `categorical`, `training_rows`, `seed`.
        budget: The alert budget.
    """

    def __init__(self, rows: Path, shared: Path, fitting: Mapping[str, Any], budget: float) -> None:
        self._common = {"rows": str(rows), "shared": str(shared), "fitting": dict(fitting), "budget": budget}
        self._process: subprocess.Popen[bytes] | None = None
        # What libraries print must not be mixed with answers, and the last of it says why a process died.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> "Trials":
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error is not None:
            self._kill()
        self._end()
        self._said.close()

    def judged(self, asked: Mapping[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """The trial that was asked for and what became of it. Never raises on account of the candidate.

        Args:
            asked: `number`, `round`, `params`, `candidate`, `cut`.
            seconds: It may take; None: as long as it takes.
        """
        began = time.monotonic()
        if seconds is not None and seconds <= 0:
            found: dict[str, Any] = {"state": NOT_RUN, "why": "the time allowed was over"}
        else:
            found = self._asked(asked, seconds)
        kept = {name: asked[name] for name in ("number", "round", "params", "candidate")}
        return {**kept, **found, "seconds": round(time.monotonic() - began, 2)}

    def _asked(self, asked: Mapping[str, Any], seconds: float | None) -> dict[str, Any]:
        late = threading.Event()

        def over() -> None:
            late.set()
            self._kill()

        timer = threading.Timer(seconds or 0, over)
        if seconds is not None:
            timer.start()
        try:
            line = self._answer({"candidate": asked["candidate"], "cut": asked.get("cut")})
        finally:
            timer.cancel()
        if line.endswith(b"\n"):
            with suppress(ValueError):
                return dict(json_input.parse(line))
        code = self._end()
        if late.is_set():
            return {"state": NOT_RUN, "why": "the time allowed was over before it ended"}
        if code < 0:
            return {"state": FAILED, "why": f"killed by signal {-code} (9: probably out of memory)"}
        return {"state": FAILED, "why": _short(f"exit code {code}: {self._last_words()}")}

    def _answer(self, question: Mapping[str, Any]) -> bytes:
        """A line; less than one where the process ended first."""
        lines = [question]
        if self._process is None:
            self._said.seek(0)
            self._said.truncate()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "netanomaly.tuning.apart"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env=dict(os.environ),
            )
            lines.insert(0, self._common)
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"".join(json.dumps(line, allow_nan=False).encode() + b"\n" for line in lines))
            self._process.stdin.flush()
        return self._process.stdout.readline(_LONGEST_ANSWER)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _end(self) -> int:
        """The exit code of the process, which is there no more; the next trial starts another."""
        process, self._process = self._process, None
        if process is None:
            return 0
        # It ends where nothing more is asked; one that answered nonsense may not.
        with suppress(BrokenPipeError):
            process.communicate()
        return process.returncode

    def _last_words(self) -> str:
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - _LAST_WORDS))
        return " ".join(self._said.read().decode("utf-8", errors="replace").strip().splitlines()[-1:])


def main() -> None:
    """Answer what is asked until nothing more is."""
    # Whatever a library prints goes where messages go.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    common = json_input.parse(sys.stdin.buffer.readline())
    for line in sys.stdin.buffer:
        answers.write(json.dumps(_tried(common, json_input.parse(line)), allow_nan=False) + "\n")
        answers.flush()


def _tried(common: dict[str, Any], question: Mapping[str, Any]) -> dict[str, Any]:
    try:
        if "ground" not in common:
            common["ground"] = _ground(common)
        answer: dict[str, Any] = common["ground"].run(question)
    except NetanomalyError as error:
        return {"state": FAILED, "why": _short(str(error))}
    except MemoryError:
        return {"state": FAILED, "why": "out of memory"}
    except Exception as error:  # noqa: BLE001 - a candidate that fails in any way is a failed trial, and no more
        return {"state": FAILED, "why": _short(f"{type(error).__name__}: {error}")}
    return answer


def _ground(common: Mapping[str, Any]) -> Any:
    import pyarrow.parquet as pq

    from netanomaly.tuning.measuring import Fitting
    from netanomaly.tuning.state import load
    from netanomaly.tuning.trial import Ground

    fitting = Fitting(**{**common["fitting"], "categorical": tuple(common["fitting"]["categorical"])})
    shared = load(Path(common["shared"]).read_bytes())
    return Ground(pq.read_table(common["rows"]), shared, fitting, common["budget"])


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_REASON]


if __name__ == "__main__":
    absent.do_without("pandas")
    put_off_scipy_stats()
    main()
