"""The flow table: one schema for what every sensor writes. A null means that the sensor does not say.

Bytes are IP bytes. `out` is from the originator to the responder, `in` is back. Of ICMP, the ports are type and code.
Times are whole microseconds, so that a number and its text give the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.flows import bounds

WORD = pa.dictionary(pa.int32(), pa.string())
"""Texts of which there are few."""

COLUMNS: dict[str, pa.DataType] = {
    "start_time": pa.float64(),
    "duration_seconds": pa.float64(),
    "src_ip": WORD,
    "src_port": pa.int32(),
    "dst_ip": WORD,
    "dst_port": pa.int32(),
    "protocol": WORD,
    "service": WORD,
    "bytes_out": pa.int64(),
    "bytes_in": pa.int64(),
    "packets_out": pa.int64(),
    "packets_in": pa.int64(),
    "state": WORD,
    "allowed": pa.bool_(),
    "uid": pa.string(),
    "label": WORD,
}
"""The columns that people see, with their Arrow types."""

PLACE = {"outcome": WORD, "file": pa.int32(), "line": pa.int64()}
"""What became of the flow in one word for all sensors, and where its record stands: file and line, from 0 and from 1."""

ONE_WAY = {"vantage": WORD, "opening": pa.int8()}
"""Of one-way records: who reported it, and whether it opens the conversation (1), answers (-1), or does not say (0)."""

SCHEMA = pa.schema({**COLUMNS, **PLACE})
ONE_WAY_SCHEMA = pa.schema({**COLUMNS, **PLACE, **ONE_WAY})

_PROTOCOLS = {
    0: "hopopt", 1: "icmp", 2: "igmp", 4: "ipv4", 6: "tcp", 8: "egp", 17: "udp", 27: "rdp", 33: "dccp", 41: "ipv6",
    43: "ipv6-route", 44: "ipv6-frag", 46: "rsvp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp", 59: "ipv6-nonxt",
    60: "ipv6-opts", 88: "eigrp", 89: "ospf", 94: "ipip", 97: "etherip", 103: "pim", 108: "ipcomp", 112: "vrrp",
    115: "l2tp", 132: "sctp", 136: "udplite", 137: "mpls-in-ip",
}  # fmt: skip
"""IANA's keywords, in lower case; other numbers stay numbers."""
_PROTOCOL_NAMES = {
    "icmp6": "ipv6-icmp",
    "icmpv6": "ipv6-icmp",
    "icmp-6": "ipv6-icmp",
    "ospfigp": "ospf",
    "ipencap": "ipv4",
}

_MICRO = 1e6
_LAST_TIME, _LONGEST = 4_102_444_800, 315_360_000
# Up to here a double, as which counts are learnt from, holds each whole number: 9 petabytes in one flow.
_LARGEST_COUNT = 1 << 53


@dataclass
class Counts:
    """What was dropped, repaired and set aside on the way into the table, by reason.

    Set aside is what says nothing new: a record that tells of no flow, or of one that another record tells, too.
    """

    dropped: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    set_aside: dict[str, int] = field(default_factory=dict)

    def aside(self, reason: str, rows: int = 1) -> None:
        if rows:
            self.set_aside[reason] = self.set_aside.get(reason, 0) + rows

    def drop(self, reason: str, rows: int = 1) -> None:
        if rows:
            self.dropped[reason] = self.dropped.get(reason, 0) + rows

    def repair(self, reason: str, values: int = 1) -> None:
        if values:
            self.repaired[reason] = self.repaired.get(reason, 0) + values


def make(columns: Mapping[str, Any], lines: npt.NDArray[np.int64], file: int, counts: Counts) -> pa.RecordBatch:
    """Records of the flow table; what is not given is null.

    Args:
        columns: Arrow arrays by name, of any type that casts to the column's.
        lines: Where each record stands.
        file: The number of the file.
        counts: Told of what is dropped (records without a time) and what is set to null (impossible values).
    """
    one_way = "opening" in columns or "vantage" in columns
    schema = ONE_WAY_SCHEMA if one_way else SCHEMA
    given = {**columns, "line": pa.array(lines), "file": pa.array(np.full(len(lines), file, dtype=np.int32))}
    for name in ("start_time", "duration_seconds"):
        if name in given:
            written = _floats(given[name])
            counts.repair(f"{name} that is infinite set to missing", int(np.isinf(written).sum()))
            given[name] = pa.array(micro(written), from_pandas=True)
    given["start_time"] = _refused(given.get("start_time"), 0, _LAST_TIME, "time before 1970 or after 2100", counts)
    given["duration_seconds"] = _refused(
        given.get("duration_seconds"), 0, _LONGEST, "negative duration, or one over ten years, set to missing", counts
    )
    for name in ("bytes_out", "bytes_in", "packets_out", "packets_in"):
        given[name] = _refused(
            given.get(name), 0, _LARGEST_COUNT, f"{name} over 9e15 or negative set to missing", counts
        )
    for name in ("src_port", "dst_port"):
        given[name] = _refused(given.get(name), 0, 65535, f"{name} over 65535 or negative set to missing", counts)
    arrays = [_short(_typed(given.get(item.name), item.type, len(lines)), item.name, counts) for item in schema]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    timed = batch.column("start_time").is_valid()
    if batch.column("start_time").null_count:
        counts.drop("record without a time", batch.column("start_time").null_count)
        batch = batch.filter(timed)
    return batch


