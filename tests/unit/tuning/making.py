"""Small searches made by hand."""

from typing import Any

import numpy as np
from netanomaly.tuning.judging import Judged
from netanomaly.tuning.space import candidate


def judged(normal: Any, attack: Any, codes: Any) -> Judged:
    return Judged(
        np.asarray(normal, dtype=np.float32), np.asarray(attack, dtype=np.float32), np.asarray(codes, dtype=np.int32)
    )


def difference(value: float, low: float, high: float) -> dict[str, Any]:
    return {
        "before": {"value": 0.5, "low": 0.4, "high": 0.6},
        "after": {"value": 0.5 + value, "low": 0.4 + value, "high": 0.6 + value},
        "difference": {"value": value, "low": low, "high": high},
    }


def trial(
    number: int, state: str = "complete", value: float = 0.5, *ends: tuple[float, float], **more: Any
) -> dict[str, Any]:
    """A trial's document; `ends` are the intervals of its differences from the defaults, fold by fold."""
    found: dict[str, Any] = {
        "number": number,
        "round": 1,
        "params": {"knn.n_neighbors": number, "knn.reference_rows": 4096},
        "candidate": candidate({"model_type": "knn", "parameters": {"n_neighbors": number}}),
        "state": state,
        "seconds": 1.0,
        **more,
    }
    if state in ("complete", "stopped"):
        found.setdefault("quarter", value / 2)
    if state == "complete":
        found["value"] = value
        found["folds"] = [
            {"name": f"fold {place}", **difference((low + high) / 2, low, high)}
            for place, (low, high) in enumerate(ends, 1)
        ]
    return found
