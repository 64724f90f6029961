"""Which rows a detector is fitted on: a seeded uniform sample of those that may be."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.flows.classes import Classes


class Eligible:
    """Which rows of a file may be fitted on: all, or those of normal classes. Memory: none that grows with the rows."""

    def __init__(self, file: pq.ParquetFile, label_column: str | None, is_normal: Callable[[str], bool]) -> None:
        """Args: label_column: Where classes are; None makes every row eligible."""
        self._label_column = label_column
        self._is_normal = is_normal
        self.classes: dict[str, int] = {}
        self.rows = file.metadata.num_rows
        if label_column is not None:
            found = Classes()
            for batch in file.iter_batches(columns=[label_column]):
                found.codes(batch.column(0))
            self.classes = found.counts
            self.rows = sum(rows for name, rows in found.counts.items() if is_normal(name))

    @property
    def columns(self) -> list[str]:
        """The columns that tell."""
        return [] if self._label_column is None else [self._label_column]

    def places(self, batch: pa.RecordBatch) -> npt.NDArray[np.intp]:
        """Places of the eligible rows in a batch that has those columns."""
        if self._label_column is None:
            return np.arange(batch.num_rows)
        found = Classes()
        codes = found.codes(batch.column(self._label_column))
        return np.flatnonzero(np.array([self._is_normal(name) for name in found.counts], dtype=bool)[codes])


def sample(rows: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """At most so many of the numbers below `rows`, each as likely as any other; ascending."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def take(
    file: pq.ParquetFile,
    eligible: Eligible,
    chosen: npt.NDArray[np.int64],
    columns: Sequence[str],
    progress: Callable[[int], Any],
) -> pa.Table:
    """These columns of the rows chosen among the eligible ones, by ascending number. Memory: the result and a batch."""
    parts: list[pa.RecordBatch] = []
    read = passed = 0
    for batch in file.iter_batches(columns=[*columns, *eligible.columns]):
        places = eligible.places(batch)
        first, last = np.searchsorted(chosen, [passed, passed + len(places)])
        flows = batch.select(list(columns))
        if last - first == batch.num_rows:
            parts.append(flows)
        elif last > first:
            parts.append(flows.take(pa.array(places[chosen[first:last] - passed])))
        passed += len(places)
        read += batch.num_rows
        progress(read)
    schema = file.schema_arrow  # made anew at each look
    return pa.Table.from_batches(parts, pa.schema([schema.field(name) for name in columns]))
