"""Amazon's VPC flow logs, versions 2 to 5: text with a header or in the default order, or Parquet. Records are one-way.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError
from netanomaly.flows import bounds
from netanomaly.flows.layout import first_duplicate
from netanomaly.flows.lines import Lines
from netanomaly.traffic import delimited, table, written_times
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

SENSOR = "aws-vpc"

DEFAULT = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
]
_HEADER = re.compile(rb"^[^\n]*\bsrcaddr\b[^\n]*(?:\n|$)", re.MULTILINE | re.IGNORECASE)
_DEFAULT_RECORD = re.compile(
    rb"[2-9] ([0-9]{12}|unknown) eni-\S+ \S+ \S+ \S+ \S+ \S+ \S+ \S+ \S+ \S+ \S+ (OK|NODATA|SKIPDATA)\s*$"
)
# The console and CloudWatch's export put the time of arrival first, `aws logs tail` the stream behind it.
_ARRIVAL = re.compile(
    rb"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:?[0-9]{2}) (?:eni-[0-9a-f]+-[a-z]+ )?", re.MULTILINE
)
_BARE_RECORD = re.compile(
    rb"(?=[^,]*\beni-[0-9a-f]{8,17}\b)(?=[^,]*(?<!\S)(ACCEPT|REJECT|OK|NODATA|SKIPDATA)(?!\S))[^,]*\s[0-9]{10}(?!\S)[^,]*$"
)
NEEDED = ("srcaddr", "dstaddr", "protocol", "packets", "bytes", "start", "end")
_TYPES: dict[str, pa.DataType] = {
    "srcaddr": table.WORD, "dstaddr": table.WORD, "pkt-srcaddr": table.WORD, "pkt-dstaddr": table.WORD,
    "srcport": pa.int32(), "dstport": pa.int32(), "protocol": pa.int32(), "packets": pa.int64(), "bytes": pa.int64(),
    "start": pa.int64(), "end": pa.int64(), "action": table.WORD, "log-status": table.WORD, "tcp-flags": pa.int32(),
    "interface-id": table.WORD,
}  # fmt: skip
_FLAGS = ((1, "F"), (2, "S"), (4, "R"), (8, "P"), (16, "A"), (32, "U"))
LOST = "SKIPDATA: records that Amazon itself lost"


def fields(line: bytes) -> list[str] | None:
    """The fields that a header line names; None where it is no header of a VPC flow log."""
    text = line.decode(errors="replace").strip("\r\n \ufeff").lower().replace("_", "-")
    # Athena, and whoever else keeps it as a table, writes commas.
    named = [field.strip('${}" ') for field in (text.split(",") if "," in text else text.split())]
    return named if all(name in named for name in NEEDED) else None


def is_default_record(line: bytes) -> bool:
    """Whether a line is a record in the default order, which has no header."""
    return _DEFAULT_RECORD.match(_ARRIVAL.sub(b"", line)) is not None


def is_bare_record(line: bytes) -> bool:
    """Whether a line is a record in an order of its own, which nobody can tell without its header."""
    record = _ARRIVAL.sub(b"", line)
    return _BARE_RECORD.match(record) is not None and len(record.split()) >= len(NEEDED)


def text_records(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """One-way flows of a text; each header holds from its line on."""
    names: Sequence[str] = DEFAULT
    commas = False
    for block in opened.blocks():
        parts = delimited.headed_parts(block, _HEADER, fields, b"srcaddr")
        for part, header in delimited.joined(parts, list(names), opened.uri):
            if header is not None:
                bounds.refuse_many_columns(len(header), f"{opened.uri}, line {part.first}")
                if twice := first_duplicate(header):
                    raise DataError(f"{opened.uri}, line {part.first}: the header names {twice!r} twice")
                names, commas = header, b"," in part.text
                continue
            if commas:
                layout = delimited.Layout(names, _TYPES, ",", ("-",), quoted=True)
                read, lines = delimited.read(part, layout, counts)
                if read.num_rows:
                    yield from _kept(read.combine_chunks(), lines, opened.number, counts)
                continue
            text = _ARRIVAL.sub(b"", part.text)
            if b"\t" in text or b"  " in text or b" \n" in text:
                text = re.sub(rb"[ \t]+(?=[\r\n])", b"", re.sub(rb"[ \t]+", b" ", text))
            layout = delimited.Layout(names, _TYPES, " ", ("-",))
            read, lines = delimited.read(Lines(text, part.first, part.count), layout, counts)
            if read.num_rows:
                yield from _kept(read.combine_chunks(), lines, opened.number, counts)


def parquet_records(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """One-way flows of a Parquet delivery, whose names have underscores."""
    for read, first in opened.tables([name.replace("-", "_") for name in _TYPES]):
        read = read.rename_columns([name.lower().replace("_", "-") for name in read.column_names])
        cast = {
            name: _cast(read.column(name), name, kind, opened.uri)
            for name, kind in _TYPES.items()
            if name in read.column_names
        }
        lines = np.arange(first, first + read.num_rows)
        yield from _kept(pa.table(cast).combine_chunks(), lines, opened.number, counts)


def _cast(column: Any, name: str, kind: pa.DataType, uri: str) -> Any:
    try:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column.cast(pa.string() if pa.types.is_dictionary(kind) else kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{uri}: column {name!r} is not as Amazon writes it: {' '.join(str(error).split())[:100]}; deliver the log again"
        ) from None


def _kept(read: pa.Table, lines: npt.NDArray[np.int64], file: int, counts: Counts) -> Iterator[pa.RecordBatch]:
    def column(name: str) -> Any:
        if name not in read.column_names:
            return pa.nulls(read.num_rows, _TYPES[name])
        return pa.concat_arrays(read.column(name).chunks) if read.num_rows else pa.array([], type=_TYPES[name])

    status = column("log-status").cast(pa.string())
    nothing = pc.fill_null(pc.equal(status, "NODATA"), False)
    lost = pc.fill_null(pc.equal(status, "SKIPDATA"), False)
    counts.aside("NODATA: nothing passed the interface in that window", pc.sum(nothing).as_py() or 0)
    counts.drop(LOST, pc.sum(lost).as_py() or 0)
    empty = pc.or_(nothing, lost)
    if pc.any(empty).as_py():
        keep = pc.invert(empty)
        yield from _kept(read.filter(keep).combine_chunks(), lines[keep.to_numpy(zero_copy_only=False)], file, counts)
        return
    if not read.num_rows:
        return
    flags = pc.fill_null(column("tcp-flags"), 0).to_numpy().astype(np.int64)
    start = written_times.starts(column("start"), counts)
    end, _ = written_times.seconds(column("end"))
    protocol = table.protocol(column("protocol").cast(pa.string()))
    accepted = column("action").cast(pa.string())
    yield table.make(
        {
            "start_time": pa.array(start, from_pandas=True),
            "duration_seconds": pa.array(end - start, from_pandas=True),
            "src_ip": _first(column("pkt-srcaddr"), column("srcaddr")),
            "src_port": table.without_icmp(column("srcport"), protocol),
            "dst_ip": _first(column("pkt-dstaddr"), column("dstaddr")),
            "dst_port": table.without_icmp(column("dstport"), protocol),
            "protocol": protocol,
            "bytes_out": column("bytes"),
            "packets_out": column("packets"),
            "state": _letters(flags, np.asarray(pc.is_valid(column("tcp-flags")))),
            "allowed": pc.if_else(pc.equal(accepted, "ACCEPT"), True, pc.if_else(pc.equal(accepted, "REJECT"), False, None)),
            "vantage": column("interface-id"),
            # Of the flags of a window; 18 (SYN and ACK) is the answer.
            "opening": pa.array(np.where(flags & 18 == 18, -1, np.where(flags & 18 == 2, 1, 0)).astype(np.int8)),
        },
        lines, file, counts,
    )  # fmt: skip


def _first(one: pa.Array, other: pa.Array) -> pa.Array:
    return pc.coalesce(one.cast(pa.string()), other.cast(pa.string()))


def _letters(flags: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]) -> pa.DictionaryArray:
    written = ["".join(letter for bit, letter in _FLAGS if value & bit) for value in range(64)]
    return pa.DictionaryArray.from_arrays(
        pa.array((flags & 63).astype(np.int32), mask=~known | (flags & 63 == 0)), pa.array(written)
    )
