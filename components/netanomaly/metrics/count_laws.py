"""Quantiles of laws of counts. scipy.stats has them, too, but takes a second to import; its special functions a third of it."""

import numpy as np


def negative_binomial_quantile(share: float, size: float, mean: float) -> int:
    """The least count that at most this many is as likely as `share`, of a negative binomial law.

    Args:
        share: Over 0 and under 1.
        size: Over 0; the variance is mean + mean ** 2 / size.
        mean: Over 0.
    """
    from scipy.special import betainc

    def likely(most: int) -> float:
        return float(betainc(size, most + 1, size / (size + mean)))

    if likely(0) >= share:
        return 0
    under, enough = 0, 1
    while likely(enough) < share:
        under, enough = enough, 2 * enough
    while enough - under > 1:
        middle = (under + enough) // 2
        under, enough = (under, middle) if likely(middle) >= share else (middle, enough)
    return enough


def beta_binomial_quantile(share: float, trials: int, above: float, below: float) -> int:
    """The least count that at most this many is as likely as `share`, of so many trials of one Beta(above, below) chance.

    Args:
        share: Over 0 and under 1.
        trials: Time and memory grow with them.
        above: Over 0.
        below: Over 0.
    """
    from scipy.special import betaln

    counts = np.arange(trials + 1)
    ways = -np.log(trials + 1) - betaln(trials - counts + 1, counts + 1)
    likely = np.exp(ways + betaln(counts + above, trials - counts + below) - betaln(above, below))
    return min(int(np.searchsorted(np.cumsum(likely), share)), trials)
