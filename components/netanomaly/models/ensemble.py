"""Several detectors of different kinds, and a second opinion where some of the training rows may be attacks.

Of rows known to be normal one opinion is formed, of all of them. Where nobody knows, there are two: that of all rows, and
that of the rows left when the oddest are taken out, the trusted ones. Taking rows out alone would do harm where there are
no attacks: rare kinds of normal traffic would be louder than any attack. Leaving them in does harm where there are:
attacks would be normal. So the second opinion is heard, but its voice is lowered: what only the trusted rows find odd is
raised to where one row in 50 is, and little higher, however loud they shout; what all rows find odd comes before it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from netanomaly.models import isolation_forest
from netanomaly.models.blocks import in_blocks
from netanomaly.models.catalogue import check
from netanomaly.models.detector import Detector, make
from netanomaly.models.opinion import Opinion, Surprise
from netanomaly.models.rows import Floats, Rows
from netanomaly.models.trimming import untrimmed

__all__ = ["EnsembleDetector", "Surprise"]

# Smaller than the members' own defaults, so that all of them together stay fast.
_MEMBERS: dict[str, dict[str, Any]] = {
    "isolation_forest": {"n_estimators": 100},
    "knn": {"n_neighbors": 1, "reference_rows": 2048},
    "one_class_svm": {"n_components": 1024},
}
# Neighbours are the best on most data sets by themselves, the envelope helps at the smallest budgets (docs/quality.md).
_WEIGHTS = {"knn": 2.0, "one_class_svm": 0.5, "mass": 2.0}
# Where rows are doubted, these say what all of them find odd: a row like any of them, however few, is familiar to its
# neighbour, while clouds and envelopes find some of what is familiar odd, and take its place from what is unknown.
_FAMILIAR = "knn"
# The trusted rows have two members more, which bend to no small group among them: one cloud around all of them, and the
# distance to their mass.
_UNBENDING: dict[str, tuple[str, dict[str, Any]]] = {
    "broad_cloud": ("gaussian_mixture", {"n_components": 1}),
    "mass": ("mass_distance", {}),
}
# And one less: an envelope of the trusted rows raised recall at 1% neither on clean rows nor where 5% are attacks
# (docs/detectors.md), and it takes time.
_NOT_ASKED_OF_TRUSTED = "one_class_svm"
# So many of the rows are taken out for the second opinion: mean ROC-AUC over 17 sets with 5% attacks was 0.80 where 10% were,
# 0.83 where 25% were, recall the same. What is normal and rare has the first opinion to speak for it.
_TAKEN_OUT = 0.25


class _Hearing(NamedTuple):
    """How loud a second opinion is heard: `share` of its nats up to `bend`, and `beyond` of them after that."""

    share: float
    bend: float
    beyond: float

    def __call__(self, surprise: Floats) -> Floats:
        return np.minimum(self.share * surprise, self.bend + self.beyond * (surprise - self.bend / self.share))


# docs/detectors.md says what others are worth. Less beyond, and floods among the training rows of NSL-KDD are no louder than
# what nobody ever saw; more, and rare kinds of normal traffic are louder than attacks.
_HEARD = _Hearing(0.7, 3.5, 0.25)
_HEARD_IN_GENERATION_2 = _Hearing(1.0, 5.0, 0.15)
# Rows stand apart where the trusted rows find them so surprising: of five columns or more the tail of one kind of traffic, a
# quarter of it taken out, does not reach there (under 1% of lognormal rows do; of four columns up to 5%, of three 8%, of one
# 18%). So many rows say what share of the training rows does.
_APART, _COLUMNS_THAT_TELL = 15.0, 5
_ROWS_ASKED = 20_000


class EnsembleDetector(Detector):
    """Members of different kinds see different attacks: docs/detectors.md says why these by default."""

    minimum_rows = 50

    def fit(self, rows: Rows, seed: int) -> None:
        """An opinion of all rows and, unless `contamination` is 0, one of those that are least odd."""
        kept = untrimmed(rows, self.parameters["contamination"], seed, _TAKEN_OUT)
        doubted = len(kept) < len(rows)
        members = self._new_members()
        if doubted and _FAMILIAR in members:
            members = {_FAMILIAR: members[_FAMILIAR]}
        self.everything = Opinion.learn(rows, members, _WEIGHTS, seed)
        self.trusted: Opinion | None = None
        self.heard = _HEARD
        if not doubted:
            return
        asked_of_trusted = self._new_members()
        asked_of_trusted.pop(_NOT_ASKED_OF_TRUSTED, None)
        asked_of_trusted |= {name: make(kind, check(kind, given)) for name, (kind, given) in _UNBENDING.items()}
        self.trusted = Opinion.learn(rows.take(kept), asked_of_trusted, _WEIGHTS, seed)
        self.found = {"left_out": 1 - len(kept) / len(rows)}
        if rows.numbers.shape[1] + rows.codes.shape[1] >= _COLUMNS_THAT_TELL:
            asked = rows if len(rows) <= _ROWS_ASKED else rows.take(slice(None, None, -(-len(rows) // _ROWS_ASKED)))
            self.found["stands_apart"] = float((self.trusted(asked) > _APART).mean())

    def score(self, rows: Rows) -> Floats:
        """Surprise in nats: 0 in the midst of training, 4.6 where every member says one in a hundred."""
        return in_blocks(lambda part: self._heard(rows.take(part))[0], len(rows), isolation_forest.ROWS_PER_BLOCK)

    @property
    def voters(self) -> int:
        """How many members have a vote: those that were fitted on rows that are trusted."""
        return len((self.trusted or self.everything).members)

    def score_and_votes(self, rows: Rows, share: float) -> tuple[Floats, Floats]:
        """The scores, and how many members find each row as improbable as this share of the rows they learnt from.

        Where rows are doubted these are the trusted ones: of all rows more are, by as many as were left out.
        """
        least = -np.log(share)

        def block(part: slice) -> Floats:
            score, said = self._heard(rows.take(part))
            votes = np.sum([surprise >= least for surprise in said.values()], axis=0)
            return np.stack([score, votes], axis=1)

        found = in_blocks(block, len(rows), isolation_forest.ROWS_PER_BLOCK)
        return np.ascontiguousarray(found[:, 0]), found[:, 1]

    def _heard(self, rows: Rows) -> tuple[Floats, dict[str, Floats]]:
        """The scores, and what each member that has a vote says."""
        said = self.everything.member_surprises(rows)
        score = self.everything.mean(said)
        if self.trusted is None:
            return score, said
        said = self.trusted.member_surprises(rows)
        return np.maximum(score, self.heard(self.trusted.mean(said))), said

    def _new_members(self) -> dict[str, Detector]:
        return {name: make(name, check(name, _MEMBERS.get(name, {}))) for name in self.parameters["members"]}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Also ensembles of the first generation, whose only opinion was spread over their own fields, and of the second."""
        fields = {"heard": _HEARD_IN_GENERATION_2, **state}
        if "everything" not in fields:
            encoding, members, surprises = (fields.pop(name) for name in ("encoding", "members", "surprises"))
            fields |= {"everything": Opinion(encoding, members, surprises, {}), "trusted": None}
        self.__dict__.update(fields)
