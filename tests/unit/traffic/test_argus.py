"""Argus, as ra prints it."""

import pytest

from tests.unit.traffic.reading import read, rows

HEAD = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts,Label\n"


def line(**changes: object) -> str:
    made: dict[str, object] = {
        "start": "2019/04/04 16:23:00.325010", "dur": "0.027947", "proto": "udp", "src": "10.8.0.69", "sport": "48427",
        "dir": "  <->", "dst": "8.8.8.8", "dport": "53", "state": "CON", "stos": "0", "dtos": "0", "packets": "2",
        "bytes": "142", "srcbytes": "63", "srcpkts": "1", "label": "",
    }  # fmt: skip
    made.update(changes)
    return ",".join(str(value) for value in made.values()) + "\n"


def test_a_flow_has_ip_bytes_each_way():
    table, understood = read(HEAD + line())
    assert understood.format.sensor == "argus"
    found = rows(table)[0]
    assert (found["start_time"], found["duration_seconds"]) == (1554394980.32501, 0.027947)
    assert (found["bytes_out"], found["bytes_in"]) == (63 - 14, 79 - 14)
    assert (found["packets_out"], found["packets_in"], found["outcome"]) == (1, 1, "established")
    assert understood.counts.repaired == {"time without a zone, taken for UTC": 1}


def test_without_srcpkts_packets_are_not_known_and_bytes_are_of_frames():
    head = HEAD.replace(",SrcPkts", "")
    table, understood = read(head + line().replace(",63,1,", ",63,"))
    assert rows(table, "bytes_out", "bytes_in", "packets_out", "packets_in") == [(63, 79, None, None)]
    assert any("frames" in reason for reason in understood.counts.repaired)


def test_tabs_do_as_well_as_commas():
    assert read((HEAD + line()).replace(",", "\t"))[0].equals(read(HEAD + line())[0])


def test_the_originator_on_the_right_is_put_on_the_left():
    text = line(dir="   <-", proto="tcp", state="SA_S", packets=5, bytes=500, srcbytes=300, srcpkts=3)
    assert rows(
        read(HEAD + text)[0], "src_ip", "src_port", "dst_ip", "dst_port", "bytes_out", "packets_out", "outcome"
    ) == [("8.8.8.8", 53, "10.8.0.69", 48427, 200 - 28, 2, "half_open")]


def test_icmp_ports_are_type_and_code_written_in_hexadecimal():
    table, _ = read(HEAD + line(proto="icmp", sport="0x0103", dport="0x5122", state="URH"))
    assert rows(table, "src_port", "dst_port") == [(3, 1)]
    table, _ = read(HEAD + line(proto="ipv6-icmp", sport="135", dport="0", state="NNS"))
    assert rows(table, "src_port", "dst_port") == [(135, 0)]


def test_management_records_empty_ports_and_odd_directions():
    text = line(proto="man", src="0", dst="0", state="STA") + line(
        proto="arp", sport="", dport="", dir="  who", state="INT"
    )
    table, understood = read(HEAD + text)
    assert rows(table, "protocol", "src_port", "outcome") == [("arp", None, "unanswered")]
    assert understood.counts.set_aside == {"Argus' own management record": 1}


def test_states_of_both_dialects():
    cases = {
        "S_RA": "refused",
        "S_": "unanswered",
        "FSPA_FSPA": "closed",
        "FSRPA_FSPA": "reset",
        "SPA_SPA": "established",
        "REQ": "unanswered",
    }
    for state, outcome in cases.items():
        back = 0 if outcome == "unanswered" else 79
        text = line(proto="tcp", state=state, bytes=63 + back, packets=1 + bool(back))
        assert rows(read(HEAD + text)[0], "outcome") == [outcome], state


def test_a_header_that_comes_again_is_no_record():
    assert read(HEAD + line() + HEAD + line())[0].num_rows == 2


@pytest.mark.parametrize(
    ("name", "flows"),
    [
        ("test2-malicious", 6751),
        ("test3-mixed", 89),
        ("test4-malicious", 394),
        ("test5-mixed", 299),
        ("test11-portscan", 66),
    ],
)
def test_real_files_of_five_dialects(shared_data, name, flows):
    table, understood = read(shared_data / "binetflow" / f"{name}.binetflow.xz")
    assert table.num_rows == flows
    assert not understood.counts.dropped
