"""How far two distributions are apart, from what the ingest reports keep of them. Plain Python."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import pi, sqrt


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


def total_variation(
    counts: Mapping[str, int], others: Mapping[str, int], *, listed: bool = True, others_listed: bool = True
) -> float:
    """Half the sum of differences of two shares of categories; 0 to 1.

    Args:
        counts: Rows by category of one data set.
        others: Those of the other.
        listed: Whether `counts` has every category, or the most frequent only. A category that is not there then has at
            most as many rows as the rarest that is: as near to its share in the other data set as that allows.
        others_listed: The same of `others`.
    """
    total, other_total = sum(counts.values()), sum(others.values())
    if not total or not other_total:
        return 0.0
    most = 0.0 if listed else min(counts.values()) / total
    others_most = 0.0 if others_listed else min(others.values()) / other_total
    distance = 0.0
    for name in {*counts, *others}:
        share, other = counts.get(name, 0) / total, others.get(name, 0) / other_total
        if name not in counts:
            share = min(other, most)
        elif name not in others:
            other = min(share, others_most)
        distance += abs(share - other)
    return distance / 2


def chance_variation(counts: Mapping[str, int], others: Mapping[str, int]) -> float:
    """The total variation to be expected of two samples of these sizes from one distribution: much, where most categories
    have few rows."""
    total, other_total = sum(counts.values()), sum(others.values())
    if not total or not other_total:
        return 0.0
    spread = (1 / total + 1 / other_total) * 2 / pi
    shares = ((counts.get(name, 0) + others.get(name, 0)) / (total + other_total) for name in {*counts, *others})
    return sum(min(2 * share, sqrt(share * spread)) for share in shares) / 2
