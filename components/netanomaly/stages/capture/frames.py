"""Packets of any link as Ethernet frames of exactly their IP packet, in one pcap: what the flow meter is given.

So the meter's bytes less 14 a packet are IP bytes, whatever the link was, padded or not, cut by a snap length or not; and
captures of different links make one stream.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from netanomaly.errors import DataError
from netanomaly.stages.capture.packets import LARGEST_PACKET, Octets, Packets, Whole

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LARGEST_PACKET, 1)
"""Of a pcap of Ethernet frames with times in microseconds."""

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
_ETHERNET = 14
# Where a link's header has the protocol, and how long the header is. https://www.tcpdump.org/linktypes.html
_PROTOCOL_AT = {1: (12, 14), 104: (2, 4), 113: (14, 16), 276: (0, 20)}
# Those that begin with the packet, or with four octets that tell a family which differs by system.
_BARE = {12: 0, 14: 0, 101: 0, 228: 0, 229: 0, 0: 4, 108: 4}
_KNOWN = {*_PROTOCOL_AT, *_BARE}
_NAMES = {
    9: "PPP", 105: "IEEE 802.11", 127: "IEEE 802.11 with radiotap", 147: "one of a user's own", 187: "Bluetooth HCI",
    189: "USB of Linux", 195: "IEEE 802.15.4", 220: "USB of Linux", 249: "USBPcap", 192: "PPI", 119: "IEEE 802.11 with Prism",
    239: "netfilter log", 253: "netlink", 201: "Bluetooth HCI", 50: "PPP",
}  # fmt: skip


@dataclass
class Seen:
    """What was found in the packets so far.

    Attributes:
        packets: How many there were.
        cut: How many the snap length had cut.
        tagged: How many had a VLAN tag.
        micros: The first and last time.
    """

    packets: int = 0
    cut: int = 0
    tagged: int = 0
    micros: tuple[int, int] = (1 << 62, -1)
    links: set[int] = field(default_factory=set)


def require_known(packets: Packets, uri: str) -> None:
    """Raise DataError where a link cannot be turned into frames."""
    for link in np.unique(packets.link).tolist():
        if link not in _KNOWN:
            name = f" ({_NAMES[link]})" if link in _NAMES else ""
            raise DataError(
                f"{uri} was captured on a link of type {link}{name}, of which no flows can be made; capture where there is "
                "Ethernet or IP, on a gateway or a mirror port"
            )


def frames(packets: Packets, seen: Seen) -> bytes:
    """The packets as records of a pcap that begins with `HEADER`, as many and in the same order.

    What follows the IP packet (padding, check sequences) is left out; what a snap length cut off is zeros.
    """
    data = packets.octets
    header, protocol = _links(packets)
    tagged = _tags(data, packets, header, protocol)
    wanted = header + _packet_length(data, packets, header, protocol)
    # Large sends that the card is to cut have no length; other protocols are as they are.
    wanted = np.where(wanted > header, wanted, packets.length)
    wanted = np.clip(wanted, np.minimum(packets.captured, wanted), np.maximum(packets.length, packets.captured))
    wanted = np.minimum(wanted, LARGEST_PACKET - _ETHERNET)
    kept = np.minimum(packets.captured, wanted)
    cut = packets.captured < packets.length
    seen.packets += len(packets)
    seen.cut += int(cut.sum())
    seen.tagged += int(tagged.sum())
    seen.links |= set(np.unique(packets.link).tolist())
    seen.micros = (
        min(seen.micros[0], int(packets.micros.min())),
        max(seen.micros[1], int(packets.micros.max())),
    )
    return _written(packets, header, protocol, kept, wanted)


def _links(packets: Packets) -> tuple[Whole, Whole]:
    """How long the link's header is, and which protocol it says; 0 where it has no room."""
    data = packets.octets
    header, protocol = np.zeros((2, len(packets)), dtype=np.int64)
    for link in np.unique(packets.link).tolist():
        of = packets.link == link
        if link in _PROTOCOL_AT:
            at, length = _PROTOCOL_AT[link]
            protocol[of] = _two(data, packets.place[of] + at, packets.captured[of] >= length)
        else:
            length = _BARE[link]
            first = _one(data, packets.place[of] + length, packets.captured[of] > length) >> 4
            protocol[of] = np.where(first == 4, _IPV4, np.where(first == 6, _IPV6, 0))
        header[of] = length
    return header, protocol


