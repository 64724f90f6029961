"""Zeek's conn log, in every spelling that people meet."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.traffic import features
from netanomaly.traffic.recognition import NoFlows, recognise

from tests.unit.traffic.reading import read, rows, same
from tests.unit.traffic.zeek_logs import FIELDS, PING, SYN, WEB, as_json, tsv


def test_a_connection_is_a_flow_with_its_units():
    table, understood = read(tsv(WEB))
    assert understood.format.sensor == "zeek"
    assert rows(table)[0] == {
        "start_time": 1700000000.123456, "duration_seconds": 1.5, "src_ip": "10.0.0.5", "src_port": 51012,
        "dst_ip": "192.0.2.7", "dst_port": 443, "protocol": "tcp", "service": "ssl", "bytes_out": 1489, "bytes_in": 39641,
        "packets_out": 22, "packets_in": 31, "state": "SF", "allowed": None, "uid": "C1", "label": None,
        "outcome": "closed", "file": 0, "line": 9,
    }  # fmt: skip


def test_what_zeek_does_not_say_is_null_and_not_zero():
    table, _ = read(tsv(SYN, fields=FIELDS))
    assert rows(table, "duration_seconds", "service", "outcome") == [(None, None, "unanswered")]


@pytest.mark.parametrize("spelling", ["dotted", "nested", "underscored"])
@pytest.mark.parametrize("iso", [False, True])
def test_the_same_traffic_as_tsv_and_as_json_gives_the_same_table(spelling, iso):
    text, _ = read(tsv(WEB, SYN, PING))
    json, _ = read(as_json(WEB, SYN, PING, spelling=spelling, iso=iso))
    assert same(text, json)


OTHERS = "".join(f'{{"_path": "stats", "ts": 17000{number:05}.5, "peer": "zeek"}}\n' for number in range(100))
"""Over 4 KiB of another log, in which nothing says how a flow's ends are spelt."""


@pytest.mark.parametrize("spelling", ["dotted", "nested", "underscored"])
@pytest.mark.parametrize("iso", [False, True])
@pytest.mark.parametrize("listed", [False, True])
def test_records_before_in_another_spelling_or_log_change_nothing(spelling, iso, listed):
    text, _ = read(tsv(*[WEB] * 20, SYN, PING))
    first, then = as_json(*[WEB] * 20), as_json(SYN, PING, spelling=spelling, iso=iso)
    for log, others in ((first + then, {}), (OTHERS + first + then, {"a Zeek stats log": 100})):
        found, understood = read("[" + log.strip().replace("\n", ",\n") + "]" if listed else log)
        assert same(found, text)
        assert not understood.counts.dropped
        assert understood.other_records == others


