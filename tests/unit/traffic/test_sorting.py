"""Records are in order of both keys, and of the order they came where both are the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.traffic.context import _order_of_keys
from netanomaly.traffic.sorting import in_order

FAR = 2**62
FIRST = st.lists(
    st.one_of(st.integers(0, 5), st.integers(-FAR, FAR), st.integers(1_700_000_000_000_000, 1_700_000_000_000_009))
)


@settings(deadline=None)
@given(st.data())
def test_the_order_is_that_of_a_sort_by_both_keys(data):
    first = np.array(data.draw(FIRST), dtype=np.int64)
    second = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(first), max_size=len(first))), dtype=np.uint64)
    expected = np.lexsort((second, first))
    np.testing.assert_array_equal(in_order(first, second), expected)
    np.testing.assert_array_equal(
        in_order(first.astype(np.float64), second), np.lexsort((second, first.astype(np.float64)))
    )


@pytest.mark.parametrize("low", [0, 2**63])
@settings(deadline=None)
@given(st.lists(st.integers(0, 2**63 - 1), min_size=1))
def test_keys_that_differ_in_their_last_bits_alone_are_in_order_too(low, drawn):
    keys = np.concatenate([np.array(drawn, dtype=np.uint64) + np.uint64(low), np.array([3, 1, 2, 1], dtype=np.uint64)])
    np.testing.assert_array_equal(_order_of_keys(keys), np.argsort(keys, kind="stable"))
