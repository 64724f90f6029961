"""Look at a window of traffic with a model and its reference: from the source itself, or from what `score` wrote of it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly import json_input
from netanomaly.errors import Absent, ConfigError, DataError, InputError, OutsideError, Refused
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
from netanomaly.registry.location import locate
from netanomaly.scoring import checkpoint
from netanomaly.scoring.scoring import ALERTS, SCORES, SUMMARY, open_as_learnt, rows_of
from netanomaly.scoring.settings import Settings as ScoringSettings
from netanomaly.traffic.any_source import AnyReader
from netanomaly.traffic.reader import LABEL

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
        InputError: The source cannot be found or read, or has no labels where its column was named.
    """
    window = Window(layout or Layout((), ()))
    files = sources.resolve(settings.source)
    seen = Seen(window, "")
    try:
        reader = _reader(model, files, settings)
        for batch, alerting in _alerting(model, reader, seen, settings):
            _refuse_no_labels(batch, settings)
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

    With a label column it is of the normal rows. What else was met stands in its `about`: all rows (`rows_read`), the column of
    labels, and how many of the rows taken alert (`alerts`).

    Raises:
        DataError: It has too few rows, or no labels where their column was named.
    """
    reader = _reader(model, sources.resolve(settings.source), settings)
    layout: Layout | None = None
    stretches = []
    blocks, rows, read, alerts = AlertBlocks(), 0, 0, 0
    seen = Seen(Window(Layout((), ())), "")
    for batch, alerting in _alerting(model, reader, seen, settings):
        _refuse_no_labels(batch, settings)
        normal = _normal(batch, settings)
        read, alerts = read + batch.rows, alerts + int(alerting[normal].sum())
        if not len(normal):
            continue
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
    about = {
        "rows": rows, "rows_read": read, "alerts": alerts, "alert_budget": model.alert_budget, "sensor": model.sensor,
        "label_column": settings.label_column,
        "training_rows": model.training_rows, "made_anew": reader.identity(),
    }  # fmt: skip
    made = None
    if layout is not None:
        made = build([joined(stretches)], layout, Rates(tuple(rates["rows"]), tuple(rates["alerts"])), about)
    if made is None:
        raise DataError(
            f"a reference takes {LEAST_TRAINING_ROWS:,} rows or more, and {', '.join(settings.source)} has {rows:,}"
            + (f" that are normal by column {settings.label_column!r}" if settings.label_column else "")
            + "; give the "
            "data that the model was trained on"
        )
    return made


@dataclass(frozen=True, order=True)
class Scored:
    """Scores, and the summary of the run or commit that they are of."""

    scores: Path
    summary: Path


def scored_in(uris: Sequence[str]) -> list[Scored] | None:
    """The scores that these are: of runs, and of followers every commit; None where they are traffic.

    Raises:
        InputError: Some are, and others are not; they are in a bucket; or a follower has committed none yet.
    """
    found = [_scored(uri) for uri in uris]
    if all(each is None for each in found):
        return None
    if None in found:
        traffic = uris[found.index(None)]
        raise InputError(f"{traffic} is traffic, and others are scores; look at either")
    scored = sorted({each for several in found if several is not None for each in several})
    if not scored:
        raise InputError(f"{', '.join(uris)} holds no scores yet; look again when something was scored")
    return scored


def refuse_to_learn_scores(uris: Sequence[str], training: Mapping[str, Any]) -> None:
    """Raise ConfigError where a retraining would take scores for its training data."""
    if "data_source" not in training and scored_in(uris) is not None:
        raise ConfigError(
            f"{uris[0]} holds scores, and nothing can be learnt from these: name the data_source of the retraining in its "
            "configuration, or give the traffic itself"
        )


def summary_of(scored: Scored) -> dict[str, Any]:
    """The summary beside scores. Raises InputError where it cannot be read."""
    path = scored.summary
    try:
        document = json_input.parse(json_input.read(path, _MOST_SUMMARY_BYTES))
        named = document["model"]
        return {"name": str(named["name"]), "version": int(named["version"]), "digest": named["digest"], **document}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read as the summary of scores: {error}; score again") from None


def watch_scores(found: Sequence[Scored], threshold: float, heard: Heard = NOTHING) -> Seen:
    """Look at what `score` wrote: alerts, times and sources; the rows themselves are not in it.

    Args:
        found: Scores of one version.
        threshold: The version's own, by which its usual alert rate was seen: whoever scored may have chosen another.
        heard: What was said of the model's alerts: those that it suppresses now do not count as alerts.

    Raises:
        InputError: A file is no table of scores.
    """
    window = Window(Layout((), ()))
    digest = hashlib.sha256()
    count, open_alerts = 0, RowsByFile()
    for each in sorted(found):
        suppressed = _suppressed(each.scores, heard)
        summary = summary_of(each)
        digest.update(repr((summary["identity"], summary["version"])).encode())
        try:
            file = pq.ParquetFile(each.scores, pre_buffer=False)
            for batch in file.iter_batches(columns=["file", "record", "time", "src_ip", "dst_ip", "score", "alert"]):
                table = pa.Table.from_batches([batch])
                rows = Rows(np.empty((len(table), 0)), np.empty((len(table), 0), dtype=np.int32))
                # A row that could not be scored has no score, and does not alert.
                scores = pc.fill_null(table.column("score"), float("-inf")).to_numpy()
                alerting = scores > threshold
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
            raise InputError(f"{each.scores} is no table of scores: {error}; score again") from None
    return Seen(window, "sha256:" + digest.hexdigest(), features=False, suppressed=count, open_alerts=open_alerts)


def _suppressed(scores: Path, heard: Heard) -> list[dict[str, Any]]:
    """The incidents of scores that feedback suppresses now, whatever it did when they were made."""
    alerts = scores.parent / ALERTS
    if scores.name != SCORES:
        # A follower's, by its number.
        alerts = scores.parent.parent / "alerts" / f"{scores.stem}.ndjson"
    if not heard.holding or not alerts.is_file():
        return []
    return [each for each in heard.mark([found.incident for found in alert_files.read(alerts)]) if not is_open(each)]


def _seconds(table: pa.Table) -> Any:
    micros = table.column("time").cast(pa.int64())
    found = pc.fill_null(micros, 0).to_numpy().astype(np.float64) / 1e6
    found[pc.is_null(micros).to_numpy()] = np.nan
    return found


def _scored(uri: str) -> list[Scored] | None:
    """The scores in a folder or file that `score` wrote; None: it is none of these."""
    if "://" in uri and not uri.startswith("file://"):
        _refuse_scores_in_bucket(uri)
        return None
    path = Path(uri.removeprefix("file://"))
    if path.name == SCORES or (path / SCORES).is_file():
        folder = path.parent if path.name == SCORES else path
        return [Scored(folder / SCORES, folder / SUMMARY)] if (folder / SUMMARY).is_file() else None
    if (path / checkpoint.KEY).is_file():
        path = path / "scores"
    if not (path.parent / checkpoint.KEY).is_file() and not (path.parent.parent / checkpoint.KEY).is_file():
        return None
    if path.suffix == ".parquet" and path.parent.name == "scores":
        return [_committed(path)]
    return [_committed(each) for each in path.glob("*.parquet")] if path.name == "scores" else None


def _refuse_scores_in_bucket(uri: str) -> None:
    """Results in a bucket would be taken for traffic, of which most columns are gone."""
    parent, _, last = uri.rstrip("/").rpartition("/")
    for place in (uri, parent) if last == "scores" else (uri,):
        if any(_is_there(place, name) for name in (checkpoint.KEY, SUMMARY)):
            raise InputError(
                f"{uri} holds what score wrote, and that is looked at in folders: copy it here (aws s3 sync, mc mirror) and give "
                "the copy"
            )


def _is_there(prefix: str, name: str) -> bool:
    """Whether a bucket has an object; of what cannot be looked at the source itself tells."""
    if any(character in prefix for character in "*?["):
        return False
    try:
        locate(prefix).read.stat(name)
    except (Absent, Refused, InputError, OutsideError):
        return False
    return True


def _committed(scores: Path) -> Scored:
    """Scores of one commit of a follower."""
    return Scored(scores, scores.parent.parent / "summaries" / f"{scores.stem}.json")


def has_labels(model: AnomalyModel, settings: Settings) -> bool:
    """Whether the source's first rows have labels in the column that is named."""
    if model.sensor and settings.label_column != LABEL:
        return False
    for batch in _reader(model, sources.resolve(settings.source), settings).batches():
        return batch.labels is not None
    return False


def _refuse_no_labels(batch: Batch, settings: Settings) -> None:
    if settings.label_column and batch.labels is None:
        raise DataError(
            f"{', '.join(settings.source)} has no labels in a column {settings.label_column!r}, which --label-column names; "
            "name the one that it has, or leave it out"
        )


def _reader(model: AnomalyModel, files: sources.Files, settings: Settings) -> AnyReader:
    if model.sensor and settings.label_column not in ("", LABEL):
        raise ConfigError(
            f"--label-column {settings.label_column!r}: of a sensor's flows, as {', '.join(settings.source)} is read, classes are "
            f"in the column {LABEL!r}; name that, or leave it out"
        )
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
