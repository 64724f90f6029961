"""Whether the false-positive rate that was promised is kept on real data."""

import math
from typing import Any, NamedTuple

from netanomaly.stages.train.settings import SAMPLED_ROWS

from tests.bench.quality_measures import Figures, made

PROMISED = 0.01
# What is asked of a rate that was promised to be 1%.
LEAST, MOST = 0.007, 0.013


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
    judged, training = normal.take(order[:count][::-1]), normal.take(order[count:][:SAMPLED_ROWS])
    if in_time != "time":
        found = _calibrated(detector, training, None, seed)
        rate = _rate(found.model.score(judged), _quantile(found.scores))
        return {"rate": rate, "calibrated_on": len(found.scores), "judged_on": count}
    known = times[order[count:][:SAMPLED_ROWS]]
    latest, at_random = (_calibrated(detector, training, given, seed) for given in (known, None))
    scores = at_random.model.score(judged)
    return {
        "rate": _rate(latest.model.score(judged), _quantile(latest.scores)),
        "random_rate": _rate(scores, _quantile(at_random.scores)),
        "weighted_rate": _rate(scores, _weighted_quantile(at_random.scores, known[at_random.calibrating])),
        "adaptive_rate": _adaptive_rate(latest, known, latest.model.score(judged)),
    }


def by_chance(calibrated_on: int, judged_on: int) -> float:
    """How often the rate is within what is asked where calibrating and judged rows are draws of one law, whatever detects.

    Then the number of alerts among the judged rows is beta-binomial (Vovk, 'Conditional validity of inductive conformal
    predictors', 2012): no better share can be asked of any method that sets a threshold by so many rows.
    """
    from scipy import stats

    position = math.ceil((calibrated_on + 1) * (1 - PROMISED) - 1e-9)
    law = stats.betabinom(judged_on, calibrated_on + 1 - position, position)
    least, most = math.ceil(LEAST * judged_on - 1e-9), math.floor(MOST * judged_on + 1e-9)
    return float(law.cdf(most) - law.cdf(least - 1))


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
