"""Community ID v1: one name for a flow, the same in Zeek, Suricata, Elastic and others.

https://github.com/corelight/community-id-spec
"""

import base64
import hashlib
import ipaddress
import struct

_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "icmp6": 58, "sctp": 132}
_WITH_PORTS = frozenset({6, 17, 132})


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


def community_id(src_ip: str, src_port: int, dst_ip: str, dst_port: int, protocol: str) -> str | None:
    """`1:` and a base64 digest of both ends and the protocol, whichever end began.

    None where the ends are no addresses, or of a protocol without ports as TCP has them: the types and codes by which
    ICMP is named are not kept by all sensors.
    """
    number = _PROTOCOLS.get(protocol.lower())
    if number not in _WITH_PORTS:
        return None
    try:
        one, other = ipaddress.ip_address(src_ip).packed, ipaddress.ip_address(dst_ip).packed
        first, second = (one, struct.pack("!H", src_port)), (other, struct.pack("!H", dst_port))
    except (ValueError, struct.error):
        return None
    (low, low_port), (high, high_port) = sorted([first, second])
    named = struct.pack("!H", 0) + low + high + struct.pack("!BB", number, 0) + low_port + high_port
    return f"1:{base64.b64encode(hashlib.sha1(named, usedforsecurity=False).digest()).decode()}"
