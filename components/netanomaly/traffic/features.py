"""What a detector learns from flows: features of each by itself, and beside the flows before it.

`netanomaly.traffic.feature_list` says what each is.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.traffic import keys, outcome, scope, small_numbers, table
from netanomaly.traffic.context import Flows, Past

Floats = npt.NDArray[np.float64]

# IANA's dynamic ports: whoever serves there chose at random.
_DYNAMIC = 49_152


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


def context_features(flows: pa.Table, past: Past) -> dict[str, Floats]:
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
    distinct, places = small_numbers.distinct(codes, _DYNAMIC + 1 + 256)
    written = [_port_word(code) for code in distinct.tolist()]
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype(np.int32), mask=codes < 0), pa.array(written, type=pa.string())
    )


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
        np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
        if isinstance(column, pa.ChunkedArray)
        else np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    )


def _a_packet(size: Floats, packets: Floats) -> Floats:
    return np.where(packets == 0, 0.0, _ratio(size, packets))


def _ratio(over: Floats, under: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(under > 0, over / under, np.nan)
