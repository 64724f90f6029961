"""Read one data source, batch by batch, into flows of the contract and a report on them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly import output
from netanomaly.errors import DataError
from netanomaly.flows import identifiers, layout, row_hash, sources
from netanomaly.flows import left_out as rows_left_out
from netanomaly.flows.batch import Batch, schema_of
from netanomaly.flows.captured import Captured
from netanomaly.flows.contract import ROW_GROUP_ROWS, Contract
from netanomaly.flows.deciding import Contradiction, Decisions
from netanomaly.flows.distinct import DistinctRows
from netanomaly.flows.hidden import Hidden
from netanomaly.flows.identity import RECORD
from netanomaly.flows.labels import normal_names
from netanomaly.flows.profile import Profile
from netanomaly.flows.reader import NO_LABEL
from netanomaly.stages.ingest import splitting
from netanomaly.stages.ingest.settings import TRAINING_PART, Settings
from netanomaly.traffic.any_source import AnyReader, open_source
from netanomaly.traffic.feature_list import CONTEXT_NAMES

FORMAT = 1


class Sink(Protocol):
    """Where the kept rows go."""

    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...

    def written(self) -> Iterator[pa.Table]:
        """All that was written, from the beginning; nothing is written after."""


def ingest(
    settings: Settings,
    open_sink: Callable[[Contract], Sink],
    progress: Callable[[int], None],
    scratch: Path | None = None,
    captured: Captured | None = None,
) -> dict[str, Any]:
    """Read a source into a sink and report on it. Memory is that of a few batches, whatever the source's size.

    Args:
        settings: The source, its expected identity, and what to keep.
        open_sink: Called when the columns are known; again where later rows contradict what the first ones told of
            them. A sink is closed before the next is opened, and in the end.
        progress: Called with the number of rows read so far.
        scratch: A folder on disk for what is sorted there; None: the system's for temporary files.
        captured: Of a source of captures, the flows that were made of it.

    Returns:
        The ingest report: files, rows read, dropped and repaired by reason, classes, and a profile of each column.

    Raises:
        DataError: A file that cannot be read as records, or that changed since `identity` was taken.
    """
    try:
        return _ingest(settings, open_sink, progress, scratch, captured)
    except DataError:
        # A file that is being replaced looks malformed for a while: then the change is what there is to tell.
        if settings.identity and captured is None:
            _refuse_change(settings, sources.resolve(settings.source).identity())
        raise


def _ingest(
    settings: Settings,
    open_sink: Callable[[Contract], Sink],
    progress: Callable[[int], None],
    scratch: Path | None,
    captured: Captured | None,
) -> dict[str, Any]:
    if captured is not None:
        # Whoever made the flows read the captures' bytes, and told which.
        _refuse_change(settings, captured.identity)
        files = captured.files(settings.source)
        made = _read(replace(settings, identity=""), files, _reader(settings, files, scratch), open_sink, progress)
        noted = {**made["repaired"], **captured.noted}
        return {**made, "identity": captured.identity, "repaired": noted, "capture": dict(captured.report)}
    files = sources.resolve(settings.source)
    if files.identity_is_known:
        _refuse_change(settings, files.identity())
    reader = _reader(settings, files, scratch)
    try:
        return _read(settings, files, reader, open_sink, progress)
    except Contradiction:
        from netanomaly.traffic.reader import TrafficReader

        assert not isinstance(reader, TrafficReader)  # noqa: S101 - of a sensor's columns nothing has to be told
        again = _reader(settings, files, scratch, decisions=reader.survey())
        return _read(settings, files, again, open_sink, progress)


def _read(
    settings: Settings,
    files: sources.Files,
    reader: AnyReader,
    open_sink: Callable[[Contract], Sink],
    progress: Callable[[int], None],
) -> dict[str, Any]:
    with ExitStack() as sinks:
        return _into(
            settings, files, reader, lambda contract: sinks.enter_context(closing(open_sink(contract))), progress
        )


def _into(
    settings: Settings,
    files: sources.Files,
    reader: AnyReader,
    open_sink: Callable[[Contract], Sink],
    progress: Callable[[int], None],
) -> dict[str, Any]:
    sink, profile, split = None, None, None
    hidden = None if settings.identities else Hidden()
    distinct = DistinctRows()
    apart: tuple[str, ...] = ()
    left_out = None if settings.leave_out is None else rows_left_out.read(settings.leave_out)
    for read in reader.batches():
        batch = read if left_out is None else read.keep(left_out.mask(read))
        contract = reader.contract
        if sink is None or profile is None:
            sink = open_sink(contract)
            schema = schema_of(contract)
            profile = Profile(contract, settings.normal_labels, settings.random_state)
            split = _split(settings, files, contract)
            # The rest of the rows may tell better, but which rows are equal must be known to split the first.
            apart = () if contract.sensor else identifiers.apart_at_first_sight(batch, contract)
        hashes = row_hash.row_hashes(batch, contract, apart)
        mask = np.ones(batch.rows, dtype=bool)
        if split is not None:
            training, evaluation = split.sides(batch, hashes)
            mask = training if settings.part == TRAINING_PART else evaluation
        kept = batch.keep(mask) if hidden is None else hidden.batch(batch.keep(mask), contract)
        distinct.add(hashes[mask])
        profile.add(kept)
        sink.write(kept.table(contract, schema))
        progress(reader.rows)
    identity = reader.identity()
    _refuse_change(settings, identity)
    if profile is None or not profile.rows:
        raise DataError(
            f"data source {', '.join(settings.source)} leaves no rows"
            + (f" for the {settings.part} part; it has {reader.rows}" if reader.rows else "; it has none")
        )
    assert sink is not None  # noqa: S101 - rows were read
    if left_out is not None:
        output.tell(
            f"note: {left_out.met:,} of {left_out.rows:,} rows of open alerts are in this data, and are left out"
        )
    confirmed = _add_confirmed(settings, reader.contract, sink, profile, distinct, apart, hidden)
    columns = profile.columns()
    told = () if reader.contract.sensor else identifiers.apart(columns)
    if told != apart:
        apart, distinct = told, _distinct(sink.written(), reader.contract, told)
    return _report(settings, reader, identity, profile, columns, distinct, split) | {
        "hashed_without": list(apart),
        "confirmed": confirmed,
        "left_out": None if left_out is None else {"rows": left_out.met, "of": left_out.rows},
    }


def _add_confirmed(
    settings: Settings,
    contract: Contract,
    sink: Sink,
    profile: Profile,
    distinct: DistinctRows,
    apart: tuple[str, ...],
    hidden: Hidden | None,
) -> dict[str, Any] | None:
    """Write the rows that people judged to be benign behind the source's own; what the report says of them."""
    if not settings.confirmed:
        return None
    from netanomaly.stages.ingest.confirmed import ConfirmedRows

    normal = normal_names([name for name, _ in profile.labels.most_common()], settings.normal_labels)
    known = [*normal, *settings.normal_labels, "normal"][0]
    rows = ConfirmedRows(settings.confirmed, contract, known, profile)
    schema = schema_of(contract)
    for named in rows.batches():
        batch = named if hidden is None else hidden.batch(named, contract)
        distinct.add(row_hash.row_hashes(batch, contract, apart))
        profile.add(batch)
        sink.write(batch.table(contract, schema))
    return rows.report()


