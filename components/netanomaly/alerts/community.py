"""Community ID v1: one name for a flow, the same in Zeek, Suricata, Elastic and others.

https://github.com/corelight/community-id-spec
"""

import base64
import hashlib
import ipaddress
import struct
from functools import lru_cache

_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "icmp6": 58, "sctp": 132}
_KEEP_ICMP = ("zeek", "suricata")
# Of ICMP's types those that are answered by another; all else is one way.
_COUNTERPARTS = {
    1: {0: 8, 8: 0, 13: 14, 14: 13, 15: 16, 16: 15, 10: 9, 9: 10, 17: 18, 18: 17},
    58: {
        128: 129,
        129: 128,
        133: 134,
        134: 133,
        135: 136,
        136: 135,
        130: 131,
        131: 130,
        139: 140,
        140: 139,
        144: 145,
        145: 144,
    },
}


def port_number(text: str | None) -> int | None:
    """A port as its number; None where the text is none: other scripts have digits, too, and texts have no end."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= _PORT_DIGITS):
        return None
    return int(text)


_PORT_DIGITS = 5


def is_address(text: str | None) -> bool:
    """Whether it is an IP address, and no name."""
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True


def community_id(src_ip: str, src_port: int, dst_ip: str, dst_port: int, protocol: str, sensor: str = "") -> str | None:
    """`1:` and a base64 digest of both ends and the protocol, whichever end began.

    None where the ends are no addresses, or of a protocol that has none. Of ICMP, which is named by type and code in place
    of ports, only where the sensor keeps both.

    Args:
        src_port: Of ICMP the type.
        dst_port: Of ICMP the code.
        sensor: The kind that recorded the flow, whose own logs are to be found by the id.
    """
    number = _PROTOCOLS.get(protocol.lower())
    if number is None or (number in _COUNTERPARTS and sensor not in _KEEP_ICMP):
        return None
    one_way = False
    if number in _COUNTERPARTS:
        answer = _COUNTERPARTS[number].get(src_port)
        one_way, dst_port = answer is None, dst_port if answer is None else answer
    try:
        one, other = _packed(src_ip), _packed(dst_ip)
        first, second = (one, struct.pack("!H", src_port)), (other, struct.pack("!H", dst_port))
    except (ValueError, struct.error):
        return None
    # Suricata 7 compares the ports of a host's flows to itself as its processor has them.
    reverse = sensor == "suricata" and one == other
    if not one_way and (first[0], first[1][::-1] if reverse else first[1]) > (
        second[0],
        second[1][::-1] if reverse else second[1],
    ):
        first, second = second, first
    named = struct.pack("!H", 0) + first[0] + second[0] + struct.pack("!BB", number, 0) + first[1] + second[1]
    return f"1:{base64.b64encode(hashlib.sha1(named, usedforsecurity=False).digest()).decode()}"


@lru_cache(maxsize=1 << 12)
def _packed(address: str) -> bytes:
    """The bytes of an address: the samples of an incident are of few hosts."""
    return ipaddress.ip_address(address).packed
