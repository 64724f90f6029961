"""Arrow's IPC stream as request and answer: `application/vnd.apache.arrow.stream`.

A stream from a stranger is looked at before it is used: compressed buffers become any size, a null column has any number
of rows in no bytes, offsets may point anywhere, and batches without rows cost as much time as others.
"""

import struct
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from netanomaly.errors import NetanomalyError
from netanomaly.flows import columns
from netanomaly.serving.errors import RequestError, TooLarge

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
METADATA = b"netanomaly"
"""Key in the answer's schema metadata: JSON with model, version, digest, threshold, budget."""

_MOST_COLUMNS = 4096
# Record batches times columns. Each costs some 20 microseconds, whatever it holds.
_MOST_PIECES = 100_000


def read(body: bytes, most_rows: int) -> pa.Table:
    """The rows of a stream.

    Raises:
        RequestError: It is no Arrow stream, is damaged, or holds columns that are neither numbers nor text.
        TooLarge: It has more rows than that, or is cut into too many batches.
    """
    try:
        _refuse_compressed(body)
        with pa.ipc.open_stream(pa.py_buffer(body)) as stream:
            _refuse_columns(stream.schema)
            most_batches = _MOST_PIECES // max(1, len(stream.schema))
            batches: list[pa.RecordBatch] = []
            rows = 0
            for batch in stream:
                if len(batches) == most_batches:
                    raise TooLarge(f"the stream has over {most_batches:,} record batches; put their rows into fewer")
                rows += batch.num_rows
                if rows > most_rows:
                    raise TooLarge(f"the stream has over {most_rows:,} rows; send at most {most_rows:,} at once")
                batch.validate(full=True)
                _refuse_large_dictionaries(batch, most_rows)
                batches.append(batch)
            return pa.Table.from_batches(batches, stream.schema)
    except NetanomalyError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, struct.error) as error:
        raise RequestError(f"the body is no Arrow stream that can be read: {_one_line(error)}") from None


def write(answered: Mapping[str, Any], metadata: bytes) -> bytes:
    """A stream of one record batch, with the answer's document in the schema's metadata."""
    table = pa.table(dict(answered)).replace_schema_metadata({METADATA: metadata})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _refuse_columns(schema: pa.Schema) -> None:
    if len(schema) > _MOST_COLUMNS:
        raise TooLarge(f"the stream has {len(schema):,} columns; send those of the model")
    for column in schema:
        text = columns.is_text(column.type)
        if not (text or pa.types.is_primitive(column.type) or pa.types.is_null(column.type)):
            raise RequestError(f"column {column.name[:60]!r} is of type {str(column.type)[:60]}; send numbers or text")


def _refuse_large_dictionaries(batch: pa.RecordBatch, most: int) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_dictionary(column.type) and len(column.dictionary) > most:
            raise TooLarge(
                f"column {name[:60]!r} has {len(column.dictionary):,} distinct values; send at most {most:,}"
            )


def _refuse_compressed(body: bytes) -> None:
    """Raise for a stream whose record batches name a compression, which a few bytes may fill all memory by.

    The messages are flatbuffers (format/Message.fbs): `compression` is the fourth field of a RecordBatch, which is a
    message's header or, of a DictionaryBatch, its second field.
    """
    for place, message in enumerate(pa.ipc.MessageReader.open_stream(pa.py_buffer(body))):
        if place > _MOST_PIECES:
            raise TooLarge(f"the stream has over {_MOST_PIECES:,} messages; put its rows into fewer record batches")
        if message.type not in ("record batch", "dictionary"):
            continue
        batch = _Table(message.metadata.to_pybytes()).table(2)
        if batch is not None and message.type == "dictionary":
            batch = batch.table(1)
        if batch is None or batch.has(3):
            raise RequestError("the stream is compressed; send it without compression")


class _Table:
    """One table of a flatbuffer: https://flatbuffers.dev/internals."""

    def __init__(self, data: bytes, place: int | None = None) -> None:
        self._data = data
        self._place = struct.unpack_from("<I", data, 0)[0] if place is None else place
        self._offsets = self._place - struct.unpack_from("<i", data, self._place)[0]

    def _field(self, number: int) -> int:
        (size,) = struct.unpack_from("<H", self._data, self._offsets)
        where = 4 + 2 * number
        return int(struct.unpack_from("<H", self._data, self._offsets + where)[0]) if where + 2 <= size else 0

    def has(self, number: int) -> bool:
        return self._field(number) != 0

    def table(self, number: int) -> "_Table | None":
        offset = self._field(number)
        if not offset:
            return None
        place = self._place + offset
        return _Table(self._data, place + struct.unpack_from("<I", self._data, place)[0])


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