word = st.sampled_from(["ssl", "http", "-", "dns,ssl", "-ssl"])
record = st.tuples(
    st.integers(0, 4_000_000_000_000_000), st.integers(0, 65535), word, st.one_of(st.none(), st.integers(0, 10**11)),
    st.sampled_from(["SF", "S0", "REJ", "RSTO", "OTH", "-"]), st.integers(0, 2**50), st.sampled_from(["10.0.0.1", "fe80::1"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(record, min_size=1, max_size=20), st.sampled_from(["dotted", "nested", "underscored"]))
def test_any_log_is_the_same_as_tsv_and_as_json(records, spelling):
    made = [
        [f"{at // 10 ** 6}.{at % 10 ** 6:06}", f"C{number}", source, str(port), "10.0.0.9", "80", "tcp", service, "-" if lasted is None else f"{lasted // 10 ** 6}.{lasted % 10 ** 6:06}", "1", "2", state, "T", "0", "S", "3", str(size), "4", "5", "-"]
        for number, (at, port, service, lasted, state, size, source) in enumerate(records)
    ]  # fmt: skip
    assert same(read(tsv(*made))[0], read(as_json(*made, spelling=spelling))[0])


def test_a_stray_tab_before_the_header_and_a_tab_after_separator_do_no_harm():
    plain, _ = read(tsv(WEB, SYN))
    assert same(read(tsv(WEB, SYN, head="\t"))[0], plain)
    assert same(read(tsv(WEB, SYN).replace("#separator \\x09", "#separator\t\\x09"))[0], plain)


def test_rotated_files_that_were_joined_may_change_their_fields():
    fewer = [name for name in FIELDS if name not in ("service", "tunnel_parents")]
    short = [value for name, value in zip(FIELDS, SYN, strict=True) if name in fewer]
    table, understood = read(tsv(WEB) + tsv(short, fields=fewer) + tsv(PING))
    assert rows(table, "uid", "line") == [("C2", 19), ("C1", 9), ("C3", 29)]
    assert not understood.counts.dropped


def test_the_three_blanks_of_iot_23():
    fields = [*FIELDS[:-1], "tunnel_parents   label   detailed-label"]
    made = [[*WEB[:-1], "-   Malicious   PartOfAHorizontalPortScan"], [*SYN[:-1], "(empty)   benign   -"]]
    assert rows(read(tsv(*made, fields=fields))[0], "uid", "label") == [("C2", "benign"), ("C1", "Malicious")]


def test_labels_are_found():
    table, _ = read(tsv([*WEB, "Malicious", "C2"], [*SYN, "-", "(empty)"], fields=[*FIELDS, "label", "detailedlabel"]))
    assert rows(table, "uid", "label") == [("C2", None), ("C1", "Malicious")]


def test_services_that_zeek_took_back_are_none():
    made = [*WEB]
    made[FIELDS.index("service")] = "-ssl,http"
    assert rows(read(tsv(made))[0], "service") == ["http"]


def test_relative_times_are_read():
    made = [*WEB]
    made[0] = "9.500000"
    assert rows(read(tsv(made))[0], "start_time") == [9.5]


def test_records_of_other_logs_in_the_same_stream_are_counted():
    dns = '{"_path":"dns","ts":1700000000.5,"uid":"C9","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","proto":"udp","query":"a"}\n'
    table, understood = read(dns + as_json(WEB, _path="conn", _write_ts="2023-11-14T22:13:20.000000Z") + dns)
    assert rows(table, "uid") == ["C1"]
    assert understood.other_records == {"a Zeek dns log": 2}


def test_other_logs_in_a_folder_are_set_aside_and_counted():
    dns = tsv(["1", "C1", "10.0.0.1", "1", "10.0.0.2", "53", "udp", "a.b"], fields=[*FIELDS[:7], "query"], path="dns")
    table, understood = read(dns, tsv(WEB))
    assert table.num_rows == 1
    assert understood.other_files == {"a Zeek dns log": 1}


def test_logs_in_json_that_do_not_say_what_they_are_are_set_aside_wherever_they_stand():
    others = [{"ts": 1.5, "peer": "zeek", "gaps": 0}, {"ts": 1, "fuid": "F1", "source": "HTTP", "duration": 0.1}]
    summary = "\n>== Total === 2023-11-14-22-00-00 - 2023-11-14-23-00-00\n   - Connections 8.0 - Payload 38.9k - \n"
    table, understood = read(*(json.dumps(each) + "\n" for each in others), summary, as_json(WEB))
    assert table.num_rows == 1
    assert understood.other_files == {
        "JSON and of no sensor's flows": 2, "Zeek's summary of connections (conn-summary)": 1,
    }  # fmt: skip
    with pytest.raises(DataError, match=r"file0 is JSON and of no sensor's flows: give the log of flows"):
        read(json.dumps(others[0]) + "\n")


def test_a_log_of_something_else_says_what_it_lacks():
    dns = tsv(["1", "C1", "10.0.0.1", "1", "10.0.0.2", "53", "udp", "a.b"], fields=[*FIELDS[:7], "query"], path="dns")
    found = recognise(dns.encode())
    assert isinstance(found, NoFlows)
    assert found.what == "a Zeek dns log"
    assert "conn.log" in found.lacks


def test_a_log_without_fields_is_refused_in_one_line():
    with pytest.raises(DataError, match=r"file0, line 3: a Zeek log whose #fields line is missing"):
        read("#separator \\x09\n#path\tconn\n" + "\t".join(WEB) + "\n")


def test_connections_that_were_still_open_are_counted_once():
    lasting = [["1700000000.0", "C1", *WEB[2:8], str(seconds), *WEB[9:]] for seconds in (600.0, 1200.0, 1800.0)]
    table, understood = read(tsv(*lasting, SYN, path="conn_long"))
    assert rows(table, "uid", "duration_seconds") == [("C2", None), ("C1", 1800.0)]
    assert understood.counts.set_aside == {"earlier record of a connection that was still open": 2}
    beside, understood = read(tsv(WEB), tsv(*lasting, path="conn_long"))
    assert beside.num_rows == 1
    assert sum(understood.other_files.values()) == 1


def test_the_last_line_of_a_growing_file_is_left_for_next_time():
    table, understood = read(as_json(WEB, SYN)[:-40])
    assert rows(table, "uid") == ["C1"]
    assert understood.counts.dropped == {"last line, unfinished: left for next time": 1}


def test_lines_that_are_none_are_counted_by_reason():
    bad = [[*WEB[:-1]], ["x", *WEB[1:]], [*WEB[:3], "123456789012", *WEB[4:]]]
    table, understood = read(tsv(WEB, *bad, SYN))
    assert table.num_rows == 2
    assert understood.counts.dropped == {
        "line with another number of fields than its header": 1, "ts that is no number": 1, "id.orig_p that is no whole number": 1,
    }  # fmt: skip


def test_impossible_values_are_set_to_missing_and_counted():
    made = [*WEB]
    made[FIELDS.index("orig_ip_bytes")] = "-5"
    made[FIELDS.index("id.resp_p")] = "70000"
    table, understood = read(tsv(made))
    assert rows(table, "bytes_out", "dst_port") == [(None, None)]
    assert understood.counts.repaired == {
        "bytes_out over 9e15 or negative set to missing": 1, "dst_port over 65535 or negative set to missing": 1,
    }  # fmt: skip


def test_the_cut_into_blocks_and_files_changes_nothing(tmp_path):
    records = [[f"{1700000000 + number}.5", f"C{number}", *WEB[2:]] for number in range(300)]
    whole, _ = read(tsv(*records))
    assert whole.num_rows == 300
    for size in (700, 1500, 9000):
        assert read(tsv(*records), block_bytes=size)[0].equals(whole)
    assert same(read(tsv(*records[200:]), tsv(*records[:200]))[0], whole)
    assert same(read(tsv(*records), run_rows=50)[0], whole)
    path = tmp_path / "conn.log.gz"
    path.write_bytes(gzip.compress(tsv(*records).encode()))
    assert read(path)[0].equals(whole)


@pytest.mark.parametrize(
    ("name", "flows", "labels"),
    [
        ("zat/conn.log", 360, 0), ("zat/conn.json.log", 50, 0), ("zat/conn_date_issue.log", 3, 0),
        ("slips/port-scans_horizontal.conn.log", 41, 0), ("slips/test10-mixed-zeek-dir.conn.log", 141, 0),
        ("slips/test9-mixed-zeek-dir.conn.log", 576, 0), ("slips/test18-malicious-ctu-sme-11-win.conn.log.labeled", 766, 766),
        ("ctu50/008.conn.log.labeled.xz", 5663, 5663),
    ],
)  # fmt: skip
def test_real_logs_are_read_whole(shared_data, name, flows, labels):
    table, understood = read(shared_data / "zeek" / name)
    assert table.num_rows == flows
    assert table.num_rows - table.column("label").null_count == labels
    assert not understood.counts.dropped


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_a_clock_that_is_centuries_ahead_is_not_taken_for_another_unit(unit):
    def at(seconds: int) -> list[str]:
        return [str(seconds * unit), *WEB[1:]]

    table, understood = read(tsv(at(1_700_000_000), at(32_503_680_000)))
    assert rows(table, "start_time") == [1_700_000_000.0]
    assert understood.counts.dropped == {"record without a time": 1}
    assert understood.counts.repaired == {"time before 1970 or after 2100": 1}


def test_absurd_times_are_no_times():
    late, long = [*WEB], [*WEB]
    late[0], long[FIELDS.index("duration")] = "1e300", "1e300"
    table, understood = read(tsv(late, long))
    assert rows(table, "duration_seconds") == [None]
    assert understood.counts.dropped == {"record without a time": 1}
    assert understood.counts.repaired == {
        "time before 1970 or after 2100": 1,
        "negative duration, or one over ten years, set to missing": 1,
    }


def test_a_carriage_return_ends_lines_and_does_not_stand_in_them():
    assert same(read(tsv(WEB, SYN).replace("\n", "\r\n"))[0], read(tsv(WEB, SYN))[0])
    inside = [*WEB]
    inside[1] = "C\r1"
    table, understood = read(tsv(inside, SYN))
    assert table.num_rows == 1
    assert understood.counts.dropped == {"line with a carriage return inside": 1}


def test_more_bytes_than_doubles_can_count_are_missing_and_counted():
    """What one sensor wrote in a fit ended the whole run, with a traceback."""
    line = list(WEB)
    line[16] = str(2**63 - 1)
    table, understood = read(as_json(WEB, line))
    assert set(rows(table, "bytes_out")) == {1489, None}
    assert understood.counts.repaired == {"bytes_out over 9e15 or negative set to missing": 1}
    assert len(features.flow_features(table)["bytes_out"]) == 2
