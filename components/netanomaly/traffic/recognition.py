"""Which sensor wrote a text, told by its content and never by its name; and what is no flow, with what it lacks."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
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
    """

    name: str
    sensor: str
    words: str
    read: Read
    shape: str = "two-way"
    sampled: bool = False

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
        Format("suricata-eve", suricata.SENSOR, "Suricata eve.json (flow events)", suricata.records),
        Format("argus", argus.SENSOR, "Argus flows (ra, binetflow)", argus.records),
        Format("nfdump-csv", nfdump.SENSOR, "NetFlow by nfdump (CSV)", nfdump.text_records, "one-way"),
        Format("nfdump-json", nfdump.SENSOR, "NetFlow by nfdump (JSON)", nfdump.json_rows, "one-way"),
        Format("aws-vpc", aws_vpc.SENSOR, "Amazon VPC flow log", aws_vpc.text_records, "one-way"),
        Format("aws-vpc-parquet", aws_vpc.SENSOR, "Amazon VPC flow log (Parquet)", aws_vpc.parquet_records, "one-way"),
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
_SYSLOG = re.compile(
    rb"(<[0-9]{1,3}>[0-9]?\s?)?([A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} \S+ \S+?(\[[0-9]+\])?: )"
    rb"|<[0-9]{1,3}>1 [0-9]{4}-"
)
_ZEEK_LACKS = "flows are in its conn log: give conn.log (bytes, packets and the end of each connection are there alone)"
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
    for record in records:
        found = _json_record(record)
        if isinstance(found, Format) and found.shape != "repeated":
            return found
    return next((found for found in map(_json_record, records) if found), None)


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


def _json_record(record: dict[str, Any]) -> Format | NoFlows | None:
    if "event_type" in record and ("timestamp" in record or "flow_id" in record):
        return FORMATS["suricata-eve"]
    payload = record.get("jsonPayload")
    if isinstance(payload, dict) and isinstance(payload.get("connection"), dict) and "bytes_sent" in payload:
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


def _tables(text: bytes) -> Format | None:
    lines = [line for line in text[:65536].split(b"\n", 20)[:20] if line.strip()]
    for line in lines[:5]:
        if argus.fields(line):
            return FORMATS["argus"]
        if nfdump.names(line):
            return FORMATS["nfdump-csv"]
        if aws_vpc.fields(line) or aws_vpc.is_default_record(line):
            return FORMATS["aws-vpc"]
    return None


def _syslog(text: bytes) -> NoFlows | None:
    lines = text[:16384].split(b"\n")[:20]
    for pattern, what, lacks in _OTHER_SYSLOG:
        if any(re.search(pattern, line) for line in lines) and b"," not in lines[0].split(b" ", 1)[0]:
            return NoFlows(what, lacks)
    if lines and _SYSLOG.match(lines[0]):
        return NoFlows(
            "a syslog", "its records are sentences and not flows: bytes, packets and ends each way are missing"
        )
    return None
