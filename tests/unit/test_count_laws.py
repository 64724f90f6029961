"""Quantiles of laws of counts are those of scipy.stats."""

from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.metrics.count_laws import beta_binomial_quantile, negative_binomial_quantile
from scipy import stats

SHARES = st.floats(0.001, 0.999)


@settings(deadline=None)
@given(SHARES, st.floats(0.05, 1e5), st.floats(0.01, 1e6))
def test_negative_binomial(share, size, mean):
    assert negative_binomial_quantile(share, size, mean) == stats.nbinom(size, size / (size + mean)).ppf(share)


@settings(deadline=None)
@given(SHARES, st.integers(1, 3000), st.integers(1, 300), st.integers(1, 30_000))
def test_beta_binomial(share, trials, above, below):
    assert beta_binomial_quantile(share, trials, above, below) == stats.betabinom(trials, above, below).ppf(share)
