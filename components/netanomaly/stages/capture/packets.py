"""The packets of a capture, pcap or pcapng, block by block, whoever wrote it and however it ends.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html and draft-ietf-opsawg-pcapng-02.html.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from netanomaly.errors import DataError

Whole = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]

LARGEST_PACKET = 262_144
"""Octets; libpcap takes no larger ones."""

_READ_BYTES = 4 << 20
_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""Byte order, and how many nanoseconds the second part of a time counts in."""
_PCAPNG = b"\x0a\x0d\x0d\x0a"
MAGIC = (*_PCAP, _PCAPNG)

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_BYTE_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_LARGEST_BLOCK = 16 << 20
_TIME_RESOLUTION, _TIME_OFFSET = 9, 14
# A pcap has 32 bits for seconds.
_TIMES_END = (1 << 32) * 1_000_000


class NoPacketError(DataError):
    """A capture without a whole packet."""


class Bytes(Protocol):
    """What a capture is read from."""

    @property
    def uri(self) -> str: ...

    def peek(self, size: int, /) -> bytes: ...

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Packets:
    """Some packets in the order of their file.

    Attributes:
        octets: What they lie in.
        place: Where in it each begins.
        captured: Octets that were kept of each.
        length: Octets that it had on the wire.
        micros: When, in microseconds since 1970.
        link: The type of link of each, as tcpdump.org numbers them.
        plain: Whether the 16 octets before each are its head in a pcap of this machine's kind, with microseconds.
    """

    octets: Octets
    place: Whole
    captured: Whole
    length: Whole
    micros: Whole
    link: Whole
    plain: bool = False

    def __len__(self) -> int:
        return len(self.place)

    def slice(self, begin: int, end: int) -> "Packets":
        """Those from one number up to another."""
        part = slice(begin, end)
        return Packets(
            self.octets,
            self.place[part],
            self.captured[part],
            self.length[part],
            self.micros[part],
            self.link[part],
            self.plain,
        )


def read(stream: Bytes, ends: Callable[[str], None]) -> Iterator[Packets]:
    """The packets of a capture.

    Args:
        stream: The capture, decompressed.
        ends: Told why, where it ends before its end: what is whole is read.

    Raises:
        DataError: It is no capture.
        NoPacketError: Its first packet cannot be read.
    """
    magic = stream.peek(4)
    if magic in _PCAP:
        found = _pcap(stream, ends, *_PCAP[magic])
    elif magic == _PCAPNG:
        found = _pcapng(stream, ends)
    else:
        raise DataError(f"{stream.uri} is no capture of packets (pcap or pcapng)")
    any_read = False
    for packets in found:
        any_read = any_read or len(packets) > 0
        if len(packets):
            yield packets
    if not any_read:
        raise NoPacketError(f"{stream.uri} is a capture without a whole packet; look whether it was copied to its end")


def _pcap(stream: Bytes, ends: Callable[[str], None], order: str, nanoseconds: int) -> Iterator[Packets]:
    header = stream.read(24)
    if len(header) < 24:
        return
    # The upper bits tell of frame check sequences, which are cut off with whatever follows a packet.
    link = struct.unpack(f"{order}I", header[20:24])[0] & 0xFFFF
    data, number = b"", 0
    while more := stream.read(_READ_BYTES):
        data = data + more if data else more
        places, rest = _records(data, order)
        # Four fields of four octets before each packet, wherever it begins.
        heads = np.ndarray((max(len(data) - 15, 0), 4), f"{order}u4", data, strides=(1, 4))
        fields = heads[places].astype(np.int64)
        large = np.flatnonzero(fields[:, 2] > LARGEST_PACKET)
        if damaged := len(large) > 0:
            places, fields = places[: large[0]], fields[: large[0]]
        elif len(places) and places[-1] + 16 + fields[-1, 2] > len(data):
            rest = int(places[-1])
            places, fields = places[:-1], fields[:-1]
        if len(places):
            yield Packets(
                np.frombuffer(data, dtype=np.uint8),
                places + 16,
                fields[:, 2],
                fields[:, 3],
                fields[:, 0] * 1_000_000 + fields[:, 1] * nanoseconds // 1_000,
                np.full(len(places), link, dtype=np.int64),
                plain=order == "<" and nanoseconds == 1_000,
            )
            number += len(places)
        if damaged:
            ends(f"is damaged after {number:,} packets, which are used")
            return
        data = data[rest:]
    if data:
        ends(f"ends in the middle of a packet; the {number:,} before it are used")


