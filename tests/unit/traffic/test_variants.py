"""The same flows in the spellings that people meet: each says what the plain one says, or is refused with a command."""

import csv
import io
import json

import pytest
from netanomaly.traffic.recognition import NoFlows, recognise

from tests.unit.traffic import test_argus, test_clouds, test_nfdump, test_suricata
from tests.unit.traffic.reading import read, rows, same
from tests.unit.traffic.test_clouds import entry
from tests.unit.traffic.test_laws import MUTATIONS, read_whole, without_threads
from tests.unit.traffic.zeek_logs import FIELDS, PING, SYN, WEB, as_json, tsv

RECORDS = (WEB, SYN, PING)
ZEEK = [json.loads(line) for line in as_json(*RECORDS).splitlines()]
EVE = test_suricata.event() + test_suricata.event(src_port=51013)
LINES = [json.loads(line) for line in EVE.splitlines()]


def _with(separator: str, unset: str = "-", empty: str = "(empty)", end: str = "\n") -> str:
    head, *lines = tsv(*RECORDS).splitlines()
    written = [line.replace("\t", separator) for line in lines]
    written[0] = f"#set_separator{separator};"
    written = [line.replace("(empty)", empty) for line in written]
    if unset != "-":
        written = [line[:-1] + unset if line.startswith("#unset_field") else line for line in written]
        written = [separator.join(unset if each == "-" else each for each in line.split(separator)) for line in written]
    return end.join([head.replace("\\x09", f"\\x{ord(separator):02x}"), *written, ""])


def _spreadsheet(delimiter: str = ",", *, index: bool = False) -> str:
    made = io.StringIO()
    lines = csv.writer(made, delimiter=delimiter, lineterminator="\n")
    lines.writerow(([""] if index else []) + FIELDS)
    for number, record in enumerate(RECORDS):
        # What pandas makes of a column of whole numbers in which one is missing.
        floats = [
            text + ".0" if name == "orig_bytes" and text.isdigit() else text
            for name, text in zip(FIELDS, record, strict=True)
        ]
        lines.writerow(([str(number)] if index else []) + ["" if text == "-" else text for text in floats])
    return made.getvalue()


