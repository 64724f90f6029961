"""Flows that people judged to be benign, as further rows of a source that is trained on."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from netanomaly.feedback.flows import Flows, read, with_features
from netanomaly.feedback.kept import Kept
from netanomaly.flows import columns
from netanomaly.flows.batch import Batch
from netanomaly.flows.contract import Contract
from netanomaly.flows.identity import FILE, RECORD
from netanomaly.flows.profile import Profile

# Of the source's own rows: what people judged is a part of normal traffic, and not most of it.
_MOST_SHARE = 0.1


class ConfirmedRows:
    """Rows of verdicts, one batch for each, and what became of them."""

    def __init__(self, kept: Sequence[Kept], contract: Contract, normal_class: str, source: Profile) -> None:
        """Args:
        contract: Of the source, whose columns the rows are to have.
        normal_class: What normal traffic is called in the source, where it has labels.
        source: Of the rows that they come beside.
        """
        self._kept, self._contract = kept, contract
        self._label = normal_class
        self._room = int(source.rows * _MOST_SHARE)
        self._constants = _constants(source)
        self.rows = self.over = 0
        self.left_out: list[str] = []

    def batches(self) -> Iterator[Batch]:
        """Each without a time, so that it is fitted on and calibrates nothing.

        Raises:
            DataError: Flows that are gone or altered.
        """
        wanted = sum(kept.rows for kept in self._kept)
        every = max(1, -(-wanted // max(self._room, 1)))
        for kept in self._kept:
            flows = read(kept)
            table = with_features(flows, self._contract.numeric, self._contract.categorical, self._constants)
            if table is None:
                self.left_out.append(kept.verdict)
                continue
            places = pa.array(np.arange(0, table.num_rows, every))
            self.over += table.num_rows - len(places)
            self.rows += len(places)
            if len(places):
                yield self._batch(flows, table.take(places), flows.table.take(places))

    def report(self) -> dict[str, Any]:
        """What the ingest report says of them."""
        return {
            "verdicts": len(self._kept) - len(self.left_out),
            "rows": self.rows,
            "over": self.over,
            "of_other_columns": self.left_out,
        }

    def _batch(self, flows: Flows, table: pa.Table, whole: pa.Table) -> Batch:
        contract, count = self._contract, table.num_rows
        numbers, infinite, complete = columns.numbers(
            [table.column(name).to_numpy() for name in contract.numeric], len(contract.numeric), count
        )
        label = pa.array([self._label] * count).dictionary_encode()
        names = {column: part for part, column in contract.identity.items()}
        beside = {
            name: pa.array(whole.column(names[name]).to_pylist(), pa.string())
            if names.get(name) in whole.column_names
            else pa.nulls(count, pa.string())
            for name in contract.beside
            if name not in (FILE, RECORD)
        }
        return Batch(
            numbers=numbers,
            categories={name: _encoded(table.column(name)) for name in contract.categorical},
            labels=label if contract.label_column is not None else None,
            infinite=infinite,
            complete=complete,
            times=np.full(count, np.nan) if contract.time_column is not None else None,
            file=f"feedback {flows.kept.verdict}",
            records=np.arange(1, count + 1),
            beside=beside,
        )


def _constants(source: Profile) -> dict[str, Any]:
    """Columns with one value in all rows, and it."""
    return {
        column["name"]: column["min"] if column["kind"] == "number" else next(iter(column["categories"]))
        for column in source.columns()
        if not column["missing"] and column["distinct_exact"] and column["distinct"] == 1
    }


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    made: pa.DictionaryArray = pa.array(column.to_pylist(), pa.string()).dictionary_encode()
    return made
