"""What the quality benchmark measures of one detector on one data set."""

import resource
import time
from collections.abc import Callable
from typing import Any

from netanomaly.models.catalogue import check

Figures = dict[str, float]

PROMISED = 0.01


def quality(detector: str, split: Any, seed: int) -> Figures:
    """Fit and score once; what a row of the tables is made of."""
    import numpy as np
    from netanomaly.metrics.detection import average_precision, recall_at, roc_auc
    from netanomaly.metrics.distribution import Distribution
    from netanomaly.models.detector import make

    training, evaluation, attack = split
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = make(detector, check(detector, {}))
    began = time.perf_counter()
    model.fit(training, seed)
    fitted = time.perf_counter()
    scores = model.score(evaluation).astype(np.float32)
    scored = time.perf_counter()
    normal, attacks = Distribution.of(scores[~attack]), Distribution.of(scores[attack])
    return {
        "roc_auc": roc_auc(normal, attacks),
        "average_precision": average_precision(normal, attacks),
        "recall": recall_at(normal, attacks, 0.01)[0],
        "fit_seconds": fitted - began,
        "rows_per_second": len(scores) / (scored - fitted),
        "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }


def promise(detector: str, normal: Any, seed: int) -> Figures:
    """The false-positive rate reached on 30% of normal rows where 1% was promised by a model of the others."""
    import numpy as np
    from netanomaly.metrics.thresholds import calibrate
    from netanomaly.models.detector import make
    from netanomaly.stages.train.calibration import parts

    order = np.random.default_rng([seed, 11]).permutation(len(normal))
    judged, training = normal.take(order[: len(order) * 3 // 10]), normal.take(order[len(order) * 3 // 10 :])
    model = make(detector, check(detector, {}))
    told_apart = parts(None, len(training), PROMISED, model.minimum_rows, seed)
    model.fit(training.take(told_apart.fitting), seed)
    point = calibrate(model.score(training.take(told_apart.calibrating)).astype(np.float32), PROMISED)
    return {"rate": float((model.score(judged).astype(np.float32) > np.float32(point.threshold)).mean())}


MEASURES: dict[str, Callable[[str, Any, int], Figures]] = {"quality": quality, "promise": promise}
