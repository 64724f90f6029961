"""A whole source as one stream of batches with one set of columns, whatever files it is made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netanomaly.config import CsvFormat
from netanomaly.errors import DataError
from netanomaly.flows import columns, kinds, layout, lines, sources, streams, times
from netanomaly.flows.batch import Batch
from netanomaly.flows.contract import Contract
from netanomaly.flows.csv_file import CsvFile
from netanomaly.flows.labels import clean_label
from netanomaly.flows.parquet_file import ParquetRecords
from netanomaly.flows.times import Clock
from netanomaly.flows.values import is_missing

NO_LABEL = "record without a label"


@dataclass
class FileRead:
    """What was read of one file."""

    uri: str
    bytes: int
    rows: int = 0
    identity: str = ""


@dataclass
class Tally:
    """What was read, dropped and repaired so far, by reason."""

    files: list[FileRead] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str, rows: int) -> None:
        if rows:
            self.dropped[reason] = self.dropped.get(reason, 0) + rows

    def repair(self, reason: str, values: int) -> None:
        if values:
            self.repaired[reason] = self.repaired.get(reason, 0) + values


class Reader:
    """Reads a source once, from front to end. Memory is that of one block.

    A source whose label column is empty is unlabelled; in one with labels, a record without is dropped and counted:
    it is neither normal nor an attack.
    """

    def __init__(
        self,
        files: sources.Files,
        csv: CsvFormat,
        selection: layout.Selection,
        block_bytes: int = lines.BLOCK_BYTES,
        *,
        times_only: bool = False,
    ) -> None:
        """Args: times_only: Batches have rows and times and nothing else, which is faster."""
        self._times_only = times_only
        self._clock: Clock | None = None
        self._files = files
        self._csv = csv
        self._selection = selection
        self._block_bytes = block_bytes
        self._layout: layout.Layout | None = None
        self._kinds: dict[str, kinds.Kind] = {}
        self._first_uri = ""
        self._labelled = False
        self._time_by_name = True
        self.tally = Tally()

    @property
    def contract(self) -> Contract:
        """What the columns are. Known once the first batch has been read.

        Raises:
            DataError: No batch was read.
        """
        if self._layout is None:
            raise DataError(f"data source {', '.join(self._files.source)} holds no records")
        return Contract(
            features=self._layout.features,
            categorical=tuple(name for name in self._layout.features if self._kinds[name] == "category"),
            label_column=self._selection.label_column if self._labelled else None,
            time_column=self._layout.time_source,
        )

    @property
    def rows(self) -> int:
        """Records read so far, kept or not."""
        return sum(read.rows for read in self.tally.files)

    @property
    def times(self) -> dict[str, Any] | None:
        """What was found of the column of times; None where there is none."""
        return None if self._clock is None else self._clock.report()

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns of the source that are left out."""
        return () if self._layout is None else self._layout.ignored

    def batches(self) -> Iterator[Batch]:
        """All records, file after file.

        Raises:
            DataError: Anything in a file that cannot be read as records; see the modules for each format.
        """
        for file in self._files.files:
            read = FileRead(file.uri, file.size)
            self.tally.files.append(read)
            if _is_parquet(file):
                yield from self._parquet(file, read)
            else:
                yield from self._text(file, read)
            if not read.rows:
                raise DataError(f"{file.uri} holds no records, only a header; leave it out of the source")

    def identity(self) -> str:
        """Identity of the bytes that were read, comparable to `sources.Files.identity`."""
        names = [file.name for file in self._files.files]
        identities = [read.identity for read in self.tally.files]
        return sources.combined_identity(zip(names, identities, strict=True))

    def _text(self, file: sources.SourceFile, read: FileRead) -> Iterator[Batch]:
        stream = streams.TextStream(file)
        try:
            records = CsvFile(stream, self._csv, self._block_bytes)
            for block in records.blocks():
                if not read.rows:
                    found = self._begin(records, partial(records.texts, block))
                table = records.columns(block, self._kinds, self._texts(found))
                self.tally.repair("blank line skipped", block.count - table.num_rows)
                read.rows += table.num_rows
                if table.num_rows:
                    yield self._batch(table, found, file.uri, read.rows)
            read.identity = file.identity(stream.digest())
        finally:
            stream.close()

    def _parquet(self, file: sources.SourceFile, read: FileRead) -> Iterator[Batch]:
        records = ParquetRecords(file)
        try:
            found = self._begin(records, records.head)
            for table in records.tables(self._kinds, self._texts(found)):
                read.rows += table.num_rows
                yield self._batch(table, found, file.uri, read.rows)
        finally:
            records.close()
        if not self._times_only:
            # Parquet is not read in order, so its identity takes a pass of its own.
            read.identity = file.identity()

    def _begin(self, records: CsvFile | ParquetRecords, head: Callable[[list[str]], pa.Table]) -> layout.Layout:
        """Fix the columns by the first file, and hold every later one to them. What the file's own columns are."""
        for reason, count in records.repaired.items():
            self.tally.repair(reason, count)
        found = layout.choose(records.names, self._selection, records.uri, time_by_name=self._time_by_name)
        if self._layout is None:
            if found.time_source and not self._selection.time_column:
                self._time_by_name = times.are_times(head([found.time_source]).column(0))
                found = layout.choose(records.names, self._selection, records.uri, time_by_name=self._time_by_name)
            self._clock = Clock(found.time_source) if found.time_source else None
            self._layout, self._first_uri = found, records.uri
            for reason, count in found.notes.items():
                self.tally.repair(reason, count)
            features = list(found.features)
            sample = head([*features, *([found.label_source] if found.label_source else [])])
            self._kinds = dict(kinds.decide(sample, features, {*self._selection.categorical_columns, *found.hosts}))
            self._labelled = found.label_source is not None and _any_present(sample.column(found.label_source))
            if found.label_source is not None and not self._labelled:
                self.tally.repair(f"empty label column {found.label_source!r} left out", 1)
            if self._times_only:
                self._kinds = {}
        elif not _alike(found, self._layout):
            raise DataError(
                f"{records.uri} {_difference(found, self._layout)} {self._first_uri}; a source has one schema"
            )
        elif isinstance(records, CsvFile):
            # Every file is asked, as booleans may be written in one and numbers in another.
            head(list(found.features))
        return found

    def _texts(self, found: layout.Layout) -> list[str]:
        """Columns of a file that are read beside the features."""
        if self._times_only:
            return [found.time_source] if found.time_source else []
        beside = (found.label_source, found.time_source, *(name for name in found.hosts if name not in self._kinds))
        return [name for name in beside if name]

    def _batch(self, table: pa.Table, found: layout.Layout, uri: str, read: int) -> Batch:
        assert self._layout is not None  # noqa: S101 - _begin ran
        table = table.combine_chunks()

        def column(name: str) -> Any:
            chunks = table.column(name)
            return chunks.chunk(0) if chunks.num_chunks else pa.array([], type=chunks.type)

        numeric = [name for name in self._layout.features if self._kinds.get(name) == "number"]
        matrix, infinite, complete = columns.numbers([column(name) for name in numeric], table.num_rows)
        self.tally.repair(
            "infinite or absurdly large value set to missing",
            sum(int(rows.sum()) for rows in infinite.values()),
        )
        label = None if self._times_only else found.label_source
        labels = None if label is None else self._labels(column(label), uri)
        seconds = None
        if self._clock is not None and found.time_source:
            seconds = self._clock.seconds(column(found.time_source), uri, read - table.num_rows + 1)
        batch = Batch(
            numbers=matrix,
            categories={
                name: columns.categories(column(name)) for name, kind in self._kinds.items() if kind == "category"
            },
            labels=labels,
            infinite=infinite,
            complete=complete,
            times=seconds,
            hosts=[] if self._times_only else [columns.categories(column(name)) for name in found.hosts],
        )
        if labels is None or not labels.null_count:
            return batch
        self.tally.drop(NO_LABEL, labels.null_count)
        return batch.keep(np.asarray(labels.is_valid()))

    def _labels(self, column: Any, uri: str) -> pa.DictionaryArray | None:
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        dotted = [
            text is not None and clean_label(str(text)) != str(text).strip() for text in encoded.dictionary.to_pylist()
        ]
        if any(dotted):
            codes = encoded.indices.drop_null().to_numpy()
            self.tally.repair("trailing dot of a class name removed", int(np.array(dotted)[codes].sum()))
        labels = columns.categories(
            encoded, lambda written: None if is_missing(written) else clean_label(written) or None
        )
        if self._labelled:
            return labels
        if len(labels.dictionary):
            raise DataError(
                f"{uri}: the label column is empty in the source's first records and holds {labels.dictionary[0].as_py()!r} "
                "further down; label every record, or list the column in ignore_columns"
            )
        return None


