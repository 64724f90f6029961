"""One trial: a candidate judged on every fold beside the defaults, first on a quarter of the rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from netanomaly.tuning.endings import COMPLETE, STOPPED
from netanomaly.tuning.judging import Compared, Judged, Resampled, agreement
from netanomaly.tuning.measuring import Fitting, measure
from netanomaly.tuning.state import SHARES, Shared

# Of the normal rows judged: how many of the oddest are the same whether fitted on a quarter of the rows or on all.
_ODDEST = 0.01


class Ground:
    """What candidates are tried on: the rows, the folds, and the defaults on each, resampled once for all trials."""

    def __init__(self, table: pa.Table, shared: Shared, fitting: Fitting, budget: float) -> None:
        self._table, self._shared, self._fitting, self._budget = table, shared, fitting, budget
        self._defaults = {
            split.name: Resampled({share: shared.defaults[split.name, share] for share in SHARES}, budget, fitting.seed)
            for split in shared.folds
        }

    def run(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What became of a trial, as JSON holds it.

        It is stopped after the quarter where what it catches there is under `cut` of what was asked, or clearly less than
        what the defaults catch there. The same question gives the same answer.

        Args:
            asked: `candidate` and `cut`.
        """
        candidate, cut = asked["candidate"], asked.get("cut")
        small, beside = self._measured(candidate, SHARES[0])
        quarter = _mean(beside)
        if cut is not None and quarter < cut:
            why = f"a quarter of the rows: {quarter:.1%} caught, and two of three earlier trials caught {cut:.1%} or less there"
            return {"state": STOPPED, "why": why, "quarter": round(quarter, 6)}
        if all(each.difference[2] < 0 for each in beside):
            why = f"a quarter of the rows: {quarter:.1%} caught, on every fold clearly less than the defaults"
            return {"state": STOPPED, "why": why, "quarter": round(quarter, 6)}
        whole, found = self._measured(candidate, 1.0)
        folds = self._shared.folds
        return {
            "state": COMPLETE,
            "quarter": round(quarter, 6),
            "value": round(_mean(found), 6),
            "folds": [fold(split.name, each) for split, each in zip(folds, found, strict=True)],
            "classes": {
                name: round(recall, 6)
                for split, judged in zip(folds, whole, strict=True)
                for name, recall in zip(split.classes, judged.recalls(self._budget), strict=True)
            },
            "internal": internal(self._shared, small, whole),
        }

    def _measured(self, candidate: Mapping[str, Any], share: float) -> tuple[list[Judged], list[Compared]]:
        """A candidate on each fold, by itself and beside the defaults."""
        folds = self._shared.folds
        judged = [measure(self._table, split, candidate, self._fitting, share) for split in folds]
        beside = [self._defaults[split.name].beside(share, each) for split, each in zip(folds, judged, strict=True)]
        return judged, beside


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
