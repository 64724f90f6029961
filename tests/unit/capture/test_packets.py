"""Captures in all their notations give the same packets, and the flow meter frames of exactly their IP packets."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError

from tests.unit.capture import made
from tests.unit.capture.made import START, Packet

ASK = made.tcp("10.0.0.5", 51012, "10.0.0.9", 445, 2)
REPLY = made.tcp("10.0.0.9", 445, "10.0.0.5", 51012, 18)
SEEN = [Packet(START, made.ethernet(ASK)), Packet(START + 123_456, made.ethernet(REPLY))]
NANOSECONDS = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
BINARY_UNITS = struct.pack("<HHB3xHH", 9, 1, 0x80 | 20, 0, 0)


@pytest.mark.parametrize(
    "capture",
    [
        made.pcap(*SEEN),
        made.pcap(*SEEN, order=">"),
        made.pcap(*SEEN, nanoseconds=True),
        made.pcap(*SEEN, order=">", nanoseconds=True),
        made.pcapng(*SEEN),
        made.pcapng(*SEEN, order=">"),
        made.section() + made.interface(options=NANOSECONDS) + b"".join(made.enhanced(each, units_a_second=10**9) for each in SEEN),
        made.pcapng(SEEN[0], order=">") + made.pcapng(SEEN[1]),
        made.pcapng(SEEN[0]) + made.block(5, bytes(12)) + made.block(0x0BAD, b"?") + made.enhanced(SEEN[1]),
    ],
)  # fmt: skip
def test_every_notation_gives_the_same_packets(capture):
    expected = [Packet(each.micros, each.data, len(each.data)) for each in SEEN]
    for at_once in (1 << 22, 61):
        assert made.read(capture, at_once) == (expected, [])


def test_times_in_units_of_a_power_of_two():
    packet = Packet(START + 500_000, made.ethernet(ASK))
    capture = made.section() + made.interface(options=BINARY_UNITS) + made.enhanced(packet, units_a_second=1 << 20)
    assert made.read(capture)[0][0].micros == START + 500_000


def test_a_simple_packet_has_the_time_of_the_one_before():
    simple = made.block(3, struct.pack("<I", len(SEEN[1].data)) + SEEN[1].data)
    found, _ = made.read(made.pcapng(SEEN[0]) + simple)
    assert [each.micros for each in found] == [START, START]
    assert found[1].data == SEEN[1].data


@pytest.mark.parametrize("notation", [made.pcap, made.pcapng])
@given(cut=st.integers(1, 50))
@settings(max_examples=20, deadline=None)
def test_of_a_capture_that_was_cut_off_the_whole_packets_are_used(notation, cut):
    whole = notation(*SEEN)
    found, wrong = made.read(whole[:-cut])
    assert [each.data for each in found] == [SEEN[0].data]
    assert wrong == ["ends in the middle of a packet; the 1 before it are used"]


@pytest.mark.parametrize("notation", [made.pcap, made.pcapng])
def test_of_a_damaged_capture_what_came_before_is_used(notation):
    found, wrong = made.read(notation(*SEEN) + b"\xff" * 64)
    assert len(found) == 2
    assert wrong == ["is damaged after 2 packets, which are used"]


@pytest.mark.parametrize("capture", [made.pcap(), made.pcapng(), made.pcap(SEEN[0])[:30], made.section()])
def test_a_capture_without_a_packet_is_refused(capture):
    with pytest.raises(DataError, match=r"office\.pcap is a capture without a whole packet"):
        made.read(capture)


@pytest.mark.parametrize(
    "capture",
    [
        made.pcap(Packet(START, made.ethernet(ASK))),
        made.pcap(Packet(START, made.ethernet(ASK, padded=60))),
        made.pcap(Packet(START, ASK), link=made.RAW),
        made.pcap(Packet(START, made.null(ASK)), link=made.NULL),
        made.pcap(Packet(START, made.null(ASK, ">")), link=made.NULL),
        made.pcap(Packet(START, made.cooked(ASK)), link=made.COOKED),
        made.pcap(Packet(START, made.cooked_2(ASK)), link=made.COOKED_2),
        made.pcapng(Packet(START, ASK), link=made.RAW),
    ],
)
def test_the_meter_is_given_the_same_frame_whatever_the_link(capture):
    (frame,), seen = made.framed(capture)
    assert frame.data[12:] == b"\x08\x00" + ASK
    assert frame.length == 14 + len(ASK)
    assert (seen.packets, seen.cut, seen.tagged) == (1, 0, 0)


def test_of_ipv6_padding_is_no_part_of_the_packet():
    packet = made.udp("fe80::1", 546, "ff02::1:2", 547)
    (frame,), _ = made.framed(made.pcap(Packet(START, made.ethernet(packet, padded=80))))
    assert frame.data[14:] == packet


@pytest.mark.parametrize("tags", [(7,), (7, 9)])
def test_vlan_tags_stay_and_are_counted(tags):
    (frame,), seen = made.framed(made.pcap(Packet(START, made.ethernet(ASK, *tags, padded=90))))
    assert frame.data == made.ethernet(ASK, *tags)
    assert seen.tagged == 1


def test_what_a_snap_length_cut_off_counts_at_its_length():
    packet = made.tcp("10.0.0.5", 51012, "10.0.0.9", 445, 24, b"x" * 1000)
    (frame,), seen = made.framed(made.pcap(Packet(START, made.ethernet(packet)), snaplen=96))
    assert frame.length == len(frame.data) == 14 + len(packet)
    assert frame.data[:96] == made.ethernet(packet)[:96]
    assert set(frame.data[96:]) == {0}
    assert seen.cut == 1


def test_a_packet_without_a_length_of_its_own_is_as_long_as_it_was_on_the_wire():
    """A large send, which the network card was to cut."""
    packet = bytearray(made.tcp("10.0.0.5", 51012, "10.0.0.9", 445, 24, b"x" * 3000))
    packet[2:4] = b"\0\0"
    (frame,), _ = made.framed(made.pcap(Packet(START, made.ethernet(bytes(packet)))))
    assert frame.length == 14 + len(packet)


def test_links_may_differ_within_one_capture():
    capture = made.section() + made.interface() + made.interface(made.RAW)
    capture += made.enhanced(SEEN[0]) + made.enhanced(Packet(START + 1, REPLY), number=1)
    found, _ = made.framed(capture)
    assert [each.data[14:] for each in found] == [ASK, REPLY]


def test_a_link_that_nothing_can_be_made_of_is_named():
    with pytest.raises(
        DataError, match=r"link of type 127 \(IEEE 802.11 with radiotap\), of which no flows can be made"
    ):
        made.framed(made.pcap(Packet(START, b"x" * 60), link=made.WIFI))


@given(
    st.lists(st.binary(max_size=120), min_size=1, max_size=8),
    st.sampled_from([0, 1, 12, 101, 104, 108, 113, 228, 276]),
    st.integers(0, 100),
)
@settings(max_examples=200, deadline=None)
def test_any_octets_on_any_link_are_frames_as_many_and_no_longer_than_allowed(seen, link, more):
    packets = [Packet(START + number, data, len(data) + more) for number, data in enumerate(seen)]
    found, counted = made.framed(made.pcap(*packets, link=link))
    assert len(found) == len(seen) == counted.packets
    assert [each.micros for each in found] == [each.micros for each in packets]
