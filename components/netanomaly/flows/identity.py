"""What identifies a record, so that a row of a flow file or an alert is found again; none of it is ever a feature.

file, record     the source's file and the number of the record in it, from 1
time, src_ip, src_port, dst_ip, dst_port, protocol, uid     as far as the source has them, told by their names
"""

from collections.abc import Sequence

FILE, RECORD = "netanomaly:file", "netanomaly:record"
"""Columns of a flow file; no source's column is taken for one of them."""

RESERVED = "netanomaly:"

# Without case and punctuation: Zeek, Suricata, Argus, CICFlowMeter, UNSW-NB15, nfdump, cloud logs, NF-* data sets, and plain words.
_NAMES = {
    "src_ip": "srcip idorigh sourceip srcaddr saddr sourceaddress srcaddress srchost sourcehost sa pktsrcaddr connectionsrcip ipv4srcaddr ipv6srcaddr",
    "src_port": "srcport idorigp sourceport sport sp connectionsrcport l4srcport",
    "dst_ip": "dstip destip idresph destinationip dstaddr daddr destinationaddress dstaddress dsthost destinationhost da "
    "pktdstaddr connectiondestip ipv4dstaddr ipv6dstaddr",
    "dst_port": "dstport destport idrespp destinationport dport dsport dp connectiondestport l4dstport",
    "protocol": "proto protocol protocoltype pr connectionprotocol",
    "uid": "uid flowid communityid",
}


def likely(names: Sequence[str]) -> dict[str, str]:
    """The column of each part of the identity that a source has, told by their names."""
    plain = {"".join(filter(str.isalnum, name)).lower(): name for name in reversed(names)}
    found = {
        part: next((plain[name] for name in known.split() if name in plain), None) for part, known in _NAMES.items()
    }
    return {part: name for part, name in found.items() if name is not None}
