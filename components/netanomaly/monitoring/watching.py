"""Look at a window of traffic with a model and its reference."""

from collections.abc import Callable
from typing import Any

import numpy as np

from netanomaly.flows import sources
from netanomaly.flows.layout import MissingColumn
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.monitoring.layout import Layout
from netanomaly.monitoring.reading import Scanned, ends_of, open_reader, scanned
from netanomaly.monitoring.seen import Seen
from netanomaly.monitoring.settings import Settings
from netanomaly.monitoring.window import Window
from netanomaly.traffic.any_source import AnyReader


def watch(model: AnomalyModel, layout: Layout | None, settings: Settings, progress: Callable[[int], Any] = int) -> Seen:
    """Look at traffic.

    Memory is that of a batch and of a sample of rows.

    Args:
        model: The version's.
        layout: Of its reference; None: it has none, and rows are counted alone.
        settings: What to look at.
        progress: Told how many rows are done.

    Raises:
        InputError: The source cannot be found or read, or has no labels where its column was named.
    """
    window = Window(layout or Layout((), ()))
    seen = Seen(window, "")
    try:
        reader = open_reader(model, settings)
        for part in scanned(model, reader, settings):
            _count(seen, part, settings)
            _add(window, layout, reader, part)
            progress(window.profile.rows)
        seen.identity = reader.identity()
        seen.dropped = reader.tally.dropped
        if not window.profile.rows and seen.dropped:
            seen.gone = (
                f"none of {sum(seen.dropped.values()):,} records can be taken as a flow: {', '.join(seen.dropped)}"
            )
    except MissingColumn as error:
        # What monitoring is there to tell; whatever else cannot be read is an error.
        seen.gone = str(error)
        # Of the bytes: tomorrow's file under the same name is another window.
        seen.identity = sources.resolve(settings.source).identity()
    return seen


def _count(seen: Seen, part: Scanned, settings: Settings) -> None:
    """The attacks by their label, and the rows that alert."""
    if settings.label_column:
        attacks = np.ones(len(part.rows), dtype=bool)
        attacks[part.normal] = False
        seen.attacks += int(attacks.sum())
        seen.caught += int((attacks & part.alerting).sum())
    if part.batch.records is not None:
        seen.open_alerts.add(part.batch.file, part.batch.records, part.alerting)


def _add(window: Window, layout: Layout | None, reader: AnyReader, part: Scanned) -> None:
    rows = part.rows
    if layout is None:
        rows = Rows(rows.numbers[:, :0], rows.codes[:, :0])
    source, target = ends_of(part.batch, reader)
    window.add(
        rows,
        alerts=part.alerting,
        times=part.batch.times,
        source=source,
        target=target,
        categories=dict(part.batch.categories),
        votes=part.votes,
    )
