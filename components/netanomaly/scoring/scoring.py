"""Score every row of a source by a registered model, and make incidents of those that alert.

Rows are read as the model's own training data was, and by the same code, so their scores are those of `evaluate` and of
`model.score`, bit for bit. The label column is never read. The same input and version give the same bytes.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly import output
from netanomaly.alerts.collecting import PARTS, Alerts
from netanomaly.alerts.forms import FORMS
from netanomaly.alerts.incidents import SEVERITIES, incidents, moment
from netanomaly.errors import ConfigError
from netanomaly.feedback.suppression import NOTHING, Heard, is_open
from netanomaly.flows import formats, layout, lines, other_formats, sources
from netanomaly.flows.batch import Batch
from netanomaly.flows.captured import Captured
from netanomaly.flows.contract import Contract
from netanomaly.flows.deciding import Decisions
from netanomaly.flows.hidden import Hidden, naming_features
from netanomaly.flows.sensor import refuse_other
from netanomaly.flows.streams import NothingWritten
from netanomaly.metrics.thresholds import Threshold
from netanomaly.models.blocks import block_threads
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.scoring.remarks import remarks
from netanomaly.scoring.settings import Settings
from netanomaly.traffic import feature_list
from netanomaly.traffic.any_source import AnyReader, open_source
from netanomaly.traffic.context import Past

FORMAT = 1
SCORES, ALERTS, SUMMARY, REPORT = FILES = ("scores.parquet", "alerts.ndjson", "summary.json", "report.html")
_BATCHES_WAITING = 4
_GRAVEST = 5
_ROW_GROUP_ROWS = 131_072

FEATURES = "features"
_SCHEMA = pa.schema(
    [
        ("file", pa.dictionary(pa.int32(), pa.string())),
        ("record", pa.int64()),
        ("time", pa.timestamp("us", tz="UTC")),
        *((part, pa.string()) for part in PARTS),
        ("score", pa.float32()),
        ("tail_probability", pa.float32()),
        ("alert", pa.bool_()),
        ("reason", pa.string()),
    ]
)
# What differs from row to row has no dictionary: to make one and find it too large is half the time of writing.
_ENCODINGS = {
    "use_dictionary": ["file", "src_ip", "dst_ip", "dst_port", "protocol", "reason"],
    "column_encoding": {"record": "DELTA_BINARY_PACKED", "time": "DELTA_BINARY_PACKED"},
}


@dataclass
class _Counts:
    """What was seen so far."""

    rows: int = 0
    unscored: int = 0
    alerts: int = 0
    first: float = np.inf
    last: float = -np.inf
    by_hour: dict[int, list[int]] = field(default_factory=dict)
    """Rows and alerts of each hour since 1970."""

    def times(self, times: npt.NDArray[np.float64], alerting: npt.NDArray[np.bool_]) -> None:
        known = ~np.isnan(times)
        if not known.any():
            return
        self.first, self.last = min(self.first, float(times[known].min())), max(self.last, float(times[known].max()))
        hours = (times[known] // 3600).astype(np.int64)
        for hour, rows in zip(*np.unique(hours, return_counts=True), strict=True):
            self.by_hour.setdefault(int(hour), [0, 0])[0] += int(rows)
        for hour, rows in zip(*np.unique(hours[alerting[known]], return_counts=True), strict=True):
            self.by_hour[int(hour)][1] += int(rows)


@dataclass(frozen=True)
class Origin:
    """Where a part of a file stands in it.

    Attributes:
        file: What its rows say of where they are from.
        before: How many lines or records stand before it, as the reader counts either.
    """

    file: str
    before: int

    def of(self, batch: Batch) -> Batch:
        """Rows of the part as rows of the file."""
        assert batch.records is not None  # noqa: S101 - readers of sources number their records
        return replace(batch, file=self.file, records=batch.records + self.before)


@dataclass(frozen=True)
class Tail:
    """The share of normal rows that score as high as a score does, between the model's operating points on a log scale.

    Below the lowest threshold it is at least the largest budget and given as that; above the highest it is at most the
    smallest budget and given as that: the model knows no more.
    """

    thresholds: npt.NDArray[np.float64]
    budgets: npt.NDArray[np.float64]

    @classmethod
    def of(cls, points: list[Threshold]) -> "Tail":
        ordered = sorted({(point.threshold, point.budget) for point in points}, key=lambda pair: (pair[0], -pair[1]))
        thresholds, budgets = zip(*ordered, strict=True)
        return cls(np.array(thresholds), np.array(budgets))

    def __call__(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = np.exp(np.interp(scores, self.thresholds, np.log(self.budgets)))
        return found


def score(
    model: AnomalyModel,
    named: Mapping[str, Any],
    settings: Settings,
    folder: Path,
    progress: Callable[[int], Any] = int,
    heard: Heard = NOTHING,
    captured: Captured | None = None,
) -> dict[str, Any]:
    """Write `scores.parquet`, `alerts.ndjson` and `summary.json` into a folder; returns the summary.

    Memory is that of some batches and of the rows that alert.

    Args:
        model: The model, verified.
        named: Its name, version and digest, which alerts carry.
        settings: What to score.
        folder: Exists, and is empty.
        progress: Told how many rows are done.
        heard: What people said of this model's alerts.
        captured: Of a source of captures, the flows that were made of it.

    Raises:
        ConfigError: There is no such form of alerts.
        ModelError: The model has no such operating point.
        DataError: A source that cannot be read, of another kind of sensor, or without the model's columns.
    """
    refuse_wrong(model, settings)
    files = sources.resolve(settings.source) if captured is None else captured.files(settings.source)
    reader = open_as_learnt(model, files, settings)
    summary = write_results(model, named, settings, reader, folder, progress, heard, captured)
    output.tell_each(f"warning: {remark}" for remark in summary["remarks"])
    return summary


def refuse_wrong(model: AnomalyModel, settings: Settings) -> None:
    """Raise ConfigError where there is no such form of alerts, and ModelError where the model has no such operating point."""
    if settings.alert_format not in FORMS:
        raise ConfigError(f"alert_format is {settings.alert_format!r}; choose one of {', '.join(FORMS)}")
    model.operating_point(_budget(model, settings))


def write_results(
    model: AnomalyModel,
    named: Mapping[str, Any],
    settings: Settings,
    reader: AnyReader,
    folder: Path,
    progress: Callable[[int], Any] = int,
    heard: Heard = NOTHING,
    captured: Captured | None = None,
    origin: Origin | None = None,
    told: Callable[[list[dict[str, Any]]], Any] | None = None,
) -> dict[str, Any]:
    """The same, of what a reader reads.

    Args:
        origin: Where a part of a file stands in it.
        told: Is given the incidents before they are written, and may add to them.
    """
    budget = _budget(model, settings)
    threshold = model.operating_point(budget).threshold
    tail = Tail.of(model.thresholds)
    counts, alerts = _Counts(), Alerts()
    hidden = None if settings.identities else Hidden()
    if hidden is not None and heard.uri:
        output.tell("note: results name no ends, so feedback that names some is not applied to them")
        heard = heard.of_no_ends()
    schema = _schema(model)
    with pq.ParquetWriter(folder / SCORES, schema, compression="zstd", **_ENCODINGS) as writer:
        for read, rows, scores in _scored(model, reader):
            batch = read if origin is None else origin.of(read)
            alerting = scores > threshold
            if batch.unreadable:
                alerting[list(batch.unreadable)] = False
            counts.rows += len(scores)
            counts.unscored += len(batch.unreadable)
            counts.alerts += int(alerting.sum())
            identity = _identity(batch, reader.contract)
            if hidden is not None:
                if learnt := naming_features(reader.contract, model.schema.features):
                    raise ConfigError(
                        f"results are to name no ends, and {named['name']}:{named['version']} learnt from column "
                        f"{learnt[0]!r}, which names an end; train it with that in ignore_columns"
                    )
                identity = hidden.parts(identity)
            if batch.times is not None:
                counts.times(batch.times, alerting)
            table = _table(batch, identity, scores, tail(scores), alerting)
            table = table.append_column(schema.field(FEATURES), _features(batch, reader.contract, schema, alerting))
            writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
            _collect(alerts, batch, identity, rows, scores, alerting)
            progress(counts.rows)
    found, not_listed = incidents(alerts.all(), model, named, tail, feature_list.explained)
    heard.mark(found)
    still_open = [incident for incident in found if is_open(incident)]
    if told is not None:
        told(found)
    last = moment(counts.last) if counts.last > -np.inf else "1970-01-01T00:00:00.000Z"
    form = FORMS[settings.alert_format]
    with (folder / ALERTS).open("w", encoding="utf-8") as lines:
        for incident in found:
            lines.write(output.json_text(form(incident, last), None) + "\n")
    summary = {
        "format": FORMAT,
        "model": dict(named),
        "model_type": model.model_type,
        "source": settings.source,
        "identity": reader.identity() if captured is None else captured.identity,
        "sensor": model.sensor,
        "files": [{"uri": read.uri, "bytes": read.bytes, "rows": read.rows} for read in reader.tally.files],
        "rows_read": reader.rows,
        "rows": counts.rows,
        "unscored": counts.unscored,
        "dropped": reader.tally.dropped,
        "repaired": reader.tally.repaired | ({} if captured is None else captured.noted),
        "first_seen": moment(counts.first) if counts.first < np.inf else None,
        "last_seen": moment(counts.last) if counts.last > -np.inf else None,
        "budget": budget,
        "threshold": threshold,
        "alerts": counts.alerts,
        "alerts_expected": expected(model.operating_point(budget), counts.rows),
        "incidents": len(still_open),
        "incidents_expected": _incidents_expected(model, budget, counts),
        "suppressed": len(found) - len(still_open),
        "by_severity": {word: sum(each["severity"] == word for each in still_open) for _, word in SEVERITIES},
        "gravest": [{name: each[name] for name in ("severity", "title")} for each in still_open[:_GRAVEST]],
        "not_listed": not_listed,
        "remarks": remarks(reader, is_part=origin is not None),
        "feedback": heard.document(found) if heard.uri else None,
        "hours": [[moment(hour * 3600), *both] for hour, both in sorted(counts.by_hour.items())],
    }
    (folder / SUMMARY).write_text(output.json_text(summary) + "\n", encoding="utf-8")
    return {**summary, "listed": found}


def _budget(model: AnomalyModel, settings: Settings) -> float:
    if settings.alerts_per_day is not None:
        return model.budget_for(settings.alerts_per_day)
    return model.alert_budget if settings.budget is None else settings.budget


def expected(point: Threshold, rows: int) -> list[int]:
    """Between how many and how many of so many normal rows alert, in 95 of 100 cases, if they are as in training."""
    return list(point.false_alarms(rows)) if rows else [0, 0]


def _incidents_expected(model: AnomalyModel, budget: float, counts: _Counts) -> list[int] | None:
    """The same of incidents, in so much time; None where the model does not know, or the rows have no times."""
    rate = model.incident_rate(budget)
    if rate is None or not counts.last > counts.first:
        return None
    return list(rate.expected(counts.last - counts.first))


def open_as_learnt(
    model: AnomalyModel,
    files: sources.Files,
    settings: Settings,
    label_column: str = "",
    past: Past | None = None,
) -> AnyReader:
    """A reader of a source that reads it as the model's training data was read.

    Args:
        label_column: The column of classes, for who judges alerts by them; scores do not depend on it.
        past: What flows are seen beside, of flows that were scored before.

    Raises:
        MissingColumn: It lacks a column that the model needs.
        DataError: It is of another kind of sensor, or lacks a column that the model needs.
    """
    schema = model.schema
    selection = layout.Selection(
        label_column=label_column,
        feature_columns=schema.features,
        categorical_columns=schema.categorical,
        time_column=settings.time_column,
    )
    # Those in context are made here, unless the table has them.
    made = [] if model.sensor else [name for name in schema.features if name in feature_list.CONTEXT_NAMES]
    if made and _has(files, settings, made):
        made = []
    notations = {
        name: None if name in set(schema.categorical) else schema.policy.notation(name)
        for name in schema.features
        if name not in made
    }
    reader = open_source(
        files,
        settings.csv,
        selection,
        settings.format if model.sensor else "table",
        decisions=Decisions(notations, labelled=bool(label_column), certain=True),
        lenient=True,
        context=bool(made) or None,
        past=past,
        # An empty hour is one of the sensor that the model knows.
        nothing_is=model.sensor,
    )
    if model.sensor and not reader.sensor:
        _refuse_headless(files)
    refuse_other(model.sensor, reader.sensor, allowed=settings.allow_other_sensor)
    return reader


def _refuse_headless(files: sources.Files) -> None:
    """Refuse records of a sensor's log without its header: it is not another sensor that makes them look like a table's."""
    for file in files.files:
        other_formats.refuse_headless(formats.start_of(file), file.uri)


def _has(files: sources.Files, settings: Settings, names: Collection[str]) -> bool:
    """Whether a table has columns of its own that are called so."""
    for file in files.files:
        with suppress(NothingWritten), closing(formats.open_records(file, settings.csv, lines.BLOCK_BYTES)) as records:
            return set(names) <= set(records.names)
    return False


def _scored(model: AnomalyModel, reader: AnyReader) -> Iterator[tuple[Batch, Rows, npt.NDArray[np.float32]]]:
    """Batches in order, each with its rows as the model sees them, and their scores."""
    with block_threads() as threads:
        waiting: deque[tuple[Batch, Rows, Future[npt.NDArray[np.float32]]]] = deque()
        try:
            for batch in reader.batches():
                rows = rows_of(batch, reader.contract, model)
                waiting.append((batch, rows, threads.submit(model.score_rows, rows)))
                if len(waiting) > _BATCHES_WAITING:
                    before, its_rows, future = waiting.popleft()
                    yield before, its_rows, future.result()
            while waiting:
                before, its_rows, future = waiting.popleft()
                yield before, its_rows, future.result()
        finally:
            # Whoever ends early does not wait for what nobody takes.
            for _, _, future in waiting:
                future.cancel()


def rows_of(batch: Batch, contract: Contract, model: AnomalyModel) -> Rows:
    """Rows of a batch in the order and vocabulary of the model's columns."""
    place = {name: position for position, name in enumerate(contract.numeric)}
    table = pa.table(
        {
            name: batch.categories[name] if name in batch.categories else pa.array(batch.numbers[place[name]])
            for name in model.schema.features
        }
    )
    return model.schema.rows(table)


