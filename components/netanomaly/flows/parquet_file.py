"""A Parquet file of traffic records as parts: any plain column types, as they are stored."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly.errors import DataError
from netanomaly.flows import bounds
from netanomaly.flows.columns import is_text
from netanomaly.flows.layout import first_duplicate
from netanomaly.flows.parquet_bounds import Bounded
from netanomaly.flows.records import Kind, Part
from netanomaly.flows.sources import SourceFile

ROWS_PER_BATCH = 16_384
_SPELT_OUT_BYTES = 32 << 20
# A row group of more is read in pieces, of so many bytes together; a usual one has less, and is read chunk by chunk.
_BUFFERED_BYTES = 512 << 20

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
        self._stream = Bounded(file.open(), file.uri)
        try:
            self._file = self._opened()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            self._stream.close()
            raise DataError(
                f"{file.uri} is not a Parquet file that can be read: {_one_line(error)}; copy or make it again"
            ) from None
        except DataError:
            self._stream.close()
            raise
        self._schema = self._file.schema_arrow  # made anew at each look
        stored = self._schema.names
        self.names = tuple(name.strip() for name in stored)
        self._stored = dict(zip(self.names, stored, strict=True))
        if blanks := sum(name != name.strip() for name in stored):
            self.repaired["blank around a column name removed"] = blanks
        if twice := first_duplicate(self.names):
            self.close()
            raise DataError(f"{self.uri}: two columns are called {twice!r}; rename one of them")

    def _opened(self) -> Any:
        """The file, its texts as dictionaries: one text that every row has takes the memory of one."""
        self._stream.check_footer()
        self._stream.seek(0)
        # Buffered ahead, Arrow keeps all that it has read: in the end the whole file.
        plain = pq.ParquetFile(self._stream, pre_buffer=False)
        schema = plain.schema_arrow
        bounds.refuse_many_columns(len(schema.names), self.uri)
        bounds.refuse_long_names(schema.names, self.uri)
        texts = [field.name for field in schema if is_text(field.type)]
        stored = _largest_row_group(plain.metadata)
        return pq.ParquetFile(
            self._stream,
            metadata=plain.metadata,
            read_dictionary=texts,
            pre_buffer=False,
            buffer_size=_BUFFERED_BYTES // max(len(schema.names), 1) if stored > _BUFFERED_BYTES else 0,
        )

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
        self._stream.follow(len(names))
        row = 0
        try:
            for batch in self._file.iter_batches(
                ROWS_PER_BATCH, columns=[self._stored[name] for name in names], use_threads=False
            ):
                arrays = [batch.column(self._stored[name]) for name in names]
                longest = max(
                    (self._longest(array, name, row) for name, array in zip(names, arrays, strict=True)), default=0
                )
                whole = pa.RecordBatch.from_arrays(arrays, list(names))
                # Spelt out, which some columns are later, long texts are to take no more memory than a block of a CSV.
                rows = max(1, _SPELT_OUT_BYTES // longest) if longest else ROWS_PER_BATCH
                for start in range(0, whole.num_rows, rows):
                    yield whole.slice(start, rows)
                row += whole.num_rows
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.uri} is damaged: {_one_line(error)}; copy or make it again") from None

    def _longest(self, array: pa.Array, name: str, row: int) -> int:
        """Bytes of the longest text; 0 for what is no text. Raises DataError where no record has one so long."""
        if not pa.types.is_dictionary(array.type) or not len(array.dictionary):
            return 0
        # What is damaged may hold bytes that are no text, and numbers of texts that are not there.
        array.validate(full=True)
        lengths = pc.binary_length(array.dictionary)
        longest = int(pc.max(lengths).as_py() or 0)
        if longest > bounds.LONGEST_TEXT_BYTES:
            position = pc.index(lengths, longest).as_py()
            offset = pc.index(array.indices, pa.scalar(position, array.indices.type)).as_py()
            where = f", row {row + offset + 1}" if offset >= 0 else ""
            raise DataError(
                f"{self.uri}{where}: column {name!r} holds a text of {longest:,} bytes, and read are "
                f"{bounds.LONGEST_TEXT_BYTES:,}; leave the column out of the file, or cut its texts"
            )
        return longest

    def _refuse_type(self, name: str, *, time: bool) -> None:
        kind = self._schema.field(self._stored[name]).type
        if not ((time and is_time(kind)) or any(test(kind) for test in _PLAIN_TYPES)):
            raise DataError(
                f"{self.uri}: column {name!r} is of type {kind}, neither a number nor text; list it in ignore_columns, or write "
                "it as a number or text, a time also as a timestamp"
            )


def is_time(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are points in time, dates or times of day."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind))


def _largest_row_group(metadata: Any) -> int:
    """Decoded bytes of the largest row group, by the file's word.

    Of its columns nothing is asked: where a footer is spoilt, that ends the process (Arrow 26).
    """
    return max((metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)), default=0)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
