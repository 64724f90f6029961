"""One trial: a candidate judged on every fold beside the defaults, first on a quarter of the rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from netanomaly.tuning.judging import Compared, Judged, agreement, compared
from netanomaly.tuning.measuring import Fitting, measure
from netanomaly.tuning.state import SHARES, Shared

COMPLETE, STOPPED, FAILED, NOT_RUN = "complete", "stopped", "failed", "not_run"

# Of the normal rows judged: how many of the oddest are the same whether fitted on a quarter of the rows or on all.
_ODDEST = 0.01


def run(table: pa.Table, shared: Shared, asked: Mapping[str, Any], fitting: Fitting, budget: float) -> dict[str, Any]:
    """What became of a trial, as JSON holds it.

    It is stopped after the quarter where what it catches there is under `cut` of what was asked, or clearly less than what
    the defaults catch there. The same question gives the same answer.

    Args:
        table: The rows.
        shared: The folds, and the defaults' scores.
        asked: `candidate` and `cut`.
        fitting: How it is fitted.
        budget: The alert budget.
    """
    candidate, cut = asked["candidate"], asked.get("cut")
    small = [measure(table, split, candidate, fitting, SHARES[0]) for split in shared.folds]
    beside = [
        compared(shared.defaults[split.name, SHARES[0]], judged, budget, fitting.seed)
        for split, judged in zip(shared.folds, small, strict=True)
    ]
    quarter = _mean(beside)
    if cut is not None and quarter < cut:
        why = f"a quarter of the rows: {quarter:.1%} caught, and two of three earlier trials caught {cut:.1%} or less there"
        return {"state": STOPPED, "why": why, "quarter": round(quarter, 6)}
    if all(each.difference[2] < 0 for each in beside):
        why = f"a quarter of the rows: {quarter:.1%} caught, on every fold clearly less than the defaults"
        return {"state": STOPPED, "why": why, "quarter": round(quarter, 6)}
    whole = [measure(table, split, candidate, fitting) for split in shared.folds]
    found = [
        compared(shared.defaults[split.name, 1.0], judged, budget, fitting.seed)
        for split, judged in zip(shared.folds, whole, strict=True)
    ]
    return {
        "state": COMPLETE,
        "quarter": round(quarter, 6),
        "value": round(_mean(found), 6),
        "folds": [fold(split.name, each) for split, each in zip(shared.folds, found, strict=True)],
        "classes": {
            name: round(recall, 6)
            for split, judged in zip(shared.folds, whole, strict=True)
            for name, recall in zip(split.classes, judged.recalls(budget), strict=True)
        },
        "internal": internal(shared, small, whole),
    }


def fold(name: str, found: Compared) -> dict[str, Any]:
    """A fold's figures, as trials and reports carry them."""
    return {"name": name, **found.document()}


def internal(shared: Shared, small: list[Judged], whole: list[Judged]) -> dict[str, float]:
    """Criteria that need no labels. None of them tells better from worse (Ma et al., arXiv 2104.01422): shown, not used.

    `agreement` with the defaults in ranking normal rows; `stability`: the share of the oddest normal rows that are so too
    where the candidate was fitted on a quarter of the rows.
    """
    alike = [
        agreement(shared.defaults[split.name, 1.0].normal, judged.normal)
        for split, judged in zip(shared.folds, whole, strict=True)
    ]
    same = [_same_oddest(before, after) for before, after in zip(small, whole, strict=True)]
    return {"agreement": round(float(np.mean(alike)), 4), "stability": round(float(np.mean(same)), 4)}


def _same_oddest(one: Judged, other: Judged) -> float:
    count = max(1, int(len(one.normal) * _ODDEST))
    oddest = [set(np.argsort(-each.normal, kind="stable")[:count].tolist()) for each in (one, other)]
    return len(oddest[0] & oddest[1]) / count


def _mean(found: list[Compared]) -> float:
    return float(np.mean([each.after[0] for each in found]))