def _identity(batch: Batch, contract: Contract) -> dict[str, pa.Array]:
    """Of `PARTS` those that the source has, as text."""
    named = {part: contract.identity[part] for part in PARTS if part in contract.identity}
    texts = {part: batch.texts(column, contract) for part, column in named.items()}
    return {part: text for part, text in texts.items() if text is not None}


def _schema(model: AnomalyModel) -> pa.Schema:
    """Of the scores of a model: beside each row that alerts stands what the model saw of it."""
    texts = set(model.schema.categorical)
    seen = pa.struct([(name, pa.string() if name in texts else pa.float64()) for name in model.schema.features])
    return _SCHEMA.append(pa.field(FEATURES, seen))


def _features(batch: Batch, contract: Contract, schema: pa.Schema, alerting: npt.NDArray[np.bool_]) -> pa.Array:
    """Of rows that alert the values of the features, null of the others."""
    place = {name: position for position, name in enumerate(contract.numeric)}
    where = np.flatnonzero(alerting)
    seen = schema.field(FEATURES).type
    places = np.zeros(len(alerting), dtype=np.int64)
    places[where] = np.arange(len(where))
    spread = pa.array(places, mask=~alerting)
    columns = []
    for feature in seen:
        if feature.name in batch.categories:
            few = batch.categories[feature.name].take(pa.array(where)).cast(pa.string())
            columns.append(few.cast(feature.type).take(spread))
        else:
            # What stands where the row is null is never looked at.
            numbers = np.zeros(len(alerting))
            numbers[where] = batch.numbers[place[feature.name]][where]
            columns.append(pa.array(numbers, from_pandas=True).cast(feature.type))
    return pa.StructArray.from_arrays(columns, fields=list(seen), mask=pa.array(~alerting))


