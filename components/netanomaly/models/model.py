"""The model file: one object with schema, preprocessing, detector, thresholds and the versions that made it."""

import pickle
import platform
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import joblib
import numpy as np
import numpy.typing as npt

import netanomaly
from netanomaly.errors import ModelError, NetanomalyError
from netanomaly.metrics.incident_rate import IncidentRate
from netanomaly.metrics.thresholds import Threshold
from netanomaly.models.detector import Detector
from netanomaly.models.explanation import Contribution, Typical, contributions
from netanomaly.models.row_keys import Keys, are_among
from netanomaly.models.rows import Rows, Schema

FORMAT = 1

GENERATION = 4
"""Of what detectors do by default. It rises where the same data, configuration and seed give other scores, and
docs/detectors.md says what changed; models of every generation are read, scored and compared."""

# Half the memory of doubles.
Scores = npt.NDArray[np.float32]


def versions() -> dict[str, str]:
    """The versions of what a model file depends on."""
    packages = {name: metadata.version(name) for name in ("scikit-learn", "numpy")}
    return {"python": platform.python_version(), **packages, "netanomaly": netanomaly.__version__}


@dataclass
class AnomalyModel:
    """A fitted detector and all that is needed to score traffic with it.

    `thresholds` are operating points, by budget; `threshold` is the one asked for at training.
    """

    model_type: str
    parameters: dict[str, Any]
    schema: Schema
    detector: Detector
    thresholds: list[Threshold]
    alert_budget: float
    training_rows: str
    versions: dict[str, str]
    typical: Typical | None = None
    """Of the training rows; None in models made before explanations were."""
    format: int = FORMAT
    rows_per_day: float | None = None
    """Rows like those it was trained on, a day, in the training source; None where that has no times."""
    seen: Keys | None = None
    """Keys of the rows it was fitted and calibrated on; None in models made before they were kept."""
    generation: int = 1
    """`GENERATION` when it was made; models made before that was counted are of the first."""
    sensor: str = ""
    """The kind of sensor that recorded the flows it learnt from; empty where that is not known."""
    incidents: tuple[IncidentRate, ...] = ()
    """Incidents a day at operating points, on calibrating rows with times and ends; none in models made before."""

    @property
    def threshold(self) -> float:
        """The score above which a row alerts."""
        return self.operating_point(self.alert_budget).threshold

    def operating_point(self, budget: float) -> Threshold:
        """The operating point of this budget.

        Raises:
            ModelError: The model carries no such point; the message says which it carries.
        """
        for point in self.thresholds:
            if point.budget == budget:
                return point
        carried = ", ".join(f"{point.budget:g}" for point in self.thresholds)
        raise ModelError(f"the model carries no threshold for an alert budget of {budget:g}; it carries {carried}")

    def incident_rate(self, budget: float) -> IncidentRate | None:
        """Incidents to expect at an operating point; None where that is not known."""
        return next((rate for rate in self.incidents if rate.budget == budget), None)

    def budget_for(self, incidents_a_day: float) -> float:
        """Of the model's operating points the one with the most alerts for no more incidents a day than that.

        Raises:
            ModelError: It does not know incidents, or has no point with so few.
        """
        if not self.incidents:
            raise ModelError(
                "the model does not know how many incidents a day it raises, as its training data had no times and ends or it "
                "was made before they were counted; choose an operating point by its share of rows, with --budget"
            )
        few = [rate for rate in self.incidents if rate.per_day <= incidents_a_day]
        if not few:
            least = min(rate.per_day for rate in self.incidents)
            raise ModelError(
                f"at its strictest operating point the model raises {least:.3g} incidents a day; ask for more"
            )
        return max(rate.budget for rate in few)

    def score(self, data: Any) -> Scores:
        """Anomaly scores of the rows of a pandas frame, Arrow table or record batch; higher is more anomalous.

        float32, one per row, in the rows' order; finite, but NaN (with a warning) where a row is no record and repeats
        the names of the columns.

        Raises:
            DataError: Feature columns are absent or hold text where the model expects numbers.
        """
        rows, header = self.schema.read(data)
        scores = self.score_rows(rows)
        if header is not None:
            scores[header] = np.nan
            warnings.warn(
                f"{np.count_nonzero(header)} of {len(scores)} rows repeat the names of the columns and are no records; "
                "their score is NaN",
                stacklevel=2,
            )
        return scores

    def score_rows(self, rows: Rows) -> Scores:
        """As `score`, of rows already in the model's schema."""
        if not len(rows):
            return np.empty(0, dtype=np.float32)
        return self._finite(self.detector.score(rows))

    @property
    def voters(self) -> int:
        """How many members have a vote in `score_with_votes`; 0 where the detector is one alone."""
        voters = getattr(self.detector, "voters", 0)
        return voters if voters > 1 else 0

    def score_with_votes(self, rows: Rows) -> tuple[Scores, npt.NDArray[np.int64] | None]:
        """As `score_rows`, and how many of the `voters` would alert on each row at the model's budget; None without voters."""
        if not self.voters or not len(rows):
            return self.score_rows(rows), np.empty(0, dtype=np.int64) if self.voters else None
        scores, votes = self.detector.score_and_votes(rows, self.alert_budget)  # type: ignore[attr-defined]
        return self._finite(scores), votes.astype(np.int64)

    def _finite(self, given: npt.NDArray[np.float64]) -> Scores:
        scores: Scores = given.astype(np.float32)
        if not np.isfinite(scores).all():
            raise NetanomalyError(
                f"{self.model_type} gave {np.count_nonzero(~np.isfinite(scores))} scores that are no number"
            )
        return scores

    def has_seen(self, rows: Rows) -> npt.NDArray[np.bool_] | None:
        """Which rows equal one that the model was fitted or calibrated on; None where it does not know those."""
        return None if self.seen is None else are_among(rows, self.seen)

    def explain(self, data: Any, most: int = 5) -> list[list[Contribution]]:
        """For each row of a pandas frame, Arrow table or record batch the features that make it stand out.

        Meant for alerts, not for all traffic: a row costs as much as scoring as many rows as there are features. None
        for a row that repeats the names of the columns.

        Raises:
            DataError: Feature columns are absent or hold text where the model expects numbers.
            ModelError: The model was made before explanations were.
        """
        rows, header = self.schema.read(data)
        explained = self.explain_rows(rows, most)
        return explained if header is None else [[] if no else each for no, each in zip(header, explained, strict=True)]

    def explain_rows(self, rows: Rows, most: int = 5) -> list[list[Contribution]]:
        """As `explain`, of rows already in the model's schema."""
        if self.typical is None:
            raise ModelError("the model does not know what is typical of its training rows; train it again")
        return contributions(self.score_rows, rows, self.schema, self.typical, most)

    def save(self, path: Path) -> None:
        """Write the file. The same training gives the same bytes."""
        joblib.dump(self, path, compress=("zlib", 1))


