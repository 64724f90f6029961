"""Distinct small numbers are those that a sort finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.traffic.small_numbers import distinct


@settings(deadline=None)
@given(st.lists(st.integers(-1, 40)))
def test_they_are_those_that_a_sort_finds(drawn):
    values = np.array(drawn, dtype=np.int64)
    for ours, sorts in zip(distinct(values, 41), np.unique(values, return_inverse=True), strict=True):
        np.testing.assert_array_equal(ours, sorts)
