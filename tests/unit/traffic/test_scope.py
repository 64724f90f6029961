"""Where addresses are."""

import ipaddress

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.traffic.scope import direction, scope


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("10.1.2.3", "private"), ("192.168.0.1", "private"), ("172.16.9.9", "private"), ("172.15.0.1", "public"),
        ("8.8.8.8", "public"), ("224.0.0.251", "multicast"), ("255.255.255.255", "broadcast"), ("127.0.0.1", "loopback"),
        ("169.254.1.1", "link-local"), ("0.0.0.9", "private"), ("fe80::1%eth0", "link-local"), ("ff02::fb", "multicast"),
        ("2001:718:2::1", "public"), ("fd00::1", "private"), ("::ffff:10.0.0.1", "private"), ("::", "unspecified"),
        ("00:0c:29:aa:bb:cc", None), ("host.example", None), ("10.0.0", None), ("8.8.8.08", None), ("", None),
    ],
)  # fmt: skip
def test_scopes(address, found):
    assert scope(address) == found


@settings(max_examples=500)
@given(st.integers(0, 2**32 - 1))
def test_most_addresses_are_told_in_a_short_way_and_alike(number):
    address = ipaddress.IPv4Address(number)
    assert (scope(str(address)) == "public") == (
        not (address.is_private or address.is_multicast or address.is_loopback or address.is_link_local)
    )


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.builds(
            "{}.{}.{}.{}".format, st.sampled_from([10, 172, 192, 9]), *[st.sampled_from([0, 16, 31, 168, 256])] * 3
        ),
        st.sampled_from(["10.1.2.3\n", "10.01.2.3", "fe80::1%eth0", "host", "", "10.1.2.3.4", "127.0.0.1", None]),
    )
)
def test_a_column_is_told_as_each_address_is(address):
    ends = pa.array([address, "8.8.8.8"]).dictionary_encode()
    found = None if address is None else scope(address)
    assert direction(ends, ends).to_pylist() == [found and f"{found} to {found}", "public to public"]
    if found in ("private", "public") and ":" not in address:
        assert ipaddress.ip_address(address).is_private == (found == "private")
