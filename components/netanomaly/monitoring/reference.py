"""The reference of a version: what was usual in the training period, kept beside the model in at most 200 KB."""

import base64
import itertools
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly import json_input
from netanomaly.errors import DataError, ModelError
from netanomaly.monitoring import limits as usual
from netanomaly.monitoring.encoded import Encoded, Keys, joined
from netanomaly.monitoring.layout import Layout
from netanomaly.monitoring.limits import Limits
from netanomaly.monitoring.profile import Profile
from netanomaly.monitoring.regulars import Regular, regulars
from netanomaly.monitoring.statistics import Newcomers, measure, names

FORMAT = 1
FILE = "reference.json"
"""Its name among the files of a version."""
MOST_BYTES = 200_000
# Alert rates and quality come with the evaluation: numbers of 40 blocks, and some intervals.
_ADDED_LATER = 4_000
LEAST_ROWS = 200
"""Blocks of fewer rows say nothing: shares of a per cent are two rows."""
LEAST_TRAINING_ROWS = LEAST_ROWS * usual.LEAST_BLOCKS

# Sizes of blocks: each so many times the one before.
_STEP = 4
_LARGEST_BLOCK = 65_536
# Sources and networks met, by a hash of the address.
_KNOWN_BITS = 1 << 16
_WEEKEND = np.repeat(np.array([False] * 5 + [True] * 2), 24)


@dataclass(frozen=True)
class Known:
    """Sources and networks that were met, as bits by a hash: one that was not is taken for met where theirs collide."""

    sources: npt.NDArray[np.bool_]
    networks: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, encoded: Encoded) -> "Known":
        return cls(_bits(encoded.source), _bits(encoded.prefix))

    def newcomers(self, encoded: Encoded) -> Newcomers:
        """Shares of rows of those never met."""
        count = max(len(encoded), 1)
        return Newcomers(
            float(self.new_sources(encoded).sum()) / count, float(self.new_networks(encoded).sum()) / count
        )

    def new_sources(self, encoded: Encoded) -> npt.NDArray[np.bool_]:
        return _absent(encoded.source, self.sources)

    def new_networks(self, encoded: Encoded) -> npt.NDArray[np.bool_]:
        return _absent(encoded.prefix, self.networks)


@dataclass(frozen=True)
class Rates:
    """Alert rates in blocks of rows that the detector was not fitted on.

    Attributes:
        rows: Of each block.
        alerts: Of each block, in order of time.
        asked: Rows of each on which any member of an ensemble would alert by itself; none in references made before.
        votes: How many members would, added up over these rows.
        voters: How many members there are; 0: the detector is no ensemble.
    """

    rows: tuple[int, ...] = ()
    alerts: tuple[int, ...] = ()
    asked: tuple[int, ...] = ()
    votes: tuple[int, ...] = ()
    voters: int = 0

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {"rows": list(self.rows), "alerts": list(self.alerts)}
        if self.voters:
            found |= {"asked": list(self.asked), "votes": list(self.votes), "voters": self.voters}
        return found

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Rates":
        """What `document`, or `AlertBlocks`, made."""
        rows, alerts, asked, votes = (
            tuple(int(each) for each in document.get(name, ())) for name in ("rows", "alerts", "asked", "votes")
        )
        if len(rows) != len(alerts) or len(asked) != len(votes):
            raise ValueError("rates of blocks that do not fit together")
        return cls(rows, alerts, asked, votes, int(document.get("voters", 0)))


