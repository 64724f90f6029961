"""Flow logs of clouds. The samples are written after the clouds' documentation; none is of a real network."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import DataError
from netanomaly.traffic import aws_vpc
from netanomaly.traffic.recognition import NoFlows, recognise

from tests.unit.traffic.reading import read, rows, same

AWS_HEAD = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"
ASK = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
REPLY = "2 123456789010 eni-1235b8ca123456789 172.31.16.21 172.31.16.139 22 20641 6 18 3100 1418530010 1418530070 ACCEPT OK\n"
DENIED = "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK\n"
NODATA = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA\n"
SKIPDATA = "2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA\n"


@pytest.mark.parametrize("head", [AWS_HEAD, ""])
def test_both_directions_of_a_vpc_are_one_flow(head):
    table, understood = read(head + NODATA + ASK + REPLY + DENIED + SKIPDATA)
    assert understood.format.sensor == "aws-vpc"
    assert sorted(rows(table, "src_port", "dst_port", "bytes_out", "bytes_in", "allowed", "outcome")) == [
        (20641, 22, 4249, 3100, True, "established"), (49761, 3389, 4249, 0, False, "refused"),
    ]  # fmt: skip
    assert rows(table, "start_time", "duration_seconds")[0] == (1418530010.0, 60.0)
    assert understood.counts.set_aside == {"NODATA: nothing passed the interface in that window": 1}
    assert understood.counts.dropped == {"SKIPDATA: records that Amazon itself lost": 1}


def test_custom_orders_flags_and_the_packets_own_addresses():
    head = "srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol tcp-flags packets bytes start end action\n"
    ask = "10.0.0.1 10.0.0.220 203.0.113.5 10.0.1.5 443 443 6 2 1 60 1418530010 1418530070 ACCEPT\n"
    reply = "10.0.0.220 10.0.0.1 10.0.1.5 203.0.113.5 443 443 6 18 1 60 1418530010 1418530070 ACCEPT\n"
    assert rows(read(head + reply + ask)[0], "src_ip", "dst_ip", "outcome") == [
        ("203.0.113.5", "10.0.1.5", "half_open")
    ]


@pytest.mark.parametrize("arrived", ["", "2018-06-20T16:20:00.000Z "])
def test_records_in_an_order_of_their_own_without_a_header_are_no_table_of_nameless_columns(arrived):
    record = "3 vpc-abcdefab012345678 - eni-1235b8ca123456789 52.213.180.42 10.0.0.62 43416 5001 6 568 8 1566848875 1566848933 ACCEPT 2 OK"
    found = recognise(f"{arrived}{record}\n".encode())
    assert isinstance(found, NoFlows)
    assert "write the flow log's own format above the records" in found.lacks
    assert recognise(record.replace(" ", ",").encode()) is None


@pytest.mark.parametrize(
    ("flags", "packets", "became"),
    [("2", 1, "half_open"), ("2", 8, "established"), ("6", 2, "half_open"), ("6", 9, "reset"), ("3", 5, "closed")],
)
def test_amazon_tells_no_ack_by_itself(flags, packets, became):
    """Of its own example of a connection the first window has flags 2 and 18, and 70 packets."""
    head = "srcaddr dstaddr srcport dstport protocol tcp-flags packets bytes start end action\n"
    ask = f"52.213.180.42 10.0.0.62 43416 5001 6 {flags} {packets} 568 1566848875 1566848933 ACCEPT\n"
    reply = "10.0.0.62 52.213.180.42 5001 43416 6 19 7 376 1566848875 1566848933 ACCEPT\n"
    assert rows(read(head + ask + reply)[0], "state", "outcome") == [
        ({"2": "S", "3": "FS", "6": "SR"}[flags] + "_FSA", became)
    ]


def test_clouds_tell_no_type_and_code_of_icmp():
    ping = ASK.replace(" 20641 22 6 ", " 0 0 1 ")
    assert rows(read(ping)[0], "protocol", "src_port", "dst_port") == [("icmp", None, None)]
    tuples = vnet("1663146003599,10.0.0.6,192.0.2.180,0,0,1,O,E,NX,3,767,2,1580")
    assert rows(read(tuples)[0], "protocol", "src_port", "dst_port") == [("icmp", None, None)]


def test_what_only_began_in_azure_is_neither_counted_nor_unanswered():
    began = "1663146003599,10.0.0.6,192.0.2.180,23956,443,6,O,B,NX,0,0,0,0"
    denied = "1663145998065,101.33.218.153,10.0.0.6,55188,22,6,I,D,NX,0,0,0,0"
    assert rows(read(vnet(began, denied))[0], "state", "packets_out", "bytes_in", "outcome") == [
        ("D", None, None, "refused"), ("B", None, None, None),
    ]  # fmt: skip
    ended = began.replace(",B,NX,0,0,0,0", ",E,NX,3,767,0,0")
    assert rows(read(vnet(began, ended))[0], "packets_out", "packets_in", "outcome") == [(3, 0, "unanswered")]


def test_what_two_interfaces_report_counts_once():
    other = "eni-22222222222222222"
    twice = "".join(record.replace("eni-1235b8ca123456789", other) for record in (ASK, REPLY))
    table, understood = read(AWS_HEAD + ASK + REPLY + twice)
    assert rows(table, "bytes_out", "bytes_in") == [(4249, 3100)]
    assert understood.counts.set_aside == {"record that a second interface or end reports, too": 2}


def test_a_parquet_delivery_says_the_same_as_text(tmp_path):
    names = [name.replace("-", "_") for name in aws_vpc.DEFAULT]
    kinds = {"start": int, "end": int, "srcport": int, "dstport": int, "protocol": int, "packets": int, "bytes": int}
    columns: dict[str, list] = {name: [] for name in names}
    for record in (ASK, REPLY):
        for name, text in zip(names, record.split(), strict=True):
            columns[name].append(kinds.get(name, str)(text))
    path = tmp_path / "delivery.parquet"
    pq.write_table(pa.table(columns), path)
    assert same(read(path)[0], read(ASK + REPLY)[0])


def entry(**changes: object) -> dict:
    connection = {"src_ip": "10.10.0.5", "src_port": 40000, "dest_ip": "10.10.0.9", "dest_port": 5432, "protocol": 6}
    payload: dict = {
        "connection": connection, "bytes_sent": "1776", "packets_sent": "7", "start_time": "2023-11-14T22:13:20.123456789Z",
        "end_time": "2023-11-14T22:13:25.123456789Z", "reporter": "SRC",
    }  # fmt: skip
    connection |= {name: value for name, value in changes.items() if name in connection}
    payload |= {name: value for name, value in changes.items() if name not in connection}
    return {"insertId": "x", "jsonPayload": payload, "logName": "projects/p/logs/compute.googleapis.com%2Fvpc_flows"}


REVERSED = {"src_ip": "10.10.0.9", "src_port": 5432, "dest_ip": "10.10.0.5", "dest_port": 40000, "bytes_sent": "900"}


@pytest.mark.parametrize("listed", [False, True])
def test_google_tells_a_flow_inside_a_vpc_twice_and_it_counts_once(listed):
    entries = [entry(), entry(reporter="DEST"), entry(**REVERSED), entry(**REVERSED, reporter="DEST")]
    text = json.dumps(entries, indent=2) if listed else "".join(json.dumps(each) + "\n" for each in entries)
    table, understood = read(text)
    assert rows(table, "src_port", "dst_port", "bytes_out", "bytes_in", "start_time") == [
        (40000, 5432, 1776, 900, 1700000000.123456)
    ]
    assert understood.format.sampled
    assert understood.counts.set_aside == {"record that a second interface or end reports, too": 2}


def test_of_a_sample_it_is_not_said_that_nothing_came_back():
    table, _ = read("".join(json.dumps(each) + "\n" for each in (entry(), entry(**REVERSED), entry(src_port=41000))))
    assert (41000, None) in rows(table, "src_port", "bytes_in")


def vnet(*tuples: str) -> str:
    return json.dumps({
        "records": [{
            "time": "2022-09-14T09:00:52.5625085Z", "flowLogVersion": 4, "category": "FlowLogFlowEvent",
            "flowRecords": {"flows": [{"aclID": "a", "flowGroups": [{"rule": "r", "flowTuples": list(tuples)}]}]},
        }]
    })  # fmt: skip


def test_the_pieces_of_azures_flows_are_put_together():
    table, understood = read(vnet(
        "1663146003599,10.0.0.6,192.0.2.180,23956,443,6,O,B,NX,0,0,0,0",
        "1663146003606,10.0.0.6,192.0.2.180,23956,443,6,O,E,NX,3,767,2,1580",
        "1663146003637,203.0.113.17,10.0.0.6,22730,22,6,I,D,NX,0,0,0,0",
        "1663146004251,203.0.113.17,10.0.0.6,22732,23,6,I,B,NX,0,0,0,0",
        "1663146304251,203.0.113.17,10.0.0.6,22732,23,6,I,C,NX,1,60,1,44",
        "1663146604251,203.0.113.17,10.0.0.6,22732,23,6,I,C,NX,2,100,2,88",
    ))  # fmt: skip
    assert understood.format.sensor == "azure-vnet"
    found = {row["dst_port"]: row for row in rows(table)}
    assert (found[443]["bytes_out"], found[443]["bytes_in"], found[443]["packets_out"], found[443]["state"]) == (
        767,
        1580,
        3,
        "BE",
    )
    assert (found[443]["start_time"], found[443]["duration_seconds"]) == (1663146003.599, 0.007)
    assert (found[22]["allowed"], found[22]["outcome"]) == (False, "refused")
    assert (found[23]["bytes_out"], found[23]["bytes_in"], found[23]["duration_seconds"], found[23]["state"]) == (
        160,
        132,
        600.0,
        "BC",
    )


def test_a_document_of_azures_that_is_given_twice_counts_once():
    """Its pieces would be put together crosswise: begins alone, counts twice, ends alone."""
    log = vnet(
        "1663146003599,10.0.0.6,192.0.2.180,23956,443,6,O,B,NX,0,0,0,0",
        "1663146303599,10.0.0.6,192.0.2.180,23956,443,6,O,C,NX,5,500,4,400",
        "1663146403606,10.0.0.6,192.0.2.180,23956,443,6,O,E,NX,3,767,2,1580",
        "1663146003637,203.0.113.17,10.0.0.6,22730,22,6,I,D,NX,0,0,0,0",
    )
    once, twice = read(log), read(log, log)
    allowed = [[row for row in rows(table) if row["allowed"]] for table in (once[0], twice[0])]
    assert allowed[0] == allowed[1]
    assert len(allowed[0]) == 1
    assert sum(twice[1].counts.set_aside.values()) == 3
    assert not once[1].counts.set_aside
    # A denied flow is one by itself, and told as any flow that repeats another.
    assert sum(count for reason, count in twice[1].counts.repaired.items() if "flow that repeats" in reason) == 1


def test_security_group_logs_of_version_2():
    tuples = ["1542110402,94.102.49.190,10.5.16.4,28746,443,U,I,D,B,,,,", "1542110424,10.5.16.10,167.99.86.8,56509,443,T,O,A,B,,,,",
              "1542110437,10.5.16.10,167.99.86.8,56509,443,T,O,A,E,3,180,2,120"]  # fmt: skip
    text = json.dumps({
        "records": [{
            "time": "2018-11-13T12:00:35Z", "category": "NetworkSecurityGroupFlowEvent",
            "properties": {"Version": 2, "flows": [{"rule": "r", "flows": [{"mac": "m", "flowTuples": tuples}]}]},
        }]
    }, indent=1)  # fmt: skip
    found = sorted(rows(read(text)[0], "protocol", "allowed", "bytes_out", "bytes_in"))
    assert found == [("tcp", True, 180, 120), ("udp", False, None, None)]


def test_version_1_of_azure_has_no_bytes_and_is_refused():
    text = json.dumps(
        {
            "records": [
                {"properties": {"flows": [{"flows": [{"flowTuples": ["1487282421,1.2.3.4,10.0.0.4,1,2,T,I,A"]}]}]}}
            ]
        }
    )
    with pytest.raises(DataError, match="version 1, which have no bytes"):
        read(text)