def _records(data: bytes, order: str) -> tuple[Whole, int]:
    """Where records with a whole head begin, as each says where the next one does, and where that of no whole head would.

    The last packet may go past the end of the data, and any may be larger than packets are.
    """
    places: list[int] = []
    add, captured_at = places.append, struct.Struct(f"{order}I").unpack_from
    place, last = 8, len(data) - 8
    while place <= last:
        add(place)
        place += captured_at(data, place)[0] + 16
    return np.array(places, dtype=np.int64) - 8, place - 8


@dataclass(frozen=True)
class _Interface:
    link: int
    snaplen: int
    seconds: int
    """Added to its times."""
    units: int
    """Of its times in a second."""


def _pcapng(stream: Bytes, ends: Callable[[str], None]) -> Iterator[Packets]:
    data, number, order, last = b"", 0, "<", 0
    interfaces: list[_Interface] = []
    while more := stream.read(_READ_BYTES):
        data += more
        place, size = 0, len(data)
        rows: list[tuple[int, int, int, int, int]] = []
        damaged = False
        while place + 12 <= size:
            kind, length = struct.unpack_from(f"{order}II", data, place)
            if data[place : place + 4] == _PCAPNG:
                if data[place + 8 : place + 12] not in _BYTE_ORDER:
                    damaged = True
                    break
                order = _BYTE_ORDER[data[place + 8 : place + 12]]
                (length,) = struct.unpack_from(f"{order}I", data, place + 4)
                kind = _SECTION
            if length < 12 or length % 4 or length > _LARGEST_BLOCK:
                damaged = True
                break
            if place + length > size:
                break
            if kind == _SECTION:
                interfaces = []
            elif kind == _INTERFACE and length >= 20:
                interfaces.append(_interface(data[place + 8 : place + length - 4], order))
            elif kind in (_PACKET, _OLD_PACKET, _SIMPLE_PACKET):
                row = _packet(kind, data, place, length, order, interfaces, last)
                if row is None:
                    damaged = True
                    break
                last = row[3]
                rows.append(row)
            place += length
        if rows:
            columns = np.array(rows, dtype=np.int64)
            place_of, captured, length_of, micros, link = columns.T
            yield Packets(np.frombuffer(data, dtype=np.uint8), place_of, captured, length_of, micros, link)
            number += len(rows)
        data = data[place:]
        if damaged:
            ends(f"is damaged after {number:,} packets, which are used")
            return
    if data:
        ends(f"ends in the middle of a packet; the {number:,} before it are used")


def _interface(body: bytes, order: str) -> _Interface:
    link, _, snaplen = struct.unpack_from(f"{order}HHI", body)
    units, seconds, place = 1_000_000, 0, 8
    while place + 4 <= len(body):
        option, length = struct.unpack_from(f"{order}HH", body, place)
        value = body[place + 4 : place + 4 + length]
        if option == 0:
            break
        if option == _TIME_RESOLUTION and length == 1:
            units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** min(value[0], 18)
        if option == _TIME_OFFSET and length == 8 and len(value) == 8:
            (seconds,) = struct.unpack(f"{order}q", value)
        place += 4 + length + -length % 4
    return _Interface(link, snaplen, seconds, units)


def _packet(
    kind: int, data: bytes, place: int, length: int, order: str, interfaces: list[_Interface], last: int
) -> tuple[int, int, int, int, int] | None:
    """Where it lies, octets kept and on the wire, its time and its link; None where it contradicts its block."""
    if kind == _SIMPLE_PACKET:
        if not interfaces:
            return None
        found = interfaces[0]
        (whole,) = struct.unpack_from(f"{order}I", data, place + 8)
        # It has no time: it came after the one before.
        captured, begin, micros = min(whole, found.snaplen or whole, length - 16), place + 12, last
    else:
        if length < 32:
            return None
        if kind == _PACKET:
            number, high, low, captured, whole = struct.unpack_from(f"{order}IIIII", data, place + 8)
        else:
            number, _, high, low, captured, whole = struct.unpack_from(f"{order}HHIIII", data, place + 8)
        if number >= len(interfaces):
            return None
        found, begin = interfaces[number], place + 28
        units = (high << 32) | low
        micros = (found.seconds * found.units + units) * 1_000_000 // found.units
    if begin + captured > place + length - 4 or captured > LARGEST_PACKET or not 0 <= micros < _TIMES_END:
        return None
    return begin, captured, whole, micros, found.link