def _tags(data: Octets, packets: Packets, header: Whole, protocol: Whole) -> npt.NDArray[np.bool_]:
    """Go past the VLAN tags of Ethernet, at most two, in place; which packets have any."""
    tagged = np.zeros(len(packets), dtype=bool)
    for _ in range(2):
        of = np.flatnonzero(np.isin(protocol, _VLAN_TAGS) & (packets.link == 1))
        if not len(of):
            break
        tagged[of] = True
        inside = _two(data, packets.place[of] + header[of] + 2, packets.captured[of] >= header[of] + 4)
        header[of] += 4
        protocol[of] = inside
    return tagged


def _packet_length(data: Octets, packets: Packets, header: Whole, protocol: Whole) -> Whole:
    """Of the IP packet, as it says itself; 0 where it says nothing."""
    begin, room = packets.place + header, packets.captured - header
    four = _two(data, begin + 2, (protocol == _IPV4) & (room >= 20))
    six = _two(data, begin + 4, (protocol == _IPV6) & (room >= 40))
    return np.where(protocol == _IPV4, four, np.where(six > 0, six + 40, 0))


def _written(packets: Packets, header: Whole, protocol: Whole, kept: Whole, wanted: Whole) -> bytes:
    other = packets.link != 1
    # Of another link, its own header makes room for one of Ethernet.
    own = np.where(other, header, 0)
    size, whole = np.maximum(kept - own, 0), np.maximum(wanted - own, 0)
    heads = np.empty((len(packets), 4), dtype="<u4")
    heads[:, 0], heads[:, 1] = packets.micros // 1_000_000, packets.micros % 1_000_000
    heads[:, 2] = heads[:, 3] = np.where(other, whole + _ETHERNET, whole)
    begin, end = packets.place + own, packets.place + own + size
    # Records that stand as they are to be, but for how long they are and what follows them, are copied together.
    new = ~(packets.plain & ~other & (whole == size))
    shorter = ~new & ((size < packets.captured) | (packets.length != size))
    octets = packets.octets
    if shorter.any():
        octets = octets.copy()
        octets[(packets.place[shorter] - 8)[:, None] + np.arange(8)] = heads[shorter, 2:].view(np.uint8)
    stops = np.flatnonzero(new | (size < packets.captured))
    before, data, number = heads.tobytes(), octets.data, 0
    parts: list[bytes | memoryview] = []
    add = parts.append
    for stop, is_new, kind, first, last, zeros, run in zip(
        stops.tolist(),
        new[stops].tolist(),
        np.where(other, protocol, -1)[stops].tolist(),
        begin[stops].tolist(),
        end[stops].tolist(),
        (whole - size)[stops].tolist(),
        (packets.place[np.append(0, stops + 1)[:-1]] - 16).tolist(),
        strict=True,
    ):
        if not is_new:
            add(data[run:last])
        else:
            if number < stop:
                add(data[run : int(end[stop - 1])])
            add(before[16 * stop : 16 * stop + 16])
            if kind >= 0:
                add(bytes(12) + kind.to_bytes(2, "big"))
            add(data[first:last])
            if zeros:
                add(bytes(zeros))
        number = stop + 1
    if number < len(packets):
        add(data[int(packets.place[number]) - 16 : int(end[-1])])
    return b"".join(parts)


def _one(data: Octets, place: Whole, there: npt.NDArray[np.bool_]) -> Whole:
    return _octets(data, place, there, 1)


def _two(data: Octets, place: Whole, there: npt.NDArray[np.bool_]) -> Whole:
    return _octets(data, place, there, 2)


def _octets(data: Octets, place: Whole, there: npt.NDArray[np.bool_], count: int) -> Whole:
    """A number of so many octets at each place; 0 where it is not there."""
    found = np.zeros(len(place), dtype=np.int64)
    where = place[there]
    value = np.zeros(len(where), dtype=np.int64)
    for each in range(count):
        value = (value << 8) | data[where + each]
    found[there] = value
    return found
