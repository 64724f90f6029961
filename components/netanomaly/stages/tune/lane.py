"""Try the candidates of one lane. Loads no numeric library: those are for the process that the trials have apart."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from netanomaly.tuning.apart import Trials

Document = Mapping[str, Any]


def try_lane(
    rows_file: Path, shared_file: Path, search: Document, lane: Document, told: Callable[[str], Any] = str
) -> dict[str, Any]:
    """What became of the trials of one lane, one after the other. No candidate makes it fail.

    Args:
        rows_file: The sample of rows.
        shared_file: The folds and the defaults' scores.
        search: The document of the plan.
        lane: `trials`.
        told: Called with a line for each trial.
    """
    found = []
    with Trials(rows_file, shared_file, search["fitting"], search["objective"]["budget"]) as trials:
        for asked in lane["trials"]:
            left = None if search["deadline"] is None else search["deadline"] - time.time()
            result = trials.judged(asked, left)
            told(_in_a_line(result))
            found.append(without_names(result))
    return {"trials": found}


def without_names(trial: Document) -> dict[str, Any]:
    """A trial with the recalls of its classes in the order of their names, which the search knows.

    All trials of a round are one argument of the next task, of 128 KiB at most, and there may be 200 classes of any names.
    """
    if "classes" not in trial:
        return dict(trial)
    return {**trial, "classes": [recall for _, recall in sorted(trial["classes"].items())]}


def with_names(trial: Document, names: Iterable[str]) -> dict[str, Any]:
    """The trial as it was, with the names of the classes that candidates are judged by."""
    if "classes" not in trial:
        return dict(trial)
    return {**trial, "classes": dict(zip(sorted(names), trial["classes"], strict=True))}


def _in_a_line(result: Document) -> str:
    kind = result["candidate"]["model_type"]
    caught = f"{result['value']:.1%} caught" if "value" in result else result.get("why", "")
    return f"trial {result['number']}, {kind}: {result['state']}, {caught} ({result['seconds']:.1f} s)"
