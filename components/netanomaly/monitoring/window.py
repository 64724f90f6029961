"""What is gathered of the rows of a window: its profile, and a sample of rows from which hosts and moments are told."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.flows.row_hash import mixed
from netanomaly.models.rows import UNSEEN, Rows
from netanomaly.monitoring.encoded import Encoded, encode, joined, prefix_of
from netanomaly.monitoring.layout import Layout
from netanomaly.monitoring.profile import Profile
from netanomaly.traffic import keys

MOST_SAMPLED = 50_000
"""Rows kept whole, each as likely as any other."""
_MOST_HOURS = 24 * 400
_MOST_UNSEEN = 1000


@dataclass
class Window:
    """Rows of a window, added batch after batch. Memory is that of a batch and of the sample."""

    layout: Layout
    profile: Profile = field(init=False)
    hours: dict[int, list[int]] = field(default_factory=dict)
    """Rows and alerts of each hour since 1970."""
    unseen: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of each categorical column, values that were not in training, with how many rows have them."""
    names: dict[int, str] = field(default_factory=dict)
    """Addresses and networks of the sample by key."""
    asked: int = 0
    """Rows on which any member of an ensemble would alert by itself."""
    votes: int = 0
    """How many members would, added up over these rows."""
    _parts: list[Encoded] = field(default_factory=list)
    _hashes: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    _limit: int = 0xFFFFFFFFFFFFFFFF
    _added: int = 0

    def __post_init__(self) -> None:
        self.profile = Profile.empty(self.layout)

    def add(
        self,
        rows: Rows,
        *,
        alerts: npt.NDArray[np.bool_] | None = None,
        times: npt.NDArray[np.float64] | None = None,
        source: pa.Array | None = None,
        target: pa.Array | None = None,
        categories: dict[str, pa.DictionaryArray] | None = None,
        votes: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """More rows.

        Args:
            rows: In the model's schema.
            alerts: Whether each alerts.
            times: Seconds since 1970.
            source, target: Addresses, as text.
            categories: As they are written, to name values that were not in training.
            votes: How many members of an ensemble would alert on each.
        """
        if not len(rows):
            return
        if votes is not None:
            self.asked += int((votes > 0).sum())
            self.votes += int(votes.sum())
        encoded = encode(self.layout, rows, alerts=alerts, times=times, source=source, target=target)
        for place, (name, _) in enumerate(self.layout.categorical):
            new = np.flatnonzero(rows.codes[:, place] == UNSEEN)
            if len(new) and categories is not None and name in categories:
                self._count_unseen(name, categories[name].take(pa.array(new)))
        self.add_encoded(encoded, source, target)

    def add_encoded(self, encoded: Encoded, source: Any = None, target: Any = None) -> None:
        """More rows, as they are looked at; with the ends' addresses, where hosts are to be named."""
        self.profile = self.profile.merged(Profile.of(encoded, self.layout))
        self._count_hours(encoded)
        self._sample(encoded, source, target)

    @property
    def sample(self) -> Encoded:
        """The rows kept whole, in the order they came."""
        if not self._parts:
            return encode(
                self.layout,
                Rows(
                    np.empty((0, len(self.layout.numeric))), np.empty((0, len(self.layout.categorical)), dtype=np.int32)
                ),
            )
        self._parts = [joined(self._parts)]
        self._hashes = [np.concatenate(self._hashes)]
        return self._parts[0]

    def _count_hours(self, encoded: Encoded) -> None:
        known = ~np.isnan(encoded.times)
        hours = (encoded.times[known] // 3600).astype(np.int64)
        for number, marked in ((0, hours), (1, hours[encoded.alerts[known]])):
            for hour, count in zip(*np.unique(marked, return_counts=True), strict=True):
                if int(hour) in self.hours or len(self.hours) < _MOST_HOURS:
                    self.hours.setdefault(int(hour), [0, 0])[number] += int(count)

    def _count_unseen(self, name: str, values: pa.DictionaryArray) -> None:
        known = self.unseen.setdefault(name, {})
        for each in values.cast(pa.string()).value_counts().to_pylist():
            text = each["values"] or ""
            if text in known or len(known) < _MOST_UNSEEN:
                known[text] = known.get(text, 0) + each["counts"]

    def _sample(self, encoded: Encoded, source: Any, target: Any) -> None:
        hashes = mixed(np.arange(self._added, self._added + len(encoded), dtype=np.uint64), 19)
        self._added += len(encoded)
        kept = np.flatnonzero(hashes <= np.uint64(self._limit))
        self._parts.append(encoded.take(kept))
        self._hashes.append(hashes[kept])
        self._name(source, encoded.source, kept, networks=True)
        self._name(target, encoded.target, kept)
        if sum(len(part) for part in self._parts) > 2 * MOST_SAMPLED:
            whole = self.sample
            self._limit = int(np.partition(self._hashes[0], MOST_SAMPLED - 1)[MOST_SAMPLED - 1])
            left = np.flatnonzero(self._hashes[0] <= np.uint64(self._limit))
            self._parts, self._hashes = [whole.take(left)], [self._hashes[0][left]]
            held = set(
                np.unique(
                    np.concatenate([self._parts[0].source, self._parts[0].target, self._parts[0].prefix])
                ).tolist()
            )
            self.names = {key: name for key, name in self.names.items() if key in held}

    def _name(
        self, column: Any, found: npt.NDArray[np.uint64], kept: npt.NDArray[np.intp], *, networks: bool = False
    ) -> None:
        if column is None or not len(kept):
            return
        distinct, first = np.unique(found[kept], return_index=True)
        new = [place for place, key in enumerate(distinct.tolist()) if key and key not in self.names]
        texts = column.take(pa.array(kept[first[new]])).cast(pa.string()).to_pylist()
        for place, text in zip(new, texts, strict=True):
            if text is None:
                continue
            self.names[int(distinct[place])] = text
            if networks:
                network = prefix_of(text)
                hashed = keys.of_texts(pa.array([network]).dictionary_encode())
                self.names[int(hashed[0])] = network
