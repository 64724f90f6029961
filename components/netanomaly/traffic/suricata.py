"""Suricata's eve.json: its flow events.

https://docs.suricata.io/en/latest/output/eve/eve-json-format.html
"""

from collections.abc import Collection, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.traffic import frames, json_records, outcome, table, written_times
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

SENSOR = "suricata"

_FLOW = pa.struct({
    "pkts_toserver": pa.int64(),
    "pkts_toclient": pa.int64(),
    "bytes_toserver": pa.int64(),
    "bytes_toclient": pa.int64(),
    "start": pa.string(),
    "end": pa.string(),
    "state": pa.string(),
    "action": pa.string(),
})  # fmt: skip
_SCHEMA = pa.schema({
    "event_type": pa.string(),
    "flow_id": pa.uint64(),
    "src_ip": pa.string(),
    "src_port": pa.int32(),
    "dest_ip": pa.string(),
    "dest_port": pa.int32(),
    "proto": pa.string(),
    "app_proto": pa.string(),
    "icmp_type": pa.int32(),
    "icmp_code": pa.int32(),
    "vlan": pa.list_(pa.int32()),
    "flow": _FLOW,
    "tcp": pa.struct({"tcp_flags_ts": pa.string(), "tcp_flags_tc": pa.string()}),
})  # fmt: skip

_ETHERNET, _VLAN_TAG = 14, 4


def records(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """Flows of an eve.json; other events are noted by their kind."""
    for read, lines in json_records.records(opened, lambda *_: _SCHEMA, counts):
        kind = read.column("event_type")
        flows = pc.fill_null(pc.equal(kind, "flow"), False).to_numpy()
        if not flows.all():
            for item in pc.value_counts(kind.filter(pa.array(~flows))).to_pylist():
                opened.others(f"Suricata's {str(item['values'])[:40]} events", item["counts"])
            read, lines = read.filter(pa.array(flows)), lines[flows]
        if read.num_rows:
            yield _made(read, lines, opened.number, counts)


def _made(read: pa.Table, lines: npt.NDArray[np.int64], file: int, counts: Counts) -> pa.RecordBatch:
    def column(name: str) -> pa.Array:
        return _whole(read.column(name))

    flow = column("flow")

    def inside(name: str) -> pa.Array:
        return pc.struct_field(flow, name)

    start = written_times.starts(inside("start"), counts)
    end, _ = written_times.seconds(inside("end"))
    protocol = table.protocol(column("proto"))
    icmp = pa.array(_among(protocol, ("icmp", "ipv6-icmp")))
    tags = column("vlan")
    tagged = tags.null_count < len(tags)
    link = _ETHERNET + (_VLAN_TAG * np.asarray(pc.fill_null(pc.list_value_length(tags), 0)) if tagged else 0)
    packets_in = inside("pkts_toclient")
    made = {
        "start_time": pa.array(start, from_pandas=True),
        "duration_seconds": pa.array(end - start, from_pandas=True),
        "src_ip": column("src_ip"),
        "src_port": pc.if_else(icmp, column("icmp_type"), column("src_port")),
        "dst_ip": column("dest_ip"),
        "dst_port": pc.if_else(icmp, column("icmp_code"), column("dest_port")),
        "protocol": protocol,
        "service": table.words(column("app_proto"), lambda text: None if text in ("failed", "") else text.lower()),
        "bytes_out": frames.ip_bytes(inside("bytes_toserver"), inside("pkts_toserver"), link),
        "bytes_in": frames.ip_bytes(inside("bytes_toclient"), packets_in, link),
        "packets_out": inside("pkts_toserver"),
        "packets_in": packets_in,
        "state": table.clean(inside("state")),
        "allowed": _allowed(inside("action")),
        "uid": column("flow_id").cast(pa.string()),
        "outcome": _outcome(protocol, column("tcp"), packets_in),
    }
    return table.make(made, lines, file, counts)


def _allowed(action: pa.Array) -> pa.Array:
    """`pass` and `accept` let the flow through, `drop` and `reject` did not; without an action it is not said."""
    return pc.if_else(
        pc.is_in(action, pa.array(["drop", "reject"])), False, pc.if_else(pc.is_valid(action), True, None)
    )


def _outcome(protocol: pa.DictionaryArray, tcp: pa.StructArray, packets_in: pa.Array) -> pa.DictionaryArray:
    out, back = (
        _hexadecimal(pc.struct_field(tcp, name).dictionary_encode()) for name in ("tcp_flags_ts", "tcp_flags_tc")
    )
    return outcome.of_flows(
        is_tcp=_among(protocol, ("tcp",)),
        flags_out=np.maximum(out, 0),
        flags_in=np.maximum(back, 0),
        answered=np.asarray(pc.greater(pc.fill_null(packets_in, 0), 0)),
        known=out >= 0,
        said=np.asarray(pc.is_valid(packets_in)),
    )


def _hexadecimal(flags: pa.DictionaryArray) -> outcome.Flags:
    """Flags of the wire, -1 where they are not said."""

    def value(text: str) -> int:
        try:
            return int(text, 16) & 0xFF
        except ValueError:
            return 0

    known = np.array([*(value(text) for text in flags.dictionary.to_pylist()), -1], dtype=np.int64)
    codes: outcome.Flags = known[flags.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)]
    return codes


def _among(column: pa.DictionaryArray, names: Collection[str]) -> npt.NDArray[np.bool_]:
    """Which rows hold one of some texts."""
    wanted = np.array([*(text in names for text in column.dictionary.to_pylist()), False])
    found: npt.NDArray[np.bool_] = wanted[column.indices.fill_null(len(wanted) - 1).to_numpy(zero_copy_only=False)]
    return found


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)
