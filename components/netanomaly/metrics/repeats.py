"""What evaluation rows that the model was trained on do to its figures."""

from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.metrics.detection import FALSE_POSITIVE_RATES, ranking
from netanomaly.metrics.intervals import Scores

Mask = npt.NDArray[np.bool_]


def repeats(scores: Scores, attack: Mask | None, seen: Mask | None) -> dict[str, Any] | None:
    """Rows whose features equal those of a row the model was fitted or calibrated on, and the figures without them.

    Args:
        scores: One per row.
        attack: Which rows are attacks; None without labels.
        seen: Which rows are repeats; None where the model does not know.

    Returns:
        "rows" and their "share", of them "normal" and "attacks" (None without labels), and "without": the metrics of
        the ranking of all other rows, None where those lack normal rows or attacks. None where nothing is known.
    """
    if seen is None:
        return None
    found = int(seen.sum())
    document: dict[str, Any] = {"rows": found, "share": found / len(seen), "normal": None, "attacks": None}
    if attack is None:
        return {**document, "without": None}
    document |= {"normal": int((seen & ~attack).sum()), "attacks": int((seen & attack).sum())}
    normal, attacks = scores[~attack & ~seen], scores[attack & ~seen]
    if not len(normal) or not len(attacks):
        return {**document, "without": None}
    values = ranking(np.sort(normal), np.sort(attacks))
    recalls = zip(FALSE_POSITIVE_RATES, values.recall_at, strict=True)
    without = {
        "normal": len(normal),
        "attacks": len(attacks),
        "roc_auc": values.roc_auc,
        "average_precision": values.average_precision,
        "recall_at": [{"false_positive_rate": rate, "recall": recall} for rate, recall in recalls],
    }
    return {**document, "without": without}
