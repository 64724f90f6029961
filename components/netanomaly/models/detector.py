"""What every detector can do, and how one is made."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from netanomaly.models.catalogue import CATALOGUE
from netanomaly.models.rows import Floats, Rows


class Detector(ABC):
    """Learns what rows look like, and says how unlike them a row is.

    A detector is picklable, and so are its bytes repeatable: same rows, parameters and seed, same bytes.
    """

    # Fewer rows than this cannot be fitted.
    minimum_rows: int = 20
    # Whether a value beyond all those of training is odder than any of them. Cuts lie where training rows were, so
    # that trees see no difference between just outside and far outside.
    sees_beyond_training: bool = True

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """Args: parameters: As `netanomaly.models.catalogue.check` returns them."""
        self.parameters = dict(parameters)
        # Shares of the training rows that the fit found out, by name: those that were left out, those that stand apart.
        self.found: dict[str, float] = {}

    @abstractmethod
    def fit(self, rows: Rows, seed: int) -> None:
        """Learn from these rows, at least `minimum_rows`. All of them fit in memory: the caller sampled."""

    @abstractmethod
    def score(self, rows: Rows) -> Floats:
        """float64, one per row, finite, higher is more anomalous; a row's score does not depend on its neighbours."""


def make(model_type: str, parameters: Mapping[str, Any]) -> Detector:
    """The detector of this type; parameters as `catalogue.check` returns them."""
    module, name = CATALOGUE[model_type].path.split(":")
    detector: Detector = getattr(import_module(module), name)(parameters)
    return detector
