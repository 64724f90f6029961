"""Suricata's flow events as they are the same for the same capture, every time and whoever made it.

What depends on when a thread came round is left out (why a flow ended, the time of writing), flow ids, which are places
in memory, are made of the community id and the start, and events are in order of their start.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa

from netanomaly.errors import OutsideError
from netanomaly.traffic.sorting import Room, Sorter

_DECODER, _ENCODER = msgspec.json.Decoder(dict[str, Any]), msgspec.json.Encoder()
_SCHEMA = pa.schema([("line", pa.binary())])
_ROWS = 8192
_ENDS = ("src_ip", "src_port", "dest_ip", "dest_port", "proto", "icmp_type", "icmp_code")
_FLOW = (
    *("pkts_toserver", "pkts_toclient", "bytes_toserver", "bytes_toclient"),
    *("start", "end", "age", "state", "alerted"),
)
_TCP = ("tcp_flags", "tcp_flags_ts", "tcp_flags_tc", "state")


@dataclass
class Flows:
    """What was found in events.

    Attributes:
        flows: How many there were.
        packets: Packets in them.
        decoded: Packets that Suricata had from us.
        starved: How often it lacked memory for a flow.
    """

    flows: int = 0
    packets: int = 0
    decoded: int = 0
    starved: int = 0


class Events:
    """Takes what several Suricatas wrote, and writes it as one."""

    def __init__(self, version: str, scratch: Path | None) -> None:
        self._version = version
        self._sorter = Sorter(_SCHEMA, Room(scratch=scratch))
        self.found = Flows()

    def add(self, path: Path) -> None:
        """The events of one file.

        Raises:
            OutsideError: It was cut off, or holds what Suricata does not write.
        """
        lines: list[bytes] = []
        starts: list[int] = []
        last = 0
        with path.open("rb") as file:
            for line in file:
                try:
                    event = _DECODER.decode(line)
                except msgspec.DecodeError:
                    raise OutsideError("suricata's events were cut off; is the disk full?") from None
                if event.get("event_type") == "flow":
                    start, made = self._flow(event)
                    lines.append(made)
                    starts.append(start)
                    if len(lines) >= _ROWS:
                        self._sort(lines, starts)
                        lines, starts = [], []
                elif event.get("event_type") == "stats":
                    last = self._statistics(event["stats"])
        self.found.decoded += last
        self._sort(lines, starts)

    def write(self, out: BinaryIO) -> None:
        """All events in order, each a line. Once only."""
        for table in self._sorter.tables(_ROWS):
            for line in table.column("line"):
                out.write(line.as_py())

    def _flow(self, event: dict[str, Any]) -> tuple[int, bytes]:
        flow = event["flow"]
        self.found.flows += 1
        self.found.packets += flow["pkts_toserver"] + flow["pkts_toclient"]
        known = {name: event[name] for name in _ENDS if name in event}
        identity = _ENCODER.encode([event.get("community_id"), flow["start"], event.get("vlan"), known])
        made = {
            "timestamp": flow["end"],
            "flow_id": int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest(), "big") >> 1,
            "event_type": "flow",
            **({"vlan": event["vlan"]} if "vlan" in event else {}),
            **known,
            **({"app_proto": event["app_proto"]} if "app_proto" in event else {}),
            "flow": {name: flow[name] for name in _FLOW if name in flow},
            "community_id": event.get("community_id"),
            **({"tcp": {name: event["tcp"][name] for name in _TCP if name in event["tcp"]}} if "tcp" in event else {}),
            "suricata_version": self._version,
        }
        start = datetime.fromisoformat(flow["start"])
        return round(start.timestamp() * 1e6), _ENCODER.encode(made) + b"\n"

    def _statistics(self, counts: dict[str, Any]) -> int:
        flow = counts.get("flow", {})
        self.found.starved += int(flow.get("memcap", 0)) + int(flow.get("emerg_mode_entered", 0))
        return int(counts.get("decoder", {}).get("pkts", 0))

    def _sort(self, lines: list[bytes], starts: list[int]) -> None:
        if not lines:
            return
        content = [int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "big") for line in lines]
        self._sorter.add(
            pa.RecordBatch.from_arrays([pa.array(lines, type=pa.binary())], schema=_SCHEMA),
            np.array(starts, dtype=np.int64),
            np.array(content, dtype=np.uint64),
        )
