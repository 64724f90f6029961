"""Suricata's flow events as they are the same for the same capture, every time and whoever made it.

What depends on when a thread came round is left out (why a flow ended, the time of writing), flow ids, which are places
in memory, are made of the community id and the start, and events are in order of their start.
"""

import zlib
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.errors import OutsideError
from netanomaly.traffic.sorting import Room, Sorter

_SCHEMA = pa.schema([("line", pa.binary())])
_ROWS = 8192
_READ_BYTES = 1 << 20
_LINE_END = ord("\n")


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
        self._decode, self._encode = msgspec.json.Decoder(_Event).decode_lines, msgspec.json.Encoder().encode_lines
        self.found = Flows()

    def add(self, path: Path) -> None:
        """The events of one file.

        Raises:
            OutsideError: It was cut off, or holds what Suricata does not write.
        """
        last = None
        try:
            with path.open("rb") as file:
                # The end of a line that a block begins is read with it.
                while block := file.read(_READ_BYTES) + file.readline():
                    events = self._decode(block)
                    self._sort([event for event in events if event.flow is not None and event.event_type == "flow"])
                    last = next((event.stats for event in reversed(events) if event.stats is not None), last)
            if last is not None:
                self.found.decoded += last.decoder.pkts
                self.found.starved += last.flow.memcap + last.flow.emerg_mode_entered
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise OutsideError("suricata's events were cut off, or are of a version that is not known") from None

    def write(self, out: BinaryIO) -> None:
        """All events in order, each a line. Once only."""
        for table in self._sorter.tables(_ROWS):
            for chunk in table.column("line").chunks:
                _, offsets, text = chunk.buffers()
                ends = np.frombuffer(offsets, dtype=np.int32)
                out.write(memoryview(text)[ends[chunk.offset] : ends[chunk.offset + len(chunk)]])

    def _sort(self, events: list[_Event]) -> None:
        if not events:
            return
        flows = [event.flow for event in events if event.flow is not None]
        self.found.flows += len(flows)
        self.found.packets += sum([flow.pkts_toserver + flow.pkts_toclient for flow in flows])
        identities = _identities(
            [f"{event.community_id} {flow.start} {event.vlan}" for event, flow in zip(events, flows, strict=True)]
        )
        version = self._version
        for event, flow, identity in zip(events, flows, identities.tolist(), strict=True):
            event.flow_id, event.timestamp, event.suricata_version = identity, flow.end, version
        text = self._encode(events)
        ends = np.append(0, np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _LINE_END) + 1).astype(np.int32)
        # Flows of one identity, if ever there were two, go by what else is in them.
        content = identities >> np.uint64(31) << np.uint64(32)
        places, octets = ends.tolist(), memoryview(text)
        content |= np.array([zlib.crc32(octets[begin:end]) for begin, end in pairwise(places)], dtype=np.uint64)
        lines = pa.Array.from_buffers(pa.binary(), len(events), [None, pa.py_buffer(ends), pa.py_buffer(text)])
        starts = pa.array([flow.start for flow in flows]).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        self._sorter.add(pa.RecordBatch.from_arrays([lines], schema=_SCHEMA), starts, content)


def _identities(texts: list[str]) -> npt.NDArray[np.uint64]:
    """A number of 63 bits for each text."""
    digests = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64) >> np.uint64(1)
