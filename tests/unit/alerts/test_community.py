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


@pytest.mark.parametrize(
    "flow", [("a", 1, "b", 2, "tcp"), ("10.0.0.1", 8, "10.0.0.2", 0, "icmp"), ("10.0.0.1", 99999, "10.0.0.2", 1, "tcp")]
)
def test_what_has_no_id_gets_none(flow):
    assert community_id(*flow) is None
