"""Several detectors of different kinds, each translated to how improbable its score is for normal traffic.

The score is the mean over members of -log P(score at least this high) on rows that no member was fitted on: Fisher's
way of combining tests. A shout of one member is heard, agreement of all counts more, and no member's unit matters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from netanomaly.errors import NetanomalyError
from netanomaly.models import isolation_forest
from netanomaly.models.blocks import in_blocks
from netanomaly.models.catalogue import check
from netanomaly.models.detector import Detector, make
from netanomaly.models.matrix_detector import ROWS_PER_BLOCK, MatrixDetector
from netanomaly.models.rows import Floats, Rows
from netanomaly.models.scaled import Scaled
from netanomaly.models.trimming import untrimmed

# Part of the rows that no member is fitted on: their scores say how improbable a score is.
_HELD_OUT = 0.2
# Knots of a member's distribution of scores.
_KNOTS = 512

# Smaller than the members' own defaults, so that all of them together stay fast.
_MEMBERS: dict[str, dict[str, Any]] = {
    "isolation_forest": {"n_estimators": 100},
    "knn": {"n_neighbors": 1, "reference_rows": 2048},
}


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


class EnsembleDetector(Detector):
    """Members of different kinds see different attacks: docs/detectors.md says why these by default."""

    minimum_rows = 50

    def fit(self, rows: Rows, seed: int) -> None:
        """Leave out the rows most likely contaminated, fit the members on most of the rest, their scale on the others."""
        kept = rows.take(untrimmed(rows, self.parameters["contamination"], seed))
        order = np.random.default_rng([seed, 5]).permutation(len(kept))
        first = int(_HELD_OUT * len(kept))
        held_out, fitted = kept.take(np.sort(order[:first])), kept.take(np.sort(order[first:]))
        self.encoding = Scaled.learn(fitted)
        scaled = self.encoding(fitted)
        self.members: dict[str, Detector] = {}
        for name in self.parameters["members"]:
            member = make(name, check(name, _MEMBERS.get(name, {})))
            if isinstance(member, MatrixDetector):
                member.fit_encoded(scaled, seed)
            else:
                member.fit(fitted, seed)
            self.members[name] = member
        self.surprises = {name: Surprise.learn(scores) for name, scores in self._member_scores(held_out).items()}

    def score(self, rows: Rows) -> Floats:
        """Mean surprise in nats: 0 in the midst of training, 4.6 where every member says one in a hundred."""

        def block(part: slice) -> Floats:
            found = self._member_scores(rows.take(part))
            surprises = np.stack([self.surprises[name](scores) for name, scores in found.items()])
            return np.asarray(surprises.mean(axis=0), dtype=np.float64)

        return in_blocks(block, len(rows), isolation_forest.ROWS_PER_BLOCK)

    def _member_scores(self, rows: Rows) -> dict[str, Floats]:
        """What each member says; those that see rows scaled share the scaling."""
        scaled = {name: member for name, member in self.members.items() if isinstance(member, MatrixDetector)}

        def block(part: slice) -> Floats:
            matrix = self.encoding(rows.take(part))
            return np.stack([member.score_matrix(matrix) for member in scaled.values()], axis=1)

        found = {name: member.score(rows) for name, member in self.members.items() if name not in scaled}
        if scaled:
            found |= dict(zip(scaled, in_blocks(block, len(rows), ROWS_PER_BLOCK).T, strict=True))
        for name, scores in found.items():
            if not np.isfinite(scores).all():
                raise NetanomalyError(f"member {name} of the ensemble gave scores that are no number")
        return found
