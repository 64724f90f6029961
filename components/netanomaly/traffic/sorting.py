"""Sort records of any number by two keys, in the memory of a few hundred thousand: sorted runs on disk, then merged.

So nothing that looks back in time depends on how a source is cut into files, or on the order of its records.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.interruption import end_if_interrupted

Key = npt.NDArray[np.generic]

RUN_ROWS = 1 << 17
_PIECE_ROWS = 1 << 13
_LOADED_ROWS = 1 << 17
# Flows are far fewer, and lines of text are not. Sorting copies a run twice.
_RUN_BYTES = 32 << 20


@dataclass(frozen=True)
class Room:
    """What sorting may take.

    Attributes:
        rows: As many are held in memory.
        scratch: The folder for sorted runs; None: the system's for temporary files.
    """

    rows: int = RUN_ROWS
    scratch: Path | None = None


class Sorter:
    """Takes record batches with their keys, and gives them back in order."""

    def __init__(self, schema: pa.Schema, room: Room) -> None:
        self._schema = schema
        self._room = room
        self._waiting: list[tuple[pa.RecordBatch, Key, Key]] = []
        self._rows = self._bytes = 0
        self._row_bytes = 1
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._runs: list[tuple[tuple[Any, Any], Path]] = []

    def add(self, batch: pa.RecordBatch, first: Key, second: Key) -> None:
        """Records, and for each its keys: numbers without NaN. Equal first keys are ordered by the second."""
        end_if_interrupted()
        self._waiting.append((batch, first, second))
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= self._room.rows or self._bytes >= _RUN_BYTES:
            self._write(*self._sorted())

    def tables(self, rows: int) -> Iterator[pa.Table]:
        """All records in order, `rows` at a time, the last fewer. Once only."""
        try:
            ready: list[pa.Table] = []
            count = 0
            for table in self._merged():
                ready.append(table)
                count += table.num_rows
                while count >= rows:
                    whole = _joined(ready)
                    yield whole.slice(0, rows).combine_chunks()
                    rest = whole.slice(rows)
                    ready, count = ([rest] if rest.num_rows else []), rest.num_rows
            if count:
                yield _joined(ready)
        finally:
            if self._folder is not None:
                self._folder.cleanup()

    def _sorted(self) -> tuple[pa.Table, Key, Key]:
        if not self._waiting:
            return self._schema.empty_table(), np.empty(0), np.empty(0)
        table = _joined([pa.Table.from_batches([batch]) for batch, _, _ in self._waiting])
        first = np.concatenate([key for _, key, _ in self._waiting])
        second = np.concatenate([key for _, _, key in self._waiting])
        self._waiting, self._rows, self._bytes = [], 0, 0
        if not (first[1:] > first[:-1]).all():
            order = in_order(first, second)
            table, first, second = table.take(pa.array(order)), first[order], second[order]
        return table, first, second

    def _write(self, table: pa.Table, first: Key, second: Key) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix=".netanomaly-flows-", dir=self._room.scratch)
        path = Path(self._folder.name, str(len(self._runs)))
        keyed = table.append_column("first", pa.array(first)).append_column("second", pa.array(second))
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, keyed.schema) as stream:
            stream.write_table(keyed, max_chunksize=_PIECE_ROWS)
        self._row_bytes = max(self._row_bytes, keyed.nbytes // keyed.num_rows)
        self._runs.append(((first[0], second[0]), path))

    def _merged(self) -> Iterator[pa.Table]:
        if not self._runs:
            yield self._sorted()[0]
            return
        if self._rows:
            self._write(*self._sorted())
        # Opened when it is their turn: of a source in order of time a few are at once, however large it is.
        runs = sorted(self._runs, key=itemgetter(0))
        active: list[_Run] = []
        loaded = min(_LOADED_ROWS, _RUN_BYTES // self._row_bytes)
        while runs or active:
            end_if_interrupted()
            bound = min((run.bound for run in active), default=None)
            if runs and (bound is None or runs[0][0] <= bound):
                active.append(_Run(runs.pop(0)[1]))
                continue
            assert bound is not None  # noqa: S101 - some run is active
            pieces = [run.until(bound) for run in active]
            yield _together([piece for piece in pieces if piece.num_rows])
            for run in active:
                run.load(max(loaded // len(active), 1))
            active = [run for run in active if run.rows]


class _Run:
    """A sorted run, of which a part is in memory."""

    def __init__(self, path: Path) -> None:
        # Not mapped: pages of a mapped file count as memory of this process.
        self._stream = pa.ipc.open_stream(pa.OSFile(str(path), "rb"))
        self._more = True
        self._table: pa.Table | None = None
        self.rows = 0
        self.load(1)

    def load(self, rows: int) -> None:
        """Have at least so many rows in memory, while there are more."""
        pieces = [self._table] if self._table is not None and self.rows else []
        count = self.rows
        while self._more and count < rows:
            try:
                batch = self._stream.read_next_batch()
            except StopIteration:
                self._more = False
                break
            pieces.append(pa.Table.from_batches([batch]))
            count += batch.num_rows
        if pieces:
            # All pieces of a run share their dictionaries.
            self._table = pa.concat_tables(pieces)
            self._first = self._table.column("first").to_numpy()
            self._second = self._table.column("second").to_numpy()
        self.rows = count

    @property
    def bound(self) -> tuple[Any, Any]:
        """No row that is not in memory comes before this."""
        return (self._first[-1], self._second[-1]) if self._more else (np.inf, np.inf)

    def until(self, bound: tuple[Any, Any]) -> pa.Table:
        """Takes the rows up to the bound out of memory."""
        assert self._table is not None  # noqa: S101 - it is active
        begin = int(np.searchsorted(self._first, bound[0], side="left"))
        end = int(np.searchsorted(self._first, bound[0], side="right"))
        end = begin + int(np.searchsorted(self._second[begin:end], bound[1], side="right"))
        taken = self._table.slice(0, end)
        self._table = self._table.slice(end)
        self._first, self._second = self._first[end:], self._second[end:]
        self.rows -= end
        return taken


def in_order(first: Key, second: Key) -> npt.NDArray[np.int64]:
    """The positions in order of both keys, of the same keys in the order they came: what `np.lexsort((second, first))` gives.

    Whole numbers that lie near each other are sorted as one number with their positions, many times as fast; the second key
    is asked of those alone whose first is the same.
    """
    bits = max(len(first) - 1, 1).bit_length()
    if first.dtype != np.int64 or not len(first) or int(first.max()) - int(first.min()) >= 1 << (63 - bits):
        return np.lexsort((second, first))
    joined = ((first - first.min()) << bits) | np.arange(len(first))
    joined.sort()
    order: npt.NDArray[np.int64] = joined & ((1 << bits) - 1)
    joined >>= bits
    same = joined[1:] == joined[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    which = order[tied]
    order[tied] = which[np.lexsort((second[which], joined[tied]))]
    return order


def _together(pieces: list[pa.Table]) -> pa.Table:
    table = _joined(pieces)
    first, second = table.column("first").to_numpy(), table.column("second").to_numpy()
    table = table.drop_columns(["first", "second"])
    if len(pieces) > 1:
        table = table.take(pa.array(in_order(first, second)))
    return table


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()
