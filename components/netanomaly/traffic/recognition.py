"""Which sensor wrote a text, told by its content and never by its name; and what is no flow, with what it lacks."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from netanomaly.flows import captured
from netanomaly.traffic import argus, aws_vpc, azure, gcp_vpc, nfdump, suricata, zeek
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

Read = Callable[[Opened, Counts], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Format:
    """One format of one kind of sensor.

    Attributes:
        name: In configurations and reports.
        sensor: The kind of sensor that writes it: a model is bound to that.
        words: For people.
        read: Yields record batches of the flow table.
        shape: `two-way` records are flows, `one-way` ones have to be paired, `pieces` put together, and of `repeated` ones
            the last of each uid is the flow.
        sampled: Whether it holds only part of the traffic.
        tells_acks: Whether its TCP flags have an ACK that comes without a SYN.
        way_out: What to do where its logs hold no flow.
    """

    name: str
    sensor: str
    words: str
    read: Read
    shape: str = "two-way"
    sampled: bool = False
    tells_acks: bool = True
    way_out: str = ""

    def versions(self, head: bytes) -> set[str]:
        """Versions of the sensor that records name, by the beginning of a file."""
        pattern = _VERSIONS.get(self.name)
        return {found.decode() for found in re.findall(pattern, head)} if pattern else set()


# Suricata says it where it is told to (suricata-version), and so do the events that are made of captures.
_VERSIONS = {"suricata-eve": rb'"suricata_version"\s*:\s*"([0-9][0-9A-Za-z.+-]{0,30})"'}


def _long(read: Callable[..., Iterator[pa.RecordBatch]]) -> Read:
    return partial(read, paths=zeek.LONG)


FORMATS = {
    found.name: found
    for found in (
        Format("zeek-tsv", zeek.SENSOR, "Zeek conn log (tab-separated)", zeek.text_records),
        Format("zeek-json", zeek.SENSOR, "Zeek conn log (JSON)", zeek.json_rows),
        Format(
            "zeek-long-tsv", zeek.SENSOR, "Zeek conn_long log (tab-separated)", _long(zeek.text_records), "repeated"
        ),
        Format("zeek-long-json", zeek.SENSOR, "Zeek conn_long log (JSON)", _long(zeek.json_rows), "repeated"),
        Format(
            "suricata-eve",
            suricata.SENSOR,
            "Suricata eve.json (flow events)",
            suricata.records,
            way_out="let eve-log write events of type flow",
        ),
        Format(
            "argus",
            argus.SENSOR,
            "Argus flows (ra, binetflow)",
            argus.records,
            way_out="ra -n -u prints times with their date and ports as numbers",
        ),
        Format("nfdump-csv", nfdump.SENSOR, "NetFlow by nfdump (CSV)", nfdump.text_records, "one-way"),
        Format("nfdump-json", nfdump.SENSOR, "NetFlow by nfdump (JSON)", nfdump.json_rows, "one-way"),
        Format("aws-vpc", aws_vpc.SENSOR, "Amazon VPC flow log", aws_vpc.text_records, "one-way", tells_acks=False),
        Format(
            "aws-vpc-parquet",
            aws_vpc.SENSOR,
            "Amazon VPC flow log (Parquet)",
            aws_vpc.parquet_records,
            "one-way",
            tells_acks=False,
        ),
        Format("gcp-vpc", gcp_vpc.SENSOR, "Google VPC flow log", gcp_vpc.records, "one-way", sampled=True),
        Format("azure", azure.VNET, "Azure flow log (virtual network or security group)", azure.records, "pieces"),
    )
}


@dataclass(frozen=True)
class NoFlows:
    """Something that sensors write and that holds no flows.

    Attributes:
        what: It is.
        lacks: What a flow has and it does not, and the way out.
    """

    what: str
    lacks: str


_OTHER_SYSLOG = (
    (
        rb"filterlog(\[[0-9]+\])?: ",
        "pfSense's (or OPNsense's) filter log",
        "it has no bytes, packets or end of a flow; export flows with softflowd (NetFlow) and read them with nfdump",
    ),
    (
        rb"\b(type=\"?traffic\"?|devname=|logid=)",
        "a Fortinet log",
        "it is key=value text whose records may lack bytes and an end; export NetFlow, or write the traffic records as CSV "
        "with a column each",
    ),
    (
        rb"%(ASA|FTD|PIX)-[0-9]-[0-9]{6}",
        "a Cisco ASA syslog",
        "built and teardown are records of their own and denied traffic has no bytes; export NetFlow (NSEL) instead",
    ),
    (rb"\bCEF:[0-9]\|", "events in CEF", "they are events and not flows: bytes and packets each way are missing"),
    (rb"\bLEEF:[0-9]", "events in LEEF", "they are events and not flows: bytes and packets each way are missing"),
    (
        rb"\bTRAFFIC,(start|end|drop|deny),",
        "a Palo Alto traffic log in syslog",
        "it has no header; export it as CSV with names, or export NetFlow",
    ),
    (
        rb"kernel:.* SRC=\S+ DST=\S+ ",
        "a netfilter (iptables, UFW) log",
        "it has single packets and no bytes or end of a flow; export flows with softflowd and read them with nfdump",
    ),
)
_OTHER_TABLES = (
    (
        rb"Date first seen\s+(Event|Duration|Proto)",
        "what nfdump prints for people",
        "columns of it are cut and rounded; print it with nfdump -o csv, or -o json",
    ),
    (
        rb"[0-9]+\|[0-9]{10}\|[0-9]{1,3}\|[0-9]{10}\|[0-9]{1,3}\|[0-9]+\|",
        "nfdump's pipe format",
        "its addresses are numbers; print it with nfdump -o csv, or -o json",
    ),
    (
        rb"\s*StartTime\s+Fl(gs|ags)\s+Proto\s+SrcAddr",
        "what Argus' ra prints for people",
        "columns of it are cut, and times have no date; print it with "
        "ra -n -u -c , -s stime dur proto saddr sport dir daddr dport state pkts bytes sbytes spkts",
    ),
    (rb"\s*<ArgusDataStream|\s*<\?xml[^>]*>\s*<ArgusDataStream", "Argus flows in XML", "print them with ra -c ,"),
)
_OTHER_TEXTS = (
    (
        rb"[0-9]{2}/[0-9]{2}/[0-9]{4}-[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]+ ",
        "a log of Suricata's in sentences (fast.log, http.log)",
    ),
    (
        rb"-{20,}\s*\nDate: [0-9]{1,2}/[0-9]{1,2}/[0-9]{4} -- [0-9:]+ \(uptime",
        "Suricata's stats.log",
    ),
    (
        rb"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} -- [0-9:]{8} - <|\[[0-9]+( - [^]\n]*)?\] [0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4} "
        rb"(-- )?[0-9:]{8} (- <)?[A-Z]",
        "what Suricata's process printed",
    ),
    (rb"\s*>== [A-Z][a-z]+ === [0-9]{4}-", "Zeek's summary of connections (conn-summary)"),
)
_TEXT_LACKS = "it has no records of flows; give eve.json of Suricata, conn.log of Zeek"
_SYSLOG = re.compile(
    rb"(<[0-9]{1,3}>[0-9]?\s?)?([A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} \S+ \S+?(\[[0-9]+\])?: )"
    rb"|<[0-9]{1,3}>1 [0-9]{4}-"
)
_ZEEK_LACKS = "flows are in its conn log: give conn.log (bytes, packets and the end of each connection are there alone)"
_OTHER_JSON = NoFlows(
    "JSON and of no sensor's flows",
    "give the log of flows (conn.log of Zeek, eve.json of Suricata), or write its records as CSV or Parquet, one row each",
)
_BARE_AWS = NoFlows(
    "an Amazon VPC flow log in an order of its own, and without its header",
    "write the flow log's own format above the records, as one line of names: version interface-id srcaddr ...",
)
_CAPTURE = NoFlows(
    "a capture of packets",
    "flows are made of it first, where a source has captures alone: netanomaly ingest and score do so, and so does the "
    "pipeline training-from-captures; see Captures in docs/traffic.md",
)
_NFCAPD = NoFlows(
    "a binary file of NetFlow (nfcapd)",
    "flows are made of it first, where a source has such files alone: netanomaly ingest and score do so, and so does the "
    "pipeline training-from-captures; see Captures in docs/traffic.md",
)
_NO_TEXT = {captured.CAPTURE: _CAPTURE, captured.NETFLOW: _NFCAPD}
CAPTURES = tuple(_NO_TEXT.values())
"""What flows are made of before they are read."""


def recognise(head: bytes) -> Format | NoFlows | None:
    """The format of a text by its beginning; None where no sensor that is known writes so.

    Args:
        head: The first bytes, decompressed: some records at least.
    """
    if kind := captured.kind(head):
        return _NO_TEXT[kind]
    text = head.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in text[:4096]:
        return None
    return _zeek_text(text) or _json(text) or _tables(text) or _syslog(text)


def of_columns(names: Sequence[str]) -> Format | None:
    """The format of a Parquet file by its columns; None where it is a table like any other."""
    known = {name.lower().replace("_", "-") for name in names}
    return FORMATS["aws-vpc-parquet"] if known.issuperset(aws_vpc.NEEDED) else None


def _zeek_text(text: bytes) -> Format | NoFlows | None:
    start = text[:65536].lstrip()
    if not re.match(rb"#(separator\s|fields\t|path\t|set_separator|unset_field|empty_field)", start):
        return None
    paths = [
        path.decode(errors="replace").strip() for path in re.findall(rb"^[ \t]*#path[ \t]+(\S+)", text, re.MULTILINE)
    ]
    headers = [
        header.decode(errors="replace").split()
        for header in re.findall(rb"^[ \t]*#fields[ \t]+([^\n]*)", text, re.MULTILINE)
    ]
    logs = list(zip([*paths, *[""] * len(headers)], headers, strict=False))
    for name, of in (("zeek-tsv", zeek.CONN), ("zeek-long-tsv", zeek.LONG)):
        if any(zeek.is_conn(path, fields, of) for path, fields in logs):
            return FORMATS[name]
    if not headers:
        # Without #fields it is for the reader to say what is missing.
        return FORMATS["zeek-tsv"] if not paths or paths[0] in zeek.CONN else _zeek_other(paths[0])
    return _zeek_other(paths[0] if paths else "")


def _zeek_other(path: str) -> NoFlows:
    return NoFlows(f"a Zeek {path[:40]} log" if path else "a Zeek log that is no conn log", _ZEEK_LACKS)


def _json(text: bytes) -> Format | NoFlows | None:
    start = text.lstrip(b" \t\r\n\x1e")
    if not start.startswith((b"{", b"[")):
        return None
    if re.search(rb'"flowTuples"|"flowRecords"|FlowLogFlowEvent|NetworkSecurityGroupFlowEvent', text):
        return FORMATS["azure"]
    records = _first_records(start)
    for record in chain(records, _telling_records(start)):
        found = _json_record(record)
        if isinstance(found, Format) and found.shape != "repeated":
            return found
    known = next((found for found in map(_json_record, records) if found), None)
    known = known or next((found for found in map(_wrapped, records) if found), None)
    # Other logs of a sensor, in a folder with that of its flows, need not say what they are.
    return known or (_OTHER_JSON if records else None)


def _first_records(start: bytes, most: int = 200) -> list[dict[str, Any]]:
    decoder = json.JSONDecoder()
    text = start[:262144].decode(errors="replace")
    found: list[dict[str, Any]] = []
    place = 0
    while len(found) < most:
        while place < len(text) and text[place] in " \t\r\n,[\x1e":
            place += 1
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            after = text.find("\n", place)
            if after < 0:
                break
            place = after + 1
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


# Lines of a mixed stream that may be flows, wherever in the head they stand.
_TELLING = re.compile(
    rb'^\{[^\n]*(?:"conn_state"|"orig_bytes"|"event_type"|"bytes_sent"|"in_packets")[^\n]*\}\s*$', re.MULTILINE
)
_MOST_TELLING = 50


def _telling_records(start: bytes) -> Iterator[dict[str, Any]]:
    for line in islice(_TELLING.finditer(start), _MOST_TELLING):
        with suppress(ValueError, RecursionError):
            yield json.loads(line.group())


def _wrapped(record: dict[str, Any], path: str = "", depth: int = 3) -> NoFlows | None:
    """A record that holds one of a sensor's, as log shippers write them: what it is, and the command that takes it out."""
    for name, value in record.items():
        if not re.fullmatch(r"[A-Za-z0-9_.@ -]{1,60}", name):
            # It goes into a command for a shell.
            continue
        key = f".{name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f'["{name}"]'
        inner, take = value, f"{path}{key}"
        if isinstance(value, list) and value and isinstance(value[0], dict):
            inner, take = value[0], f"{take}[]"
        text = isinstance(value, str)
        if isinstance(value, str):
            if aws_vpc.is_default_record(value.encode("utf-8", "replace")):
                return _shipped("an Amazon VPC flow log", f"jq -r '{_jq(take)}' FILE > records.log")
            try:
                inner = json.loads(value) if value.lstrip().startswith("{") and len(value) < _LONGEST_TEXT else None
            except (ValueError, RecursionError):
                continue
        if not isinstance(inner, dict):
            continue
        found = _json_record(inner)
        if isinstance(found, Format):
            return _shipped(f"a {found.words}", f"jq -c '{_jq(take)}{' | fromjson' * text}' FILE > records.json")
        if not text and depth and (deeper := _wrapped(inner, take, depth - 1)):
            return deeper
    return None


