"""How far two distributions are apart, from what the ingest reports keep of them. Plain Python."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence


def kolmogorov_smirnov(quantiles: Sequence[float], others: Sequence[float]) -> float:
    """Largest difference of two distribution functions, each known by equally spaced quantiles; 0 to 1.

    Each function is taken at the values of both lists, where both jump, so that ties (most columns of traffic are
    mostly zero) do not count as distance. Exact to the spacing of the quantiles, here one point in a hundred.
    """
    values, other_values = sorted(quantiles), sorted(others)
    return max(
        abs(bisect_right(values, point) / len(values) - bisect_right(other_values, point) / len(other_values))
        for point in {*values, *other_values}
    )


def total_variation(counts: Mapping[str, int], others: Mapping[str, int]) -> float:
    """Half the sum of differences of two shares of categories; 0 to 1."""
    total, other_total = sum(counts.values()), sum(others.values())
    if not total or not other_total:
        return 0.0
    names = {*counts, *others}
    return sum(abs(counts.get(name, 0) / total - others.get(name, 0) / other_total) for name in names) / 2
