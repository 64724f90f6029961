"""A trial in a process of its own: whatever becomes of it, even where the kernel kills it, the search goes on.

    python -m netanomaly.tuning.apart FOLDER

The folder holds the question and where the rows are; the answer is written beside it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netanomaly import json_input, stage_io
from netanomaly.errors import NetanomalyError
from netanomaly.tuning.measuring import Fitting
from netanomaly.tuning.trial import FAILED, NOT_RUN, run

_QUESTION, _ANSWER = "question.json", "answer.json"
_LONGEST_REASON = 300


def judged(
    rows: Path, shared: Path, asked: Mapping[str, Any], fitting: Fitting, budget: float, seconds: float | None = None
) -> dict[str, Any]:
    """The trial that was asked for and what became of it. Never raises on account of the candidate.

    Args:
        rows: The sample of rows, Parquet.
        shared: The folds and the defaults' scores.
        asked: `number`, `round`, `params`, `candidate`, `cut`.
        fitting: How candidates are fitted.
        budget: The alert budget.
        seconds: It may take; None: as long as it takes.
    """
    began = time.monotonic()
    if seconds is not None and seconds <= 0:
        found = {"state": NOT_RUN, "why": "the time allowed was over"}
    else:
        found = _asked(rows, shared, asked, fitting, budget, seconds)
    kept = {name: asked[name] for name in ("number", "round", "params", "candidate")}
    return {**kept, **found, "seconds": round(time.monotonic() - began, 2)}


def _asked(
    rows: Path, shared: Path, asked: Mapping[str, Any], fitting: Fitting, budget: float, seconds: float | None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="netanomaly-trial-") as name:
        folder = Path(name)
        question = {
            "rows": str(rows),
            "shared": str(shared),
            "asked": dict(asked),
            "categorical": list(fitting.categorical),
            "training_rows": fitting.training_rows,
            "seed": fitting.seed,
            "budget": budget,
        }
        (folder / _QUESTION).write_text(json.dumps(question, allow_nan=False), encoding="utf-8")
        command = [sys.executable, "-m", "netanomaly.tuning.apart", name]
        try:
            ended = subprocess.run(command, capture_output=True, timeout=seconds, check=False, env=dict(os.environ))
        except subprocess.TimeoutExpired:
            return {"state": NOT_RUN, "why": "the time allowed was over before it ended"}
        if ended.returncode < 0:
            return {"state": FAILED, "why": f"killed by signal {-ended.returncode} (9: probably out of memory)"}
        try:
            answer = json_input.parse(json_input.read(folder / _ANSWER))
        except (FileNotFoundError, ValueError):
            said = ended.stderr.decode("utf-8", errors="replace").strip().splitlines()[-1:]
            return {"state": FAILED, "why": _short(f"exit code {ended.returncode}: {' '.join(said)}")}
    return dict(answer)


def main(folder: Path) -> None:
    """Answer the question in a folder."""
    import pyarrow.parquet as pq

    from netanomaly.tuning.state import load

    question = json_input.parse(json_input.read(folder / _QUESTION))
    fitting = Fitting(tuple(question["categorical"]), question["training_rows"], question["seed"])
    answer: dict[str, Any]
    try:
        table = pq.read_table(question["rows"])
        shared = load(Path(question["shared"]).read_bytes())
        answer = run(table, shared, question["asked"], fitting, question["budget"])
    except NetanomalyError as error:
        answer = {"state": FAILED, "why": _short(str(error))}
    except MemoryError:
        answer = {"state": FAILED, "why": "out of memory"}
    except Exception as error:  # noqa: BLE001 - a candidate that fails in any way is a failed trial, and no more
        answer = {"state": FAILED, "why": _short(f"{type(error).__name__}: {error}")}
    (folder / _ANSWER).write_text(json.dumps(answer, allow_nan=False), encoding="utf-8")


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_REASON]


if __name__ == "__main__":
    stage_io.do_without("pandas")
    main(Path(sys.argv[1]))
