"""How rows become bins: learnt once from training rows, kept with the version, the same for every window after."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.models.rows import Rows, Schema

Floats = npt.NDArray[np.float64]
Bins = npt.NDArray[np.uint8]

# Of a numeric column: quantiles, and values that so many rows share get a bin of their own.
_QUANTILES = 16
_ATOM_SHARE = 0.02
_MOST_ATOMS = 8
# Of a categorical column so many values, the most frequent; all others are one.
_MOST_VALUES = 30
# Of a value's text so much is kept: it is shown, and compared with nothing.
_MOST_TEXT = 80


@dataclass(frozen=True)
class Layout:
    """The bins of each column.

    Attributes:
        numeric: Columns of numbers with the edges of their bins, ascending: bin i is from edge i-1 (in it) to edge i. The
            last bin is that of missing values.
        categorical: Columns of categories with their values; after these come any other value that was in training, a
            value that was not, in this order.
    """

    numeric: tuple[tuple[str, tuple[float, ...]], ...]
    categorical: tuple[tuple[str, tuple[str | None, ...]], ...]

    @cached_property
    def roles(self) -> dict[str, int]:
        """Of what a sensor says of a flow, the place among the numeric columns."""
        return {name: place for place, (name, _) in enumerate(self.numeric) if name in _ROLES}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns in order: numbers, categories."""
        return (*(name for name, _ in self.numeric), *(name for name, _ in self.categorical))

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """How many bins each has."""
        return (
            *(len(edges) + 2 for _, edges in self.numeric),
            *(len(values) + 2 for _, values in self.categorical),
        )

    @cached_property
    def begins(self) -> npt.NDArray[np.int64]:
        """Where the bins of each column begin among those of all; one more than there are columns."""
        return np.concatenate([[0], np.cumsum(self.widths)]).astype(np.int64)

    def bins(self, rows: Rows) -> Bins:
        """The bin of each row, one line per column."""
        count = len(rows)
        found = np.empty((len(self.names), count), dtype=np.uint8)
        for place, (_, edges) in enumerate(self.numeric):
            found[place] = _binned(rows.numbers[:, place], edges)
        for place, (_, values) in enumerate(self.categorical):
            codes = rows.codes[:, place]
            # Positions are in order of frequency: those past the values kept are others, -1 was never met.
            found[len(self.numeric) + place] = np.where(
                codes < 0, len(values) + 1, np.minimum(codes, len(values))
            ).astype(np.uint8)
        return found

    def missing_bin(self, place: int) -> int | None:
        """The bin of missing values of a column, None where it has none."""
        if place < len(self.numeric):
            return self.widths[place] - 1
        values = self.categorical[place - len(self.numeric)][1]
        return values.index(None) if None in values else None

    def bin_names(self, place: int) -> list[str]:
        """What each bin of a column holds, in words."""
        if place >= len(self.numeric):
            values = self.categorical[place - len(self.numeric)][1]
            return [*("missing" if value is None else value for value in values), "other", "never met"]
        edges = self.numeric[place][1]
        # A value that is frequent has a bin of its own, which ends at the next number that there is.
        alone = [at > 0 and edge == np.nextafter(edges[at - 1], np.inf) for at, edge in enumerate(edges)]
        shown = [
            _number(edges[at - 1] if after else edge) for at, (edge, after) in enumerate(zip(edges, alone, strict=True))
        ]
        named = [f"under {shown[0]}"]
        for at in range(len(edges) - 1):
            word = "over " if alone[at] else ""
            named.append(shown[at] if alone[at + 1] else f"{word}{shown[at]} to {shown[at + 1]}")
        return [*named, f"over {shown[-1]}" if alone[-1] else f"{shown[-1]} or more", "missing"]

    def coarser(self) -> "tuple[Layout, tuple[Bins, ...]] | None":
        """About half as many bins, and of each column which of them each bin becomes part of; None where none are left to merge."""
        numeric = tuple((name, edges[1::2] if len(edges) > 1 else edges) for name, edges in self.numeric)
        categorical = tuple((name, values[: (len(values) + 1) // 2]) for name, values in self.categorical)
        merged = Layout(numeric, categorical)
        if merged == self:
            return None
        parts: list[Bins] = []
        for (_, before), (_, after) in zip(self.numeric, numeric, strict=True):
            inside = np.searchsorted(after, [-np.inf, *before], side="right")
            parts.append(np.array([*inside, len(after) + 1], dtype=np.uint8))
        for (_, before_values), (_, after_values) in zip(self.categorical, categorical, strict=True):
            inside = np.minimum(np.arange(len(before_values) + 1), len(after_values))
            parts.append(np.array([*inside, len(after_values) + 1], dtype=np.uint8))
        return merged, tuple(parts)

    def is_judged(self, place: int) -> bool:
        """Whether a column is compared at all."""
        return self.names[place] not in _LOOK_FAR_BACK

    def document(self) -> dict[str, Any]:
        return {
            "numeric": [[name, list(edges)] for name, edges in self.numeric],
            "categorical": [[name, list(values)] for name, values in self.categorical],
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Layout":
        """What `document` made. Raises ValueError, KeyError or TypeError where it is none."""
        layout = cls(
            tuple((str(name), tuple(float(edge) for edge in edges)) for name, edges in document["numeric"]),
            tuple(
                (str(name), tuple(None if value is None else str(value) for value in values))
                for name, values in document["categorical"]
            ),
        )
        if max(layout.widths) > 255:
            raise ValueError("a column has over 255 bins")
        return layout


def learn_layout(schema: Schema, rows: Rows) -> Layout:
    """The bins of a model's columns, from training rows; a sample will do."""
    return Layout(
        numeric=tuple((name, _edges(rows.numbers[:, place])) for place, name in enumerate(schema.numeric)),
        categorical=tuple(
            (name, tuple(_called(value) for value in vocabulary[:_MOST_VALUES]))
            for name, vocabulary in zip(schema.categorical, schema.vocabularies, strict=True)
        ),
    )


# Features that look back for an hour or a day: the first flows of whatever is looked at have met nobody yet, so that they
# differ with where a window begins.
_LOOK_FAR_BACK = frozenset((
    "src_destinations_100", "src_ports_100", "src_ports_to_dst_100", "src_failed_share_100",
    "pair_gap_seconds", "pair_gap_change", "src_gap_seconds", "src_port_gap_seconds",
))  # fmt: skip
_ROLES = (
    "duration_seconds", "bytes_out", "bytes_in", "packets_out", "packets_in", "bytes_per_packet_out", "bytes_per_packet_in",
)  # fmt: skip


def _called(value: str | None) -> str | None:
    return value if value is None or len(value) <= _MOST_TEXT else value[: _MOST_TEXT - 1] + "…"


def _number(edge: float) -> str:
    return f"{edge:,.0f}" if 10_000 <= abs(edge) < 1e15 else f"{edge:.4g}"


def _edges(values: Floats) -> tuple[float, ...]:
    known = values[~np.isnan(values)]
    if not len(known):
        return (0.0,)
    distinct, counts = np.unique(known, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:_MOST_ATOMS]
    atoms = [float(distinct[place]) for place in frequent if counts[place] >= _ATOM_SHARE * len(known)]
    others = known[~np.isin(known, atoms)]
    between = np.quantile(others, np.linspace(0, 1, _QUANTILES + 1)[1:-1]) if len(others) > _QUANTILES else others[:0]
    edges = {*between.tolist(), *atoms, *(float(np.nextafter(atom, np.inf)) for atom in atoms)}
    return tuple(sorted(edges))


def _binned(values: npt.NDArray[np.floating[Any]], edges: tuple[float, ...]) -> Bins:
    place = np.searchsorted(np.array(edges), values, side="right")
    found: Bins = np.where(np.isnan(values), len(edges) + 1, place).astype(np.uint8)
    return found
