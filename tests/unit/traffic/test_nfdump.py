"""What nfdump prints: old, new and custom CSV, and JSON. The old form is as nfdump 1.7.1 printed it of a capture."""

import json

from tests.unit.traffic.reading import read, rows

OLD_HEAD = (
    "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk,dmk,dtos,dir,nh,nhb,svln,dvln,ismc,odmc,"
    "idmc,osmc,mpls1,mpls2,mpls3,mpls4,mpls5,mpls6,mpls7,mpls8,mpls9,mpls10,cl,sl,al,ra,eng,exid,tr\n"
)
_REST = (
    "0,0,0,0,0,0,0,0,0.0.0.0,0.0.0.0,0,0,00:00:00:00:00:00,00:00:00:00:00:00,00:00:00:00:00:00,00:00:00:00:00:00,0-0-0,"
    "0-0-0,0-0-0,0-0-0,0-0-0,0-0-0,0-0-0,0-0-0,0-0-0,0-0-0,    0.000,    0.000,    0.000,0.0.0.0,17/1,0,2023-11-14 22:13:21.000\n"
)
SUMMARY = "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n2,91851,134,851,1,89\n"
NEW_HEAD = "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows\n"


def old(start: str = "22:13:20", td: str = "3.425", sa: str = "192.168.2.1", da: str = "192.168.2.16", sp: int = 51529,
        dp: int = 22, pr: str = "TCP", flg: str = "CE.AP.SF", packets: str = "88", size: str = "87529") -> str:  # fmt: skip
    return (
        f"2023-11-14 {start},2023-11-14 22:13:24,{td},{sa},{da},{sp},{dp},{pr},{flg},0,0,{packets},{size},0,0,{_REST}"
    )


def answer(**changes: str) -> str:
    return old(
        sa="192.168.2.16", da="192.168.2.1", sp=22, dp=51529, flg=".E.AP.SF", packets="46", size="4322", **changes
    )


def test_both_directions_are_one_flow_of_whoever_serves_the_lower_port():
    for text in (old() + answer(), answer() + old()):
        table, understood = read(OLD_HEAD + text + SUMMARY)
        found = rows(table)[0]
        assert (found["src_ip"], found["dst_port"], found["bytes_out"], found["bytes_in"]) == (
            "192.168.2.1",
            22,
            87529,
            4322,
        )
        assert (found["packets_out"], found["packets_in"], found["outcome"]) == (88, 46, "closed")
        assert (found["start_time"], found["duration_seconds"]) == (1700000000.0, 3.425)
        assert (understood.pairs.records, understood.pairs.paired, understood.format.sensor) == (2, 2, "netflow")
        assert not understood.counts.dropped


def test_a_record_without_an_answer_is_unanswered_where_others_have_one():
    table, _ = read(OLD_HEAD + old() + answer() + old(sp=51530, flg="......S.", packets="1", size="40"))
    assert ("unanswered", 0, 0) in rows(table, "outcome", "bytes_in", "packets_in")


def test_where_no_record_has_an_answer_it_is_not_said_that_there_was_none():
    table, understood = read(OLD_HEAD + old() + old(sp=51530))
    assert rows(table, "outcome", "bytes_in") == [(None, None)] * 2
    assert understood.report()["one_direction_only"] is True


def test_the_form_of_1_7_5_and_numbers_with_a_scale():
    text = (
        "2023-11-14 22:13:20.123,00:00:03.425,6,192.168.2.1,51529,192.168.2.16,22,88,2.1 M,1\n"
        "2023-11-14 22:13:20.223,00:00:03.325,6,192.168.2.16,22,192.168.2.1,51529,46,4322,1\n"
    )
    table, _ = read(NEW_HEAD + text)
    assert rows(table, "start_time", "duration_seconds", "protocol", "bytes_out", "bytes_in") == [
        (1700000000.123, 3.425, "tcp", 2_100_000, 4322)
    ]