def _distinct(tables: Iterable[pa.Table], contract: Contract, without: Collection[str]) -> DistinctRows:
    distinct = DistinctRows()
    for table in tables:
        distinct.add(row_hash.row_hashes(Batch.features_of(table, contract), contract, without))
    return distinct


class ParquetSink:
    """Writes row groups of the contract's size, whatever size tables come in."""

    def __init__(self, path: Path, contract: Contract) -> None:
        self._path = path
        self._schema = schema_of(contract)
        # Dictionaries pay for text only; lz4 costs a tenth of what it saves in writing and reading; pages of version 2,
        # which note what is missing apart from the values, are written in four fifths of the time.
        texts = [name for name in contract.beside if name != RECORD]
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="lz4",
            data_page_version="2.0",
            use_dictionary=[*contract.categorical, *([contract.label_column] if contract.label_column else []), *texts],
            # Numbers in a row take next to no room as the differences between them.
            column_encoding={RECORD: "DELTA_BINARY_PACKED"} if RECORD in contract.beside else None,
            write_statistics=False,
        )
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= ROW_GROUP_ROWS:
            self._flush(whole_groups_only=True)

    def close(self) -> None:
        """End the file; to be called once more does nothing."""
        if self._writer.is_open:
            self._flush(whole_groups_only=False)
            self._writer.close()

    def written(self) -> Iterator[pa.Table]:
        self.close()
        with pq.ParquetFile(self._path, pre_buffer=False) as file:
            for batch in file.iter_batches(ROW_GROUP_ROWS, use_threads=False):
                yield pa.table(batch)

    def _flush(self, *, whole_groups_only: bool) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        ready = table.num_rows - table.num_rows % ROW_GROUP_ROWS if whole_groups_only else table.num_rows
        self._writer.write_table(table.slice(0, ready), row_group_size=ROW_GROUP_ROWS)
        rest = table.slice(ready)
        self._waiting, self._rows = ([rest] if rest.num_rows else []), rest.num_rows