ZEEK_VARIANTS = {
    "commas": _with(","),
    "pipes": _with("|"),
    "semicolons": _with(";"),
    "unset and empty by other words": _with("\t", unset="NULL", empty="EMPTY"),
    "lines of Windows": _with("\t", end="\r\n"),
    "a byte order mark": "\ufeff" + tsv(*RECORDS),
    "no #path": "\n".join(line for line in tsv(*RECORDS).splitlines() if not line.startswith("#path")) + "\n",
    "only #fields": "\n".join(["\t".join(["#fields", *FIELDS]), *("\t".join(record) for record in RECORDS)]) + "\n",
    "names without a mark, tabs": _spreadsheet("\t"),
    "names without a mark, commas": _spreadsheet(),
    "names without a mark, pipes": _spreadsheet("|"),
    "as pandas writes it": _spreadsheet(index=True),
    "a list": json.dumps(ZEEK),
    "a list over lines": json.dumps(ZEEK, indent=2),
    "objects over lines": "\n".join(json.dumps(record, indent=2) for record in ZEEK),
    "a list of Windows": "\ufeff" + json.dumps(ZEEK, indent=1).replace("\n", "\r\n"),
    "nulls": "".join(json.dumps(record | {"service": record.get("service"), "duration": record.get("duration")}) + "\n" for record in ZEEK),
    "numbers as texts": "".join(json.dumps({name: str(value) for name, value in record.items() if name != "local_orig"}) + "\n" for record in ZEEK),
    "sets as lists": "".join(json.dumps(record | ({"service": [record["service"]]} if "service" in record else {})) + "\n" for record in ZEEK),
    "microseconds": "".join(json.dumps(record | {"ts": round(record["ts"] * 1e6)}) + "\n" for record in ZEEK),
    "fields in another order": "".join(json.dumps(dict(sorted(record.items()))) + "\n" for record in ZEEK),
    "hundreds of other records first": '{"_path":"dns","ts":1.5,"id.orig_h":"10.0.0.5","id.resp_h":"10.0.0.1","query":"a"}\n' * 300
    + as_json(*RECORDS, _path="conn", _write_ts="2023-11-14T22:13:30.000000Z", _system_name="sensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", ZEEK_VARIANTS)
def test_zeek_says_the_same_in_every_spelling(name):
    found, understood = read(ZEEK_VARIANTS[name])
    assert same(found, read(tsv(*RECORDS))[0])
    assert understood.format.sensor == "zeek"
    assert not understood.counts.dropped


EVE_VARIANTS = {
    "a list": json.dumps(LINES),
    "a list over lines": json.dumps(LINES, indent=1),
    "objects over lines": "\n".join(json.dumps(line, indent=2) for line in LINES),
    "lines of Windows": EVE.replace("\n", "\r\n"),
    "ports as texts": "".join(json.dumps(line | {"src_port": str(line["src_port"])}) + "\n" for line in LINES),
    "netflow events beside": EVE + test_suricata.event(event_type="netflow"),
    "hundreds of other events first": test_suricata.event(event_type="stats") * 300 + EVE,
    "nanoseconds": EVE.replace(".123456+", ".123456789+"),
}


@pytest.mark.parametrize("name", EVE_VARIANTS)
def test_suricata_says_the_same_in_every_spelling(name):
    assert same(read(EVE_VARIANTS[name])[0], read(EVE)[0])


def test_one_damaged_line_costs_itself_and_no_flow_beside_it():
    """Their flow_id, of 64 bits, was taken for no number where a line beside them was damaged."""
    found, understood = read(EVE + "{damaged\n" + EVE.replace("2232403389523415", str(2**64 - 2)))
    assert rows(found, "uid").count(str(2**64 - 2)) == 2
    assert found.num_rows == 4
    assert understood.counts.dropped == {"line that is not a JSON object": 1}


ARGUS = test_argus.HEAD + test_argus.line() + test_argus.line(state="S_RA", proto="tcp")
ARGUS_VARIANTS = {
    "semicolons": ARGUS.replace(",", ";"),
    "pipes": ARGUS.replace(",", "|"),
    "names in lower case": ARGUS.replace(test_argus.HEAD, test_argus.HEAD.lower()),
    "quotes": "".join(",".join(f'"{field}"' for field in line.split(",")) + "\n" for line in ARGUS.splitlines()),
    "lines of Windows": ARGUS.replace("\n", "\r\n"),
    "its header again": ARGUS.replace(test_argus.HEAD, test_argus.HEAD * 2),
}


@pytest.mark.parametrize("name", ARGUS_VARIANTS)
def test_argus_says_the_same_in_every_spelling(name):
    found, understood = read(ARGUS_VARIANTS[name])
    assert same(found, read(ARGUS)[0])
    assert not understood.counts.dropped


NFDUMP = test_nfdump.OLD_HEAD + test_nfdump.old() + test_nfdump.answer() + test_nfdump.SUMMARY
NFDUMP_VARIANTS = {
    "a mark before the names": "#" + NFDUMP,
    "lines of Windows": NFDUMP.replace("\n", "\r\n"),
    "blanks behind commas": NFDUMP.replace(",", ", "),
    "names as they were asked for": "%" + NFDUMP.replace("ts,te,td", "ts,%te,td", 1),
    "no summary": NFDUMP.replace(test_nfdump.SUMMARY, ""),
}


@pytest.mark.parametrize("name", NFDUMP_VARIANTS)
def test_nfdump_says_the_same_in_every_spelling(name):
    found, understood = read(NFDUMP_VARIANTS[name])
    assert same(found, read(NFDUMP)[0], ("file", "line", "state"))
    assert not understood.counts.dropped


def test_nfdumps_json_of_1_6_calls_its_times_otherwise():
    record = test_nfdump.record()
    older = {{"first": "t_first", "last": "t_last"}.get(name, name): value for name, value in record.items()}
    assert same(read(json.dumps([older]))[0], read(json.dumps([record]))[0])


AWS = test_clouds.AWS_HEAD + test_clouds.ASK + test_clouds.REPLY
AWS_VARIANTS = {
    "commas": AWS.replace(" ", ","),
    "as Athena exports it": "".join(
        ",".join(f'"{field}"' for field in line.split()) + "\n" for line in AWS.replace("-id", "_id").replace("-status", "_status").splitlines()
    ),
    "names in upper case, another order": "\n".join(
        " ".join(reversed(line.split())) for line in AWS.replace(test_clouds.AWS_HEAD, test_clouds.AWS_HEAD.upper()).splitlines()
    ) + "\n",
    "as aws logs tail prints it": "".join(
        f"2014-12-14T04:06:50+00:00 eni-1235b8ca123456789-all {line}" for line in (test_clouds.ASK, test_clouds.REPLY)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AWS_VARIANTS)
def test_amazon_says_the_same_in_every_spelling(name):
    found, understood = read(AWS_VARIANTS[name])
    assert same(found, read(AWS)[0])
    assert not understood.counts.dropped


ENTRIES = [entry(), entry(**test_clouds.REVERSED)]
GOOGLE_VARIANTS = {
    "Log Analytics": [{"json_payload": each["jsonPayload"]} for each in ENTRIES],
    "the payload alone": [each["jsonPayload"] for each in ENTRIES],
    "BigQuery's numbers": [
        {"jsonPayload": each["jsonPayload"] | {"connection": {
            name: float(value) if isinstance(value, int) else value for name, value in each["jsonPayload"]["connection"].items()
        }}} for each in ENTRIES
    ],
    "BigQuery's times": [
        {"jsonPayload": {
            name: value.replace("T", " ").replace("Z", " UTC") if name.endswith("_time") else value for name, value in each["jsonPayload"].items()
        }} for each in ENTRIES
    ],
    "hundreds of other entries first": [{"logName": "other", "protoPayload": {"a": "b"}}] * 300 + ENTRIES,
}  # fmt: skip


@pytest.mark.parametrize("name", GOOGLE_VARIANTS)
def test_google_says_the_same_in_every_spelling(name):
    found = read("".join(json.dumps(each) + "\n" for each in GOOGLE_VARIANTS[name]))[0]
    assert same(found, read("".join(json.dumps(each) + "\n" for each in ENTRIES))[0])


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (json.dumps({"suricata": {"eve": LINES[0]}}), "jq -c '.suricata.eve' FILE"),
        (json.dumps({"@timestamp": "x", "message": json.dumps(LINES[0])}), "jq -c '.message | fromjson' FILE"),
        (json.dumps({"host": "a", "event": ZEEK[0]}), "jq -c '.event' FILE"),
        (json.dumps({"events": [{"message": test_clouds.ASK.strip()}]}), "jq -r '.events[].message' FILE"),
        (json.dumps({"@message": test_clouds.ASK.strip()}), "jq -r '.[\"@message\"]' FILE"),
        (f"<13>Nov  6 12:02:02 host suricata[123]: {EVE}", "sed 's/^[^{]*//' FILE"),
        (f"<13>Nov  6 12:02:02 host suricata[123]: @cee: {EVE}", "sed 's/^[^{]*//' FILE"),
        (f"/var/log/suricata/eve.json:{EVE}", "sed 's/^[^{]*//' FILE"),
        (f'2024-05-01T12:00:00Z {{job="eve", host="a"}} {EVE}', "grep -o '{\"timestamp\".*' FILE"),
        ("Date first seen          Duration Proto      Src IP Addr:Port\n2019-01-01 12:00:00 1 TCP 10.0.0.1:1\n", "nfdump -o csv"),
        ("4|1546344000|123|1546344001|123|6|0|0|0|167772161|1234\n", "nfdump -o csv"),
        ("         StartTime      Flgs  Proto            SrcAddr  Sport   Dir\n   09:46:53.047277  e  tcp\n", "ra -n -u -c ,"),
    ],
)  # fmt: skip
def test_what_another_program_wrapped_or_printed_for_people_is_named_with_the_command(text, command):
    found = recognise(text.encode())
    assert isinstance(found, NoFlows)
    assert command in found.lacks