def _table(
    batch: Batch,
    identity: Mapping[str, pa.Array],
    scores: npt.NDArray[np.float32],
    shares: npt.NDArray[np.float64],
    alerting: npt.NDArray[np.bool_],
) -> pa.Table:
    count = len(scores)
    unread = np.zeros(count, dtype=bool)
    unread[list(batch.unreadable)] = True
    times = pa.nulls(count, pa.timestamp("us", tz="UTC"))
    if batch.times is not None:
        # Rounded, as a double of seconds since 1970 is a few tenths of a microsecond off.
        micros = np.round(batch.times * 1e6)
        times = pa.array(np.nan_to_num(micros).astype(np.int64), mask=np.isnan(micros)).cast(
            pa.timestamp("us", tz="UTC")
        )
    reasons = (
        [batch.unreadable.get(position) for position in range(count)]
        if batch.unreadable
        else pa.nulls(count, pa.string())
    )
    return pa.table(
        [
            _files(batch),
            pa.array(batch.records),
            times,
            *(identity.get(part, pa.nulls(count, pa.string())) for part in PARTS),
            pa.array(scores, mask=unread),
            pa.array(shares.astype(np.float32), mask=unread),
            pa.array(alerting, mask=unread),
            pa.array(reasons, pa.string()),
        ],
        schema=_SCHEMA,
    )


def _files(batch: Batch) -> pa.DictionaryArray:
    """The file of each row."""
    if isinstance(batch.file, str):
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(batch.rows, dtype=np.int32)), [batch.file])
    return batch.file.cast(_SCHEMA.field("file").type)


def _collect(
    alerts: Alerts,
    batch: Batch,
    identity: Mapping[str, pa.Array],
    rows: Rows,
    scores: npt.NDArray[np.float32],
    alerting: npt.NDArray[np.bool_],
) -> None:
    where = np.flatnonzero(alerting)
    if not len(where):
        return
    assert batch.records is not None  # noqa: S101 - readers of sources number their records
    taken = pa.array(where)
    alerts.add(
        _files(batch).take(taken).cast(pa.string()).to_pylist(),
        batch.records[where],
        None if batch.times is None else batch.times[where],
        {part: column.take(taken) for part, column in identity.items()},
        rows.take(where),
        scores[where],
    )
