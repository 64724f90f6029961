"""A Parquet file of traffic records as parts: any plain column types, as they are stored."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.errors import DataError
from netanomaly.flows.columns import is_text
from netanomaly.flows.records import Kind, Part
from netanomaly.flows.sources import SourceFile

ROWS_PER_BATCH = 16_384

_PLAIN_TYPES = (
    is_text, pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null,
)  # fmt: skip


class ParquetFile:
    """One open Parquet file of a source."""

    def __init__(self, file: SourceFile) -> None:
        self.uri = file.uri
        self.declared: Mapping[str, Kind] = {}
        self.delimiter = ""
        self.repaired: dict[str, int] = {}
        self._stream = file.open()
        try:
            # Buffered ahead, Arrow keeps all that it has read: in the end the whole file.
            self._file = pq.ParquetFile(self._stream, pre_buffer=False)
        except (pa.ArrowInvalid, OSError) as error:
            self._stream.close()
            raise DataError(
                f"{file.uri} is not a Parquet file that can be read: {_one_line(error)}; copy or make it again"
            ) from None
        self._schema = self._file.schema_arrow  # made anew at each look
        stored = self._schema.names
        self.names = tuple(name.strip() for name in stored)
        self._stored = dict(zip(self.names, stored, strict=True))
        if blanks := sum(name != name.strip() for name in stored):
            self.repaired["blank around a column name removed"] = blanks
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            self.close()
            raise DataError(f"{self.uri}: two columns are called {twice[0]!r}; rename one of them")

    def close(self) -> None:
        self._file.close()
        self._stream.close()

    def digest(self) -> None:
        """Parquet is not read in order: what identifies the file takes a pass of its own."""

    def head(self, names: Sequence[str]) -> pa.Table:
        """The first rows of some columns. Raises DataError for a type that is neither number, text nor time."""
        for name in names:
            self._refuse_type(name, time=True)
        for batch in self._batches(names):
            return pa.table(batch)
        fields = [(name, self._schema.field(self._stored[name]).type) for name in names]
        return pa.schema(fields).empty_table()

    def parts(self, numbers: Sequence[str], others: Sequence[str]) -> Iterator[Part]:
        """See `netanomaly.flows.records.Records`."""
        for name in (*numbers, *others):
            self._refuse_type(name, time=name in others)
        first = 1
        for batch in self._batches([*numbers, *others]):
            start = first
            yield Part(pa.table(batch), start, lambda position, start=start: f"row {start + position}")  # type: ignore[misc]
            first += batch.num_rows

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        try:
            for batch in self._file.iter_batches(
                ROWS_PER_BATCH, columns=[self._stored[name] for name in names], use_threads=False
            ):
                yield pa.RecordBatch.from_arrays([batch.column(self._stored[name]) for name in names], list(names))
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{self.uri} is damaged: {_one_line(error)}; copy or make it again") from None

    def _refuse_type(self, name: str, *, time: bool) -> None:
        kind = self._schema.field(self._stored[name]).type
        if not ((time and pa.types.is_timestamp(kind)) or any(test(kind) for test in _PLAIN_TYPES)):
            raise DataError(
                f"{self.uri}: column {name!r} is of type {kind}, neither a number nor text; {_way_out(kind)}"
            )


def _way_out(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "list it in ignore_columns, or name it in time_column if it is the time"
    return "list it in ignore_columns, or write it as a number or text, a time also as a timestamp"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
