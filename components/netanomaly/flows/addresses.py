"""Which columns of a source name the two ends of a flow."""

import re
from collections.abc import Sequence
from ipaddress import ip_address

# Without case and punctuation: Zeek, Suricata, Argus, CICFlowMeter, UNSW-NB15, nfdump, and plain words.
_NAMES = frozenset({
    "idorigh", "idresph", "srcip", "dstip", "destip", "sourceip", "destinationip", "srcaddr", "dstaddr", "saddr", "daddr",
    "sourceaddress", "destinationaddress", "srcaddress", "dstaddress", "srchost", "dsthost", "sourcehost",
    "destinationhost", "sa", "da", "ipv4srcaddr", "ipv4dstaddr", "ipv6srcaddr", "ipv6dstaddr",
})  # fmt: skip

_ADDRESS = re.compile(
    r"(\d{1,3}\.){3}\d{1,3}|[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}(%\w+)?|([0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.I
)
_LOOKED_AT = 100


def is_one(text: str) -> bool:
    """Whether a text is the address of a host."""
    try:
        ip_address(text.strip())
    except ValueError:
        return False
    return True


def are(texts: Sequence[str]) -> bool:
    """Whether texts are addresses of hosts, by their shape: most of some of them."""
    some = texts[:: max(len(texts) // _LOOKED_AT, 1)]
    return bool(some) and 2 * sum(bool(_ADDRESS.fullmatch(text)) for text in some) > len(some)


def likely(names: Sequence[str]) -> tuple[str, ...]:
    """The columns that by their names hold addresses, in their order."""
    return tuple(name for name in names if "".join(filter(str.isalnum, name)).lower() in _NAMES)
