"""Look at a window of traffic with a model and its reference: from the source itself, or from what `score` wrote of it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly import json_input
from netanomaly.errors import DataError, InputError
from netanomaly.feedback import alert_files
from netanomaly.feedback.flows import belong
from netanomaly.feedback.suppression import NOTHING, Heard, is_open
from netanomaly.flows import sources
from netanomaly.flows.batch import Batch
from netanomaly.flows.labels import is_normal
from netanomaly.flows.layout import MissingColumn
from netanomaly.flows.left_out import RowsByFile
from netanomaly.metrics.alert_rates import AlertBlocks
from netanomaly.metrics.intervals import exact_share
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.monitoring.encoded import encode, joined
from netanomaly.monitoring.judging import Quality
from netanomaly.monitoring.layout import Layout, learn_layout
from netanomaly.monitoring.reference import LEAST_TRAINING_ROWS, Rates, Reference, build
from netanomaly.monitoring.settings import Settings
from netanomaly.monitoring.window import Window
from netanomaly.scoring.scoring import ALERTS, SCORES, SUMMARY, open_as_learnt, rows_of
from netanomaly.scoring.settings import Settings as ScoringSettings
from netanomaly.traffic.any_source import AnyReader

_MOST_SUMMARY_BYTES = 64 << 20
_MOST_REFERENCE_ROWS = 1_000_000


@dataclass
class Seen:
    """What was seen of a window.

    Attributes:
        window: Its rows.
        identity: Digest of what was looked at: the same bytes give the same.
        gone: Why a source cannot be read as the model's was, where what it needs is not there any more.
        attacks, caught: Of rows with a label: attacks, and those of them that alert.
        features: Whether rows were seen whole; of scores alone their alerts, times and ends are.
        suppressed: Rows that alert and are of incidents that feedback suppresses, which are no alerts here; of traffic they
            are not told apart.
        open_alerts: Which rows alert and are not suppressed.
    """

    window: Window
    identity: str
    gone: str = ""
    attacks: int = 0
    caught: int = 0
    features: bool = True
    suppressed: int = 0
    open_alerts: RowsByFile = field(default_factory=RowsByFile)

    def quality(self, reference: Reference | None) -> tuple[Quality, ...]:
        """What the labels say, beside what was registered."""
        registered = (reference.quality.get("recall") or {}) if reference is not None else {}
        if not self.attacks or "low" not in registered:
            return ()
        low, high = exact_share(self.caught, self.attacks)
        return (
            Quality(
                "recall",
                self.caught / self.attacks,
                low,
                high,
                float(registered["low"]),
                f"{self.caught:,} of {self.attacks:,} labelled attacks",
            ),
        )


def watch(model: AnomalyModel, layout: Layout | None, settings: Settings, progress: Callable[[int], Any] = int) -> Seen:
    """Look at traffic.

    Memory is that of a batch and of a sample of rows.

    Args:
        model: The version's.
        layout: Of its reference; None: it has none, and rows are counted alone.
        settings: What to look at.
        progress: Told how many rows are done.

    Raises:
        InputError: The source cannot be found or read.
    """
    window = Window(layout or Layout((), ()))
    files = sources.resolve(settings.source)
    seen = Seen(window, "")
    try:
        reader = _reader(model, files, settings)
        for batch, alerting in _alerting(model, reader, seen, settings):
            _add(window, model, layout, reader, batch, alerting)
            progress(window.profile.rows)
        seen.identity = reader.identity()
    except MissingColumn as error:
        # What monitoring is there to tell; whatever else cannot be read is an error.
        seen.gone = str(error)
        seen.identity = "sha256:" + hashlib.sha256(repr(settings.source).encode()).hexdigest()
    return seen


def reference_from(model: AnomalyModel, settings: Settings, progress: Callable[[int], Any] = int) -> Reference:
    """A reference made anew, of the source that the model was trained on, or of one like it. Rows are held in memory.

    Raises:
        DataError: It has too few rows.
    """
    reader = _reader(model, sources.resolve(settings.source), settings)
    layout: Layout | None = None
    stretches = []
    blocks, rows = AlertBlocks(), 0
    seen = Seen(Window(Layout((), ())), "")
    for batch, alerting in _alerting(model, reader, seen, settings):
        normal = _normal(batch, settings)
        found = rows_of(batch, reader.contract, model).take(normal)
        layout = layout or learn_layout(model.schema, found)
        ends = [None if end is None else end.take(pa.array(normal)) for end in _ends(batch, reader)]
        if rows < _MOST_REFERENCE_ROWS:
            times = None if batch.times is None else batch.times[normal]
            stretches.append(encode(layout, found, times=times, source=ends[0], target=ends[1]))
        fresh = model.has_seen(found)
        blocks.add(alerting[normal] if fresh is None else alerting[normal][~fresh])
        rows += len(normal)
        progress(rows)
    rates = blocks.document()
    about = {"rows": rows, "sensor": model.sensor, "training_rows": model.training_rows, "made_anew": reader.identity()}
    made = None
    if layout is not None:
        made = build([joined(stretches)], layout, Rates(tuple(rates["rows"]), tuple(rates["alerts"])), about)
    if made is None:
        raise DataError(
            f"a reference takes {LEAST_TRAINING_ROWS:,} rows or more, and {', '.join(settings.source)} has {rows:,}; give the "
            "data that the model was trained on"
        )
    return made


def scored_folders(uris: Sequence[str]) -> list[Path] | None:
    """The folders of scores that these are; None where they are traffic.

    Raises:
        InputError: Some are, and others are not.
    """
    found = [_scored_folder(uri) for uri in uris]
    if not any(found):
        return None
    if None in found:
        traffic = uris[found.index(None)]
        raise InputError(f"{traffic} is traffic, and others are folders of scores; look at either")
    return [folder for folder in found if folder is not None]


def summary_of(folder: Path) -> dict[str, Any]:
    """The summary beside scores. Raises InputError where it cannot be read."""
    path = folder / SUMMARY
    try:
        document = json_input.parse(json_input.read(path, _MOST_SUMMARY_BYTES))
        named = document["model"]
        return {"name": str(named["name"]), "version": int(named["version"]), "digest": named["digest"], **document}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read as the summary of scores: {error}; score again") from None


def watch_scores(folders: Sequence[Path], heard: Heard = NOTHING) -> Seen:
    """Look at what `score` wrote: alerts, times and sources; the rows themselves are not in it.

    Args:
        folders: Of scores.
        heard: What was said of the model's alerts: those that it suppresses now do not count as alerts.

    Raises:
        InputError: A file is no table of scores.
    """
    layout = Layout((), ())
    window = Window(layout)
    digest = hashlib.sha256()
    count, open_alerts = 0, RowsByFile()
    for folder in sorted(folders):
        suppressed = _suppressed(folder, heard)
        summary = summary_of(folder)
        digest.update(repr((summary["identity"], summary["version"])).encode())
        try:
            file = pq.ParquetFile(folder / SCORES, pre_buffer=False)
            for batch in file.iter_batches(columns=["file", "record", "time", "src_ip", "dst_ip", "alert"]):
                table = pa.Table.from_batches([batch])
                rows = Rows(np.empty((len(table), 0)), np.empty((len(table), 0), dtype=np.int32))
                alerting = pc.fill_null(table.column("alert"), False).to_numpy()
                still = alerting.copy()
                for incident in suppressed:
                    still &= ~belong(incident, batch).to_numpy(zero_copy_only=False)
                count += int(alerting.sum() - still.sum())
                files = table.column("file").combine_chunks().cast(pa.string()).dictionary_encode()
                open_alerts.add(files, table.column("record").to_numpy(), still)
                window.add(
                    rows,
                    alerts=still,
                    times=_seconds(table),
                    source=table.column("src_ip").combine_chunks(),
                    target=table.column("dst_ip").combine_chunks(),
                )
        except (OSError, pa.ArrowException, KeyError) as error:
            raise InputError(f"{folder / SCORES} is no table of scores: {error}; score again") from None
    return Seen(window, "sha256:" + digest.hexdigest(), features=False, suppressed=count, open_alerts=open_alerts)


def _suppressed(folder: Path, heard: Heard) -> list[dict[str, Any]]:
    """The incidents of a folder of scores that feedback suppresses now, whatever it did when they were made."""
    if not heard.holding or not (folder / ALERTS).is_file():
        return []
    return [
        each
        for each in heard.mark([found.incident for found in alert_files.read(folder / ALERTS)])
        if not is_open(each)
    ]


def _seconds(table: pa.Table) -> Any:
    micros = table.column("time").cast(pa.int64())
    found = pc.fill_null(micros, 0).to_numpy().astype(np.float64) / 1e6
    found[pc.is_null(micros).to_numpy()] = np.nan
    return found


def _scored_folder(uri: str) -> Path | None:
    if "://" in uri and not uri.startswith("file://"):
        return None
    path = Path(uri.removeprefix("file://"))
    if path.name == SCORES and (path.parent / SUMMARY).is_file():
        return path.parent
    return path if (path / SCORES).is_file() and (path / SUMMARY).is_file() else None


def _reader(model: AnomalyModel, files: sources.Files, settings: Settings) -> AnyReader:
    return open_as_learnt(
        model,
        files,
        ScoringSettings(
            source=settings.source,
            csv=settings.csv,
            format=settings.format,
            time_column=settings.time_column,
            allow_other_sensor=settings.allow_other_sensor,
        ),
        settings.label_column,
    )


def _alerting(model: AnomalyModel, reader: AnyReader, seen: Seen, settings: Settings) -> Iterator[tuple[Batch, Any]]:
    for batch in reader.batches():
        rows = rows_of(batch, reader.contract, model)
        alerting = model.score_rows(rows) > model.threshold
        if batch.unreadable:
            alerting[list(batch.unreadable)] = False
        if settings.label_column and batch.labels is not None:
            attacks = ~np.isin(np.arange(len(rows)), _normal(batch, settings))
            seen.attacks += int(attacks.sum())
            seen.caught += int((attacks & alerting).sum())
        if batch.records is not None:
            seen.open_alerts.add(batch.file, batch.records, alerting)
        yield batch, alerting


def _normal(batch: Batch, settings: Settings) -> Any:
    """Places of the rows that are normal by their label; of all where there is none."""
    if batch.labels is None or not settings.label_column:
        return np.arange(batch.rows)
    names = batch.labels.dictionary.to_pylist()
    normal = np.array([*(is_normal(name, settings.normal_labels) for name in names), False])
    codes = batch.labels.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    return np.flatnonzero(normal[codes])


def _add(
    window: Window, model: AnomalyModel, layout: Layout | None, reader: AnyReader, batch: Batch, alerting: Any
) -> None:
    rows = rows_of(batch, reader.contract, model)
    if layout is None:
        rows = type(rows)(rows.numbers[:, :0], rows.codes[:, :0])
    source, target = _ends(batch, reader)
    window.add(
        rows,
        alerts=alerting,
        times=batch.times,
        source=source,
        target=target,
        categories=dict(batch.categories),
    )


def _ends(batch: Batch, reader: AnyReader) -> tuple[Any, Any]:
    """The addresses of both ends, where the source has them."""
    found = []
    for part in ("src_ip", "dst_ip"):
        name = reader.contract.identity.get(part, "")
        found.append(batch.beside.get(name, batch.categories.get(name)))
    return found[0], found[1]