def load(file: Path | BinaryIO) -> AnomalyModel:
    """Read a model file, or its bytes. This runs code that they hold: verify their digest first, and load those bytes.

    Raises:
        ModelError: It is no model file, of a newer format, or made by a scikit-learn that cannot be used here.
    """
    named = file if isinstance(file, Path) else "the model file"
    try:
        model = joblib.load(file)
    except (
        pickle.UnpicklingError,
        ImportError,
        AttributeError,
        EOFError,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
    ) as error:
        raise ModelError(f"{named} cannot be read as a model file: {type(error).__name__}: {error}") from None
    return checked(model, str(named))


def checked(model: Any, named: str) -> AnomalyModel:
    """What was unpickled, where it is a model that can be used here.

    Raises:
        ModelError: It is none, of a newer format, or made by a scikit-learn that cannot be used here.
    """
    if not isinstance(model, AnomalyModel):
        raise ModelError(f"{named} holds a {type(model).__name__}, not a model of netanomaly")
    if model.format > FORMAT:
        raise ModelError(
            f"{named} has format {model.format}; this netanomaly reads up to {FORMAT}: install a newer one"
        )
    check_versions(model.versions)
    return model


def check_versions(made_by: dict[str, str]) -> None:
    """Refuse a model made by another minor version of scikit-learn, which does not promise to read it.

    https://scikit-learn.org/stable/model_persistence.html
    """
    ours = versions()["scikit-learn"]
    theirs = made_by.get("scikit-learn", "unknown")
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        raise ModelError(
            f"the model was made with scikit-learn {theirs} and this is scikit-learn {ours}; "
            f"install scikit-learn {theirs}, or train the model again"
        )
