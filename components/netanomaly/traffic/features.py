"""What a detector learns from flows: features of each by itself, and beside the flows before it.

Never among them: addresses, points in time, uids, source ports, the sensor's name. They tell who and when, not how.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.traffic import keys, outcome, scope, table
from netanomaly.traffic.context import Context, Flows

Floats = npt.NDArray[np.float64]

# IANA's dynamic ports: whoever serves there chose at random.
_DYNAMIC = 49_152


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
_SAY_SERVICE = ("zeek", "suricata")
_SAY_ALLOWED = ("aws-vpc", "azure-vnet", "azure-nsg")


def names(sensor: str, *, context: bool) -> tuple[str, ...]:
    """The features of a sensor's flows that are used by default."""
    unsaid = {
        *([] if sensor in _SAY_SERVICE else ["service"]),
        *([] if sensor in _SAY_ALLOWED else ["allowed"]),
    }
    wanted = (*OF_A_FLOW, *(IN_CONTEXT if context else ()))
    return tuple(feature.name for feature in wanted if feature.name not in unsaid)


def flow_features(flows: pa.Table) -> dict[str, Any]:
    """Features of each flow by itself: doubles (NaN where not said), and dictionary arrays for categories."""
    numbers = {
        name: _doubles(flows.column(name))
        for name in ("duration_seconds", "bytes_out", "bytes_in", "packets_out", "packets_in")
    }
    out, back, duration = numbers["bytes_out"], numbers["bytes_in"], numbers["duration_seconds"]
    numbers["bytes_per_packet_out"] = _a_packet(out, numbers["packets_out"])
    numbers["bytes_per_packet_in"] = _a_packet(back, numbers["packets_in"])
    numbers["share_out"] = _ratio(out, out + back)
    numbers["bytes_per_second"] = _ratio(out + back, duration)
    src, dst = whole(flows, "src_ip"), whole(flows, "dst_ip")
    return {
        **numbers,
        "protocol": whole(flows, "protocol"),
        "served_port": served_port(whole(flows, "protocol"), whole(flows, "src_port"), whole(flows, "dst_port")),
        "service": whole(flows, "service"),
        "outcome": whole(flows, "outcome"),
        "allowed": table.words(whole(flows, "allowed").cast(pa.string()), {"true": "allowed", "false": "denied"}),
        "direction": scope.direction(src, dst),
    }


def context_features(flows: pa.Table, past: Context) -> dict[str, Floats]:
    """Features beside the flows before; the table is in order of the flows' end, and `past` learns it."""
    return past.features(seen(flows))


def seen(flows: pa.Table) -> Flows:
    """What the context looks at."""
    port = pc.fill_null(whole(flows, "dst_port"), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    became = whole(flows, "outcome")
    failed = np.array([*(word in outcome.FAILED for word in became.dictionary.to_pylist()), -1], dtype=np.int64)
    return Flows(
        end=end_of(flows),
        src=keys.of_texts(whole(flows, "src_ip")),
        dst=keys.of_texts(whole(flows, "dst_ip")),
        port=port,
        failed=failed[became.indices.fill_null(len(failed) - 1).to_numpy(zero_copy_only=False)],
        bytes_out=pc.fill_null(whole(flows, "bytes_out"), 0).to_numpy(zero_copy_only=False),
    )


def end_of(flows: pa.Table | pa.RecordBatch) -> npt.NDArray[np.int64]:
    """When each flow ended, in microseconds since 1970."""
    start, duration = _doubles(flows.column("start_time")), _doubles(flows.column("duration_seconds"))
    end: npt.NDArray[np.int64] = np.rint((start + np.nan_to_num(duration)) * 1e6).astype(np.int64)
    return end


def served_port(protocol: pa.DictionaryArray, src_port: pa.Array, dst_port: pa.Array) -> pa.DictionaryArray:
    """Destination ports as a category; of ICMP the type, which stands as the source port."""
    known = protocol.dictionary.to_pylist()
    kinds = np.array([*(2 if name in ("icmp", "ipv6-icmp") else 1 for name in known), 1])[
        protocol.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    ]
    port = pc.fill_null(dst_port, -1).to_numpy(zero_copy_only=False)
    kind = pc.fill_null(src_port, -1).to_numpy(zero_copy_only=False)
    # 0..49151 a port, 49152 a dynamic one, and above that a type of ICMP.
    codes = np.where(
        kinds == 2, np.where(kind < 0, -1, np.minimum(kind, 255) + _DYNAMIC + 1), np.minimum(port, _DYNAMIC)
    )
    distinct, places = np.unique(codes, return_inverse=True)
    written = [_port_word(code) for code in distinct.tolist()]
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype(np.int32), mask=codes < 0), pa.array(written, type=pa.string())
    )


def explained(name: str, value: float | str | None) -> str | None:
    """A feature's value in words; None where it is no feature of flows or its value is missing."""
    feature = EVERY.get(name)
    if feature is None or value is None:
        return None
    if isinstance(value, str) or ":.0%" in feature.words:
        return feature.words.format(value=value)
    return feature.words.format(value=f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}")


def whole(flows: pa.Table | pa.RecordBatch, name: str) -> Any:
    """A column in one piece."""
    column = flows.column(name)
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    joined = (
        column.unify_dictionaries().combine_chunks() if pa.types.is_dictionary(column.type) else column.combine_chunks()
    )
    return pa.concat_arrays(joined.chunks) if isinstance(joined, pa.ChunkedArray) else joined


def _port_word(code: int) -> str:
    if code < _DYNAMIC:
        return str(code)
    return "dynamic" if code == _DYNAMIC else f"type {code - _DYNAMIC - 1}"


def _doubles(column: Any) -> Floats:
    return (
        np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
        if isinstance(column, pa.ChunkedArray)
        else np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    )


def _a_packet(size: Floats, packets: Floats) -> Floats:
    return np.where(packets == 0, 0.0, _ratio(size, packets))


def _ratio(over: Floats, under: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(under > 0, over / under, np.nan)
