"""A model as it answers requests: its name and version, and what it says of rows.

Rows are read by `model.schema`, as everywhere: the same rows get the scores of `netanomaly score` and `model.score`, bit
for bit.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.errors import DataError, ModelError
from netanomaly.flows.notations import PLAIN
from netanomaly.metrics.thresholds import Threshold
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.scoring.scoring import Tail
from netanomaly.serving.errors import RequestError
from netanomaly.serving.wishes import ALERT, MOST_EXPLAINED_ROWS, OUTPUTS, REASONS, SCORE, TAIL_PROBABILITY, Wishes
from netanomaly.traffic import feature_list


@dataclass(frozen=True)
class Seen:
    """What of some rows is unlike training, by column: for the counters that tell of drift."""

    missing: npt.NDArray[np.int64]
    """Of each numeric column, values that are missing."""
    unusual: npt.NDArray[np.int64]
    """Of each numeric column, values outside the range of 98% of the training rows."""
    unseen: npt.NDArray[np.int64]
    """Of each categorical column, values that training had not."""
    above: npt.NDArray[np.int64]
    """Of each operating point, rows that score above it."""


@dataclass(frozen=True)
class Answer:
    """What a model says of some rows.

    Attributes:
        scores, shares, alerting: One for each row.
        point: The operating point by which rows alert.
        reasons: For each row, JSON; None where nobody asked.
        rows: As the model saw them.
    """

    scores: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]
    alerting: npt.NDArray[np.bool_]
    point: Threshold
    reasons: list[str] | None
    rows: Rows

    def outputs(self) -> dict[str, tuple[str, Any]]:
        """By name the protocol's datatype and the values."""
        values = {SCORE: self.scores, TAIL_PROBABILITY: self.shares, ALERT: self.alerting}
        found: dict[str, tuple[str, Any]] = {name: (kind, values[name]) for name, kind in OUTPUTS.items()}
        if self.reasons is not None:
            found[REASONS] = ("BYTES", self.reasons)
        return found


@dataclass(frozen=True)
class Served:
    """One version of a model, verified.

    Attributes:
        name: What it is called in addresses.
        version: Its number in the registry.
        digest: Of its file, `sha256:<hex>`.
        registered_at: When, as the registry has it; empty: not known.
    """

    model: AnomalyModel
    name: str
    version: str
    digest: str
    registered_at: str = ""

    @cached_property
    def tail(self) -> Tail:
        return Tail.of(self.model.thresholds)

    def answer(self, table: pa.Table, wishes: Wishes) -> Answer:
        """Scores of the rows of a table, and what they mean.

        Raises:
            RequestError: Columns are absent, a value cannot be read, or a wish cannot be met.
        """
        if wishes.explain and table.num_rows > MOST_EXPLAINED_ROWS:
            raise RequestError(
                f"explain is for at most {MOST_EXPLAINED_ROWS} rows at once, and there are {table.num_rows:,}; score first, "
                "then ask for those that alert"
            )
        point = self._point(wishes.budget)
        rows = self.rows(table)
        scores = self.model.score_rows(rows)
        reasons = self._reasons(rows, wishes.explain) if wishes.explain else None
        return Answer(scores, self.tail(scores).astype(np.float32), scores > point.threshold, point, reasons, rows)

    def rows(self, table: pa.Table) -> Rows:
        """The rows as the model sees them. Raises as `answer`."""
        try:
            rows, header = self.model.schema.read(table)
        except DataError as error:
            raise RequestError(str(error)) from None
        if header is not None and header.any():
            raise RequestError(f"row {int(header.argmax()) + 1} repeats the names of the columns; leave it out")
        return rows

    def seen(self, answer: Answer) -> Seen:
        """What of the rows is unlike training."""
        rows, typical = answer.rows, self.model.typical
        unusual = np.zeros(rows.numbers.shape[1], dtype=np.int64)
        if typical is not None:
            unusual = ((rows.numbers < typical.lows) | (rows.numbers > typical.highs)).sum(axis=0)
        return Seen(
            np.isnan(rows.numbers).sum(axis=0),
            unusual,
            (rows.codes < 0).sum(axis=0),
            np.array([np.count_nonzero(answer.scores > each.threshold) for each in self.model.thresholds]),
        )

    def describe(self, answer: Answer) -> dict[str, Any]:
        """What an answer says once for all of its rows."""
        return {"threshold": answer.point.threshold, "budget": answer.point.budget, "digest": self.digest}

    def metadata(self) -> dict[str, Any]:
        """The protocol's metadata document of a model."""
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": "netanomaly",
            "inputs": [self._input(name) for name in self.model.schema.features],
            "outputs": [
                {"name": name, "datatype": kind, "shape": [-1]} for name, kind in {**OUTPUTS, REASONS: "BYTES"}.items()
            ],
            "properties": self._properties(),
        }

    def warm(self) -> None:
        """Score once, so that the first request finds everything built. Raises ModelError where it cannot score."""
        columns = {
            name: pa.array([None], pa.string() if name in self.model.schema.categorical else pa.float64())
            for name in self.model.schema.features
        }
        try:
            rows = self.model.schema.rows(pa.table(columns))
            self.model.score_rows(rows)
            if self.model.typical is not None:
                self.model.explain_rows(rows, 1)
        except Exception as error:
            raise ModelError(f"{self} cannot score a row without values: {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"

    def _point(self, budget: float | None) -> Threshold:
        try:
            return self.model.operating_point(self.model.alert_budget if budget is None else budget)
        except ModelError as error:
            raise RequestError(f"parameters: budget: {error}") from None

    def _reasons(self, rows: Rows, most: int) -> list[str]:
        if not len(rows):
            return []
        try:
            explained = self.model.explain_rows(rows, most)
        except ModelError as error:
            raise RequestError(f"parameters: explain: {error}") from None
        return [
            json.dumps(
                [
                    {
                        "feature": each.name,
                        "value": each.value,
                        "normal": [each.normal_low, each.normal_high],
                        "share": round(each.contribution, 6),
                        **({"words": words} if (words := feature_list.explained(each.name, each.value)) else {}),
                    }
                    for each in reasons
                ],
                allow_nan=False,
            )
            for reasons in explained
        ]

    def _input(self, name: str) -> dict[str, Any]:
        """A column: texts are taken for numbers, too, as the model's own notation reads them."""
        feature = feature_list.EVERY.get(name) if self.model.sensor else None
        if name in self.model.schema.categorical:
            tensor: dict[str, Any] = {"name": name, "datatype": "BYTES", "shape": [-1]}
        else:
            tensor = {"name": name, "datatype": "FP64", "shape": [-1]}
            notation = self.model.schema.policy.notation(name)
            if notation != PLAIN:
                tensor["parameters"] = {"notation": str(notation)}
        if feature and feature.unit:
            tensor.setdefault("parameters", {})["unit"] = feature.unit
        return tensor

    def _properties(self) -> Mapping[str, str]:
        """Texts alone, as the protocol has it."""
        model = self.model
        return {
            "version": self.version,
            "digest": self.digest,
            "registered_at": self.registered_at,
            "model_type": model.model_type,
            "sensor": model.sensor,
            "budget": repr(model.alert_budget),
            "threshold": repr(model.threshold),
            "thresholds": json.dumps({repr(point.budget): point.threshold for point in model.thresholds}),
            "versions": json.dumps(model.versions),
        }