_LONGEST_TEXT = 1 << 20


def _jq(path: str) -> str:
    return path if path.startswith(".") else f".{path}"


def _shipped(words: str, command: str) -> NoFlows:
    return NoFlows(f"{words} inside records of another program", f"take it out with {command}")


def _json_record(record: dict[str, Any]) -> Format | NoFlows | None:
    if "event_type" in record and ("timestamp" in record or "flow_id" in record):
        return FORMATS["suricata-eve"]
    payload = next((record[name] for name in gcp_vpc.WRAPPERS if name in record), None)
    if isinstance(payload, dict) and isinstance(payload.get("connection"), dict) and "bytes_sent" in payload:
        return FORMATS["gcp-vpc"]
    if isinstance(record.get("connection"), dict) and "bytes_sent" in record and "src_ip" in record["connection"]:
        return FORMATS["gcp-vpc"]
    if ("src4_addr" in record or "src6_addr" in record) and "in_packets" in record:
        return FORMATS["nfdump-json"]
    ends = "id.orig_h" in record or "id_orig_h" in record
    inside = record.get("id")
    if not ends and not (isinstance(inside, dict) and "orig_h" in inside):
        return NoFlows(f"a Zeek {str(record['_path'])[:40]} log (JSON)", _ZEEK_LACKS) if "_path" in record else None
    flow = any(name in record for name in ("conn_state", "orig_pkts", "orig_ip_bytes", "orig_bytes"))
    path = str(record.get("_path", ""))
    if flow and (not path or path in zeek.CONN):
        return FORMATS["zeek-json"]
    if flow and path in zeek.LONG:
        return FORMATS["zeek-long-json"]
    return NoFlows(f"a Zeek {path[:40]} log (JSON)" if path else "a Zeek log (JSON) that is no conn log", _ZEEK_LACKS)


