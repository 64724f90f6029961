"""Captures made up packet by packet, in each notation."""

import io
import struct
from dataclasses import dataclass
from ipaddress import ip_address

import numpy as np
from netanomaly.stages.capture import frames, packets

START = 1_700_000_000_000_000
ETHERNET, RAW, NULL, COOKED, COOKED_2, WIFI = 1, 101, 0, 113, 276, 127


@dataclass(frozen=True)
class Packet:
    """A packet on its link.

    Attributes:
        micros: When, in microseconds since 1970.
        data: As it was captured.
        length: Octets on the wire; 0: as many as there are.
    """

    micros: int
    data: bytes
    length: int = 0


def tcp(src: str, sport: int, dst: str, dport: int, flags: int, payload: bytes = b"") -> bytes:
    """An IP packet."""
    segment = struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 5 << 4, flags, 8192, 0, 0) + payload
    return ip(src, dst, 6, segment)


def udp(src: str, sport: int, dst: str, dport: int, payload: bytes = b"") -> bytes:
    return ip(src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload)


def ip(src: str, dst: str, protocol: int, segment: bytes) -> bytes:
    ends = ip_address(src).packed + ip_address(dst).packed
    if len(ends) == 32:
        return struct.pack(">IHBB", 6 << 28, len(segment), protocol, 64) + ends + segment
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, protocol, 0) + ends + segment


def ethernet(packet: bytes, *tags: int, padded: int = 0) -> bytes:
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    tagged = b"".join(b"\x81\x00" + struct.pack(">H", tag) for tag in tags)
    frame = bytes(range(12)) + tagged + kind + packet
    return frame + b"\xee" * (padded - len(frame))


def cooked(packet: bytes) -> bytes:
    return struct.pack(">HHH8s", 0, 1, 6, bytes(8)) + b"\x08\x00" + packet


def cooked_2(packet: bytes) -> bytes:
    return b"\x08\x00" + bytes(18) + packet


def null(packet: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}I", 2) + packet


def pcap(
    *seen: Packet, link: int = ETHERNET, order: str = "<", nanoseconds: bool = False, snaplen: int = 262_144
) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for packet in seen:
        second, micro = divmod(packet.micros, 1_000_000)
        kept = packet.data[:snaplen]
        part = micro * 1_000 if nanoseconds else micro
        parts.append(struct.pack(f"{order}IIII", second, part, len(kept), packet.length or len(packet.data)) + kept)
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = 12 + len(body)
    return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", length)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = ETHERNET, order: str = "<", options: bytes = b"", snaplen: int = 0) -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snaplen) + options, order)


def enhanced(packet: Packet, number: int = 0, order: str = "<", units_a_second: int = 1_000_000) -> bytes:
    units = packet.micros * units_a_second // 1_000_000
    head = struct.pack(
        f"{order}IIIII", number, units >> 32, units & 0xFFFFFFFF, len(packet.data), packet.length or len(packet.data)
    )
    return block(6, head + packet.data, order)


def pcapng(*seen: Packet, link: int = ETHERNET, order: str = "<") -> bytes:
    return section(order) + interface(link, order) + b"".join(enhanced(packet, order=order) for packet in seen)


class Stream(io.BytesIO):
    """What packets are read from; as few octets at a time as a test wants."""

    uri = "office.pcap"

    def __init__(self, data: bytes, at_once: int = 1 << 22) -> None:
        super().__init__(data)
        self._at_once = at_once

    def peek(self, size: int) -> bytes:
        return self.getbuffer()[self.tell() : self.tell() + size].tobytes()

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, self._at_once))


def read(data: bytes, at_once: int = 1 << 22) -> tuple[list[Packet], list[str]]:
    """The packets of a capture, and why it ended too early."""
    wrong: list[str] = []
    found = []
    for each in packets.read(Stream(data, at_once), wrong.append):
        for number in range(len(each)):
            begin = int(each.place[number])
            octets = each.octets[begin : begin + int(each.captured[number])].tobytes()
            found.append(Packet(int(each.micros[number]), octets, int(each.length[number])))
    return found, wrong


def framed(data: bytes) -> tuple[list[Packet], frames.Seen]:
    """What the flow meter is given of a capture."""
    seen = frames.Seen()
    made = [frames.HEADER]
    for each in packets.read(Stream(data), lambda why: None):
        frames.require_known(each, "office.pcap")
        made.append(frames.frames(each, seen))
    assert np.array(seen.packets) >= 1
    return read(b"".join(made))[0], seen


def ip_alone(packet: bytes) -> bytes:
    """An IPv4 packet without what follows it in its frame."""
    return packet[: struct.unpack(">H", packet[2:4])[0]]
