"""How well one column alone tells attacks from normal rows: ROC-AUC, 0.5 for not at all, 1 for without a mistake.

A few values are taken each by itself: its rows are as suspicious as the other rows with that value are attacks. A row
has no part in its own judgement (leave one out), so a value of its own in each row tells nothing. Numbers of many values
are taken by their order, in either direction, and by ranges of as many rows each, since attacks may lie in the middle. A missing
value is a value.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]

ROWS_AT_LEAST = 20
"""Of each kind. Fewer lie together by chance."""

FEW_VALUES = 64
_RANGES = 64


def of_counts(attacks: Counts, normal: Counts) -> dict[str, Any] | None:
    """By values: how many attacks and normal rows have each. None where there are too few rows."""
    if min(attacks.sum(), normal.sum()) < ROWS_AT_LEAST:
        return None
    return _document(_leave_one_out(attacks, normal), "value", len(attacks), attacks.sum(), normal.sum())


def of_numbers(attacks: Values, normal: Values) -> dict[str, Any] | None:
    """By numbers, NaN where missing. None where there are too few rows.

    Of many values `in_order` is told beside: that by a single cut, without looking at ranges.
    """
    if min(len(attacks), len(normal)) < ROWS_AT_LEAST:
        return None
    attacks, normal = (np.sort(np.nan_to_num(rows, nan=-np.inf)) for rows in (attacks, normal))
    values = np.unique(np.concatenate([attacks, normal]))
    if len(values) <= FEW_VALUES:
        counted = [np.diff(np.searchsorted(rows, values, side="left"), append=len(rows)) for rows in (attacks, normal)]
        return _document(_leave_one_out(*map(_doubles, counted)), "value", len(values), len(attacks), len(normal))
    before, upto = (np.searchsorted(normal, attacks, side=side) for side in ("left", "right"))
    in_order = float((before + upto).sum()) / 2 / len(attacks) / len(normal)
    in_order = max(in_order, 1 - in_order)
    together = np.sort(np.concatenate([attacks, normal]))
    edges = np.unique(together[np.linspace(0, len(together) - 1, _RANGES, dtype=np.intp)])
    counted = [np.bincount(np.searchsorted(edges, rows), minlength=len(edges)) for rows in (attacks, normal)]
    by_range = _leave_one_out(*map(_doubles, counted))
    by, found = ("order", in_order) if in_order >= by_range else ("range", by_range)
    return {**_document(found, by, len(values), len(attacks), len(normal)), "in_order": in_order}


def _doubles(counts: Any) -> Counts:
    return np.asarray(counts, dtype=np.float64)


def _document(auc: float, by: str, values: int, attacks: float, normal: float) -> dict[str, Any]:
    return {"auc": float(auc), "by": by, "values": int(values), "attacks": int(attacks), "normal": int(normal)}


def _leave_one_out(attacks: Counts, normal: Counts) -> float:
    all_attacks, all_normal = attacks.sum(), normal.sum()
    # As if one more row, of the usual mixture, had each value.
    usual = all_attacks / (all_attacks + all_normal)
    rows = attacks + normal
    seen_by_attacks = (attacks - 1 + usual) / rows
    seen_by_normal = (attacks + usual) / rows
    suspicion = np.concatenate([seen_by_attacks[attacks > 0], seen_by_normal[normal > 0]])
    weights = np.concatenate([attacks[attacks > 0], np.zeros(np.count_nonzero(normal))])
    others = np.concatenate([np.zeros(np.count_nonzero(attacks)), normal[normal > 0]])
    # Suspicions that differ by rounding alone are one.
    levels, level = np.unique(np.round(suspicion, 12), return_inverse=True)
    above = np.bincount(level, weights, minlength=len(levels))
    below = np.bincount(level, others, minlength=len(levels))
    lower = np.cumsum(below) - below
    # Two rows of one value are equally suspicious, though each misses itself.
    own = float((attacks * normal).sum()) / 2
    return float(((above * (lower + below / 2)).sum() + own) / all_attacks / all_normal)
