"""Thresholds that keep an alert budget on rows the detector was not fitted on.

Of n calibration scores the k-th smallest, k = ceil((n + 1) (1 - budget)), is the threshold and a row alerts above it.
For rows exchangeable with the calibration rows the probability of an alert is then at most the budget, exactly and
for any n: the split-conformal quantile of Vovk, Gammerman, Shafer, 'Algorithmic Learning in a Random World', 2005,
used for outliers by Bates, Candes, Lei, Romano, Sesia, 'Testing for outliers with conformal p-values', Annals of
Statistics 2023. Given the calibration rows, the rate itself is Beta(n + 1 - k, k) distributed (Vovk, 'Conditional
validity of inductive conformal predictors', 2012), which says how far it may be from the promise.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netanomaly.errors import DataError
from netanomaly.metrics.count_laws import beta_binomial_quantile, negative_binomial_quantile

_MANY_ROWS = 20_000

# Operating points that every model carries beside the one asked for.
STANDARD_BUDGETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Threshold:
    """Rows that score above `threshold` alert; of normal rows like those of the calibration, at most `budget` do."""

    budget: float
    threshold: float
    rows: int
    position: int
    # The lowest and the highest alert rate of any block of the calibrating time; None where that had no times.
    seen_low: float | None = None
    seen_high: float | None = None

    def rate(self, confidence: float = 0.95) -> tuple[float, float]:
        """Where the false-positive rate on rows like those of the calibration lies, with this confidence.

        That is of rows which do not depend on each other; it holds the rates that were seen in blocks of time too.
        """
        from scipy.special import betaincinv  # slow to import, and not needed to score

        tail = (1 - confidence) / 2
        low, high = betaincinv(self.rows + 1 - self.position, self.position, [tail, 1 - tail])
        return self._with_blocks(float(low), float(high), 1)

    def false_alarms(self, rows: int, confidence: float = 0.95) -> tuple[int, int]:
        """Where the number of false alarms among so many normal rows lies, with this confidence; as `rate`.

        Beta-binomial; of many rows its limit for small rates, negative binomial, whose cost does not grow with them.
        """
        tail = (1 - confidence) / 2
        above = self.rows + 1 - self.position

        def quantile(share: float) -> int:
            if rows > _MANY_ROWS:
                return negative_binomial_quantile(share, above, above * rows / (self.rows + 1))
            return beta_binomial_quantile(share, rows, above, self.position)

        low, high = self._with_blocks(quantile(tail), quantile(1 - tail), rows)
        return math.floor(low), math.ceil(high)

    def _with_blocks(self, low: float, high: float, rows: int) -> tuple[float, float]:
        if self.seen_low is None or self.seen_high is None:
            return low, high
        return min(low, self.seen_low * rows), max(high, self.seen_high * rows)


def rows_needed(budget: float) -> int:
    """The fewest calibration rows that can keep this budget: ceil(1 / budget) - 1."""
    return math.ceil(1 / budget - 1e-9) - 1


def calibrate(scores: npt.NDArray[np.floating], budget: float) -> Threshold:
    """The threshold for this budget.

    Args:
        scores: Of rows the detector was not fitted on; higher is more anomalous; any order.
        budget: Over 0 and under 1.

    Raises:
        DataError: The rows are too few to resolve the budget.
    """
    rows = len(scores)
    # (n + 1)(1 - budget) is a whole number for round budgets; the small number undoes its rounding error.
    position = math.ceil((rows + 1) * (1 - budget) - 1e-9)
    if position > rows:
        raise DataError(
            f"an alert budget of {budget:g} needs at least {rows_needed(budget)} calibration rows and there are "
            f"{rows}; give more training rows, or a higher alert_budget"
        )
    position = max(position, 1)
    return Threshold(budget, float(np.partition(scores, position - 1)[position - 1]), rows, position)


def operating_points(scores: npt.NDArray[np.floating], budget: float) -> list[Threshold]:
    """The threshold of `budget` and of every standard budget that the rows can resolve, by budget.

    Raises:
        DataError: The rows are too few for `budget`.
    """
    resolvable = [standard for standard in STANDARD_BUDGETS if rows_needed(standard) <= len(scores)]
    return [calibrate(scores, each) for each in sorted({budget, *resolvable})]
