"""Read traffic as the model's own was read, and tell which of its rows alert and which are normal by their label."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.errors import ConfigError, DataError
from netanomaly.flows import sources
from netanomaly.flows.batch import Batch
from netanomaly.flows.labels import is_normal
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.monitoring.settings import Settings
from netanomaly.scoring.scoring import open_as_learnt, rows_of
from netanomaly.scoring.settings import Settings as ScoringSettings
from netanomaly.traffic.any_source import AnyReader
from netanomaly.traffic.reader import LABEL


@dataclass(frozen=True)
class Scanned:
    """A batch of traffic, scored.

    Attributes:
        batch: As it was read.
        rows: The same in the model's schema.
        alerting: Whether each row alerts.
        votes: How many members of an ensemble would alert on each; None where there are none.
        normal: Places of the rows that are normal by their label; all of them where labels are not asked for.
    """

    batch: Batch
    rows: Rows
    alerting: npt.NDArray[np.bool_]
    votes: npt.NDArray[np.int64] | None
    normal: npt.NDArray[np.intp]


def open_reader(model: AnomalyModel, settings: Settings) -> AnyReader:
    """The reader of a source.

    Raises:
        ConfigError: The label column is none of a sensor's flows.
        InputError: The source cannot be found or read.
    """
    if model.sensor and settings.label_column not in ("", LABEL):
        raise ConfigError(
            f"--label-column {settings.label_column!r}: of a sensor's flows, as {', '.join(settings.source)} is read, classes are "
            f"in the column {LABEL!r}; name that, or leave it out"
        )
    return open_as_learnt(
        model,
        sources.resolve(settings.source),
        ScoringSettings(
            source=settings.source,
            csv=settings.csv,
            format=settings.format,
            time_column=settings.time_column,
            allow_other_sensor=settings.allow_other_sensor,
        ),
        settings.label_column,
    )


def scanned(model: AnomalyModel, reader: AnyReader, settings: Settings) -> Iterator[Scanned]:
    """The source batch by batch.

    Raises:
        DataError: It cannot be read, or has no labels where their column was named.
    """
    for batch in reader.batches():
        _refuse_no_labels(batch, settings)
        rows = rows_of(batch, reader.contract, model)
        scores, votes = model.score_with_votes(rows)
        alerting = scores > model.threshold
        if batch.unreadable:
            alerting[list(batch.unreadable)] = False
        yield Scanned(batch, rows, alerting, votes, _normal(batch, settings))


def has_labels(model: AnomalyModel, settings: Settings) -> bool:
    """Whether the source's first rows have labels in the column that is named."""
    if model.sensor and settings.label_column != LABEL:
        return False
    for batch in open_reader(model, settings).batches():
        return batch.labels is not None
    return False


def ends_of(batch: Batch, reader: AnyReader) -> tuple[Any, Any]:
    """The addresses of both ends, where the source has them."""
    found = []
    for part in ("src_ip", "dst_ip"):
        name = reader.contract.identity.get(part, "")
        found.append(batch.beside.get(name, batch.categories.get(name)))
    return found[0], found[1]


def _refuse_no_labels(batch: Batch, settings: Settings) -> None:
    if settings.label_column and batch.labels is None:
        raise DataError(
            f"{', '.join(settings.source)} has no labels in a column {settings.label_column!r}, which --label-column names; "
            "name the one that it has, or leave it out"
        )


def _normal(batch: Batch, settings: Settings) -> Any:
    """Places of the rows that are normal by their label; of all where there is none."""
    if batch.labels is None or not settings.label_column:
        return np.arange(batch.rows)
    names = batch.labels.dictionary.to_pylist()
    normal = np.array([*(is_normal(name, settings.normal_labels) for name in names), False])
    codes = batch.labels.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    return np.flatnonzero(normal[codes])