@dataclass(frozen=True)
class Reference:
    """What was usual.

    Attributes:
        layout: The bins.
        profile: Of all rows looked at.
        limits: By size of the window, ascending.
        known: Sources and networks.
        rates: Alert rates.
        about: Of which data: sensor, rows, which rows.
        quality: Recall and the false-positive rate with their intervals, where labels told them.
        regulars: Hosts that were much of the rows; none in references made before.
    """

    layout: Layout
    profile: Profile
    limits: tuple[Limits, ...]
    known: Known
    rates: Rates = field(default_factory=Rates)
    about: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    regulars: tuple[Regular, ...] = ()

    def has_weekend(self) -> bool | None:
        """Whether the training period had a week-end; None where it had no times."""
        return None if not self.profile.week.sum() else bool(self.profile.week[_WEEKEND].any())

    def has_weekdays(self) -> bool | None:
        return None if not self.profile.week.sum() else bool(self.profile.week[~_WEEKEND].any())

    def of_alerts(self) -> "Reference":
        """The same of rows whose features are not known: sources, networks and alert rates are compared."""
        every = names(self.layout)
        nothing = Layout((), ())
        kept = [place for name in names(nothing) for place, each in enumerate(every) if each == name]
        return replace(
            self,
            layout=nothing,
            profile=replace(self.profile, bins=self.profile.bins[:0]),
            limits=tuple(replace(each, centre=each.centre[kept], scale=each.scale[kept]) for each in self.limits),
            regulars=tuple(
                replace(each, profile=replace(each.profile, bins=each.profile.bins[:0])) for each in self.regulars
            ),
        )

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "format": FORMAT,
            "about": dict(self.about),
            "layout": self.layout.document(),
            "profile": self.profile.document(),
            "limits": [each.document() for each in self.limits],
            "known": {"sources": _packed(self.known.sources), "networks": _packed(self.known.networks)},
            "rates": self.rates.document(),
            "quality": dict(self.quality),
            "regulars": [each.document() for each in self.regulars],
        }

    def text(self) -> str:
        """As it is kept: at most `MOST_BYTES`, to which `build` holds it."""
        return json.dumps(self.document(), separators=(",", ":"), ensure_ascii=False)

    def size(self) -> int:
        """How many bytes it is kept in."""
        return len(self.text().encode())


