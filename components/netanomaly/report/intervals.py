"""The confidence interval of a share, for figures whose document holds only the counts."""

from statistics import NormalDist

from netanomaly.report.documents import Estimate


def wilson(hits: float, trials: float, confidence: float) -> Estimate | None:
    """Wilson's score interval of a binomial share ('Probable Inference, the Law of Succession, and Statistical
    Inference', JASA 1927); None where there are no trials or the counts make no sense."""
    if not 0 < confidence < 1 or trials <= 0 or not 0 <= hits <= trials:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / trials
    middle = share + z * z / (2 * trials)
    reach = z * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    whole = 1 + z * z / trials
    return Estimate(share, max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole))
