"""Whether a shift is the doing of few hosts: the window without them is within its limits, next to the training rows without them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.monitoring import limits as usual
from netanomaly.monitoring import regulars, statistics
from netanomaly.monitoring.encoded import Encoded
from netanomaly.monitoring.profile import BUCKETS, Profile
from netanomaly.monitoring.reference import Reference
from netanomaly.monitoring.window import Window

# So few hosts are a matter for people; with so much of the traffic they are the network, unless it is one that was not.
_FEW = (1, 3, 10)
_MOST_OF_ROWS = 0.5
# Without them so much of what is over the limits is gone.
_EXPLAINED = 0.8
# And it is nearer by so much: of what is just over a limit whoever is left out takes it below.
_NEARER = 0.8
_FEATURES = 5


@dataclass(frozen=True)
class Few:
    """The hosts that explain a shift.

    Attributes:
        kind: source, target or network.
        names: Their addresses, the greatest part first.
        shares: Of the rows.
        explained: How much of what is over the limits is gone without them.
        rows: Which rows of the sample are theirs.
    """

    kind: str
    names: tuple[str, ...]
    shares: tuple[float, ...]
    explained: float
    rows: npt.NDArray[np.bool_]


def few(window: Window, reference: Reference, far: npt.NDArray[np.float64]) -> tuple[Few | None, float]:
    """The fewest hosts without which the window is within its limits; None where no few are. And how much ten explain.

    Args:
        far: The window's distances, in parts of what is allowed.
    """
    sample = window.sample
    if not len(sample) or not sample.source.any():
        return None, 0.0
    weights = _weights(sample, window.profile, reference, far)
    # The same limits with and without them: those of fewer rows are wider, which would explain anything.
    limits = usual.for_rows(reference.limits, len(sample))
    if limits is None:
        return None, 0.0
    before = _farthest(sample, reference, limits, reference.profile)
    if before <= 1:
        return None, 0.0
    most = 0.0
    for kind in regulars.KINDS:
        found = regulars.keys_of(sample, kind)
        ranked = _ranked(found, weights, sample, reference, kind)
        for count in _FEW:
            chosen = ranked[:count]
            theirs = np.isin(found, chosen)
            if not theirs.any():
                continue
            if theirs.mean() > _MOST_OF_ROWS and not (kind == regulars.SOURCE and _outgrew(chosen, theirs, reference)):
                continue
            rest = sample.take(~theirs)
            usual_rest = regulars.without(reference.profile, reference.regulars, kind, chosen)
            # Of too few rows nothing can be judged, so that nothing but theirs is unusual.
            too_few = len(rest) < least(reference) or not usual_rest.rows
            after = 0.0 if too_few else _farthest(rest, reference, limits, usual_rest)
            explained = 1 - max(0.0, after - 1) / (before - 1)
            most = max(most, explained)
            if explained >= _EXPLAINED and after <= _NEARER * before:
                shares = [float((found == key).mean()) for key in chosen]
                names = [window.names.get(int(key), "an address that is not kept") for key in chosen]
                order = np.argsort(-np.array(shares), kind="stable")
                return Few(
                    kind, tuple(names[at] for at in order), tuple(shares[at] for at in order), explained, theirs
                ), most
    return None, most


def least(reference: Reference) -> int:
    """How many rows can be judged at all."""
    return reference.limits[0].rows


def features(few_hosts: Few, window: Window, reference: Reference) -> list[str]:
    """The columns in which these hosts' rows differ most from the reference, in order."""
    layout = reference.layout
    profile = Profile.of(window.sample.take(few_hosts.rows), layout)
    measured = statistics.measure(profile, reference.profile, layout, statistics.Newcomers())
    farthest = np.argsort(-measured.distances[: len(layout.names)], kind="stable")
    return [layout.names[place] for place in farthest[:_FEATURES]]


def _outgrew(chosen: npt.NDArray[np.uint64], theirs: npt.NDArray[np.bool_], reference: Reference) -> bool:
    """Whether it is one source that is most of the rows, and was less than half as much in training."""
    if len(chosen) != 1:
        return False
    usual = statistics.bucket_shares(reference.profile)[int(chosen[0] % np.uint64(BUCKETS))]
    return bool(theirs.mean() > 2 * usual)


def _farthest(rows: Encoded, reference: Reference, limits: usual.Limits, theirs: Profile) -> float:
    """How far the farthest statistic of these rows is from `theirs`, in parts of what is allowed."""
    profile = Profile.of(rows, reference.layout)
    measured = statistics.measure(profile, theirs, reference.layout, reference.known.newcomers(rows))
    return float(limits.distances(measured).max())


def _weights(
    sample: Encoded, profile: Profile, reference: Reference, far: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """How much each row is of what there is too much of, in the columns that are out; its usual mean taken off."""
    layout = reference.layout
    weights = np.zeros(len(sample))
    columns = statistics.columns(profile, reference.profile, layout)
    out = [place for place in np.argsort(-far[: len(layout.names)], kind="stable")[:8] if far[place] > 0.5]
    for place in out:
        ours, theirs = (counts / counts.sum() for counts in columns[place])
        ratio = np.clip(np.log2((ours + 1e-6) / (theirs + 1e-6)), 0, 8)
        weights += ratio[sample.bins[place]] - float((ratio * theirs).sum())
    return weights


def _ranked(
    found: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.float64],
    sample: Encoded,
    reference: Reference,
    kind: str,
) -> npt.NDArray[np.uint64]:
    """Hosts by how much of the shift they bring: rows of what there is too much of, and rows there were none of."""
    distinct, places = np.unique(found, return_inverse=True)
    rows = np.bincount(places)
    brought = np.bincount(places, weights=weights) / len(sample)
    excess: Any = rows / len(sample)
    if kind == regulars.SOURCE:
        excess = excess - statistics.bucket_shares(reference.profile)[(distinct % np.uint64(BUCKETS)).astype(int)]
    elif kind == regulars.NETWORK:
        new = np.bincount(places, weights=reference.known.new_networks(sample))
        excess = np.where(new > 0, excess, 0.0)
    else:
        excess = np.zeros(len(distinct))
    brought = brought / max(float(np.abs(brought).max()), 1e-12) + excess / max(float(np.abs(excess).max()), 1e-12)
    brought[distinct == 0] = -np.inf
    return distinct[np.argsort(-brought, kind="stable")[: _FEW[-1]]]