def micro(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Seconds to the microsecond, NaN where they are not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.rint(seconds * _MICRO) / _MICRO
    rounded[~np.isfinite(rounded)] = np.nan
    return rounded


def words(column: Any, translate: Mapping[str | None, str | None] | Any) -> pa.DictionaryArray:
    """A column of few texts, each distinct one translated once, by a mapping (others stay) or a function."""
    encoded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    function = translate if callable(translate) else lambda text: translate.get(text, text)
    turned = [None if text is None else function(text) for text in encoded.dictionary.to_pylist()]
    distinct = list(dict.fromkeys(text for text in turned if text is not None))
    place = {text: position for position, text in enumerate(distinct)}
    table = np.array([-1 if text is None else place[text] for text in turned] + [-1], dtype=np.int32)
    codes = table[encoded.indices.fill_null(len(turned)).to_numpy(zero_copy_only=False)]
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(distinct, type=pa.string()))


def protocol(column: Any) -> pa.DictionaryArray:
    """Numbers or names of protocols as IANA's keywords in lower case."""
    return words(column, protocol_name)


def protocol_name(written: str) -> str | None:
    """One protocol, written as a number or a name; None where nothing is written."""
    text = written.strip().lower()
    if text.isascii() and text.isdigit() and len(text) <= 3:
        return _PROTOCOLS.get(int(text), text.lstrip("0") or "hopopt")
    return _PROTOCOL_NAMES.get(text, text) or None


def without_icmp(port: Any, protocols: pa.DictionaryArray) -> Any:
    """Ports, null where the protocol is one of ICMP: of sensors that write 0 where others have type and code."""
    icmp = pc.is_in(protocols.cast(pa.string()), pa.array(["icmp", "ipv6-icmp"]))
    return pc.if_else(pc.fill_null(icmp, False), pa.scalar(None, port.type), port)


def lower(column: Any) -> pa.DictionaryArray:
    """Few texts in lower case, empty ones missing."""
    return words(column, lambda text: text.strip().lower() or None)


def clean(column: Any) -> pa.DictionaryArray:
    """Few texts without blanks around them, empty ones missing."""
    return words(column, lambda text: text.strip() or None)


def filled(column: Any, value: Any) -> Any:
    """The column with a value where it is null."""
    return pc.fill_null(column, value)


def _floats(column: Any) -> npt.NDArray[np.float64]:
    found = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.array(found.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _refused(column: Any, low: int, high: int, reason: str, counts: Counts) -> Any:
    """The column with values outside the range set to null."""
    if column is None:
        return None
    found = pc.min_max(column)
    least, most = found["min"].as_py(), found["max"].as_py()
    if least is None or (least >= low and most <= high):
        return column
    wrong = pc.or_(pc.less(column, low), pc.greater(column, high))
    number = pc.sum(pc.fill_null(wrong, False)).as_py() or 0
    if not number:
        return column
    counts.repair(reason, number)
    return pc.if_else(wrong, pa.scalar(None, column.type), column)


def _short(column: pa.Array, name: str, counts: Counts) -> pa.Array:
    """The column without texts that no sensor writes: hundreds of thousands of rows are held in memory at a time."""
    if pa.types.is_dictionary(column.type):
        texts = column.dictionary
    elif pa.types.is_string(column.type):
        texts = column
    else:
        return column
    if (pc.max(pc.binary_length(texts)).as_py() or 0) <= bounds.LONGEST_NAME:
        return column
    spelt_out = column.cast(pa.string())
    long = pc.fill_null(pc.greater(pc.binary_length(spelt_out), bounds.LONGEST_NAME), False)
    counts.repair(f"{name} of over {bounds.LONGEST_NAME:,} bytes set to missing", pc.sum(long).as_py() or 0)
    short = pc.if_else(long, pa.scalar(None, pa.string()), spelt_out)
    return short.dictionary_encode() if pa.types.is_dictionary(column.type) else short


def _typed(column: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if column is None:
        return pa.nulls(rows, kind)
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)
    if column.type == kind:
        return column
    if pa.types.is_dictionary(kind):
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        return column.cast(pa.string()).dictionary_encode()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(kind, safe=False)
