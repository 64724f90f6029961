"""What thresholds that adapt to the stream they judge catch of the attacks in it, and how often they alert on normal rows.

Without labels a step towards fewer alerts is taken whatever raised them: normal traffic that moved, or an attack.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from netanomaly.metrics.thresholds import calibrate, rows_needed
from netanomaly.models.rows import learn_schema
from netanomaly.stages.train.calibration import parts
from netanomaly.stages.train.settings import SAMPLED_ROWS

from tests.bench.quality_data import Mask, Source
from tests.bench.quality_measures import Figures, made

Scores = npt.NDArray[np.float32]

PROMISED = 0.01
# Adaptive conformal inference as in the paper's experiments, a step of which is a row; here so many rows are one.
_PACE, _ROWS_OF_A_STEP = 0.005, 100
# Bounded: never fewer than this share is asked for, and never a higher threshold than it is by the calibrating rows.
_BOUND = 0.001

# How the attacks come: so many of all rows at places drawn at random; a third of all rows, in one piece, after a third of
# the normal ones; or where they were recorded.
SPREAD = {"1%": 0.01, "5%": 0.05}
FLOOD, RECORDED = "a flood", "as recorded"


def stream(detector: str, _: str, source: Source, seed: int) -> Figures:
    """Rates on the last 30% of the normal rows and the recall of the attacks among them, by the ways of `WAYS`.

    A model of the normal rows before them, calibrated by the latest of those, as rows known to be normal.
    """
    normal = np.flatnonzero(~source.attack)
    assert source.times is not None
    normal = normal[np.argsort(source.times[normal], kind="stable")]
    before, judged = np.split(normal, [len(normal) - len(normal) * 3 // 10])
    # As `promise` has it in time: the latest first, and the categories of all normal rows.
    before = before[-SAMPLED_ROWS:][::-1]
    schema = learn_schema(source.part(~source.attack).table, source.table.column_names, list(source.categories))
    rows, times = schema.rows(source.table.take(pa.array(before))), source.times[before]
    model = made(detector, known=True)
    apart = parts(times, len(rows), PROMISED, model.minimum_rows, seed)
    model.fit(rows.take(apart.fitting), seed)
    past = model.score(rows.take(apart.calibrating)).astype(np.float32)
    past = past[np.argsort(times[apart.calibrating], kind="stable")]
    found: Figures = {}
    for kind, rows_of_stream in _streams(source, judged, np.random.default_rng([seed, 12])):
        attack = source.attack[rows_of_stream]
        scores = model.score(schema.rows(source.table.take(pa.array(rows_of_stream)))).astype(np.float32)
        for way, thresholds in WAYS.items():
            alert = scores > thresholds(_Stream(past, scores, attack))
            found[f"{kind}, {way}, rate"] = float(alert[~attack].mean())
            found[f"{kind}, {way}, recall"] = float(alert[attack].mean())
    return found


def _streams(source: Source, judged: Any, draw: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """The rows of each stream in their order, by how attacks come."""
    attacks = np.flatnonzero(source.attack)
    for kind, share in SPREAD.items():
        drawn = draw.choice(attacks, min(round(len(judged) * share / (1 - share)), len(attacks)), replace=False)
        yield kind, np.insert(judged, np.sort(draw.integers(0, len(judged) + 1, len(drawn))), drawn)
    yield FLOOD, np.insert(judged, len(judged) // 3, draw.choice(attacks, min(len(judged) // 2, len(attacks)), False))
    assert source.times is not None
    recorded = attacks[source.times[attacks] >= source.times[judged[0]]]
    if len(recorded):
        together = np.concatenate([judged, recorded])
        yield RECORDED, together[np.argsort(source.times[together], kind="stable")]


@dataclass(frozen=True)
class _Stream:
    """Scores of the calibrating rows, those of the stream, and what only hindsight knows."""

    past: Scores
    scores: Scores
    attack: Mask


def _latest(given: _Stream) -> Any:
    return _threshold(given.past, PROMISED)


def _adaptive(least: float, window: bool) -> Callable[[_Stream], Scores]:
    """A threshold for each row, anew before every so many, where the share asked for falls when more of them alerted.

    Gibbs, Candes, 'Adaptive Conformal Inference Under Distribution Shift', NeurIPS 2021. With a `window` the threshold is
    set by the rows scored last, as many as calibrated; else by those that calibrated.
    """

    def thresholds(given: _Stream) -> Scores:
        past, asked, found = given.past, PROMISED, np.empty(len(given.scores), dtype=np.float32)
        highest = _threshold(given.past, least) if least else np.inf
        for start in range(0, len(found), _ROWS_OF_A_STEP):
            step = slice(start, start + _ROWS_OF_A_STEP)
            found[step] = min(_threshold(past, asked), highest)
            scores = given.scores[step]
            asked += _PACE * (PROMISED * len(scores) - np.count_nonzero(scores > found[step]))
            asked = max(asked, least) if least else asked
            if window:
                past = np.concatenate([past, scores])[-len(past) :]
        return found

    return thresholds


def _hindsight(given: _Stream) -> Any:
    """The lowest threshold that the promised share of the stream's own normal rows exceeds at most."""
    return _threshold(given.scores[~given.attack], PROMISED)


def _threshold(scores: Scores, share: float) -> float:
    """What this share of the rows exceeds; of fewer rows than can say, the greatest score; of a share of none, no end."""
    if share <= 0:
        return np.inf
    if rows_needed(share) > len(scores):
        return float(scores.max())
    return float(calibrate(scores, min(share, 0.5)).threshold)


WAYS: dict[str, Callable[[_Stream], Any]] = {
    "the latest": _latest,
    "adaptive": _adaptive(0.0, window=True),
    "adaptive, bounded": _adaptive(_BOUND, window=True),
    "by the calibrating rows, bounded": _adaptive(_BOUND, window=False),
    "in hindsight": _hindsight,
}
