"""Azure's virtual network flow logs (version 4) and network security group flow logs (version 2).

https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview,
https://learn.microsoft.com/azure/network-watcher/nsg-flow-logs-overview. A flow is told in pieces: it begins (B), goes on
(C, with the counts since the piece before) and ends (E); they are put together in `pairing.joined`.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.flows.lines import Lines
from netanomaly.traffic import delimited, json_records, outcome, table, written_times
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

VNET, NSG = "azure-vnet", "azure-nsg"

_VNET = [
    "time",
    "src",
    "dst",
    "sport",
    "dport",
    "protocol",
    "direction",
    "state",
    "encryption",
    "packets_out",
    "bytes_out",
    "packets_in",
    "bytes_in",
]
_NSG = [
    "time",
    "src",
    "dst",
    "sport",
    "dport",
    "protocol",
    "direction",
    "decision",
    "state",
    "packets_out",
    "bytes_out",
    "packets_in",
    "bytes_in",
]
_TYPES: dict[str, pa.DataType] = {
    "time": pa.int64(), "src": table.WORD, "dst": table.WORD, "sport": pa.int32(), "dport": pa.int32(),
    "protocol": table.WORD, "state": table.WORD, "decision": table.WORD, "packets_out": pa.int64(),
    "bytes_out": pa.int64(), "packets_in": pa.int64(), "bytes_in": pa.int64(),
}  # fmt: skip
_OLD_WIDTH = 8
_TUPLES = 65536


def records(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """Pieces of flows, each with its letter as its state."""
    tuples: list[str] = []
    lines: list[int] = []
    kind = ""
    for line, document in json_records.values(opened.chunks(), opened.uri, counts):
        entries = document.get("records", [document]) if isinstance(document, dict) else []
        for entry in entries if isinstance(entries, list) else []:
            for found_kind, found in _tuples(entry):
                if kind and found_kind != kind:
                    opened.others(f"tuples of {found_kind} flow logs", len(found))
                    continue
                kind = found_kind
                tuples += found
                lines += [line] * len(found)
            if len(tuples) >= _TUPLES:
                yield from _made(tuples, lines, kind, opened, counts)
                tuples, lines = [], []
    yield from _made(tuples, lines, kind, opened, counts)


def _tuples(entry: Any) -> Iterator[tuple[str, list[str]]]:
    if not isinstance(entry, dict):
        return
    records = entry.get("flowRecords")
    if isinstance(records, dict):
        for flow in _listed(records.get("flows")):
            for group in _listed(flow.get("flowGroups")):
                yield VNET, _texts(group.get("flowTuples"))
    properties = entry.get("properties")
    if isinstance(properties, dict):
        for rule in _listed(properties.get("flows")):
            for flow in _listed(rule.get("flows")):
                yield NSG, _texts(flow.get("flowTuples"))


def _listed(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [re.sub(r"[\r\n]", " ", str(item)) for item in value] if isinstance(value, list) else []


def _made(tuples: list[str], lines: list[int], kind: str, opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    if kind == NSG:
        # Version 1 has no state and no counts.
        old = [text.count(",") == _OLD_WIDTH - 1 for text in tuples]
        opened.others("tuples of version 1, which have no bytes", sum(old))
        lines = [line for line, is_old in zip(lines, old, strict=True) if not is_old]
        tuples = [text for text, is_old in zip(tuples, old, strict=True) if not is_old]
    if not tuples:
        return
    text = "\n".join([*tuples, ""]).encode("utf-8", "replace")
    layout = delimited.Layout(_VNET if kind == VNET else _NSG, _TYPES, ",", ("-",))
    read, rows = delimited.read(Lines(text, 0, len(tuples)), layout, counts)
    if not read.num_rows:
        return
    columns = {name: pa.concat_arrays(read.column(name).chunks) for name in read.column_names}
    start, _ = written_times.seconds(columns["time"])
    piece = table.words(columns["state"], str.upper).cast(pa.string())
    denied = columns["decision"].cast(pa.string()) if kind == NSG else piece
    allowed = pc.not_equal(denied, "D")
    protocol = table.words(columns["protocol"], _protocol)
    # What begins, or is denied, is not counted yet: version 4 writes zeros there, version 2 nothing.
    uncounted = pc.is_in(piece, pa.array(["B", "D"]))
    for name in ("bytes_out", "bytes_in", "packets_out", "packets_in"):
        nothing = pc.and_(uncounted, pc.equal(columns[name], 0))
        columns[name] = pc.if_else(pc.fill_null(nothing, False), None, columns[name])
    yield table.make(
        {
            "start_time": pa.array(start, from_pandas=True),
            "src_ip": columns["src"],
            "src_port": table.without_icmp(columns["sport"], protocol),
            "dst_ip": columns["dst"],
            "dst_port": table.without_icmp(columns["dport"], protocol),
            "protocol": protocol,
            "bytes_out": columns["bytes_out"],
            "bytes_in": columns["bytes_in"],
            "packets_out": columns["packets_out"],
            "packets_in": columns["packets_in"],
            "state": pc.if_else(allowed, piece, "D").dictionary_encode(),
            "allowed": allowed,
            "outcome": pc.if_else(allowed, None, pa.scalar(outcome.REFUSED)),
        },
        np.array(lines, dtype=np.int64)[rows], opened.number, counts,
    )  # fmt: skip


def _protocol(written: str) -> str | None:
    return {"T": "tcp", "U": "udp"}.get(written.strip().upper()) or table.protocol_name(written)
