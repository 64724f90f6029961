"""Zeek logs written for tests."""

import json

FIELDS = [
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "local_orig",
    "missed_bytes",
    "history",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
    "tunnel_parents",
]
WEB = [
    "1700000000.123456",
    "C1",
    "10.0.0.5",
    "51012",
    "192.0.2.7",
    "443",
    "tcp",
    "ssl",
    "1.500000",
    "601",
    "38393",
    "SF",
    "T",
    "0",
    "ShADadFf",
    "22",
    "1489",
    "31",
    "39641",
    "(empty)",
]
SYN = [
    "1700000001.000000",
    "C2",
    "10.0.0.5",
    "51013",
    "10.0.0.9",
    "445",
    "tcp",
    "-",
    "-",
    "-",
    "-",
    "S0",
    "T",
    "0",
    "S",
    "1",
    "60",
    "0",
    "0",
    "-",
]
PING = [
    "1700000002.500000",
    "C3",
    "10.0.0.5",
    "8",
    "10.0.0.9",
    "0",
    "icmp",
    "-",
    "0.001000",
    "56",
    "56",
    "OTH",
    "T",
    "0",
    "-",
    "1",
    "84",
    "1",
    "84",
    "-",
]


def tsv(*records: list[str], fields: list[str] = FIELDS, head: str = "", path: str = "conn", close: bool = True) -> str:
    """A log with its header."""
    lines = [
        f"{head}#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", f"#path\t{path}",
        "#open\t2023-11-14-22-13-20", "\t".join(["#fields", *fields]), "\t".join(["#types", *["string"] * len(fields)]),
        *("\t".join(record) for record in records), *(["#close\t2023-11-14-23-00-00"] if close else []),
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def as_json(
    *records: list[str], fields: list[str] = FIELDS, spelling: str = "dotted", iso: bool = False, **more: str
) -> str:
    """The same records as Zeek writes them in JSON."""
    return "".join(json.dumps(_object(record, fields, spelling, iso) | more) + "\n" for record in records)


def _object(record: list[str], fields: list[str], spelling: str, iso: bool) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, text in zip(fields, record, strict=True):
        if text in ("-", "(empty)"):
            continue
        value: object = text
        if name == "ts" and iso:
            value = _dated(text)
        elif name in ("ts", "duration"):
            value = float(text)
        elif text in "TF" and name.startswith("local"):
            value = text == "T"
        elif text.isdigit():
            value = int(text)
        if name.startswith("id.") and spelling == "nested":
            inside = made.setdefault("id", {})
            assert isinstance(inside, dict)
            inside[name[3:]] = value
        else:
            made[name.replace("id.", "id_") if spelling == "underscored" else name] = value
    return made


def _dated(text: str) -> str:
    from datetime import UTC, datetime

    seconds, _, micros = text.partition(".")
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%S}.{micros}Z"
