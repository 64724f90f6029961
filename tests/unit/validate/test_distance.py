import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.stages.validate.distance import kolmogorov_smirnov, total_variation

RANKS = np.linspace(0, 1, 101)


def quantiles(sample):
    return np.quantile(sample, RANKS, method="inverted_cdf").tolist()


samples = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=300)


@given(left=samples, right=samples)
def test_the_distance_is_that_of_the_samples_to_the_spacing_of_the_quantiles(left, right):
    points = np.array(sorted({*left, *right}))
    exact = max(abs((np.array(left) <= point).mean() - (np.array(right) <= point).mean()) for point in points)
    assert kolmogorov_smirnov(quantiles(left), quantiles(right)) == pytest.approx(exact, abs=0.021)


def test_ties_are_no_distance():
    assert kolmogorov_smirnov([0.0] * 100 + [5.0], [0.0] * 100 + [9.0]) < 0.011


def test_apart_is_one():
    assert kolmogorov_smirnov(quantiles([1, 2]), quantiles([3, 4])) == 1
    assert total_variation({"tcp": 5}, {"udp": 1}) == 1


def test_shares_of_categories_are_compared_and_not_counts():
    assert total_variation({"tcp": 1, "udp": 1}, {"tcp": 10, "udp": 10}) == 0
    assert total_variation({"tcp": 3, "udp": 1}, {"tcp": 1, "udp": 1}) == 0.25
    assert total_variation({}, {"tcp": 1}) == 0
