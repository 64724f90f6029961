"""Incidents a day: counted by replaying, promised as a range that holds."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from netanomaly.metrics.incident_rate import DAY, IncidentRate, most_alerts, rate


def test_a_rate_is_that_of_the_time_replayed():
    found = rate(0.01, np.arange(0, 4 * DAY, DAY / 10), 0.0, 4 * DAY)
    assert found is not None
    assert (found.incidents, found.blocks) == (40, 4)
    assert found.per_day == pytest.approx(10)
    low, high = found.expected()
    assert low < 10 < high


def test_days_that_differ_make_the_range_wider():
    alike = np.concatenate([day * DAY + np.linspace(0, DAY - 1, 20) for day in range(4)])
    apart = np.concatenate([day * DAY + np.linspace(0, DAY - 1, count) for day, count in enumerate((2, 48, 5, 25))])
    ranges = [rate(0.01, begins, 0.0, 4 * DAY) for begins in (alike, apart)]
    assert ranges[0] is not None
    assert ranges[1] is not None
    (low, high), (lower, higher) = ranges[0].expected(), ranges[1].expected()
    assert lower <= low
    assert higher > high


def test_where_none_was_seen_some_are_still_to_be_expected():
    found = rate(0.001, np.empty(0), 0.0, 5 * DAY)
    assert found is not None
    low, high = found.expected()
    assert (low, found.per_day) == (0, 0)
    assert 1 <= high <= 4
    assert rate(0.001, np.empty(0), 7.0, 7.0) is None


@example(1, 8.0, 0.0, 0.0625)
@given(st.integers(0, 500), st.floats(0.5, 30), st.floats(0, 3), st.floats(0.01, 40))
def test_the_range_holds_the_mean_and_grows_with_the_time(incidents, days, spread, asked):
    found = IncidentRate(0.01, incidents, days * DAY, 8, spread)
    low, high = found.expected(asked * DAY)
    assert 0 <= low <= found.per_day * asked + 1
    # Whole incidents: of an hour that brings a hundredth of one, none is to be expected.
    assert high >= int(found.per_day * asked) or spread > 0.5
    assert found.expected(2 * asked * DAY)[1] >= high


def test_counts_of_a_negative_binomial_day_lie_within_in_more_than_ninety_of_a_hundred():
    """Days that differ by half their mean, four of them replayed."""
    draw = np.random.default_rng(5)
    within = 0
    for _ in range(200):
        days = draw.gamma(4, 5, 4)
        begins = np.concatenate([day * DAY + draw.uniform(0, DAY, draw.poisson(mean)) for day, mean in enumerate(days)])
        found = rate(0.01, begins, 0.0, 4 * DAY)
        assert found is not None
        low, high = found.expected()
        within += low <= draw.poisson(draw.gamma(4, 5)) <= high
    assert within >= 180


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(0, 60))
def test_no_more_alerts_than_the_incidents_allow(steps, allowed):
    """Where every alert brings some more incidents, or none."""
    counts = np.concatenate([[0], np.cumsum(steps)])
    most = most_alerts(len(steps), lambda count: int(counts[count]), allowed)
    assert counts[most] <= allowed
    assert most == len(steps) or counts[most + 1] > allowed


def test_minutes_of_traffic_tell_nothing_of_a_day():
    minutes, hours = (rate(0.05, np.linspace(0, span, 9), 0.0, span) for span in (250.0, 5 * 3600.0))
    assert minutes is not None
    assert hours is not None
    assert (minutes.tells_a_day, hours.tells_a_day) == (False, True)
