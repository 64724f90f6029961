"""Argus, as `ra` prints it (binetflow): commas or tabs, and the columns that were asked for.

https://openargus.org/using-argus. Its `<-` says that the originator stands on the right.
"""

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError
from netanomaly.flows import bounds
from netanomaly.flows.layout import first_duplicate
from netanomaly.traffic import delimited, frames, outcome, table, written_times
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

SENSOR = "argus"

_ETHERNET = 14
_TYPES: dict[str, pa.DataType] = {
    "starttime": pa.string(),
    "lasttime": pa.string(),
    "dur": pa.float64(),
    "proto": table.WORD,
    "srcaddr": table.WORD,
    "sport": pa.string(),
    "dir": table.WORD,
    "dstaddr": table.WORD,
    "dport": pa.string(),
    "state": table.WORD,
    "totpkts": pa.int64(),
    "totbytes": pa.int64(),
    "srcbytes": pa.int64(),
    "dstbytes": pa.int64(),
    "srcpkts": pa.int64(),
    "dstpkts": pa.int64(),
    "label": table.WORD,
}
NEEDED = ("starttime", "proto", "srcaddr", "dstaddr")
_HEADER = re.compile(rb"^[^\n]*\bstarttime\b[^\n]*(?:\n|$)", re.MULTILINE | re.IGNORECASE)
# Argus' own words where it does not write flags, https://openargus.org: what its state machine says.
_STATES = {
    "REQ": outcome.UNANSWERED,
    "INT": outcome.UNANSWERED,
    "S0": outcome.UNANSWERED,
    "REJ": outcome.REFUSED,
    "ACC": outcome.ESTABLISHED,
    "CON": outcome.ESTABLISHED,
    "EST": outcome.ESTABLISHED,
    "CLO": outcome.CLOSED,
    "FIN": outcome.CLOSED,
    "SF": outcome.CLOSED,
    "RST": outcome.RESET,
}


def fields(line: bytes) -> tuple[str, list[str]] | None:
    """Delimiter and names, in lower case, of a header line of Argus; None where it is none."""
    text = line.decode(errors="replace").strip("\r\n \ufeff")
    for delimiter in (",", "\t", ";", "|"):
        names = [name.strip(' "').lower() for name in text.split(delimiter)]
        if all(name in names for name in NEEDED) and ("totbytes" in names or "srcbytes" in names):
            return delimiter, names
    return None


