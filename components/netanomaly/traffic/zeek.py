"""Zeek's conn log: tab-separated with its own header, or JSON in the spellings that people meet.

https://docs.zeek.org/en/master/logs/conn.html
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError
from netanomaly.flows import bounds
from netanomaly.flows.layout import first_duplicate
from netanomaly.flows.lines import Lines
from netanomaly.traffic import delimited, json_records, outcome, table, written_times
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

SENSOR = "zeek"

CONN, LONG = ("conn", "conn_red", "corelight_conn"), ("conn_long",)
"""Names of logs of connections. Those that are still open are told in the second kind, again and again until they end."""

_WORDS = ("proto", "service", "conn_state", "history", "label", "detailed-label", "detailedlabel")
_TYPES: dict[str, pa.DataType] = {
    "ts": pa.float64(),
    "uid": pa.string(),
    "id.orig_h": table.WORD,
    "id.orig_p": pa.int32(),
    "id.resp_h": table.WORD,
    "id.resp_p": pa.int32(),
    "proto": table.WORD,
    "service": table.WORD,
    "duration": pa.float64(),
    "orig_bytes": pa.int64(),
    "resp_bytes": pa.int64(),
    "conn_state": table.WORD,
    "orig_pkts": pa.int64(),
    "orig_ip_bytes": pa.int64(),
    "resp_pkts": pa.int64(),
    "resp_ip_bytes": pa.int64(),
    "label": table.WORD,
    "detailed-label": table.WORD,
    "detailedlabel": table.WORD,
}
_NEEDED = ("ts", "id.orig_h", "id.resp_h", "proto")
_OF_A_FLOW = ("conn_state", "orig_pkts", "orig_ip_bytes", "orig_bytes", "duration")
_STATES = {
    "S0": outcome.UNANSWERED,
    "SH": outcome.HALF_OPEN,
    "SHR": outcome.HALF_OPEN,
    "RSTOS0": outcome.HALF_OPEN,
    "RSTRH": outcome.HALF_OPEN,
    "REJ": outcome.REFUSED,
    "S1": outcome.ESTABLISHED,
    "S2": outcome.CLOSED,
    "S3": outcome.CLOSED,
    "SF": outcome.CLOSED,
    "RSTO": outcome.RESET,
    "RSTR": outcome.RESET,
}
# Records between two header lines that say nothing new are read together with those after them, up to so many bytes: a
# reader begins anew for each part, which takes as long as to read this.
_SMALL_PART_BYTES = 64 << 10
_MOST_CHANGES = 500
"""Of the header, in one block of 4 MiB; a log has a header of its own for each file that was joined."""
_HEADER = re.compile(rb"^[ \t]*#.*(?:\n|$)", re.MULTILINE)
_NOTHING = {"": None, "-": None, "(empty)": None}


class Header:
    """What the lines that begin with # say of the lines after them; each of those may change it."""

    def __init__(self) -> None:
        self.separator, self.unset, self.empty = "\t", "-", "(empty)"
        self.path = ""
        self.quoted = False
        self.fields: list[str] = []
        self.types: list[str] = []

    def copy(self) -> "Header":
        """The same, to be changed by itself."""
        other = Header()
        vars(other).update(vars(self))
        return other

    def take(self, line: bytes, uri: str, number: int) -> None:
        """One header line.

        Raises:
            DataError: It names a separator that is not one character, or a field twice.
        """
        text = line.decode(errors="replace").strip("\r\n").lstrip()
        name, _, rest = text.partition(self.separator)
        if text.startswith("#separator"):
            self.separator = _character(text[len("#separator") :].strip(" \t"), uri, number)
            return
        match name:
            case "#fields":
                self.fields = _parted(rest.split(self.separator))
                bounds.refuse_many_columns(len(self.fields), f"{uri}, line {number}")
                if twice := first_duplicate(self.fields):
                    raise DataError(f"{uri}, line {number}: #fields names {twice[:60]!r} twice; the log is damaged")
            case "#types":
                self.types = rest.split(self.separator)
            case "#path":
                self.path = rest.strip()
            case "#unset_field":
                self.unset = rest
            case "#empty_field":
                self.empty = rest


def plain_header(line: bytes) -> Header | None:
    """What a line says that only names the fields, as exports to CSV do; None where it is none of a log of connections."""
    text = line.decode(errors="replace").strip("\r\n \ufeff")
    for separator in (",", "\t", "|", ";"):
        names = [name.strip(' "') for name in text.split(separator)]
        if is_conn("", names):
            header = Header()
            header.separator, header.fields, header.quoted = separator, names, separator != "\t"
            return header
    return None


def is_conn(path: str, fields: list[str], paths: Sequence[str] = CONN) -> bool:
    """Whether a log is one of connections, by its name (one of `paths`, or none) and its fields."""
    if path and path not in paths:
        return False
    return all(field in fields for field in _NEEDED) and any(field in fields for field in _OF_A_FLOW)


