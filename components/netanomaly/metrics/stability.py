"""Whether scores are spread as they were in training: what can be told without labels."""

import math
from collections.abc import Mapping
from typing import Any


def stability(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """The population stability index of the scores, in the bands that the model's operating points make.

    The sum over bands of (share now - share promised) * ln(share now / share promised); Siddiqi, 'Credit Risk
    Scorecards', 2006, has it stable under 0.1 and shifted over 0.25. Of normal rows where there are labels, else of all.

    Args:
        metrics: Evaluation metrics with "budgets", "labelled", "normal" and "rows".

    Returns:
        "index" and the "rows" it is of; None without such rows.
    """
    rows = metrics["normal"] if metrics["labelled"] else metrics["rows"]
    points = sorted(metrics["budgets"], key=lambda point: -point["budget"])
    if not rows or not points:
        return None
    above = [point["false_positive_rate"] if metrics["labelled"] else point["alerts"] / rows for point in points]
    now, promised = _bands(above), _bands([point["budget"] for point in points])
    # Half a row stands for none: a band that nothing fell into has no logarithm.
    least = 0.5 / rows
    index = sum((a - b) * math.log(max(a, least) / b) for a, b in zip(now, promised, strict=True))
    return {"index": index, "rows": rows}


def _bands(above: list[float]) -> list[float]:
    """Shares between thresholds from the shares above them, the lowest threshold first."""
    return [high - low for high, low in zip([1.0, *above], [*above, 0.0], strict=True)]
