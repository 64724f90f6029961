"""Some rows of a source, as numbers and categories, whatever file they were read from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.flows.contract import Contract
from netanomaly.flows.identity import FILE, RECORD

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """Rows of one file.

    Attributes:
        numbers: One row per numeric feature and one column per record, in the contract's order; NaN where missing,
            never infinite.
        categories: Of each categorical feature, dictionary-encoded text; null where missing.
        labels: Dictionary-encoded class names, or None where the source has none.
        infinite: Of numeric features (by position) that had infinite or absurd values, which rows did; they are missing now.
        complete: Per numeric feature, whether no value is missing (false may also mean not known).
        times: Seconds since 1970, NaN where missing; None where the source has no times.
        hosts: The columns that name the two ends of a flow, where they were asked for.
        file: The file that the rows are of; where they are of several, that of each.
        records: The number of each row among the records of that file, from 1; None where it was not asked for.
        beside: Columns that identify a row and are no features, by name, where the source has them.
        unreadable: Of rows that hold what is no number in a column of numbers, by position, what was told of it; the value
            is missing. Only where that was asked for.
    """

    numbers: Numbers
    categories: Mapping[str, pa.DictionaryArray]
    labels: pa.DictionaryArray | None
    infinite: Mapping[int, npt.NDArray[np.bool_]]
    complete: npt.NDArray[np.bool_]
    times: npt.NDArray[np.float64] | None = None
    hosts: Sequence[pa.DictionaryArray] = ()
    file: str | pa.DictionaryArray = ""
    records: npt.NDArray[np.int64] | None = None
    beside: Mapping[str, pa.Array] = field(default_factory=dict)
    unreadable: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def features_of(cls, table: pa.Table, contract: Contract) -> "Batch":
        """The features of rows of a flow file, without times and labels."""
        numbers = np.empty((len(contract.numeric), table.num_rows))
        for position, name in enumerate(contract.numeric):
            numbers[position] = table.column(name).to_numpy()
        categories = {}
        for name in contract.categorical:
            encoded = table.column(name).dictionary_encode().combine_chunks()
            categories[name] = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
        return cls(numbers, categories, None, {}, np.asarray(~np.isnan(numbers).any(axis=1)))

    @property
    def rows(self) -> int:
        return int(self.numbers.shape[1])

    def texts(self, column: str, contract: Contract) -> pa.Array | None:
        """A column as text, whether it is beside the features or one of them; None where the rows have no such column."""
        if column in self.beside:
            return self.beside[column].cast(pa.string())
        if column in self.categories:
            return self.categories[column].cast(pa.string())
        if column in contract.numeric:
            # A port that is a feature is a number.
            numbers = pa.array(self.numbers[contract.numeric.index(column)], from_pandas=True)
            return numbers.cast(pa.int64(), safe=False).cast(pa.string())
        return None

    def keep(self, mask: npt.NDArray[np.bool_]) -> "Batch":
        """The records where the mask is true."""
        if mask.all():
            return self
        chosen = pa.array(mask)
        return Batch(
            numbers=self.numbers[:, mask],
            categories={name: column.filter(chosen) for name, column in self.categories.items()},
            labels=None if self.labels is None else self.labels.filter(chosen),
            infinite={position: rows[mask] for position, rows in self.infinite.items()},
            complete=self.complete,
            times=None if self.times is None else self.times[mask],
            hosts=[column.filter(chosen) for column in self.hosts],
            file=self.file if isinstance(self.file, str) else self.file.filter(chosen),
            records=None if self.records is None else self.records[mask],
            beside={name: column.filter(chosen) for name, column in self.beside.items()},
        )

    def part(self, begin: int, end: int) -> "Batch":
        """The records from one position up to another."""
        size = end - begin
        return Batch(
            numbers=self.numbers[:, begin:end],
            categories={name: column.slice(begin, size) for name, column in self.categories.items()},
            labels=None if self.labels is None else self.labels.slice(begin, size),
            infinite={position: rows[begin:end] for position, rows in self.infinite.items()},
            complete=self.complete,
            times=None if self.times is None else self.times[begin:end],
            hosts=[column.slice(begin, size) for column in self.hosts],
            file=self.file if isinstance(self.file, str) else self.file.slice(begin, size),
            records=None if self.records is None else self.records[begin:end],
            beside={name: column.slice(begin, size) for name, column in self.beside.items()},
            unreadable={row - begin: told for row, told in self.unreadable.items() if begin <= row < end},
        )

    def table(self, contract: Contract, schema: pa.Schema) -> pa.Table:
        """The rows as the flow contract has them."""
        numeric = {name: position for position, name in enumerate(contract.numeric)}
        columns = []
        for name in contract.features:
            if name in numeric:
                position = numeric[name]
                # Without NaN to turn into nulls, Arrow takes the numbers as they lie.
                columns.append(pa.array(self.numbers[position], from_pandas=not self.complete[position]))
            else:
                columns.append(self.categories[name].cast(pa.string()))
        if contract.time_column is not None:
            columns.append(pa.array(self.times, from_pandas=True))
        if contract.label_column is not None:
            assert self.labels is not None  # noqa: S101 - the contract says so
            columns.append(self.labels.cast(pa.string()))
        for name in contract.beside:
            if name == FILE:
                file = self.file
                columns.append(pa.repeat(file, self.rows) if isinstance(file, str) else file.cast(pa.string()))
            elif name == RECORD:
                columns.append(pa.array(self.records))
            else:
                columns.append(self.beside[name].cast(pa.string()))
        return pa.Table.from_arrays(columns, schema=schema)


def schema_of(contract: Contract) -> pa.Schema:
    """The Arrow schema of a flow file."""
    numeric = set(contract.numeric)
    fields = [pa.field(name, pa.float64() if name in numeric else pa.string()) for name in contract.features]
    if contract.time_column is not None:
        fields.append(pa.field(contract.time_column, pa.float64()))
    if contract.label_column is not None:
        fields.append(pa.field(contract.label_column, pa.string()))
    fields += [pa.field(name, pa.int64() if name == RECORD else pa.string()) for name in contract.beside]
    return pa.schema(fields, metadata=contract.metadata())