def records(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """Flows of a text of `ra`; a header may come again where files were joined."""
    layout, in_force = None, None
    for block in opened.blocks():
        for part, header in delimited.joined(
            delimited.headed_parts(block, _HEADER, fields, b"starttime"), in_force, opened.uri
        ):
            if header is not None:
                bounds.refuse_many_columns(len(header[1]), f"{opened.uri}, line {part.first}")
                if twice := first_duplicate(header[1]):
                    raise DataError(
                        f"{opened.uri}, line {part.first}: the header names {twice!r} twice; print each column once"
                    )
                in_force = header
                layout = delimited.Layout(header[1], _TYPES, header[0], ("-",), quoted=b'"' in part.text)
                continue
            if layout is None:
                raise DataError(f"{opened.uri}, line {part.first}: Argus' header is missing; let ra print it (-L 0)")
            read, lines = delimited.read(part, layout, counts)
            if read.num_rows:
                yield _made(read.combine_chunks(), lines, opened.number, counts)


def _made(read: pa.Table, lines: npt.NDArray[np.int64], file: int, counts: Counts) -> pa.RecordBatch:
    def column(name: str) -> pa.Array:
        if name not in read.column_names:
            return pa.nulls(read.num_rows, _TYPES[name])
        found = read.column(name)
        return pa.concat_arrays(found.chunks) if found.num_chunks else pa.nulls(0, _TYPES[name])

    management = np.asarray(pc.fill_null(pc.equal(table.lower(column("proto")).cast(pa.string()), "man"), False))
    if management.any():
        counts.aside("Argus' own management record", int(management.sum()))
        return _made(read.filter(pa.array(~management)).combine_chunks(), lines[~management], file, counts)
    start = written_times.starts(column("starttime"), counts)
    protocol = table.protocol(column("proto"))
    icmp = pc.fill_null(pc.is_in(protocol.cast(pa.string()), pa.array(["icmp", "ipv6-icmp"])), False)
    packets_out, packets_in = _each_way(column("totpkts"), column("srcpkts"), column("dstpkts"))
    bytes_out, bytes_in = _each_way(column("totbytes"), column("srcbytes"), column("dstbytes"))
    if column("srcpkts").null_count < read.num_rows:
        bytes_out = frames.ip_bytes(bytes_out, packets_out, _ETHERNET)
        bytes_in = frames.ip_bytes(bytes_in, packets_in, _ETHERNET)
    else:
        counts.repair("bytes of frames, as SrcPkts is not there to take the link layer off", read.num_rows)
    source_port, kind, code = _ports(column("sport"), counts)
    target_port, _, _ = _ports(column("dport"), counts)
    duration = column("dur")
    if duration.null_count == len(duration) and column("lasttime").null_count < len(duration):
        duration = pa.array(written_times.seconds(column("lasttime"))[0] - start, from_pandas=True)
    ends = [
        (column("srcaddr"), column("dstaddr")),
        (pc.if_else(icmp, kind, source_port), pc.if_else(icmp, pc.coalesce(code, target_port), target_port)),
        (bytes_out, bytes_in),
        (packets_out, packets_in),
    ]
    state = column("state")
    turned = np.asarray(
        pc.fill_null(pc.is_in(table.clean(column("dir")).cast(pa.string()), pa.array(["<-", "<?"])), False)
    )
    if turned.any():
        ends = [_turned(pair, turned) for pair in ends]
    made = {
        "start_time": pa.array(start, from_pandas=True),
        "duration_seconds": duration,
        "protocol": protocol,
        "state": table.clean(state),
        "label": table.words(column("label"), _label),
        "outcome": _outcome(state, ends[2][1], turned),
    }
    for (out, back), names in zip(
        ends, (("src_ip", "dst_ip"), ("src_port", "dst_port"), ("bytes_out", "bytes_in"), ("packets_out", "packets_in")),
        strict=True,
    ):  # fmt: skip
        made[names[0]], made[names[1]] = out, back
    return table.make(made, lines, file, counts)


def _label(written: str) -> str | None:
    """A class. CTU writes `flow=From-Botnet-V42-TCP-CC1-HTTP`, a class of its own for nearly every kind of flow: Botnet."""
    found = re.match(r"flow=(?:From-|To-)?([A-Za-z]+)", written.strip())
    return found[1] if found else written.strip() or None


def _each_way(total: pa.Array, out: pa.Array, back: pa.Array) -> tuple[pa.Array, pa.Array]:
    back = pc.coalesce(back, pc.subtract(total, out))
    return pc.coalesce(out, pc.subtract(total, back)), back


def _turned(pair: tuple[pa.Array, pa.Array], turned: npt.NDArray[np.bool_]) -> tuple[pa.Array, pa.Array]:
    one, two = (column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in pair)
    mask = pa.array(turned)
    return pc.if_else(mask, two, one), pc.if_else(mask, one, two)


def _ports(column: pa.Array, counts: Counts) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Ports, and of hexadecimal ones (ICMP) type and code: `0x0303` holds the code first, then the type."""
    encoded = table.words(column, str.strip)
    ports: list[int | None] = []
    kinds: list[int | None] = []
    codes: list[int | None] = []
    strange = []
    for text in encoded.dictionary.to_pylist():
        value = _number(text)
        strange.append(value is None and text != "")
        ports.append(value)
        hexadecimal = text.lower().startswith("0x") and value is not None
        kinds.append(None if value is None else value & 0xFF if hexadecimal else value)
        codes.append(value >> 8 if hexadecimal and value is not None else None)
    places = encoded.indices.fill_null(len(ports))
    counts.repair(
        "port that is no number set to missing (ra -n prints numbers)",
        int(np.array([*strange, False])[places.to_numpy()].sum()),
    )
    return tuple(pa.array([*values, None], type=pa.int32()).take(places) for values in (ports, kinds, codes))


def _number(text: str) -> int | None:
    try:
        value = int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError:
        return None
    return value if 0 <= value < 2**31 else None


def _outcome(state: pa.Array, bytes_in: pa.Array, turned: npt.NDArray[np.bool_]) -> pa.Array:
    written = table.words(state, str.strip)
    known = [_outcome_of(text, turned=False) for text in written.dictionary.to_pylist()]
    other_way = [_outcome_of(text, turned=True) for text in written.dictionary.to_pylist()]
    codes = written.indices.fill_null(len(known)).to_numpy()
    words = np.where(turned, np.array([*other_way, ""])[codes], np.array([*known, ""])[codes])
    answered = np.asarray(pc.greater(pc.fill_null(bytes_in, 0), 0))
    return pa.array(np.where(words == "", outcome.without_flags(answered), words))


def _outcome_of(state: str, *, turned: bool) -> str:
    out, separator, back = state.partition("_")
    if not separator:
        return _STATES.get(state.upper(), "")
    if turned:
        out, back = back, out
    flags = [np.array([outcome.of_letters(text)]) for text in (out, back)]
    return str(outcome.of_tcp(flags[0], flags[1], np.array([bool(back)]), np.array([True]))[0])
