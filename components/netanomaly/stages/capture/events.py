"""Suricata's flow events as they are the same for the same capture, every time and whoever made it.

What depends on when a thread came round is left out (why a flow ended, the time of writing), flow ids, which are places
in memory, are made of the community id and the start, and events are in order of their start.
"""

import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import pyarrow as pa

from netanomaly.errors import OutsideError
from netanomaly.traffic.sorting import Room, Sorter

_SCHEMA = pa.schema([("line", pa.binary())])
_ROWS = 8192


class _Flow(msgspec.Struct, omit_defaults=True, gc=False):
    """Counts and times of a flow. Its reason, which is left out, differs from time to time."""

    pkts_toserver: int
    pkts_toclient: int
    bytes_toserver: int
    bytes_toclient: int
    start: str
    end: str
    age: int | None = None
    state: str | None = None


class _Tcp(msgspec.Struct, omit_defaults=True, gc=False):
    tcp_flags: str | None = None
    tcp_flags_ts: str | None = None
    tcp_flags_tc: str | None = None
    state: str | None = None


class _FlowCounts(msgspec.Struct):
    memcap: int = 0
    emerg_mode_entered: int = 0


class _DecoderCounts(msgspec.Struct):
    pkts: int = 0


class _Statistics(msgspec.Struct):
    decoder: _DecoderCounts
    flow: _FlowCounts


class _Event(msgspec.Struct, omit_defaults=True, gc=False):
    """A flow event, with what is kept of it in the order of writing."""

    event_type: str
    timestamp: str = ""
    flow_id: int = 0
    vlan: list[int] | None = None
    src_ip: str | None = None
    src_port: int | None = None
    dest_ip: str | None = None
    dest_port: int | None = None
    proto: str | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    app_proto: str | None = None
    flow: _Flow | None = None
    community_id: str | None = None
    tcp: _Tcp | None = None
    suricata_version: str | None = None
    stats: _Statistics | None = None


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
        self._decode, self._encode = msgspec.json.Decoder(_Event).decode, msgspec.json.Encoder().encode
        self.found = Flows()

    def add(self, path: Path) -> None:
        """The events of one file.

        Raises:
            OutsideError: It was cut off, or holds what Suricata does not write.
        """
        waiting: list[_Event] = []
        last = None
        try:
            with path.open("rb") as file:
                for line in file:
                    event = self._decode(line)
                    if event.flow is not None and event.event_type == "flow":
                        waiting.append(event)
                        if len(waiting) >= _ROWS:
                            self._sort(waiting)
                            waiting = []
                    elif event.stats is not None:
                        last = event.stats
            if last is not None:
                self.found.decoded += last.decoder.pkts
                self.found.starved += last.flow.memcap + last.flow.emerg_mode_entered
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise OutsideError("suricata's events were cut off, or are of a version that is not known") from None
        if waiting:
            self._sort(waiting)

    def write(self, out: BinaryIO) -> None:
        """All events in order, each a line. Once only."""
        for table in self._sorter.tables(_ROWS):
            for chunk in table.column("line").chunks:
                out.write(b"".join(line + b"\n" for line in chunk.to_pylist()))

    def _sort(self, events: list[_Event]) -> None:
        flows = [event.flow for event in events if event.flow is not None]
        self.found.flows += len(flows)
        self.found.packets += sum(flow.pkts_toserver + flow.pkts_toclient for flow in flows)
        for event, flow in zip(events, flows, strict=True):
            identity = f"{event.community_id} {flow.start} {event.vlan}"
            event.flow_id = int.from_bytes(blake2b(identity.encode(), digest_size=8).digest(), "big") >> 1
            event.timestamp, event.suricata_version = flow.end, self._version
        lines = [self._encode(event) for event in events]
        # Flows of one identity, if ever there were two, go by what else is in them.
        content = np.array([event.flow_id for event in events], dtype=np.uint64) >> np.uint64(31) << np.uint64(32)
        content |= np.fromiter(map(zlib.crc32, lines), dtype=np.uint64, count=len(lines))
        starts = np.array([flow.start[:26] for flow in flows], dtype="datetime64[us]").astype(np.int64)
        self._sorter.add(
            pa.RecordBatch.from_arrays([pa.array(lines, type=pa.binary())], schema=_SCHEMA), starts, content
        )