def _tables(text: bytes) -> Format | NoFlows | None:
    lines = [line for line in text[:65536].split(b"\n", 20)[:20] if line.strip()]
    for line in lines[:5]:
        if zeek.plain_header(line):
            return FORMATS["zeek-tsv"]
        if argus.fields(line):
            return FORMATS["argus"]
        if nfdump.names(line):
            return FORMATS["nfdump-csv"]
        if aws_vpc.fields(line) or aws_vpc.is_default_record(line):
            return FORMATS["aws-vpc"]
    return _BARE_AWS if lines and aws_vpc.is_bare_record(lines[0]) else None


def _behind_text(line: bytes) -> NoFlows | None:
    """A JSON record of a sensor behind other text (a syslog header, labels of Loki, a file's name by grep)."""
    for begin in islice(_FIRST_KEY.finditer(line, 1), _MOST_BRACES):
        records = _first_records(line[begin.start() :], 1)
        found = _json_record(records[0]) if records else None
        if isinstance(found, Format):
            first = begin.start() == line.find(b"{")
            take = "sed 's/^[^{]*//' FILE" if first else f"grep -o '{begin.group().decode()}.*' FILE"
            return _shipped(f"a {found.words}", f"{take} > records.json")
    return None


_FIRST_KEY = re.compile(rb'\{ ?"[A-Za-z0-9_.@-]{1,60}"')
_MOST_BRACES = 8


def _syslog(text: bytes) -> NoFlows | None:
    for pattern, what, lacks in (*_OTHER_TABLES, *((*text_and_name, _TEXT_LACKS) for text_and_name in _OTHER_TEXTS)):
        if re.match(pattern, text[:1024]):
            return NoFlows(what, lacks)
    lines = text[:16384].split(b"\n")[:20]
    if inside := _behind_text(lines[0]):
        return inside
    for pattern, what, lacks in _OTHER_SYSLOG:
        if any(re.search(pattern, line) for line in lines) and b"," not in lines[0].split(b" ", 1)[0]:
            return NoFlows(what, lacks)
    if lines and _SYSLOG.match(lines[0]):
        return NoFlows(
            "a syslog", "its records are sentences and not flows: bytes, packets and ends each way are missing"
        )
    return None
