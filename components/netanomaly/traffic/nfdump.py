"""What nfdump prints of NetFlow and IPFIX: CSV old and new, `-o csv:` of any columns, and JSON. Records are one-way.

https://github.com/phaag/nfdump. Version 1.7.5 gave the columns other names; older ones append a summary.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.flows.lines import Lines
from netanomaly.traffic import delimited, json_records, outcome, table, written_times
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

SENSOR = "netflow"

# Names of old and new versions, and of JSON, to one.
_SAME = {
    "ts": "first", "firstseen": "first", "first": "first", "te": "last", "lastseen": "last", "last": "last",
    "td": "duration", "duration": "duration", "sa": "src", "srcaddr": "src", "da": "dst", "dstaddr": "dst",
    "sp": "sport", "srcport": "sport", "dp": "dport", "dstport": "dport", "pr": "proto", "proto": "proto",
    "flg": "flags", "flags": "flags", "fwd": "fwd", "fwdstatus": "fwd", "ipkt": "packets", "packets": "packets", "inpackets": "packets",
    "ibyt": "bytes", "bytes": "bytes", "inbytes": "bytes", "opkt": "out_packets", "outpackets": "out_packets",
    "pkt": "packets", "byt": "bytes", "obyt": "out_bytes", "outbytes": "out_bytes", "label": "label", "exporterid": "exporter",
    "fl": "flows", "flows": "flows",
}  # fmt: skip
NEEDED = ("first", "src", "dst", "proto", "packets", "bytes")
_TYPES: dict[str, pa.DataType] = {
    "first": pa.string(), "last": pa.string(), "duration": pa.string(), "src": table.WORD, "dst": table.WORD,
    "sport": pa.string(), "dport": pa.string(), "proto": table.WORD, "flags": table.WORD, "fwd": pa.string(),
    "packets": pa.string(), "bytes": pa.string(), "out_packets": pa.string(), "out_bytes": pa.string(),
    "label": table.WORD, "exporter": table.WORD, "flows": pa.string(),
}  # fmt: skip
_JSON = pa.schema({
    "type": pa.string(), "sampled": pa.int32(), "export_sysid": pa.int64(), "first": pa.string(), "last": pa.string(),
    "in_packets": pa.int64(), "in_bytes": pa.int64(), "out_packets": pa.int64(), "out_bytes": pa.int64(),
    "proto": pa.int32(), "tcp_flags": pa.string(), "src_port": pa.int32(), "dst_port": pa.int32(),
    "icmp_type": pa.int32(), "icmp_code": pa.int32(), "fwd_status": pa.int32(),
    "t_first": pa.string(), "t_last": pa.string(), "src4_addr": pa.string(), "dst4_addr": pa.string(), "src6_addr": pa.string(), "dst6_addr": pa.string(),
    "label": pa.string(),
})  # fmt: skip
_WRAP, _SET_BACK = 2**32 / 1000, 3600.0
_SCALES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# Headers begin with a letter where records begin with a digit or an address.
_HEADER = re.compile(rb"^[A-Za-z#%][^\n]*(?:\n|$)", re.MULTILINE)
_SUMMARY = re.compile(rb"^(Summary\s*$|No match(ed|ing) flows|Time window:|Total flows processed|Sys:)", re.MULTILINE)


def names(line: bytes) -> list[str] | None:
    """The columns of a header line, by our names where they are known; None where it is no header of nfdump."""
    text = line.decode(errors="replace").strip("\r\n \ufeff").lstrip("#")
    found = [field.strip().lstrip("%").lower() for field in text.split(",")]
    turned = [_SAME.get(name, f"other:{position}:{name}") for position, name in enumerate(found)]
    once = [name if turned.index(name) == position else f"again:{position}" for position, name in enumerate(turned)]
    return once if all(name in once for name in NEEDED) else None


def text_records(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """One-way flows of nfdump's CSV; the header may come again, and a summary may follow."""
    layout, ended = None, False
    for block in opened.blocks():
        for part, header in delimited.headed_parts(block, _HEADER, names):
            if header is not None:
                layout, ended = delimited.Layout(header, _TYPES, ",", ("-",)), False
                continue
            text, number = part.text, part.count
            if summary := _SUMMARY.search(text):
                text = text[: summary.start()]
                number = text.count(b"\n")
            if ended or layout is None or not text.strip():
                ended |= bool(summary)
                continue
            ended |= bool(summary)
            read, lines = delimited.read(Lines(text, part.first, number), layout, counts)
            if read.num_rows:
                yield _of_text(read, lines, opened.number, counts)


