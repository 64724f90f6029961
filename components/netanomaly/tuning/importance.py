"""How much of what trials catch goes with each thing that was searched, and how sure that is.

Of the trials that have it, the share of the variance of the figure at a quarter of the rows (which every trial has) that one
dimension alone foretells: of choices by their means, of a number by a parabola, fitted on some trials and judged on others
(the out-of-bag rows of a bootstrap: Breiman, 'Out-of-bag estimation', 1996). Chance alone foretells nothing. The interval is
that of the replicates: with few trials it goes from nothing to all, which says that little is known.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.metrics.intervals import CONFIDENCE
from netanomaly.tuning.space import Dimension, Space

_FEWEST = 8
_REPLICATES = 200

Floats = npt.NDArray[np.float64]


def importance(space: Space, trials: Sequence[Mapping[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Each dimension with `share`, `low`, `high` and the number of `trials`, the most important first.

    What too few trials have is left out.
    """
    known = [each for each in trials if each.get("quarter") is not None]
    draw = np.random.default_rng([seed, 15])
    found = []
    for name in space.names():
        having = [each for each in known if name in each["params"]]
        if len(having) < _FEWEST:
            continue
        columns = _columns([each["params"][name] for each in having], _dimension(space, name))
        caught = np.array([each["quarter"] for each in having])
        if columns is None or not caught.std():
            continue
        share, low, high = _foretold(columns, caught, draw)
        found.append(
            {
                "name": name,
                "share": round(share, 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "trials": len(having),
            }
        )
    return sorted(found, key=lambda each: (-each["share"], each["name"]))


def _dimension(space: Space, name: str) -> Dimension | None:
    detector, _, parameter = name.partition(".")
    return space.dimensions[detector][parameter] if parameter else None


def _columns(values: Sequence[Any], dimension: Dimension | None) -> Floats | None:
    """What to regress on: a column for each value but one, or a number and its square; None where all are the same."""
    if len({json.dumps(value) for value in values}) < 2:
        return None
    if dimension is None or dimension.choices is not None:
        names = sorted(set(map(str, values)))
        return np.array([[float(str(value) == name) for name in names[1:]] for value in values])
    numbers = np.array([math.log(value) if dimension.by_ratio else float(value) for value in values])
    scaled = (numbers - numbers.mean()) / (numbers.std() or 1.0)
    return np.stack([scaled, scaled**2], axis=1)


def _foretold(columns: Floats, caught: Floats, draw: np.random.Generator) -> tuple[float, float, float]:
    """The share of the variance that is foretold, and the interval's ends."""
    rows = len(caught)
    design = np.concatenate([np.ones((rows, 1)), columns], axis=1)
    missed, spread = np.zeros(_REPLICATES), np.zeros(_REPLICATES)
    for replicate in range(_REPLICATES):
        bag = draw.integers(0, rows, rows)
        others = np.setdiff1d(np.arange(rows), bag)
        solved = np.linalg.lstsq(design[bag], caught[bag], rcond=None)[0]
        # What lies beyond all that was caught in the bag is no forecast.
        told = np.clip(design[others] @ solved, caught[bag].min(), caught[bag].max())
        missed[replicate] = ((caught[others] - told) ** 2).sum()
        spread[replicate] = ((caught[others] - caught[bag].mean()) ** 2).sum()
    known = spread > 0
    if not known.any():
        return 0.0, 0.0, 1.0
    share = min(1.0, max(0.0, 1 - float(missed[known].sum() / spread[known].sum())))
    each = np.clip(1 - missed[known] / spread[known], 0, 1)
    low, high = np.quantile(each, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return share, min(float(low), share), max(float(high), share)
