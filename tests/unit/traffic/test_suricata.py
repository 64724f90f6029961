"""Suricata's eve.json."""

import json

import pytest
from netanomaly.errors import DataError

from tests.unit.traffic.reading import read, rows

FLOW = {
    "timestamp": "2023-11-14T23:13:25.000000+0100", "flow_id": 2232403389523415, "event_type": "flow",
    "src_ip": "10.0.0.5", "src_port": 51012, "dest_ip": "192.0.2.7", "dest_port": 445, "proto": "TCP", "app_proto": "smb",
    "flow": {
        "pkts_toserver": 3, "pkts_toclient": 2, "bytes_toserver": 242, "bytes_toclient": 148,
        "start": "2023-11-14T23:13:20.123456+0100", "end": "2023-11-14T23:13:21.623456+0100", "state": "closed", "reason": "timeout",
    },
    "tcp": {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b"},
}  # fmt: skip


def event(**changes: object) -> str:
    made = json.loads(json.dumps(FLOW))
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        if inner:
            made[outer][inner] = value
        elif value is None:
            made.pop(outer)
        else:
            made[outer] = value
    return json.dumps(made) + "\n"


def test_a_flow_event_is_a_flow_and_its_bytes_are_those_of_ip():
    table, understood = read(event())
    assert understood.format.sensor == "suricata"
    found = rows(table)[0]
    assert (found["start_time"], found["duration_seconds"]) == (1700000000.123456, 1.5)
    assert (found["bytes_out"], found["bytes_in"]) == (242 - 3 * 14, 148 - 2 * 14)
    assert (found["protocol"], found["service"], found["uid"], found["outcome"]) == (
        "tcp",
        "smb",
        "2232403389523415",
        "closed",
    )


def test_vlan_tags_are_no_ip_bytes():
    table, _ = read(event(vlan=[100]))
    assert rows(table, "bytes_out") == [242 - 3 * 18]


def test_vlan_tags_without_brackets_are_tags_and_one_that_is_none_spoils_no_other():
    events = [event(vlan=100), event(vlan=["7", 8]), event(vlan="x"), event(vlan=[]), event()]
    table, understood = read("".join(events))
    assert sorted(rows(table, "bytes_out")) == [242 - 3 * 22, 242 - 3 * 18, 242 - 3 * 14, 242 - 3 * 14]
    assert understood.counts.dropped == {"vlan that is no list of whole numbers": 1}


def test_an_eve_json_without_flow_events_says_what_to_set_up():
    with pytest.raises(DataError, match=r"1 records of Suricata's alert events.*let eve-log write events of type flow"):
        read(event(event_type="alert"))


def test_what_else_is_in_suricatas_folder_is_set_aside_and_counted():
    fast = "01/01/2024-00:00:00.123456  [**] [1:2:3] x [**] [Classification: y] [Priority: 1] {TCP} 10.0.0.1:1 -> 10.0.0.2:2\n"
    rule = "-" * 84
    stats = f"{rule}\nDate: 1/1/2024 -- 00:00:08 (uptime: 0d, 00h 00m 08s)\n{rule}\nCounter | TM Name | Value\n"
    said = "[12 - Suricata-Main] 2024-01-01 00:00:00 Notice: suricata: This is Suricata version 7.0.10 RELEASE\n"
    before = "1/1/2024 -- 00:00:00 - <Notice> - This is Suricata version 6.0.4 RELEASE running in SYSTEM mode\n"
    table, understood = read(fast, stats, said, before, event())
    assert table.num_rows == 1
    assert understood.other_files == {
        "a log of Suricata's in sentences (fast.log, http.log)": 1, "Suricata's stats.log": 1, "what Suricata's process printed": 2,
    }  # fmt: skip


def test_bytes_without_a_link_layer_stay_as_they_are():
    table, _ = read(event(flow__bytes_toserver=66, proto="UDP", tcp=None))
    assert rows(table, "bytes_out") == [66]


def test_icmp_has_type_and_code_for_ports():
    table, _ = read(
        event(
            proto="IPv6-ICMP", icmp_type=135, icmp_code=0, src_port=None, dest_port=None, tcp=None, app_proto="failed"
        )
    )
    assert rows(table, "protocol", "src_port", "dst_port", "service") == [("ipv6-icmp", 135, 0, None)]


def test_what_became_of_a_flow():
    cases: dict[str, dict[str, object]] = {
        "refused": {"tcp": {"tcp_flags_ts": "02", "tcp_flags_tc": "14"}},
        "unanswered": {
            "tcp": {"tcp_flags_ts": "02", "tcp_flags_tc": "00"},
            "flow__pkts_toclient": 0,
            "flow__bytes_toclient": 0,
        },
        "half_open": {"tcp": {"tcp_flags_ts": "06", "tcp_flags_tc": "12"}},
        "reset": {"tcp": {"tcp_flags_ts": "1e", "tcp_flags_tc": "1a"}},
        "established": {"tcp": {"tcp_flags_ts": "1a", "tcp_flags_tc": "1a"}},
    }
    for outcome, changes in cases.items():
        table, _ = read(event(**changes))
        assert rows(table, "outcome") == [outcome]


def test_other_events_are_counted_by_kind_and_times_in_any_zone():
    alert = event(event_type="alert", alert={"signature": "x"})
    utc = event(flow__start="2023-11-14T22:13:20.123456Z", flow__end="2023-11-14T22:13:21+0000", flow__action="drop")
    table, understood = read(alert + event(event_type="dns", dns={"type": "query"}) + utc + alert)
    assert rows(table, "start_time", "allowed") == [(1700000000.123456, False)]
    assert understood.other_records == {"Suricata's alert events": 2, "Suricata's dns events": 1}


def test_flows_come_in_order_of_their_end_whatever_the_order_of_lines():
    late = event(flow__end="2023-11-14T23:50:00.000000+0100", flow_id=1)
    assert rows(read(late + event(flow_id=2))[0], "uid") == ["2", "1"]


def test_a_real_file(shared_data):
    table, understood = read(shared_data / "suricata" / "test6-malicious.suricata.json.xz")
    assert table.num_rows == 3512
    assert sum(understood.other_records.values()) == 1488
    assert not understood.counts.dropped