def build(stretches: Iterable[Encoded], layout: Layout, rates: Rates, about: Mapping[str, Any]) -> Reference | None:
    """The reference of training rows, in less detail where it would be too large; None where they are too few for limits.

    Args:
        stretches: Rows in order of time, each stretch without a gap; few enough to be held.
        layout: The bins.
        rates: Alert rates.
        about: What is noted of it.

    Raises:
        DataError: However coarse, it would have more than `MOST_BYTES`: of thousands of columns.
    """
    held = [stretch for stretch in stretches if len(stretch)]
    if not held:
        return None
    starts = np.concatenate([[0], np.cumsum([len(stretch) for stretch in held])])
    everything = joined(held)
    found = _detailed(everything, starts, layout, rates, about)
    while found is not None and found.size() > MOST_BYTES - _ADDED_LATER:
        if found.regulars:
            found = replace(found, regulars=found.regulars[: len(found.regulars) // 2])
        elif (coarser := found.layout.coarser()) is not None:
            everything = everything.merged(coarser[1])
            # Limits are as many for few bins as for many, and take long: they are learnt when it is known for which.
            found = replace(found, layout=coarser[0], profile=Profile.of(everything, coarser[0]))
        elif len(found.limits) > 1:
            found = replace(found, limits=found.limits[1:] if len(found.limits) > 2 else found.limits[:1])
        else:
            raise DataError(
                f"the reference of {len(layout.names):,} columns would have {found.size():,} bytes, and may have {MOST_BYTES:,}; "
                "train on fewer columns to have the model monitored"
            )
    if found is None or found.layout == layout:
        return found
    learnt = {each.rows: each for each in _limits(everything, starts, found.profile, found.layout)}
    return replace(found, limits=tuple(learnt[each.rows] for each in found.limits))


def _detailed(
    everything: Encoded, starts: npt.NDArray[np.int64], layout: Layout, rates: Rates, about: Mapping[str, Any]
) -> Reference | None:
    profile = Profile.of(everything, layout)
    limits = _limits(everything, starts, profile, layout)
    if not limits:
        return None
    known = Known.of(everything)
    return Reference(layout, profile, limits, known, rates, about, regulars=regulars(everything, layout))


def _limits(everything: Encoded, starts: npt.NDArray[np.int64], profile: Profile, layout: Layout) -> tuple[Limits, ...]:
    met = _Met.of(everything)
    found = []
    for rows in _sizes(len(everything), int(np.diff(starts).max())):
        blocks = _blocks(starts, rows)
        if len(blocks) < usual.LEAST_BLOCKS:
            continue
        measured = []
        for begin in blocks:
            part = everything.take(slice(begin, begin + rows))
            block = Profile.of(part, layout)
            newcomers = met.newcomers(begin, begin + rows)
            measured.append(measure(block, profile.without(block), layout, newcomers).distances)
        found.append(usual.learn(rows, blocks, np.array(measured)))
    return tuple(found)


def read(data: bytes) -> Reference:
    """What `Reference.text` wrote.

    Raises:
        ModelError: It is none, or of a newer version.
    """
    try:
        document = json_input.parse(data)
        if document["format"] != FORMAT:
            raise ModelError(
                f"the version's {FILE} is in format {document['format']!r} and this netanomaly reads {FORMAT}; use a newer one"
            )
        layout = Layout.read(document["layout"])
        limits = tuple(Limits.read(each) for each in document["limits"])
        wanted = len(names(layout))
        if not limits or any(len(each.centre) != wanted or len(each.scale) != wanted for each in limits):
            raise ValueError("limits of another layout")
        return Reference(
            layout,
            Profile.read(document["profile"], layout),
            limits,
            Known(_unpacked(document["known"]["sources"]), _unpacked(document["known"]["networks"])),
            Rates.read(document["rates"]),
            dict(document["about"]),
            dict(document.get("quality") or {}),
            tuple(Regular.read(each, layout) for each in document.get("regulars", ())),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, zlib.error) as error:
        raise ModelError(
            f"the version's {FILE} cannot be read ({error}); make it anew: netanomaly monitor MODEL TRAINING_SOURCE --make-reference"
        ) from None


def _sizes(rows: int, longest: int) -> Sequence[int]:
    """Sizes of blocks, of each of which there are enough; the largest is as large as can be."""
    largest = min(rows // usual.LEAST_BLOCKS, longest, _LARGEST_BLOCK)
    found = []
    while largest >= LEAST_ROWS:
        found.append(largest)
        largest //= _STEP
    if found and found[-1] > LEAST_ROWS:
        found.append(LEAST_ROWS)
    return found[::-1]


def _blocks(starts: npt.NDArray[np.int64], rows: int) -> list[int]:
    """Where blocks of so many rows begin, none over the end of a stretch, spread evenly over all.

    Where there are few, each overlaps the next by half: more of them tell better what is usual.
    """

    def every(step: int) -> list[int]:
        return [
            int(begin)
            for first, end in itertools.pairwise(starts)
            for begin in range(int(first), int(end) - rows + 1, step)
        ]

    begins = every(rows)
    if usual.LEAST_BLOCKS <= len(begins) < usual.MOST_BLOCKS:
        begins = every(max(rows // 2, 1))
    if len(begins) <= usual.MOST_BLOCKS:
        return begins
    chosen = np.linspace(0, len(begins) - 1, usual.MOST_BLOCKS).round().astype(int)
    return [begins[place] for place in np.unique(chosen)]


@dataclass(frozen=True)
class _Met:
    """How often each source and network occurs: whether a block's occur elsewhere."""

    sources: npt.NDArray[np.int64]
    networks: npt.NDArray[np.int64]
    source_rows: npt.NDArray[np.int64]
    network_rows: npt.NDArray[np.int64]

    @classmethod
    def of(cls, encoded: Encoded) -> "_Met":
        (_, sources), (_, networks) = (
            np.unique(each, return_inverse=True) for each in (encoded.source, encoded.prefix)
        )
        return cls(sources, networks, np.bincount(sources), np.bincount(networks))

    def newcomers(self, begin: int, end: int) -> Newcomers:
        shares = []
        for places, rows in ((self.sources, self.source_rows), (self.networks, self.network_rows)):
            here, counts = np.unique(places[begin:end], return_counts=True)
            shares.append(float(counts[counts == rows[here]].sum()) / (end - begin))
        return Newcomers(*shares)


def _bits(found: Keys) -> npt.NDArray[np.bool_]:
    bits = np.zeros(_KNOWN_BITS, dtype=bool)
    bits[(np.unique(found) % np.uint64(_KNOWN_BITS)).astype(np.int64)] = True
    return bits


def _absent(found: Keys, bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    absent: npt.NDArray[np.bool_] = ~bits[(found % np.uint64(_KNOWN_BITS)).astype(np.int64)] & (found != 0)
    return absent


def _packed(bits: npt.NDArray[np.bool_]) -> str:
    return base64.b64encode(zlib.compress(np.packbits(bits).tobytes(), 9)).decode()


def _unpacked(text: str) -> npt.NDArray[np.bool_]:
    size = _KNOWN_BITS // 8
    data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    if len(data) != size:
        raise ValueError("bits of another size")
    return np.unpackbits(np.frombuffer(data, dtype=np.uint8)).astype(bool)