def text_records(opened: Opened, counts: Counts, paths: Sequence[str] = CONN) -> Iterator[pa.RecordBatch]:
    """Flows of a tab-separated log.

    Raises:
        DataError: It has no #fields, or is a log of something else.
    """
    if not opened.head.lstrip().startswith((b"#", b"\xef\xbb\xbf#")):
        yield from _plain_records(opened, counts)
        return
    header = Header()
    for block in opened.blocks():
        for part in _sections(block, header, opened.uri):
            if not header.fields:
                raise DataError(
                    f"{opened.uri}, line {part.first}: a Zeek log whose #fields line is missing before its records; "
                    "take the log whole, or write the header again (zeek-cut -C keeps it)"
                )
            if not is_conn(header.path, header.fields, paths):
                if not part.count:
                    continue
                opened.others(f"a Zeek {header.path or 'log'} log", part.count)
                continue
            yield from _rows(part, header, opened, counts)


_PLAIN_HEADER = re.compile(rb"^[^\n]*\bid\.orig_h\b[^\n]*(?:\n|$)", re.MULTILINE)


def _plain_records(opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    """Flows of an export whose first line names the fields, and nothing says more of them."""
    header = Header()
    for block in opened.blocks():
        for part, found in delimited.headed_parts(block, _PLAIN_HEADER, plain_header, b"id.orig_h"):
            if found is not None:
                bounds.refuse_many_columns(len(found.fields), f"{opened.uri}, line {part.first}")
                if twice := first_duplicate([name for name in found.fields if name]):
                    raise DataError(f"{opened.uri}, line {part.first}: the header names {twice[:60]!r} twice")
                header = found
                continue
            if not header.fields:
                raise DataError(
                    f"{opened.uri}, line {part.first}: a record stands before the line that names the fields"
                )
            yield from _rows(part, header, opened, counts)


def json_rows(opened: Opened, counts: Counts, paths: Sequence[str] = CONN) -> Iterator[pa.RecordBatch]:
    """Flows of a log in JSON."""
    for read, lines in json_records.records(opened, _json_schema, counts, _has_ends):
        read, lines = _only_conn(read, lines, opened, paths)
        if read.num_rows:
            yield _made(_flat(read), lines, opened, counts)


def _sections(block: Lines, header: Header, uri: str) -> Iterator[Lines]:
    """The records between header lines; the header is as it is for each of them."""
    if b"#" not in block.text:
        yield block
        return
    place, number, changes = 0, block.first, 0
    # Records that are not yet given on, with an empty line for each header line among them.
    held, first, held_bytes = [], number, 0
    for found in _HEADER.finditer(block.text):
        text = block.text[place : found.start()]
        held.append(text)
        held_bytes += len(text)
        number += text.count(b"\n")
        changed = header.copy()
        changed.take(found.group(), uri, number)
        different = vars(changed) != vars(header)
        if held_bytes and (different or held_bytes > _SMALL_PART_BYTES):
            changes += different
            if changes > _MOST_CHANGES:
                raise DataError(
                    f"{uri}, line {number}: the header changes for the {changes:,}th time in a few MiB; the log is damaged"
                )
            yield from _part(held, first)
            held, first, held_bytes = [], number + 1, 0
        elif held_bytes:
            held.append(b"\n")
        else:
            held, first = [], number + 1
        header.take(found.group(), uri, number)
        number += 1
        place = found.end()
    yield from _part([*held, block.text[place:]], first)


def _part(texts: list[bytes], first: int) -> Iterator[Lines]:
    text = b"".join(texts)
    if text.strip():
        yield _lines(text, first)


def _lines(text: bytes, first: int) -> Lines:
    return Lines(text, first, text.count(b"\n") + (not text.endswith(b"\n")))


def _rows(part: Lines, header: Header, opened: Opened, counts: Counts) -> Iterator[pa.RecordBatch]:
    types = {**_TYPES, "ts": _time_type(part.text, header)}
    joined = header.fields[-1] == _JOINED
    names = header.fields
    if joined:
        # IoT-23 joined its labels to the last field by three blanks.
        types[_JOINED] = pa.string()
    missing = (header.unset, header.empty, *(("NaN", "nan", "NULL", "null") if header.quoted else ()))
    layout = delimited.Layout(names, types, header.separator, missing, quoted=header.quoted)
    read, lines = delimited.read(part, layout, counts)
    if not read.num_rows:
        return
    if joined:
        read = _split(read)
    yield _made(read, lines, opened, counts)


_JOINED = "tunnel_parents   label   detailed-label"


def _parted(fields: list[str]) -> list[str]:
    parts = fields[-1].split() if fields else []
    if len(parts) > 1 and "label" in parts:
        fields[-1] = _JOINED
    return fields


def _split(read: pa.Table) -> pa.Table:
    parts = pc.extract_regex(
        pc.fill_null(read.column(_JOINED), ""), r"^\S*\s+(?P<label>\S+)\s+(?P<detailed>\S+)\s*$"
    ).combine_chunks()
    return (
        read.drop_columns([_JOINED])
        .append_column("label", parts.field("label"))
        .append_column("detailed-label", parts.field("detailed"))
    )


def _time_type(text: bytes, header: Header) -> pa.DataType:
    """Numbers, unless the first record writes a date."""
    first = text.split(b"\n", 1)[0].split(header.separator.encode())
    place = header.fields.index("ts")
    return pa.string() if place < len(first) and b"-" in first[place][1:] else pa.float64()


def _character(written: str, uri: str, number: int) -> str:
    named = re.fullmatch(r"\\x([0-9a-fA-F]{2})|\\t", written)
    separator = (chr(int(named[1], 16)) if named[1] else "\t") if named else written or "\t"
    if len(separator) != 1 or separator in '\r\n"#' or not separator.isascii():
        raise DataError(
            f"{uri}, line {number}: #separator is {written[:20]!r}; it must be one character, such as \\x09"
        )
    return separator


def _json_schema(text: bytes | None, looked_at: int | None) -> pa.Schema:
    """Every spelling of the fields that is in the first bytes of a text, in all of it, or (of no text) that there is."""
    head = text if text is None else text[:looked_at]

    def said(name: bytes) -> bool:
        return head is None or name in head

    dated = head is None or re.search(rb'"ts"\s*:\s*"', head) is not None
    fields = {**_TYPES, "ts": pa.string() if dated else pa.float64()}
    plain = {name: pa.string() if pa.types.is_dictionary(kind) else kind for name, kind in fields.items()}
    if said(b'"id_orig_h"'):
        plain |= {name.replace(".", "_"): kind for name, kind in plain.items() if name.startswith("id.")}
    if said(b'"orig_h"'):
        inside = [(name[3:], kind) for name, kind in plain.items() if name.startswith("id.")]
        plain["id"] = pa.struct(inside)
    if text is None or b'"_path"' in text:
        plain["_path"] = pa.string()
    return pa.schema(plain)


def _has_ends(read: pa.Table) -> bool:
    """Whether the fields were spelt as in the first records: other logs and other spellings may come after them."""
    return not _flat(read).column("id.orig_h").null_count


def _flat(read: pa.Table) -> pa.Table:
    """Nested and underscored ends under their dotted names."""
    for name in ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"):
        column = read.column(name)
        if name.replace(".", "_") in read.column_names:
            column = pc.coalesce(column, read.column(name.replace(".", "_")))
        if "id" in read.column_names:
            column = pc.coalesce(column, pc.struct_field(read.column("id"), name[3:]))
        read = read.set_column(read.column_names.index(name), name, column)
    return read


def _only_conn(
    read: pa.Table, lines: npt.NDArray[np.int64], opened: Opened, paths: Sequence[str]
) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """The records of connections, among those of other logs in the same stream."""
    present = pc.is_valid(read.column("conn_state"))
    for name in _OF_A_FLOW[1:]:
        present = pc.or_(present, pc.is_valid(read.column(name)))
    conn = present.to_numpy()
    if "_path" in read.column_names:
        path = read.column("_path")
        named = pc.or_(pc.is_null(path), pc.is_in(path, pa.array(paths))).to_numpy()
        for item in pc.value_counts(path.filter(pa.array(~named))).to_pylist():
            opened.others(f"a Zeek {item['values'][:40]} log", item["counts"])
        opened.others("another Zeek log", int((~conn & named).sum()))
        conn = conn & named
    else:
        opened.others("another Zeek log", int((~conn).sum()))
    return (read, lines) if conn.all() else (read.filter(pa.array(conn)), lines[conn])


def _made(read: pa.Table, lines: npt.NDArray[np.int64], opened: Opened, counts: Counts) -> pa.RecordBatch:
    columns = {name: read.column(name).combine_chunks() for name in read.column_names}
    columns = {
        name: pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
        for name, column in columns.items()
    }
    for name in _WORDS:
        if name in columns:
            columns[name] = table.words(columns[name], _NOTHING)
    start = written_times.starts(columns["ts"], counts)
    label = columns.get("label")
    flow = {
        "start_time": pa.array(start, from_pandas=True),
        "duration_seconds": columns.get("duration"),
        "src_ip": columns["id.orig_h"],
        "src_port": columns.get("id.orig_p"),
        "dst_ip": columns["id.resp_h"],
        "dst_port": columns.get("id.resp_p"),
        "protocol": table.protocol(columns["proto"]),
        "service": table.words(columns["service"], _service) if "service" in columns else None,
        "bytes_out": columns.get("orig_ip_bytes"),
        "bytes_in": columns.get("resp_ip_bytes"),
        "packets_out": columns.get("orig_pkts"),
        "packets_in": columns.get("resp_pkts"),
        "state": columns.get("conn_state"),
        "uid": columns.get("uid"),
        "label": label,
        "outcome": (
            table.words(columns["conn_state"], lambda state: _STATES.get(state, outcome.OTHER))
            if "conn_state" in columns
            else None
        ),
    }
    return table.make(
        {name: column for name, column in flow.items() if column is not None}, lines, opened.number, counts
    )


def _service(written: str) -> str | None:
    """Services in order, those that Zeek found not to be (`-ssl`) left out."""
    found = [service for service in written.lower().split(",") if service and not service.startswith("-")]
    return ",".join(sorted(found)) or None
