"""Columns that are in the names of folders: `label=DoS/flows.parquet`, as Hive, Spark and pandas write them.

Below the folder or glob that the source names, every such folder is a column. Of those above only the ones that differ
from file to file, or that name the label: `day=monday/` in the path of all files tells them nothing apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from netanomaly.flows.records import Kind, Part, Records
from netanomaly.flows.sources import SourceFile

_MISSING = "__HIVE_DEFAULT_PARTITION__"

Values = Mapping[str, str | None]


def of_files(files: Sequence[SourceFile], label_column: str) -> dict[str, Values]:
    """Of each file, by its address: the columns that its path holds, and their values; None is missing."""
    below = {file.address: _pairs(file.name) for file in files}
    whole = {file.address: _pairs(file.address) for file in files}
    keys = {key for pairs in below.values() for key in pairs}
    for key in {key for pairs in whole.values() for key in pairs}:
        different = len({pairs.get(key) for pairs in whole.values()}) > 1
        if different or key.lower() == label_column.lower():
            keys.add(key)
    return {address: {key: value for key, value in pairs.items() if key in keys} for address, pairs in whole.items()}


class Partitioned:
    """Records of a file with the columns of its path; a column that the file has itself is the file's."""

    def __init__(self, records: Records, found: Values) -> None:
        self._records = records
        self._values = {name: value for name, value in found.items() if name not in records.names}
        self.uri = records.uri
        self.names = (*records.names, *self._values)

    @property
    def repaired(self) -> Mapping[str, int]:
        return self._records.repaired

    @property
    def declared(self) -> Mapping[str, Kind]:
        return self._records.declared

    @property
    def delimiter(self) -> str:
        return self._records.delimiter

    def head(self, names: Sequence[str]) -> pa.Table:
        own = self._own(names) or self._records.names[:1]
        return self._with_values(self._records.head(own), names)

    def parts(self, numbers: Sequence[str], others: Sequence[str]) -> Iterator[Part]:
        own = (self._own(numbers), self._own(others))
        if not any(own):
            own = ((), self._records.names[:1])
        for part in self._records.parts(*own):
            yield Part(self._with_values(part.table, (*numbers, *others)), part.first, part.where, part.blank)

    def digest(self) -> str | None:
        return self._records.digest()

    def close(self) -> None:
        self._records.close()

    def _own(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in self._values)

    def _with_values(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        columns = {name: table.column(name) for name in table.column_names}
        for name, value in self._values.items():
            codes = pa.array(np.zeros(table.num_rows, dtype=np.int32))
            columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array([value], pa.string()))
        return pa.table({name: columns[name] for name in dict.fromkeys(names)})


def _pairs(path: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for folder in PurePosixPath(path).parts[:-1]:
        key, equals, value = folder.partition("=")
        if key and equals:
            found[unquote(key)] = None if value == _MISSING else unquote(value)
    return found