def test_custom_columns_in_any_order_and_times_in_milliseconds():
    text = "cnt,af,firstSeen,lastSeen,proto,srcAddr,srcPort,dstAddr,dstPort,flags,packets,bytes\n"
    text += "1,2,1700000000123,1700000003548,6,192.168.2.1,51529,192.168.2.16,22,......S.,1,60\n"
    table, _ = read(text)
    assert rows(table, "start_time", "duration_seconds", "bytes_out") == [(1700000000.123, 3.425, 60)]


def test_icmp_type_and_code_stand_where_the_port_is():
    dotted = "2023-11-14 22:13:20.123,0.000,ICMP,192.168.2.1,0,192.168.2.16,3.1,1,60,1\n"
    table, _ = read(NEW_HEAD + dotted + dotted.replace("3.1,1,60", "2048,1,84"))
    assert sorted(rows(table, "src_port", "dst_port")) == [(3, 1), (8, 0)]


def record(**changes: object) -> dict[str, object]:
    return {
        "type": "FLOW", "sampled": 0, "export_sysid": 0, "first": "2023-11-14T22:13:20.000", "last": "2023-11-14T22:13:23.425",
        "in_packets": 88, "in_bytes": 87529, "proto": 6, "tcp_flags": "CE.AP.SF", "src_port": 51529, "dst_port": 22,
        "src4_addr": "192.168.2.1", "dst4_addr": "192.168.2.16", "label": "<none>",
    } | changes  # fmt: skip


BACK = {
    "src_port": 22, "dst_port": 51529, "src4_addr": "192.168.2.16", "dst4_addr": "192.168.2.1", "in_packets": 46,
    "in_bytes": 4322, "tcp_flags": ".E.AP.SF",
}  # fmt: skip


def test_json_says_the_same_as_csv_one_a_line_or_in_a_list():
    records = [record(), record(**BACK)]
    csv, _ = read(OLD_HEAD + old() + answer())
    wanted = rows(csv.drop_columns(["line"]))
    assert rows(read("".join(json.dumps(each) + "\n" for each in records))[0].drop_columns(["line"])) == wanted
    assert rows(read(json.dumps(records, indent=1))[0].drop_columns(["line"])) == wanted
    assert (
        rows(read("[\nNo matching flows\n]\n" + json.dumps(records, indent="\t"))[0].drop_columns(["line"])) == wanted
    )


def test_bytes_that_repeat_the_packets_are_not_believed():
    table, understood = read(json.dumps(record(in_bytes=88)) + "\n")
    assert rows(table, "bytes_out", "packets_out") == [(None, 88)]
    assert sum(understood.counts.repaired.values()) == 2


def test_records_hours_apart_are_never_one_flow():
    late = old(start="23:59:00", sa="192.168.2.16", da="192.168.2.1", sp=22, dp=51529)
    table, understood = read(OLD_HEAD + old() + late)
    assert table.num_rows == 2
    assert understood.pairs.paired == 0


def test_an_end_before_the_start_is_no_duration_however_it_is_written():
    records = "".join(old(td=td, sp=51000 + n) for n, td in enumerate(("-0.061", "4294967.235", "3.425", "a while")))
    read_head = OLD_HEAD.replace("ts,te,", "ts,other,")
    table, understood = read(read_head + records)
    assert [row["duration_seconds"] for row in rows(table) if row["duration_seconds"] is not None] == [3.425]
    told = understood.counts.repaired
    assert [told[reason] for reason in told if "duration" in reason] == [1, 1, 1]


def test_records_that_join_several_flows_are_told():
    records = "".join(
        f"2023-11-14 22:13:2{n}.000,1.0,TCP,10.0.0.1,5151{n},192.0.2.7,443,5,560,{flows}\n"
        for n, flows in enumerate((1, 250, 3))
    )
    _, understood = read(NEW_HEAD + records)
    assert understood.counts.repaired["record that joins several flows (nfdump -a, -A): it counts as one"] == 2
