"""The protocol's tensors and Arrow columns: JSON, and its binary tensor extension.

One input a column, of shape [rows] or [rows, 1], by the column's name. Beyond the protocol, `null`, `NaN` and infinities in
JSON stand for a value that is missing, as an empty text does. So does a number too large for a double, such as `1e999`, which
is an infinity in every other notation (`netanomaly.flows.values`).
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from netanomaly import json_input
from netanomaly.serving.errors import RequestError, TooLarge
from netanomaly.serving.wishes import Wishes, of_parameters

BINARY_HEADER = "inference-header-content-length"
_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"

_NUMPY = {
    "BOOL": "u1", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_ARROW = {
    "BOOL": pa.bool_(), "UINT8": pa.uint8(), "UINT16": pa.uint16(), "UINT32": pa.uint32(), "UINT64": pa.uint64(),
    "INT8": pa.int8(), "INT16": pa.int16(), "INT32": pa.int32(), "INT64": pa.int64(), "FP16": pa.float64(),
    "FP32": pa.float32(), "FP64": pa.float64(), "BYTES": pa.string(),
}  # fmt: skip
_FLOATS = frozenset(("FP16", "FP32", "FP64"))
_ITEMS: dict[str, Any] = {
    **dict.fromkeys(_ARROW, list[int | None]),
    **dict.fromkeys(_FLOATS, list[float | None]),
    "BOOL": list[bool | None],
    "BYTES": list[str | None],
}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in _ITEMS.items()}
# Of a request beside its values: names, parameters.
_OTHER_VALUES = 4096
# Each costs some 50 microseconds, whatever it holds.
_MOST_INPUTS = 4096


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class _Request(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[_Output] | None = None


_REQUESTS = msgspec.json.Decoder(_Request)


@dataclass(frozen=True)
class Request:
    """An inference request, read.

    Attributes:
        table: Its rows, a column for each input.
        wishes: What is wanted of them.
        id: The client's own name of the request.
        outputs: Which outputs are wanted; None: all.
        binary: Which of them are answered as bytes; None: all.
    """

    table: pa.Table
    wishes: Wishes
    id: str | None = None
    outputs: Sequence[str] | None = None
    binary: frozenset[str] | None = field(default_factory=frozenset)


@dataclass(frozen=True)
class Most:
    """What one request may hold."""

    rows: int
    columns: int


def read(body: bytes, header_length: str | None, most: Most) -> Request:
    """The request in a body: JSON, or JSON of `header_length` bytes and the tensors' bytes behind it.

    Raises:
        RequestError: It is none, and what is wrong with it.
        TooLarge: It has more rows or values than may be.
    """
    document, rest = _parted(body, header_length)
    if not document:
        raise RequestError("the request is empty; GET /openapi.json shows what to send")
    _refuse_many_values(document, most)
    try:
        request = _decoded(_REQUESTS.decode, document, "the request")
    except RequestError:
        # Only what is refused is searched for NaN: the search takes a tenth of the time of reading.
        if b"NaN" not in document and b"Infinity" not in document:
            raise
        request = _decoded(_REQUESTS.decode, _without_nan(document), "the request")
    if len(request.inputs) > _MOST_INPUTS:
        raise TooLarge(f"the request has {len(request.inputs):,} inputs; send those of the model")
    columns: dict[str, Any] = {}
    rows: int | None = None
    for tensor in request.inputs:
        if tensor.name in columns:
            raise RequestError(f"input {_short(tensor.name)} is given twice")
        count = _rows(tensor, most)
        if rows is not None and count != rows:
            raise RequestError(
                f"input {_short(tensor.name)} has {count} rows and {_short(request.inputs[0].name)} has {rows}; "
                "give every column as many"
            )
        rows = count
        columns[tensor.name], rest = _column(tensor, count, rest)
    if len(rest):
        raise RequestError(f"{len(rest)} bytes are left behind the last input; see binary_data_size")
    if rows is None:
        raise RequestError("the request has no inputs; give one for each column of the model")
    parameters = request.parameters or {}
    asked = request.outputs or None
    return Request(
        pa.table(columns),
        of_parameters(parameters),
        request.id,
        None if asked is None else [each.name for each in asked],
        None
        if parameters.get(_ALL_BINARY) is True and asked is None
        else frozenset(each.name for each in asked or () if _as_bytes(each, parameters.get(_ALL_BINARY) is True)),
    )


def write(
    head: Mapping[str, Any], outputs: Mapping[str, tuple[str, Any]], binary: frozenset[str] | None
) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON where bytes follow that.

    Args:
        head: The answer's fields but the outputs.
        outputs: By name the datatype and the values: a numpy array, or a list of texts.
        binary: Which are written as bytes; None: all.
    """
    listed, behind = [], []
    for name, (datatype, values) in outputs.items():
        tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [len(values)]}
        if binary is None or name in binary:
            data = _packed(values) if datatype == "BYTES" else values.tobytes()
            tensor["parameters"] = {_SIZE: len(data)}
            behind.append(data)
        else:
            tensor["data"] = values if datatype == "BYTES" else values.tolist()
        listed.append(tensor)
    document = msgspec.json.encode({**head, "outputs": listed})
    if not behind:
        return document, None
    return b"".join([document, *behind]), len(document)


