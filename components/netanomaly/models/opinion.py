"""How improbable rows are by the word of several detectors of different kinds, fitted on the same rows.

Each detector's score is translated to its surprise, -log P(score at least this high) on rows that no detector was fitted
on; the opinion is the mean, some counting more: Fisher's way of combining tests, weighted after Good, 'On the weighted
combination of significance tests', Journal of the Royal Statistical Society B 1955. No detector's unit matters, and
agreement counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netanomaly.errors import NetanomalyError
from netanomaly.models.blocks import in_blocks
from netanomaly.models.detector import Detector
from netanomaly.models.matrix_detector import ROWS_PER_BLOCK, MatrixDetector
from netanomaly.models.rows import Floats, Rows
from netanomaly.models.scaled import Scaled

# Part of the rows that no member is fitted on: their scores say how improbable a score is.
_HELD_OUT = 0.2
# Knots of a member's distribution of scores.
_KNOTS = 512


@dataclass(frozen=True)
class Surprise:
    """-log of the share of held-out scores that are at least this high, continued beyond them as an exponential.

    Piecewise linear between the quantiles kept; the last slope is that of the mean excess over the 98% quantile.
    """

    scores: Floats
    values: Floats
    slope: float

    @classmethod
    def learn(cls, scores: Floats) -> "Surprise":
        """From scores of rows the detector was not fitted on, at least two."""
        ordered = np.sort(scores)
        count = len(ordered)
        last = int(0.98 * (count - 1))
        distinct, first = np.unique(ordered[: last + 1], return_index=True)
        values = -np.log((count - first) / (count + 1))
        if len(distinct) > _KNOTS:
            kept = np.unique(np.searchsorted(values, np.linspace(values[0], values[-1], _KNOTS)))
            distinct, values = distinct[kept], values[kept]
        excess = float(np.mean(ordered[last:] - ordered[last]))
        spread = float(np.std(ordered))
        return cls(distinct, values, 1 / max(excess, 0.01 * spread, 1e-9))

    def __call__(self, scores: Floats) -> Floats:
        beyond = np.maximum(scores - self.scores[-1], 0) * self.slope
        return np.asarray(np.interp(scores, self.scores, self.values) + beyond, dtype=np.float64)


@dataclass(frozen=True)
class Opinion:
    """Members fitted on the same rows, those that see rows scaled with one scaling, and the surprise of each.

    A member that `weights` does not name counts once.
    """

    encoding: Scaled
    members: dict[str, Detector]
    surprises: dict[str, Surprise]
    weights: Mapping[str, float]

    @classmethod
    def learn(cls, rows: Rows, members: Mapping[str, Detector], weights: Mapping[str, float], seed: int) -> "Opinion":
        """Fit the members, which are new, on most of the rows and their surprises on the others."""
        order = np.random.default_rng([seed, 5]).permutation(len(rows))
        first = int(_HELD_OUT * len(rows))
        held_out, fitted = rows.take(np.sort(order[:first])), rows.take(np.sort(order[first:]))
        encoding = Scaled.learn(fitted)
        scaled = encoding(fitted)
        for member in members.values():
            if isinstance(member, MatrixDetector):
                member.fit_encoded(member.columns(encoding, scaled), seed)
            else:
                member.fit(fitted, seed)
        opinion = cls(encoding, dict(members), {}, dict(weights))
        opinion.surprises.update(
            {name: Surprise.learn(scores) for name, scores in opinion.member_scores(held_out).items()}
        )
        return opinion

    def __call__(self, rows: Rows) -> Floats:
        """Mean surprise in nats: 0 in the midst of training, 4.6 where every member says one in a hundred."""
        return self.mean(self.member_surprises(rows))

    def mean(self, surprises: Mapping[str, Floats]) -> Floats:
        """The opinion, of what each member says."""
        return np.average(list(surprises.values()), axis=0, weights=[self.weights.get(name, 1.0) for name in surprises])

    def member_surprises(self, rows: Rows) -> dict[str, Floats]:
        """What each member says in nats. Raises as `member_scores`."""
        return {name: self.surprises[name](scores) for name, scores in self.member_scores(rows).items()}

    def member_scores(self, rows: Rows) -> dict[str, Floats]:
        """What each member says.

        Raises:
            NetanomalyError: A member gave scores that are no number.
        """
        scaled = {name: member for name, member in self.members.items() if isinstance(member, MatrixDetector)}

        def block(part: slice) -> Floats:
            matrix = self.encoding(rows.take(part))
            seen = [member.score_matrix(member.columns(self.encoding, matrix)) for member in scaled.values()]
            return np.stack(seen, axis=1)

        found = {name: member.score(rows) for name, member in self.members.items() if name not in scaled}
        if scaled:
            found |= dict(zip(scaled, in_blocks(block, len(rows), ROWS_PER_BLOCK).T, strict=True))
        for name, scores in found.items():
            if not np.isfinite(scores).all():
                raise NetanomalyError(f"member {name} of the ensemble gave scores that are no number")
        return found