def json_rows(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """One-way flows of nfdump's JSON, one record a line or all in one list."""
    for read, lines in json_records.records(opened, lambda *_: _JSON, counts):
        if read.num_rows:
            yield _of_json(read, lines, opened, counts)


def _of_text(read: pa.Table, lines: npt.NDArray[np.int64], file: int, counts: Counts) -> pa.RecordBatch:
    def column(name: str) -> pa.Array:
        if name not in read.column_names:
            return pa.nulls(read.num_rows, _TYPES[name])
        return pa.concat_arrays(read.column(name).chunks)

    start = written_times.starts(column("first"), counts)
    duration, unread = written_times.span(column("duration"))
    last, _ = written_times.seconds(column("last"))
    if np.isnan(last).all():
        counts.repair("duration that is no length of time set to missing", unread)
    duration = _unwrapped(np.where(np.isnan(duration), last - start, duration), counts)
    joined = int((_sizes(column("flows"), "flows", counts).fill_null(1).to_numpy() > 1).sum())
    counts.repair("record that joins several flows (nfdump -a, -A): it counts as one", joined)
    sizes = {name: _sizes(column(name), name, counts) for name in ("packets", "bytes", "out_packets", "out_bytes")}
    protocol = table.protocol(column("proto"))
    source, target = (_whole(column(name)) for name in ("sport", "dport"))
    icmp = _is_icmp(protocol)
    dotted = column("dport").to_pylist() if icmp.any() else []
    kind, code = _icmp(target, dotted)
    flags = column("flags")
    return _made(
        {
            "start_time": pa.array(start, from_pandas=True),
            "duration_seconds": pa.array(duration, from_pandas=True),
            "src_ip": table.clean(column("src")),
            "dst_ip": table.clean(column("dst")),
            "src_port": pc.if_else(icmp, kind, source),
            "dst_port": pc.if_else(icmp, code, target),
            "protocol": protocol,
            "label": table.words(column("label"), {"<none>": None, "none": None}),
            "allowed": _forwarded(_whole(column("fwd"))),
            "vantage": table.clean(column("exporter")),
        },
        sizes, flags, lines, file, counts,
    )  # fmt: skip


def _of_json(read: pa.Table, lines: npt.NDArray[np.int64], opened: Opened, counts: Counts) -> pa.RecordBatch:
    kept = pc.fill_null(pc.equal(read.column("type"), "FLOW"), True).to_numpy()
    opened.others("nfdump's other records", int((~kept).sum()))
    read, lines = read.filter(pa.array(kept)).combine_chunks(), lines[kept]

    def column(name: str) -> pa.Array:
        chunks = read.column(name).chunks
        return pa.concat_arrays(chunks) if chunks else pa.array([], type=read.schema.field(name).type)

    # 1.6 wrote t_first, t_last.
    start = written_times.starts(pc.coalesce(column("first"), column("t_first")), counts)
    last, _ = written_times.seconds(pc.coalesce(column("last"), column("t_last")))
    protocol = table.protocol(column("proto").cast(pa.string()))
    sizes = {
        "packets": column("in_packets"),
        "bytes": column("in_bytes"),
        "out_packets": column("out_packets"),
        "out_bytes": column("out_bytes"),
    }
    copied = pc.fill_null(pc.and_(pc.equal(sizes["bytes"], sizes["packets"]), pc.greater(sizes["bytes"], 0)), False)
    if wrong := pc.sum(copied).as_py() or 0:
        # Some versions of nfdump write the packets in place of the bytes; no IP packet is of one byte.
        counts.repair("in_bytes that repeat in_packets (a fault of that nfdump) set to missing", wrong)
        sizes["bytes"] = pc.if_else(copied, None, sizes["bytes"])
    icmp = pc.is_valid(column("icmp_type"))
    return _made(
        {
            "start_time": pa.array(start, from_pandas=True),
            "duration_seconds": pa.array(last - start, from_pandas=True),
            "src_ip": pc.coalesce(column("src4_addr"), column("src6_addr")),
            "dst_ip": pc.coalesce(column("dst4_addr"), column("dst6_addr")),
            "src_port": pc.if_else(icmp, column("icmp_type"), column("src_port")),
            "dst_port": pc.if_else(icmp, column("icmp_code"), column("dst_port")),
            "protocol": protocol,
            "label": table.words(column("label"), {"<none>": None}),
            "allowed": _forwarded(column("fwd_status")),
            "vantage": column("export_sysid").cast(pa.string()),
        },
        sizes, column("tcp_flags"), lines, opened.number, counts,
    )  # fmt: skip


def _made(
    columns: dict[str, pa.Array], sizes: Mapping[str, pa.Array], flags: pa.Array,
    lines: npt.NDArray[np.int64], file: int, counts: Counts,
) -> pa.RecordBatch:  # fmt: skip
    # Of a two-way record of nfdump's own (-B, yaf), `out` is the way back; it writes 0 where it knows of none.
    back = pc.greater(pc.fill_null(sizes["out_packets"], 0), 0)
    flags = table.words(flags, {})
    values = np.array([*(outcome.of_letters(text) for text in flags.dictionary.to_pylist()), 0], dtype=np.int64)
    bits = values[flags.indices.fill_null(len(values) - 1).to_numpy()]
    opening = np.where(bits & outcome.SYN == 0, 0, np.where(bits & outcome.ACK == 0, 1, 0)).astype(np.int8)
    columns |= {
        "bytes_out": sizes["bytes"],
        "packets_out": sizes["packets"],
        "bytes_in": pc.if_else(back, sizes["out_bytes"], None),
        "packets_in": pc.if_else(back, sizes["out_packets"], None),
        "state": table.words(flags, lambda text: None if not text.strip(". ") else text),
        "opening": pa.array(opening),
    }
    return table.make(columns, lines, file, counts)


def _unwrapped(duration: npt.NDArray[np.float64], counts: Counts) -> npt.NDArray[np.float64]:
    """Durations without those of an end before the start, which exporters of 32 bits of milliseconds write as 49 days.

    https://github.com/djmdjm/softflowd/issues/8, https://github.com/ntop/ntopng/issues/569.
    """
    wrapped = (duration > _WRAP - _SET_BACK) & (duration <= _WRAP)
    counts.repair(
        "duration of 49.7 days, a negative one in 32 bits of milliseconds, set to missing", int(wrapped.sum())
    )
    return np.where(wrapped, np.nan, duration)


def _sizes(column: pa.Array, name: str, counts: Counts) -> pa.Array:
    """Whole numbers, and such as `2.1 M`, which older versions write."""
    column = pc.utf8_trim_whitespace(column)
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        encoded = column.dictionary_encode()
    found, wrong = [], []
    for text in encoded.dictionary.to_pylist():
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)", text)
        value = round(float(match[1]) * _SCALES[match[2]]) if match else None
        found.append(value if value is not None and value < 2**63 else None)
        wrong.append(found[-1] is None and text != "")
    places = encoded.indices.fill_null(len(found))
    counts.repair(f"{name} that is no number set to missing", int(np.array([*wrong, False])[places.to_numpy()].sum()))
    return pa.array([*found, None], type=pa.int64()).take(places)