def _any_present(column: pa.ChunkedArray) -> bool:
    return any(value is not None and not is_missing(str(value)) for value in column.unique().to_pylist())


def _alike(found: layout.Layout, expected: layout.Layout) -> bool:
    return (
        set(found.features) == set(expected.features)
        and (found.label_source is None) == (expected.label_source is None)
        and found.time_source == expected.time_source
    )


def _is_parquet(file: sources.SourceFile) -> bool:
    if Path(file.name).suffix.lower() in sources.PARQUET_SUFFIXES:
        return True
    with file.open() as stream:
        return stream.read(len(streams.PARQUET_MAGIC)) == streams.PARQUET_MAGIC


def _difference(found: layout.Layout, expected: layout.Layout) -> str:
    missing = [name for name in expected.features if name not in found.features]
    extra = [name for name in found.features if name not in expected.features]
    parts = []
    if missing:
        parts.append(f"lacks column {missing[0]!r}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""))
    if extra:
        parts.append(f"has column {extra[0]!r}" + (f" and {len(extra) - 1} more" if len(extra) > 1 else ""))
    if not parts and found.time_source != expected.time_source:
        parts.append(f"has {found.time_source!r} for its column of times")
    if not parts:
        parts.append("has a label column" if found.label_source else "has no label column")
    return " and ".join(parts) + ", unlike"
