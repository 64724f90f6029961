"""Alerts and votes of blocks of rows, however the rows arrive."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.metrics.alert_rates import MOST_BLOCKS, AlertBlocks


@given(rows=st.integers(0, 12_000), cuts=st.lists(st.integers(0, 12_000), max_size=5), voters=st.integers(0, 3))
def test_blocks_do_not_depend_on_how_rows_arrive(rows, cuts, voters):
    draw = np.random.default_rng(rows)
    alerting, votes = draw.random(rows) < 0.1, draw.integers(0, voters + 1, rows)
    blocks, ends = AlertBlocks(voters), sorted({0, *(min(cut, rows) for cut in cuts), rows})
    for begin, end in zip(ends, [*ends[1:], rows], strict=True):
        blocks.add(alerting[begin:end], votes[begin:end] if voters else None)
    found = blocks.document()
    assert len(found["rows"]) == len(found["alerts"]) <= MOST_BLOCKS
    kept = sum(found["rows"])
    # What is left over is less than a block.
    assert rows - kept < max(found["rows"], default=300) + 100
    assert sum(found["alerts"]) == alerting[:kept].sum()
    assert ("votes" in found) == (voters > 0)
    if voters:
        assert sum(found["votes"]) == votes[:kept].sum()
        assert sum(found["asked"]) == (votes[:kept] > 0).sum()
