"""How far a window is from the reference, in numbers: one for each column, for each invariant of the sensor, for hosts.

Distances of columns are Hellinger distances of binned values: bounded, symmetric, and not ruled by rare bins as the
population stability index is. None of them is compared with a textbook's critical value: flows of one host depend on each
other, so what is usual is learnt from blocks of the training period (`limits`).
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netanomaly.monitoring.encoded import MOST_SECONDS
from netanomaly.monitoring.layout import Layout
from netanomaly.monitoring.profile import BUCKETS, Profile

Floats = npt.NDArray[np.float64]

# Shorter ones are what connections last; a time-out is longer.
LEAST_TIMEOUT = 5

COLUMN, INVARIANT, HOSTS = "column", "invariant", "hosts"
"""Kinds of statistics."""
A_PACKET_OUT, A_PACKET_IN, TIMEOUT, SILENT, MULTIPLES = (
    "bytes a packet out", "bytes a packet in", "durations at a time-out", "flows without an answer", "packets in multiples",
)  # fmt: skip
MISSING, UNSEEN = "missing: ", "never met: "
"""Before a column's name: the share of its values that are missing, or were not in training."""
TOP_SOURCE, NEW_SOURCES, NEW_NETWORKS = "one source's share", "sources never met", "networks never met"


@dataclass(frozen=True)
class Named:
    """A statistic's name and kind."""

    name: str
    kind: str


def names(layout: Layout) -> tuple[Named, ...]:
    """All statistics of a layout, in order; without columns those of hosts."""
    hosts = tuple(Named(name, HOSTS) for name in (TOP_SOURCE, NEW_SOURCES, NEW_NETWORKS))
    if not layout.names:
        return hosts
    return (
        *(Named(name, COLUMN) for name in layout.names),
        *(Named(name, INVARIANT) for name in (A_PACKET_OUT, A_PACKET_IN, TIMEOUT, SILENT, MULTIPLES)),
        *(Named(MISSING + name, INVARIANT) for name in layout.names),
        *(Named(UNSEEN + name, INVARIANT) for name, _ in layout.categorical),
        *hosts,
    )


@dataclass(frozen=True)
class Newcomers:
    """Shares of rows from sources, and from networks, that the reference did not have."""

    sources: float = 0.0
    networks: float = 0.0


@dataclass(frozen=True)
class Measured:
    """Every statistic of rows, in the order of `names`.

    Attributes:
        distances: Larger is farther away.
        moved: The share of rows that are in other places than they were: of a histogram half the sum of what its shares
            differ by; of what is a share itself the same as its distance.
    """

    distances: Floats
    moved: Floats


def measure(window: Profile, reference: Profile, layout: Layout, newcomers: Newcomers) -> Measured:
    """Every statistic of a window. Both have rows."""
    top = float(np.max(bucket_shares(window) - bucket_shares(reference)))
    of_hosts = np.array([top, newcomers.sources, newcomers.networks])
    if not layout.names:
        return Measured(of_hosts, of_hosts)
    histograms = [*columns(window, reference, layout), *zip(window.a_packet, reference.a_packet, strict=True)]
    judged = [layout.is_judged(place) for place in range(len(layout.names))] + [True, True]
    both = np.array([_apart(*each) if of_it else (0.0, 0.0) for each, of_it in zip(histograms, judged, strict=True)])
    shares = [
        float(np.max(timeouts(window) - timeouts(reference))),
        abs(window.silent / window.rows - reference.silent / reference.rows),
        float(np.max(multiples(window) - multiples(reference), initial=0.0)),
        *(
            abs(missing_share(window, layout, place) - missing_share(reference, layout, place))
            for place in range(len(layout.names))
        ),
        *(unseen_share(window, layout, place) for place in range(len(layout.categorical))),
    ]
    return Measured(*(np.concatenate([both[:, of], shares, of_hosts]) for of in range(2)))


def columns(window: Profile, reference: Profile, layout: Layout) -> list[tuple[Floats, Floats]]:
    """Counts by bin of each column, in the window and in the reference."""
    begins = layout.begins
    return [
        (window.bins[begin:end].astype(float), reference.bins[begin:end].astype(float))
        for begin, end in itertools.pairwise(begins)
    ]


def timeouts(profile: Profile) -> Floats:
    """The share of rows that lasted so many whole seconds, by seconds; 0 below what a time-out can be."""
    shares = profile.seconds / max(profile.rows, 1)
    shares[:LEAST_TIMEOUT] = 0.0
    shares[MOST_SECONDS] = 0.0
    return shares


def multiples(profile: Profile) -> Floats:
    """The share of rows with several packets that are a multiple of each of `MODULI`."""
    return profile.multiples / profile.several if profile.several else np.zeros(len(profile.multiples))


def missing_share(profile: Profile, layout: Layout, place: int) -> float:
    """Of a column."""
    missing = layout.missing_bin(place)
    return 0.0 if missing is None else float(profile.bins[layout.begins[place] + missing]) / profile.rows


def unseen_share(profile: Profile, layout: Layout, place: int) -> float:
    """The share of values that were not in training, of a categorical column counted from 0."""
    end = layout.begins[len(layout.numeric) + place + 1]
    return float(profile.bins[end - 1]) / profile.rows


def bucket_shares(profile: Profile) -> Floats:
    """Shares of rows by hash of the source."""
    total = profile.buckets.sum()
    return profile.buckets / total if total else np.zeros(BUCKETS)


def _apart(ours: Floats | npt.NDArray[np.int64], theirs: Floats | npt.NDArray[np.int64]) -> tuple[float, float]:
    """Hellinger's distance and the share of rows moved: 0 for equal shares, 1 for none in common.

    0 where either is empty of both, 1 where of one.
    """
    one, other = ours.sum(), theirs.sum()
    if not one or not other:
        return 0.0, 0.0
    ours, theirs = ours / one, theirs / other
    together = np.sqrt(ours * theirs).sum()
    return float(np.sqrt(max(0.0, 1.0 - together))), float(np.abs(ours - theirs).sum()) / 2
