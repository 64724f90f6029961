"""Which columns of a source name the two ends of a flow."""

from collections.abc import Sequence

# Without case and punctuation: Zeek, Suricata, Argus, CICFlowMeter, UNSW-NB15, nfdump, and plain words.
_NAMES = frozenset({
    "idorigh", "idresph", "srcip", "dstip", "destip", "sourceip", "destinationip", "srcaddr", "dstaddr", "saddr", "daddr",
    "sourceaddress", "destinationaddress", "srcaddress", "dstaddress", "srchost", "dsthost", "sourcehost",
    "destinationhost", "sa", "da",
})  # fmt: skip


def likely(names: Sequence[str]) -> tuple[str, ...]:
    """The columns that by their names hold addresses, in their order."""
    return tuple(name for name in names if "".join(filter(str.isalnum, name)).lower() in _NAMES)
