"""A Parquet file of traffic records as batches: any plain column types in, numbers and text out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly.errors import DataError
from netanomaly.flows import values
from netanomaly.flows.kinds import Kind, is_text
from netanomaly.flows.sources import SourceFile

ROWS_PER_BATCH = 16_384


class ParquetRecords:
    """One open Parquet file of a source."""

    def __init__(self, file: SourceFile) -> None:
        self.uri = file.uri
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
        self.repaired: dict[str, int] = {}
        if blanks := sum(name != name.strip() for name in stored):
            self.repaired["blank around a column name removed"] = blanks
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            self.close()
            raise DataError(f"{self.uri}: two columns are called {twice[0]!r}; rename one of them")

    def close(self) -> None:
        self._file.close()
        self._stream.close()

    def head(self, names: Sequence[str]) -> pa.Table:
        """The first rows of some columns. Raises DataError for a type that is neither number, text nor time."""
        for name in names:
            self._refuse_type(name)
        for batch in self._batches(names):
            return pa.table(batch)
        fields = [(name, self._schema.field(self._stored[name]).type) for name in names]
        return pa.schema(fields).empty_table()

    def tables(self, kinds: Mapping[str, Kind], texts: Sequence[str]) -> Iterator[pa.Table]:
        """Columns batch by batch: numbers as doubles, categories and the columns named in `texts` as they are.

        Raises:
            DataError: Text in a column of numbers, with the row; a column type that is neither number nor text.
        """
        for name in (*kinds, *texts):
            self._refuse_type(name)
        row = 0
        for batch in self._batches([*kinds, *texts]):
            columns = {
                name: self._number(batch.column(name), name, row) if kind == "number" else batch.column(name)
                for name, kind in kinds.items()
            }
            for name in texts:
                columns[name] = batch.column(name)
            yield pa.table(columns)
            row += batch.num_rows

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        try:
            for batch in self._file.iter_batches(
                ROWS_PER_BATCH, columns=[self._stored[name] for name in names], use_threads=False
            ):
                yield pa.RecordBatch.from_arrays([batch.column(self._stored[name]) for name in names], list(names))
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{self.uri} is damaged: {_one_line(error)}; copy or make it again") from None

    def _refuse_type(self, name: str) -> None:
        kind = self._schema.field(self._stored[name]).type
        plain = is_text(kind) or any(
            test(kind)
            for test in (
                pa.types.is_integer,
                pa.types.is_floating,
                pa.types.is_boolean,
                pa.types.is_decimal,
                pa.types.is_null,
                pa.types.is_timestamp,
                pa.types.is_date,
                pa.types.is_time,
            )
        )
        if not plain:
            raise DataError(
                f"{self.uri}: column {name!r} is of type {kind}, neither a number nor text; list it in "
                "ignore_columns, or write it as a number or text, a time also as a timestamp"
            )

    def _number(self, column: pa.Array, name: str, row: int) -> pa.Array:
        if pa.types.is_temporal(column.type):
            return _seconds(column)
        if not is_text(column.type):
            return pc.cast(column, pa.float64(), safe=False)
        texts = column.cast(pa.string()).to_pylist()
        found: list[float | None] = []
        for offset, text in enumerate(texts):
            number = None if text is None else values.number(text)
            if text is not None and number is None:
                raise DataError(
                    f"{self.uri}, row {row + offset + 1}: column {name!r} holds numbers, and here {text[:40]!r}; "
                    "correct the row, or list the column in categorical_columns"
                )
            found.append(number)
        return pa.array(found, type=pa.float64(), from_pandas=True)


def _seconds(column: pa.Array) -> pa.Array:
    """Points in time, or times of day, as seconds since 1970 or since midnight."""
    whole = pa.time64("ns") if pa.types.is_time(column.type) else pa.timestamp("ns")
    if pa.types.is_timestamp(column.type):
        whole = pa.timestamp("ns", column.type.tz)
    return pc.divide(column.cast(whole).cast(pa.int64()).cast(pa.float64(), safe=False), 1e9)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
