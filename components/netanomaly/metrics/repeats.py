"""What evaluation rows that the model was trained on do to its figures."""

from collections.abc import Sequence
from typing import Any

from netanomaly.metrics.detection import FALSE_POSITIVE_RATES, kinds, ranking
from netanomaly.metrics.distribution import ScoreCounts


def repeats(counts: ScoreCounts, labelled: bool, names: Sequence[str], normal_names: set[str]) -> dict[str, Any]:
    """Rows whose features equal those of a row the model was fitted or calibrated on, and the figures without them.

    Args:
        counts: The scores by class; repeats are marked.
        labelled: Whether the classes say anything.
        names: Class names, by the position that `counts` knows them by.
        normal_names: Those of them that are normal.

    Returns:
        "rows" and their "share", of them "normal" and "attacks" (None without labels), and "without": the metrics of
        the ranking of all other rows, None where those lack normal rows or attacks.
    """
    found = counts.of(marked=True).rows
    document: dict[str, Any] = {"rows": found, "share": found / counts.of().rows}
    document |= {"normal": None, "attacks": None, "without": None}
    if not labelled:
        return document
    normal, attack = kinds(counts, names, normal_names, marked=True)
    document |= {"normal": normal.rows, "attacks": attack.rows}
    normal, attack = kinds(counts, names, normal_names, marked=False)
    if not normal.rows or not attack.rows:
        return document
    values = ranking(normal, attack)
    recalls = zip(FALSE_POSITIVE_RATES, values.recall_at, strict=True)
    document["without"] = {
        "normal": normal.rows,
        "attacks": attack.rows,
        "roc_auc": values.roc_auc,
        "average_precision": values.average_precision,
        "recall_at": [{"false_positive_rate": rate, "recall": recall} for rate, recall in recalls],
    }
    return document
