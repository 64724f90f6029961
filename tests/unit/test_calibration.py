"""Which training rows set the thresholds, and what is said of a promise that rests on time."""

import numpy as np
import pytest
from netanomaly.metrics.thresholds import operating_points
from netanomaly.stages.train.calibration import parts

DAY = 86_400.0
START = 1_700_000_000.0


def spread(rows, days=10.0, seed=0):
    return START + np.sort(np.random.default_rng(seed).uniform(0, days * DAY, rows))


def test_where_rows_have_times_the_latest_calibrate_and_a_gap_lies_before_them():
    times = spread(4000)
    shuffled = np.random.default_rng(1).permutation(times)
    found = parts(shuffled, 4000, 0.01, 20, 0)
    assert len(found.calibrating) == 1000
    assert shuffled[found.calibrating].min() - shuffled[found.fitting].max() >= 3600
    assert set(found.fitting) | set(found.calibrating) < set(range(4000)), "the gap is left out"
    document = found.document()
    assert (document["by"], document["gap_seconds"], document["days"]) == ("time", 3600.0, 3)
    assert document["from"] < document["to"]


def test_an_hour_of_traffic_has_a_gap_of_its_own_size():
    found = parts(spread(2000, days=1 / 24), 2000, 0.01, 20, 0)
    assert found.gap_seconds == pytest.approx(36, rel=0.01)
    assert len(found.fitting) > 1400


def test_rows_without_a_time_are_fitted_on():
    times = spread(2000)
    times[::10] = np.nan
    found = parts(times, 2000, 0.01, 20, 0)
    assert set(np.flatnonzero(np.isnan(times))) <= set(found.fitting)


@pytest.mark.parametrize(
    "times",
    [
        None,
        np.full(1000, START),  # all at once
        np.full(1000, np.nan),
        np.r_[np.full(100, START), np.full(900, START + DAY)],  # nearly all at the end
        np.r_[np.full(900, np.nan), spread(100)],
        np.r_[[START - 900 * DAY], START + np.arange(999.0)],  # the gap would swallow what is to be fitted on
    ],
)
def test_times_that_tell_nothing_apart_leave_a_random_partition(times):
    found = parts(times, 1000, 0.01, 20, 0)
    assert found.document() == {"by": "random", "rows": 250}
    assert sorted([*found.fitting, *found.calibrating]) == list(range(1000))


def test_the_promise_names_the_rates_that_blocks_of_time_had():
    """Alerts that come in one burst: chance alone would promise some 73 to 129 in 10,000 rows."""
    times = spread(40_000)
    found = parts(times, 40_000, 0.01, 20, 0)
    scores = np.random.default_rng(3).normal(size=len(found.calibrating))
    scores[:150] += 20
    [point] = [each for each in found.seen_in_blocks(operating_points(scores, 0.01), scores) if each.budget == 0.01]
    assert point.seen_high == pytest.approx(0.08, abs=0.01)
    assert point.seen_low == 0
    low, high = point.false_alarms(10_000)
    assert low < 40
    assert high > 500
    assert point.rate()[1] == point.seen_high


def test_without_times_the_range_is_that_of_chance():
    found = parts(None, 40_000, 0.01, 20, 0)
    scores = np.random.default_rng(3).normal(size=len(found.calibrating))
    points = operating_points(scores, 0.01)
    assert found.seen_in_blocks(points, scores) == points


def test_traffic_that_moves_keeps_its_promise_better_than_by_a_random_part():
    """A score that grows by the day: what the last days say of tomorrow is nearer than what all days say."""
    draw = np.random.default_rng(0)
    times = spread(20_000, days=10)
    scores = draw.normal(size=20_000) + (times - START) / DAY / 5
    tomorrow = draw.normal(size=20_000) + 10.5 / 5
    rates = []
    for known in (times, None):
        found = parts(known, 20_000, 0.01, 20, 0)
        point = operating_points(scores[found.calibrating], 0.01)
        rates.append(float((tomorrow > next(each.threshold for each in point if each.budget == 0.01)).mean()))
    assert 0.01 < rates[0] < 0.5 * rates[1]
