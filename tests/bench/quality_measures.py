"""What the quality benchmark measures of one detector on one data set."""

import resource
import time
from typing import Any

from netanomaly.models.catalogue import CATALOGUE, check

from tests.bench.quality_data import KNOWN

Figures = dict[str, float]

# The same detector with other settings, to see what the settings are worth.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ensemble of generation 1": (
        "ensemble",
        {"members": ["isolation_forest", "gaussian_mixture", "pca", "knn", "autoencoder"]},
    ),
}


def made(detector: str, known: bool) -> Any:
    """A detector by name, as train makes it: of rows known to be normal none is doubted."""
    from netanomaly.models.detector import make

    from tests.bench.quality_others import OTHERS, Other

    if detector in OTHERS:
        return Other(detector)
    kind, parameters = VARIANTS.get(detector, (detector, {}))
    return make(kind, check(kind, {**parameters, "contamination": 0.0} if known else parameters))


def quality(detector: str, knowledge: str, split: Any, seed: int) -> Figures:
    """Fit and score once; what a row of the tables is made of."""
    import numpy as np
    from netanomaly.metrics.detection import recall_at, roc_auc
    from netanomaly.metrics.distribution import Distribution

    training, evaluation, attack = split
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = made(detector, knowledge == KNOWN)
    began, busy = time.perf_counter(), time.process_time()
    model.fit(training, seed)
    fitted, busy_fitting = time.perf_counter(), time.process_time() - busy
    scores = model.score(evaluation).astype(np.float32)
    scored, busy = time.perf_counter(), time.process_time() - busy
    normal, attacks = Distribution.of(scores[~attack]), Distribution.of(scores[attack])
    return {
        "roc_auc": roc_auc(normal, attacks),
        "recall_1": recall_at(normal, attacks, 0.01)[0],
        "recall_01": recall_at(normal, attacks, 0.001)[0],
        "fit_seconds": fitted - began,
        "fit_cpu_seconds": busy_fitting,
        "rows_per_second": len(scores) / (scored - fitted),
        "rows_per_cpu_second": len(scores) / max(busy - busy_fitting, 1e-9),
        "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }


DETECTORS = [*CATALOGUE, *VARIANTS]
