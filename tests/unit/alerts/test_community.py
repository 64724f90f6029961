"""Community ID, by the vectors of its specification."""

import pytest
from netanomaly.alerts.community import community_id


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (("128.232.110.120", 34855, "66.35.250.204", 80, "tcp"), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("66.35.250.204", 80, "128.232.110.120", 34855, "TCP"), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("192.168.1.52", 54585, "8.8.8.8", 53, "udp"), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ],
)
def test_both_directions_have_the_published_id(flow, expected):
    assert community_id(*flow) == expected


# What Suricata 7.0.10 writes of flows in captures: one of each kind.
SURICATA = [
    (("178.62.197.130", 443, "192.168.1.13", 53059, "tcp"), "1:KhgxkZ8o5kZAJjXqlT4IA/xFcmA="),
    (("85.22.62.120", 123, "78.46.76.11", 123, "udp"), "1:QwIXTXLAwN4GdulRELtEl3unD6s="),
    (("127.0.0.1", 49606, "127.0.0.1", 8080, "tcp"), "1:Bv60DzEYimlvvc1yIjUeQ2nlcrg="),
    (("127.0.0.1", 50048, "127.0.0.1", 8080, "tcp"), "1:Lh1wv0BeZI5GNf67nAjO9MRbC3Q="),
    (("192.168.239.129", 10, "224.0.0.2", 0, "icmp"), "1:CuALI2z1hGAkiFJ7Wl3TjII6xqw="),
    (("192.168.154.131", 8, "192.168.154.132", 0, "icmp"), "1:qq1OKSBwmaKdzDF45PeFma9fFgQ="),
    (("2a00:0d40:0001:0003:7aac:c0ff:fea7:0d4c", 53134, "2a02:26f0:00ad:0197::0236", 443, "tcp"), "1:XqNbLFYLf7fMOBFENAurLukknho="),
    (("fe80::ba27:ebff:fec7:e9c9", 143, "ff02::16", 0, "ipv6-icmp"), "1:ie58NlJfQyDraLzv4921TZwK7vQ="),
    (("fe80::ba27:ebff:fec7:e9c9", 133, "ff02::2", 0, "ipv6-icmp"), "1:kPOBeCDbhqVp6pb6Mc5fS3FjZ58="),
]  # fmt: skip


@pytest.mark.parametrize(("flow", "expected"), SURICATA)
def test_flows_of_suricata_have_the_id_that_it_gives_them(flow, expected):
    assert community_id(*flow, "suricata") == expected  # type: ignore[call-arg]


def test_an_answer_to_an_echo_has_the_id_of_the_echo():
    asked, answered = ("10.0.0.1", 8, "10.0.0.2", 0, "icmp", "zeek"), ("10.0.0.2", 0, "10.0.0.1", 0, "icmp", "zeek")
    assert community_id(*asked) == community_id(*answered)
    # Unreachable is no answer: one way each.
    there, back = ("10.0.0.1", 3, "10.0.0.2", 1, "icmp", "zeek"), ("10.0.0.2", 3, "10.0.0.1", 1, "icmp", "zeek")
    assert community_id(*there) != community_id(*back)


@pytest.mark.parametrize(
    "flow", [("a", 1, "b", 2, "tcp"), ("10.0.0.1", 8, "10.0.0.2", 0, "icmp"), ("10.0.0.1", 99999, "10.0.0.2", 1, "tcp")]
)
def test_what_has_no_id_gets_none(flow):
    assert community_id(*flow) is None
