"""Google's VPC flow logs, as Cloud Logging exports them (JSON). Sampled, one-way, and inside a VPC told by both ends.

https://cloud.google.com/vpc/docs/about-flow-logs-records
"""

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.traffic import json_records, table, written_times
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

SENSOR = "gcp-vpc"

_CONNECTION = pa.struct({
    "src_ip": pa.string(),
    "src_port": pa.int32(),
    "dest_ip": pa.string(),
    "dest_port": pa.int32(),
    "protocol": pa.int32(),
})  # fmt: skip
# Whole numbers of 64 bits are texts in Cloud Logging's JSON.
_FIELDS = {
    "connection": _CONNECTION,
    "bytes_sent": pa.string(),
    "packets_sent": pa.string(),
    "start_time": pa.string(),
    "end_time": pa.string(),
    "reporter": pa.string(),
}
WRAPPERS = ("jsonPayload", "json_payload")
"""Where an entry holds the record: as Cloud Logging exports it, and as Log Analytics does. The record may stand alone."""
_WRAPPER = re.compile(rb'"(jsonPayload|json_payload)"\s*:\s*\{')


def records(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """One-way flows, of an export with one entry a line or of a list of entries."""
    wrapped = _WRAPPER.search(opened.head)
    wrapper = wrapped[1].decode() if wrapped else None
    schema = pa.schema({wrapper: pa.struct(_FIELDS)} if wrapper else _FIELDS)
    for read, lines in json_records.records(opened, lambda *_: schema, counts):
        payload = _whole(read.column(wrapper)) if wrapper else _whole(read.to_struct_array())
        yield from _kept(payload, lines, opened, counts)


def _kept(
    payload: pa.StructArray, lines: npt.NDArray[np.int64], opened: Opened, counts: Counts
) -> Iterator[pa.RecordBatch]:
    if not len(payload):
        return
    connection = pc.struct_field(payload, "connection")
    flows = np.asarray(pc.is_valid(pc.struct_field(connection, "src_ip")))
    opened.others("entries of other logs of Google's", int((~flows).sum()))
    if not flows.all():
        payload, connection, lines = payload.filter(pa.array(flows)), connection.filter(pa.array(flows)), lines[flows]
    if not len(lines):
        return
    start = written_times.starts(pc.struct_field(payload, "start_time"), counts)
    end, _ = written_times.seconds(pc.struct_field(payload, "end_time"))
    yield table.make(
        {
            "start_time": pa.array(start, from_pandas=True),
            "duration_seconds": pa.array(end - start, from_pandas=True),
            "src_ip": pc.struct_field(connection, "src_ip"),
            "src_port": pc.struct_field(connection, "src_port"),
            "dst_ip": pc.struct_field(connection, "dest_ip"),
            "dst_port": pc.struct_field(connection, "dest_port"),
            "protocol": table.protocol(pc.struct_field(connection, "protocol").cast(pa.string())),
            "bytes_out": _number(pc.struct_field(payload, "bytes_sent"), "bytes_sent", counts),
            "packets_out": _number(pc.struct_field(payload, "packets_sent"), "packets_sent", counts),
            # SRC before DEST: of a flow that both report, the first by name is kept.
            "vantage": table.words(pc.struct_field(payload, "reporter"), {"SRC": "1 SRC", "DEST": "2 DEST"}),
            "opening": pa.array(np.zeros(len(lines), dtype=np.int8)),
            "allowed": pa.array(np.ones(len(lines), dtype=bool)),
        },
        lines, opened.number, counts,
    )  # fmt: skip


def _number(texts: pa.Array, name: str, counts: Counts) -> pa.Array:
    digits = pc.fill_null(pc.match_substring_regex(texts, r"^[0-9]{1,18}(\.0)?$"), False)
    wrong = pc.and_(pc.is_valid(texts), pc.invert(digits))
    counts.repair(f"{name} that is no number set to missing", pc.sum(wrong).as_py() or 0)
    return pc.replace_substring_regex(pc.if_else(digits, texts, None), r"\.0$", "").cast(pa.int64())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)