def _whole(column: pa.Array) -> pa.Array:
    digits = pc.fill_null(pc.match_substring_regex(column, r"^\s*[0-9]{1,9}\s*$"), False)
    return pc.utf8_trim_whitespace(pc.if_else(digits, column, None)).cast(pa.int32())


def _is_icmp(protocol: pa.DictionaryArray) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.fill_null(pc.is_in(protocol.cast(pa.string()), pa.array(["icmp", "ipv6-icmp"])), False))


def _icmp(port: pa.Array, written: list[str | None]) -> tuple[pa.Array, pa.Array]:
    """Type and code, which stand as `type.code` or as type * 256 + code where the destination port is."""
    high, low = pc.shift_right(port, 8), pc.bit_wise_and(port, 255)
    pairs = [re.fullmatch(r"\s*([0-9]{1,3})\.([0-9]{1,3})\s*", text or "") for text in written]
    if any(pairs):
        dotted = [pa.array([int(pair[part]) if pair else None for pair in pairs], type=pa.int32()) for part in (1, 2)]
        high, low = pc.coalesce(dotted[0], high), pc.coalesce(dotted[1], low)
    return high, low


def _forwarded(status: pa.Array) -> pa.Array:
    """Of the forwarding status (RFC 7270) the upper two bits: 1 forwarded, 2 dropped; 0 is not said."""
    upper = pc.if_else(pc.less(status, 4), status, pc.shift_right(status, 6))
    return pc.if_else(pc.equal(upper, 2), False, pc.if_else(pc.equal(upper, 1), True, None))