def test_a_key_that_is_no_name_goes_into_no_command():
    found = recognise(json.dumps({"a'; rm -rf /; '": ZEEK[0]}).encode())
    assert isinstance(found, NoFlows)
    assert "rm" not in f"{found.what} {found.lacks}".split()
    assert "jq" not in found.lacks


SPELLINGS = {
    **{f"zeek: {name}": ZEEK_VARIANTS[name] for name in ("as pandas writes it", "names without a mark, pipes", "a list", "objects over lines")},
    **{f"suricata: {name}": EVE_VARIANTS[name] for name in ("a list over lines", "ports as texts")},
    **{f"argus: {name}": ARGUS_VARIANTS[name] for name in ("quotes", "pipes")},
    **{f"nfdump: {name}": NFDUMP_VARIANTS[name] for name in ("blanks behind commas", "a mark before the names")},
    **{f"amazon: {name}": AWS_VARIANTS[name] for name in ("as Athena exports it", "as aws logs tail prints it")},
    "google: the payload alone": "".join(json.dumps(each) + "\n" for each in GOOGLE_VARIANTS["the payload alone"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_damaged_log_in_another_spelling_gives_rows_or_one_clear_line(name, monkeypatch):
    without_threads(monkeypatch)
    assert read_whole(SPELLINGS[name], name, MUTATIONS) > 0
