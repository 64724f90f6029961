"""What the quality benchmark measures of one detector on one data set."""

import resource
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from netanomaly.models.catalogue import CATALOGUE, check

from tests.bench.quality_data import KNOWN

Figures = dict[str, float]

PROMISED = 0.01
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


def promise(detector: str, in_time: str, data: Any, seed: int) -> Figures:
    """The false-positive rate on 30% of normal rows where 1% was promised by a model of the others.

    The 30% are drawn at random, or (`in_time` "time") are the last ones; then it is asked of thresholds set in four ways.
    """
    import numpy as np

    normal, times = data
    order = np.random.default_rng([seed, 11]).permutation(len(normal))
    if in_time == "time":
        order = np.argsort(-times, kind="stable")
    count = len(order) * 3 // 10
    judged, training = normal.take(order[:count][::-1]), normal.take(order[count:])
    if in_time != "time":
        found = _calibrated(detector, training, None, seed)
        return {"rate": _rate(found.model.score(judged), _quantile(found.scores))}
    known = times[order[count:]]
    latest, at_random = (_calibrated(detector, training, given, seed) for given in (known, None))
    scores = at_random.model.score(judged)
    return {
        "rate": _rate(latest.model.score(judged), _quantile(latest.scores)),
        "random_rate": _rate(scores, _quantile(at_random.scores)),
        "weighted_rate": _rate(scores, _weighted_quantile(at_random.scores, known[at_random.calibrating])),
        "adaptive_rate": _adaptive_rate(latest, known, latest.model.score(judged)),
    }


class _Calibrated(NamedTuple):
    """A model, the positions of the training rows it was not fitted on, and their scores."""

    model: Any
    calibrating: Any
    scores: Any


def _calibrated(detector: str, training: Any, times: Any, seed: int) -> _Calibrated:
    from netanomaly.stages.train.calibration import parts

    model = made(detector, known=True)
    told_apart = parts(times, len(training), PROMISED, model.minimum_rows, seed)
    model.fit(training.take(told_apart.fitting), seed)
    return _Calibrated(model, told_apart.calibrating, model.score(training.take(told_apart.calibrating)))


def _quantile(scores: Any) -> float:
    import numpy as np
    from netanomaly.metrics.thresholds import calibrate

    return float(calibrate(scores.astype(np.float32), PROMISED).threshold)


def _weighted_quantile(scores: Any, times: Any) -> float:
    """What so few of the rows exceed by weight, a row counting the less the older it is.

    A tenth of the time they span makes a factor of e. Tibshirani, Barber, Candes, Ramdas, 'Conformal Prediction Under
    Covariate Shift', NeurIPS 2019, with weights by age after Barber et al., 'Conformal prediction beyond exchangeability', 2023.
    """
    import numpy as np

    weights = np.exp((times - times.max()) / max(np.ptp(times) / 10, 1e-9))
    order = np.argsort(scores)
    above = 1 - np.cumsum(weights[order]) / weights.sum()
    return float(scores[order][np.argmax(above <= PROMISED)])


def _adaptive_rate(latest: _Calibrated, times: Any, scores: Any) -> float:
    """Of rows in the order of their times: before each twentieth the threshold is set anew by the latest rows scored, as many
    as calibrated. Those scored are all normal here; attacks among them would raise it.
    """
    import numpy as np

    past = latest.scores[np.argsort(times[latest.calibrating], kind="stable")]
    alerts = 0
    for block in np.array_split(scores, 20):
        alerts += int((block.astype(np.float32) > np.float32(_quantile(past))).sum())
        past = np.concatenate([past, block])[-len(past) :]
    return alerts / len(scores)


def _rate(scores: Any, threshold: float) -> float:
    import numpy as np

    return float((scores.astype(np.float32) > np.float32(threshold)).mean())


MEASURES: dict[str, Callable[[str, str, Any, int], Figures]] = {"quality": quality, "promise": promise}
DETECTORS = [*CATALOGUE, *VARIANTS]
