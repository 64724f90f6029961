"""What columns are called: the words of a name, and the field's own. Loads nothing heavy."""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

QUANTITIES = frozenset({
    "bytes", "byte", "octets", "pkts", "packets", "packet", "length", "len", "size", "count", "duration", "dur", "rate",
    "port", "ttl",
})  # fmt: skip
"""Of such a quantity a negative value cannot be."""

MEASURED = QUANTITIES | frozenset({
    "bytes", "byte", "octets", "pkts", "pkt", "packets", "packet", "frames", "length", "len", "size", "count", "cnt",
    "duration", "dur", "rate", "port", "ttl", "flag", "flags", "state", "proto", "protocol", "service", "history", "win",
    "window", "iat", "jitter", "load", "mean", "std", "min", "max", "avg", "var", "tot", "total", "ratio", "seq", "ack",
    "syn", "fin", "rst", "psh", "urg", "header", "segment", "subflow", "bulk", "active", "idle", "method", "local", "orig",
    "resp", "src", "dst", "source", "destination", "sport", "dport", "srcport", "dstport", "sentbyte", "rcvdbyte", "fwd",
    "bwd", "direction", "tcp", "udp", "icmp", "dns", "http", "mqtt", "tls", "ssl", "version", "addr", "address", "ip", "host",
    "mac", "vlan", "tos", "dscp", "srv", "conn", "connection", "loss", "sbytes", "dbytes", "spkts", "dpkts", "sttl", "dttl",
})  # fmt: skip
"""Named so, a column is what sensors measure; attacks may well differ in it from all normal traffic of a small capture."""


def words(name: str) -> set[str]:
    """The words of a column's name: `src_bytes`, `Flow Bytes/s`, `TotBytes` each hold "bytes"."""
    return {word.lower() for word in _WORD.findall(name)}