def _reader(
    settings: Settings,
    files: sources.Files,
    scratch: Path | None = None,
    *,
    times_only: bool = False,
    decisions: Decisions | None = None,
) -> AnyReader:
    """Of the source's files, from the beginning."""
    by_host = settings.split is not None and settings.split.method == "host"
    selection = layout.Selection(
        settings.label_column,
        tuple(settings.feature_columns),
        tuple(settings.categorical_columns),
        tuple(settings.ignore_columns),
        settings.time_column,
        tuple(settings.split.host_columns) if settings.split and by_host else None,
    )
    return open_source(
        files,
        settings.csv,
        selection,
        settings.format,
        context=settings.context,
        scratch=scratch,
        times_only=times_only,
        decisions=decisions,
    )


def _split(settings: Settings, files: sources.Files, contract: Contract) -> splitting.Split | None:
    if settings.split is None:
        return None
    wish = splitting.Wish(
        settings.split.method, settings.split.gap_seconds, settings.split.fraction, settings.random_state
    )

    def times() -> Iterator[npt.NDArray[np.float64]]:
        for batch in _reader(settings, files, times_only=True).batches():
            if batch.times is not None:
                yield batch.times

    return splitting.choose(wish, contract.time_column is not None, times)


def _refuse_change(settings: Settings, identity: str) -> None:
    if settings.identity and identity != settings.identity:
        raise DataError(
            f"data source {', '.join(settings.source)} changed while the pipeline ran: it was {settings.identity} "
            f"when the run was prepared and is {identity} now; start the run again once the files are complete"
        )


def _report(
    settings: Settings,
    reader: AnyReader,
    identity: str,
    profile: Profile,
    columns: list[dict[str, Any]],
    distinct: DistinctRows,
    split: splitting.Split | None,
) -> dict[str, Any]:
    contract = reader.contract
    return {
        "format": FORMAT,
        "source": settings.source,
        "sensor": contract.sensor,
        "traffic": reader.report(),
        "identity": identity,
        "files": _files(reader.tally.files),
        "part": settings.part,
        "split": None if split is None else split.report(),
        "time": reader.times,
        "rows_read": reader.rows,
        "rows": profile.rows,
        "dropped": reader.tally.dropped,
        "repaired": reader.tally.repaired,
        "label_column": contract.label_column,
        "labels": dict(profile.labels.most_common()) if contract.label_column else None,
        "unlabelled": reader.tally.dropped.get(NO_LABEL, 0),
        "ignored": list(reader.ignored),
        "ignored_not_there": _not_there(settings.ignore_columns, reader, columns),
        "times_beside": list(reader.times_beside),
        "normal_rows": profile.normal_rows,
        "columns": columns,
        "duplicates": distinct.duplicates(),
        "hashes": distinct.shared(),
    }


def _not_there(ignored: Sequence[str], reader: AnyReader, columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names in `ignore_columns` that no column has, in whatever case: what they were to leave out may be learnt from."""
    time = reader.times or {}
    known = {*(column["name"] for column in columns), *reader.ignored, *reader.times_beside, *CONTEXT_NAMES}
    known |= {time.get("column"), time.get("of_day"), reader.contract.label_column, *reader.contract.identity.values()}
    written = {name.lower() for name in known if name}
    return [name for name in ignored if name.lower() not in written][:_NAMES_LISTED]


_NAMES_LISTED = 100
_FILES_LISTED = 1000


def _files(files: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {"uri": file.uri, "bytes": file.bytes, "rows": file.rows, "identity": file.identity}
        for file in list(files)[:_FILES_LISTED]
    ]
