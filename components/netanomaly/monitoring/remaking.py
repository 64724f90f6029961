"""A reference made anew, of the data that a version was trained on, for versions that were registered without one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from netanomaly.errors import DataError
from netanomaly.metrics.alert_rates import AlertBlocks
from netanomaly.models.model import AnomalyModel
from netanomaly.monitoring.encoded import encode, joined
from netanomaly.monitoring.layout import Layout, learn_layout
from netanomaly.monitoring.reading import ends_of, open_reader, scanned
from netanomaly.monitoring.reference import LEAST_TRAINING_ROWS, Rates, Reference, build
from netanomaly.monitoring.settings import Settings

_MOST_REFERENCE_ROWS = 1_000_000


def reference_from(model: AnomalyModel, settings: Settings, progress: Callable[[int], Any] = int) -> Reference:
    """A reference made anew, of the source that the model was trained on, or of one like it. Rows are held in memory.

    With a label column it is of the normal rows. What else was met stands in its `about`: all rows (`rows_read`), the column of
    labels, and how many of the rows taken alert (`alerts`).

    Raises:
        DataError: It has too few rows, or no labels where their column was named.
    """
    reader = open_reader(model, settings)
    layout: Layout | None = None
    stretches = []
    blocks, rows, read, alerts = AlertBlocks(model.voters), 0, 0, 0
    for part in scanned(model, reader, settings):
        batch, normal, alerting = part.batch, part.normal, part.alerting[part.normal]
        read, alerts = read + batch.rows, alerts + int(alerting.sum())
        if not len(normal):
            continue
        found = part.rows.take(normal)
        layout = layout or learn_layout(model.schema, found)
        ends = [None if end is None else end.take(pa.array(normal)) for end in ends_of(batch, reader)]
        if rows < _MOST_REFERENCE_ROWS:
            times = None if batch.times is None else batch.times[normal]
            stretches.append(encode(layout, found, times=times, source=ends[0], target=ends[1]))
        fresh = model.has_seen(found)
        of = np.ones(len(normal), dtype=bool) if fresh is None else ~fresh
        blocks.add(alerting[of], None if part.votes is None else part.votes[normal][of])
        rows += len(normal)
        progress(rows)
    about = {
        "rows": rows, "rows_read": read, "alerts": alerts, "alert_budget": model.alert_budget, "sensor": model.sensor,
        "label_column": settings.label_column,
        "training_rows": model.training_rows, "made_anew": reader.identity(),
    }  # fmt: skip
    made = None
    if layout is not None:
        made = build([joined(stretches)], layout, Rates.read(blocks.document()), about)
    if made is None:
        raise DataError(
            f"a reference takes {LEAST_TRAINING_ROWS:,} rows or more, and {', '.join(settings.source)} has {rows:,}"
            + (f" that are normal by column {settings.label_column!r}" if settings.label_column else "")
            + "; give the "
            "data that the model was trained on"
        )
    return made