def _parted(body: bytes, header_length: str | None) -> tuple[bytes, memoryview]:
    if header_length is None:
        return body, memoryview(b"")
    if not (header_length.isascii() and header_length.isdigit()) or int(header_length[:18]) > len(body):
        raise RequestError(
            f"Inference-Header-Content-Length is {_short(header_length)}; give how many of the body's {len(body)} bytes "
            "are JSON"
        )
    length = int(header_length)
    return body[:length], memoryview(body)[length:]


def _refuse_many_values(document: bytes, most: Most) -> None:
    """What JSON becomes in Python takes many times its bytes: it is counted before it is read."""
    allowed = most.rows * most.columns + _OTHER_VALUES
    if len(document) > allowed and sum(document.count(mark) for mark in (b",", b"[", b"{")) > allowed:
        raise TooLarge(
            f"the request has over {allowed:,} values; send at most {most.rows:,} rows, and only the model's columns"
        )


def _without_nan(document: bytes) -> bytes:
    """What Python's writer of JSON makes of NaN and infinities is none; they become null, which is missing, as they are."""
    try:
        return msgspec.json.encode(json_input.parse(document))
    except (ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise RequestError(f"the request is not JSON: {error}") from None


def _decoded(decode: Callable[[Any], Any], data: Any, what: str) -> Any:
    try:
        return decode(data)
    except RecursionError:
        raise RequestError(f"{what} is nested too deep") from None
    except msgspec.ValidationError as error:
        raise RequestError(f"{what} is not what the protocol says: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{what} is not JSON: {error}") from None


def _rows(tensor: _Input, most: Most) -> int:
    name, shape = _short(tensor.name), tensor.shape
    if tensor.datatype not in _ARROW:
        raise RequestError(f"input {name} has datatype {_short(tensor.datatype)}; known are {', '.join(_ARROW)}")
    if len(shape) not in (1, 2) or shape[1:] not in ([], [1]) or shape[0] < 0:
        raise RequestError(
            f"input {name} has shape {_shape(shape)}; give each column of the model as an input of its own, by its name, "
            "of shape [rows]"
        )
    if shape[0] > most.rows:
        raise TooLarge(f"input {name} has {shape[0]:,} rows; send at most {most.rows:,} at once")
    return shape[0]


def _column(tensor: _Input, rows: int, rest: memoryview) -> tuple[pa.Array, memoryview]:
    size = (tensor.parameters or {}).get(_SIZE)
    if size is None:
        if tensor.data is msgspec.UNSET:
            raise RequestError(f"input {_short(tensor.name)} has no data")
        return _of_json(tensor, rows), rest
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(rest):
        raise RequestError(
            f"input {_short(tensor.name)}: binary_data_size is {_short(size)}, and {len(rest)} bytes are left behind the "
            "JSON (Inference-Header-Content-Length says where that ends)"
        )
    if tensor.data is not msgspec.UNSET:
        raise RequestError(f"input {_short(tensor.name)} has both data and binary_data_size; give one")
    return _of_bytes(tensor, rows, rest[:size]), rest[size:]


def _of_json(tensor: _Input, rows: int) -> pa.Array:
    name, datatype = _short(tensor.name), tensor.datatype
    raw = tensor.data
    if len(tensor.shape) == 2:
        nested = _decoded(msgspec.json.Decoder(list[Any]).decode, raw, f"data of input {name}")
        if any(isinstance(each, list) for each in nested):
            if not all(isinstance(each, list) and len(each) == 1 for each in nested):
                raise RequestError(
                    f"input {name} has shape {tensor.shape}, and its data are no {rows} rows of one value"
                )
            raw = msgspec.Raw(msgspec.json.encode([each[0] for each in nested]))
    try:
        values = _values(raw, datatype, name)
        if len(values) != rows:
            raise RequestError(f"input {name} has shape {tensor.shape} and {len(values)} values")
        return pa.array(values, type=_ARROW[datatype])
    except (pa.ArrowInvalid, OverflowError):
        raise RequestError(f"input {name} holds a number that is no {datatype}") from None


def _values(raw: Any, datatype: str, name: str) -> list[Any]:
    """The values of a JSON array. Raises RequestError, naming the first that is none."""
    try:
        values: list[Any] = _DECODERS[datatype].decode(raw)
        return values
    except msgspec.ValidationError as error:
        if datatype in _FLOATS and (numbers := _beyond_doubles(raw)) is not None:
            return numbers
        given = _decoded(msgspec.json.decode, raw, f"data of input {name}")
        if isinstance(given, list):
            for row, value in enumerate(given, start=1):
                try:
                    msgspec.convert([value], _ITEMS[datatype])
                except msgspec.ValidationError:
                    way_out = (
                        "; give the column as BYTES to have texts read as the model does"
                        if isinstance(value, str)
                        else ""
                    )
                    raise RequestError(
                        f"input {name}: row {row} is {_short(value)}, which is no {datatype}{way_out}"
                    ) from None
        raise RequestError(f"data of input {name} are not what the protocol says: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"data of input {name} is not JSON: {error}") from None


def _beyond_doubles(raw: Any) -> "list[float | None] | None":
    """The numbers of a JSON array, infinite where no double is as large; None where it holds anything else."""
    try:
        given = json_input.parse(bytes(raw))
    except ValueError:
        return None
    if not isinstance(given, list) or not all(each is None or type(each) in (int, float) for each in given):
        return None
    return [_double(each) if isinstance(each, int) else each for each in given]


def _double(whole: int) -> float:
    try:
        return float(whole)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf


def _of_bytes(tensor: _Input, rows: int, data: memoryview) -> pa.Array:
    name, datatype = _short(tensor.name), tensor.datatype
    if datatype == "BYTES":
        return _unpacked(data, rows, name)
    kind = np.dtype(_NUMPY[datatype])
    if len(data) != rows * kind.itemsize:
        raise RequestError(
            f"input {name}: {rows} values of {datatype} are {rows * kind.itemsize} bytes, and binary_data_size is {len(data)}"
        )
    values = np.frombuffer(data, dtype=kind)
    if datatype == "BOOL":
        if rows and values.max() > 1:
            raise RequestError(f"input {name} holds {values.max()}, which is no BOOL; give 0 and 1")
        values = values.astype(np.bool_)
    elif datatype == "FP16":
        values = values.astype(np.float64)
    return pa.array(values)


def _unpacked(data: memoryview, rows: int, name: str) -> pa.Array:
    """Texts, each behind its length in four bytes."""
    texts, place = [], 0
    for row in range(rows):
        if place + 4 > len(data):
            raise RequestError(f"input {name}: its bytes end before row {row + 1}")
        (length,) = struct.unpack_from("<I", data, place)
        place += 4
        if place + length > len(data):
            raise RequestError(f"input {name}: row {row + 1} says it has {length} bytes, more than there are")
        try:
            texts.append(str(data[place : place + length], "utf-8"))
        except UnicodeDecodeError:
            raise RequestError(f"input {name}: row {row + 1} is no UTF-8 text") from None
        place += length
    if place != len(data):
        raise RequestError(f"input {name}: {len(data) - place} bytes are left behind its last row")
    return pa.array(texts, type=pa.string())


def _packed(texts: Sequence[str]) -> bytes:
    parts = []
    for text in texts:
        data = text.encode()
        parts += [struct.pack("<I", len(data)), data]
    return b"".join(parts)


def _as_bytes(output: _Output, otherwise: bool) -> bool:
    wanted = (output.parameters or {}).get(_BINARY)
    return otherwise if wanted is None else wanted is True


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


def _shape(shape: list[int]) -> str:
    return _short(shape)
