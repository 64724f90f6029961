"""Look at what `score` wrote of a window: alerts, times and ends of its rows; the rows themselves are not in it."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly import json_input
from netanomaly.errors import InputError
from netanomaly.feedback import alert_files
from netanomaly.feedback.flows import belong
from netanomaly.feedback.suppression import NOTHING, Heard, is_open
from netanomaly.flows.left_out import RowsByFile
from netanomaly.models.rows import Rows
from netanomaly.monitoring.finding import Scored
from netanomaly.monitoring.layout import Layout
from netanomaly.monitoring.seen import Seen
from netanomaly.monitoring.window import Window

_COLUMNS = ["file", "record", "time", "src_ip", "dst_ip", "score", "alert"]


def summary_of(scored: Scored) -> dict[str, Any]:
    """The summary beside scores. Raises InputError where it cannot be read."""
    file = scored.summary
    try:
        with file.open() as stream:
            data = stream.read(json_input.LARGEST_FILE + 1)
        if len(data) > json_input.LARGEST_FILE:
            raise ValueError(f"it is larger than {json_input.LARGEST_FILE:,} bytes")
        document = json_input.parse(data)
        named = document["model"]
        return {
            "name": str(named["name"]), "version": int(named["version"]), "identity": str(document["identity"])
        }  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file.uri} cannot be read as the summary of scores: {error}; score again") from None


def watch_scores(found: Sequence[Scored], threshold: float, heard: Heard = NOTHING) -> Seen:
    """Look at what `score` wrote: alerts, times and sources; the rows themselves are not in it.

    Args:
        found: Scores of one version, in order.
        threshold: The version's own, by which its usual alert rate was seen: whoever scored may have chosen another.
        heard: What was said of the model's alerts: those that it suppresses now do not count as alerts.

    Raises:
        InputError: A file is no table of scores.
    """
    window = Window(Layout((), ()))
    digest = hashlib.sha256()
    count, open_alerts = 0, RowsByFile()
    for each in found:
        suppressed = _suppressed(each, heard)
        summary = summary_of(each)
        digest.update(repr((summary["identity"], summary["version"])).encode())
        for batch in _batches(each):
            rows = Rows(np.empty((len(batch), 0)), np.empty((len(batch), 0), dtype=np.int32))
            # A row that could not be scored has no score, and does not alert.
            alerting = pc.fill_null(batch.column("score"), float("-inf")).to_numpy() > threshold
            still = alerting.copy()
            for incident in suppressed:
                still &= ~belong(incident, batch).to_numpy(zero_copy_only=False)
            count += int(alerting.sum() - still.sum())
            files = batch.column("file").cast(pa.string()).dictionary_encode()
            open_alerts.add(files, batch.column("record").to_numpy(), still)
            window.add(
                rows,
                alerts=still,
                times=_seconds(batch.column("time")),
                source=batch.column("src_ip"),
                target=batch.column("dst_ip"),
            )
    return Seen(window, "sha256:" + digest.hexdigest(), features=False, suppressed=count, open_alerts=open_alerts)


def _batches(scored: Scored) -> Iterator[pa.RecordBatch]:
    try:
        with scored.scores.open() as stream:
            yield from pq.ParquetFile(stream, pre_buffer=False).iter_batches(columns=_COLUMNS)
    except (OSError, pa.ArrowException, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{scored.scores.uri} is no table of scores: {error}; score again") from None


def _suppressed(scored: Scored, heard: Heard) -> list[dict[str, Any]]:
    """The incidents of scores that feedback suppresses now, whatever it did when they were made."""
    if not heard.holding or scored.alerts is None:
        return []
    with io.BufferedReader(scored.alerts.open()) as lines:  # type: ignore[type-var]
        incidents = list(alert_files.incidents(lines, scored.alerts.uri))
    return [each for each in heard.mark(incidents) if not is_open(each)]


def _seconds(times: pa.Array) -> Any:
    micros = times.cast(pa.int64())
    found = pc.fill_null(micros, 0).to_numpy().astype(np.float64) / 1e6
    found[pc.is_null(micros).to_numpy(zero_copy_only=False)] = np.nan
    return found
