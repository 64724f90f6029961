"""Try the candidates of one lane. Loads no numeric library: those are for the process that the trials have apart."""

import time
from collections.abc import Callable, Mapping
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
            found.append(result)
    return {"trials": found}


def _in_a_line(result: Document) -> str:
    kind = result["candidate"]["model_type"]
    caught = f"{result['value']:.1%} caught" if "value" in result else result.get("why", "")
    return f"trial {result['number']}, {kind}: {result['state']}, {caught} ({result['seconds']:.1f} s)"
