"""The features of flows by name: units, meanings, and the words in which an alert is explained. Loads no numeric library.

Never among them: addresses, points in time, uids, source ports, the sensor's name. They tell who and when, not how.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: In flow files and models.
        unit: Of its numbers; empty for a category or a share.
        meaning: What it is, in one sentence; the formula where it is not plain.
        words: For explanations: `{value}` flows in 2 minutes.
        category: Whether it is one.
    """

    name: str
    unit: str
    meaning: str
    words: str
    category: bool = False


OF_A_FLOW = (
    Feature("duration_seconds", "s", "last packet less first", "lasted {value} s"),
    Feature("bytes_out", "bytes", "IP bytes from the originator", "{value} bytes sent"),
    Feature("bytes_in", "bytes", "IP bytes back", "{value} bytes received"),
    Feature("packets_out", "packets", "from the originator", "{value} packets sent"),
    Feature("packets_in", "packets", "back", "{value} packets received"),
    Feature("bytes_per_packet_out", "bytes", "bytes_out / packets_out, 0 without packets", "{value} bytes a packet sent"),
    Feature("bytes_per_packet_in", "bytes", "bytes_in / packets_in, 0 without packets", "{value} bytes a packet received"),
    Feature("share_out", "", "bytes_out / (bytes_out + bytes_in)", "{value:.0%} of the bytes sent"),
    Feature("bytes_per_second", "bytes/s", "(bytes_out + bytes_in) / duration_seconds, where it lasted", "{value} bytes a second"),
    Feature("protocol", "", "IANA keyword", "over {value}", category=True),
    Feature("served_port", "", "destination port; `dynamic` from 49152 on; of ICMP its type", "to port {value}", category=True),
    Feature("service", "", "application protocol that the sensor found", "speaking {value}", category=True),
    Feature("outcome", "", "unanswered, half_open, refused, established, closed, reset, other", "{value}", category=True),
    Feature("allowed", "", "allowed or denied, where the sensor is a filter", "{value}", category=True),
    Feature("direction", "", "scope of the source to scope of the destination", "from {value}", category=True),
)  # fmt: skip
IN_CONTEXT = (
    Feature("src_flows_120s", "flows", "flows of the source in the 120 s before", "{value} flows of the source in 2 minutes"),
    Feature("src_destinations_120s", "hosts", "distinct destinations of those", "to {value} hosts in 2 minutes"),
    Feature("src_ports_120s", "ports", "distinct destination ports of those", "to {value} ports in 2 minutes"),
    Feature("src_ports_to_dst_120s", "ports", "distinct ports of those to this destination", "to {value} ports of this host in 2 minutes"),
    Feature("src_failed_share_120s", "", "share of those unanswered, half open or refused", "{value:.0%} of its flows failed in 2 minutes"),
    Feature("src_bytes_out_120s", "bytes", "bytes_out of those together", "{value} bytes sent in 2 minutes"),
    Feature("dst_flows_120s", "flows", "flows to the destination in the 120 s before", "{value} flows to the destination in 2 minutes"),
    Feature("dst_sources_120s", "hosts", "distinct sources of those", "from {value} hosts in 2 minutes"),
    Feature("src_destinations_100", "hosts", "distinct destinations of the source's last 100 flows, an hour back at most", "to {value} hosts with its last 100 flows"),
    Feature("src_ports_100", "ports", "distinct destination ports of those", "to {value} ports with its last 100 flows"),
    Feature("src_ports_to_dst_100", "ports", "distinct ports of those to this destination", "to {value} ports of this host with its last 100 flows"),
    Feature("src_failed_share_100", "", "share of those unanswered, half open or refused", "{value:.0%} of its last 100 flows failed"),
    Feature("pair_gap_seconds", "s", "since the last flow between these two, a day back at most", "{value} s after the last flow between these two"),
    Feature("pair_gap_change", "", "|gap - gap before| / the longer of both; 0 is a beacon", "gaps between these two changed by {value:.0%}"),
    Feature("src_gap_seconds", "s", "since the source's last flow, a day back at most", "{value} s after the source's last flow"),
    Feature("src_port_gap_seconds", "s", "since the source last went to that port, a day back at most", "{value} s after the source last went to that port"),
)  # fmt: skip
CONTEXT_NAMES = frozenset(feature.name for feature in IN_CONTEXT)
EVERY = {feature.name: feature for feature in (*OF_A_FLOW, *IN_CONTEXT)}


# What a sensor never says would be a constant.
SAY_SERVICE = ("zeek", "suricata")
SAY_ALLOWED = ("aws-vpc", "azure-vnet")


def names(sensor: str, *, context: bool) -> tuple[str, ...]:
    """The features of a sensor's flows that are used by default."""
    unsaid = {
        *([] if sensor in SAY_SERVICE else ["service"]),
        *([] if sensor in SAY_ALLOWED else ["allowed"]),
    }
    wanted = (*OF_A_FLOW, *(IN_CONTEXT if context else ()))
    return tuple(feature.name for feature in wanted if feature.name not in unsaid)


def explained(name: str, value: float | str | None) -> str | None:
    """A feature's value in words; None where it is no feature of flows or its value is missing."""
    feature = EVERY.get(name)
    if feature is None or value is None:
        return None
    if isinstance(value, str) or ":.0%" in feature.words:
        return feature.words.format(value=value)
    return feature.words.format(value=f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}")


def in_short(values: Mapping[str, float | None]) -> str:
    """A flow beside those before it, in one phrase: `340 flows in 2 minutes to 212 hosts`. Empty where nothing is known.

    Args:
        values: Numbers of the flow's features, by name.
    """
    flows, hosts, ports = (
        values.get(name) for name in ("src_flows_120s", "src_destinations_120s", "src_ports_to_dst_120s")
    )
    if not flows:
        return ""
    said = f"{flows:,.0f} flow{'s' * (flows != 1)} in 2 minutes"
    if hosts and hosts > 1:
        return f"{said} to {hosts:,.0f} hosts"
    return f"{said} to {ports:,.0f} ports of this host" if ports and ports > 1 else said
