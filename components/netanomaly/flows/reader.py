"""A whole source as one stream of batches with one set of columns, whatever files it is made of.

What a column holds is told from the first records and taken back where a later one contradicts: then `Contradiction` is
raised, `survey` looks at every value of the source, and a new reader is told what it found. So nothing depends on what
the first records happened to hold.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.config import CsvFormat
from netanomaly.errors import DataError
from netanomaly.flows import (
    bounds,
    columns,
    formats,
    identity,
    layout,
    lines,
    partitions,
    sources,
    time_choice,
    time_names,
    values,
)
from netanomaly.flows.batch import Batch
from netanomaly.flows.contract import Contract
from netanomaly.flows.deciding import Contradiction, Decisions, Survey, Watch
from netanomaly.flows.labels import clean_label, is_no_class
from netanomaly.flows.notations import PLAIN, Notation
from netanomaly.flows.parquet_file import is_time
from netanomaly.flows.partitions import Partitioned
from netanomaly.flows.policy import Policy
from netanomaly.flows.records import Part, Records
from netanomaly.flows.streams import NothingWritten
from netanomaly.flows.time_notations import DateOrder
from netanomaly.flows.times import Clock, as_texts, joined

NO_LABEL = "record without a label"
# Of one batch: where more rows hold what is no number, the column is another than the model knows.
_MOST_UNREADABLE = 64
HEADER_AGAIN = "header repeated"
OUTSIDE = "time outside 1990 to 2100 (a clock that was not set?) set to missing"


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
    """Reads a source once, from front to end. Memory is that of one part.

    A source whose label column is empty is unlabelled; in one with labels, a record without is dropped and counted:
    it is neither normal nor an attack.
    """

    sensor = ""
    """The kind of sensor that wrote it: none that is known."""

    def __init__(
        self,
        files: sources.Files,
        csv: CsvFormat,
        selection: layout.Selection,
        block_bytes: int = lines.BLOCK_BYTES,
        *,
        times_only: bool = False,
        decisions: Decisions | None = None,
        lenient: bool = False,
    ) -> None:
        """Args:
        times_only: Batches have rows and times and nothing else, which is faster.
        decisions: What a survey of the source found, or a model knows; None: the first records tell.
        lenient: With decisions: a value that is no number, or larger than any can be, is missing and its row noted in the
            batch, and files without records are passed over and counted. For scoring, which leaves no row out.
        """
        self._lenient = lenient
        self._unreadable: dict[int, str] = {}
        self._times_only = times_only
        self._order_only: DateOrder | None = None
        self._clock: Clock | None = None
        self._files = files
        self._csv = csv
        self._selection = selection
        self._block_bytes = block_bytes
        self._layout: layout.Layout | None = None
        self._identity: dict[str, str] = {}
        self._decisions = decisions
        self._watched: dict[str, Watch] = {}
        self._first_uri = ""
        self._time: time_choice.TimeColumn | None = None
        self._times_beside: tuple[str, ...] = ()
        self._classes: set[str] = set()
        self._partitions = partitions.of_files(files.files, selection.label_column)
        self._file_names = _file_names(files)
        self.tally = Tally()

    @property
    def contract(self) -> Contract:
        """What the columns are. Known once the first batch has been read.

        Raises:
            DataError: No batch was read.
        """
        if self._layout is None or self._decisions is None:
            raise DataError(f"data source {', '.join(self._files.source)} holds no records")
        features = self._decisions.features
        return Contract(
            features=self._layout.features,
            categorical=tuple(name for name in self._layout.features if features.get(name) is None),
            label_column=self._selection.label_column if self._decisions.labelled else None,
            time_column=self._layout.time_source,
            policy=Policy({name: notation for name, notation in features.items() if notation not in (None, PLAIN)}),
            identity={
                "file": identity.FILE,
                "record": identity.RECORD,
                **({"time": self._layout.time_source} if self._layout.time_source else {}),
                **self._identity,
            },
        )

    @property
    def rows(self) -> int:
        """Records read so far, kept or not."""
        return sum(read.rows for read in self.tally.files)

    @property
    def times(self) -> dict[str, Any] | None:
        """What was found of the column of times; None where there is none."""
        return None if self._clock is None else self._clock.report()

    def report(self) -> None:
        """What was understood of a sensor's source: of a table there is nothing more to tell."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns of the source that are left out."""
        return () if self._layout is None else self._layout.ignored

    @property
    def times_beside(self) -> tuple[str, ...]:
        """Columns that are stored as times and are not the records' own; they are not read."""
        return self._times_beside

    def batches(self) -> Iterator[Batch]:
        """All records, file after file.

        Raises:
            Contradiction: What the first records told does not hold of all; never with the decisions of a survey.
            DataError: Anything in a file that cannot be read as records; see the modules for each format.
        """
        for file in self._files.files:
            read = FileRead(file.uri, file.size)
            self.tally.files.append(read)
            try:
                records = self._open(file)
            except NothingWritten:
                if not self._lenient:
                    raise
                self.tally.repair(sources.NO_RECORDS, 1)
                read.identity = file.identity()
                continue
            try:
                found = self._begin(records)
                for part in records.parts(*self._wanted(found)):
                    read.rows += part.table.num_rows
                    self.tally.repair("blank line skipped", part.blank)
                    if part.table.num_rows:
                        yield self._batch(part, found, file)
                for reason, count in records.repaired.items():
                    self.tally.repair(reason, count)
                digest = records.digest()
            finally:
                records.close()
            if not read.rows and self._lenient:
                self.tally.repair(sources.NO_RECORDS, 1)
            elif not read.rows:
                raise DataError(f"{file.uri} holds no records, only a header; leave it out of the source")
            if digest is not None or not self._times_only:
                read.identity = file.identity(digest)
        if any(watch.numeric for watch in self._watched.values()):
            raise Contradiction
        if self._clock is not None and (told := self._clock.report()["apart"]):
            self.tally.repair(told["reason"], told["rows"])

    def survey(self) -> Decisions:
        """Look at every value of every feature of the source, after `batches` began. Memory is that of a part.

        Raises:
            DataError: As `batches`; and a column whose values mostly have a unit that is not known.
        """
        survey, chosen, delimiter = Survey(), {}, ""
        for file in self._files.files:
            records = self._open(file)
            try:
                found = self._layout_of(records)
                chosen.update(self._chosen(records, found))
                delimiter = delimiter or records.delimiter
                for part in records.parts((), self._told_of(found)):
                    table, _ = self._records(part, file, ())
                    survey.add(table, found.features, found.label_source)
            finally:
                records.close()
        return survey.decisions(chosen, delimiter, ", ".join(self._files.source), certain=True)

    def identity(self) -> str:
        """Identity of the bytes that were read, comparable to `sources.Files.identity`."""
        names = [file.name for file in self._files.files]
        identities = [read.identity for read in self.tally.files]
        return sources.combined_identity(zip(names, identities, strict=True))

    def _open(self, file: sources.SourceFile) -> Records:
        records = formats.open_records(file, self._csv, self._block_bytes)
        held = self._partitions[file.address]
        return Partitioned(records, held) if held else records

    def _layout_of(self, records: Records) -> layout.Layout:
        names = [name for name in records.names if not name.startswith(identity.RESERVED)]
        time, of_day = (self._time.name, self._time.of_day) if self._time else (None, None)
        found = layout.choose(
            names, self._selection, records.uri, time=time, of_day=of_day, times_beside=self._times_beside
        )
        if self._layout is not None and not _alike(found, self._layout):
            raise DataError(
                f"{records.uri} {_difference(found, self._layout)} {self._first_uri}; a source has one schema"
            )
        return found

    def _begin(self, records: Records) -> layout.Layout:
        """Fix the columns by the first file, and hold every later one to them. What the file's own columns are."""
        if self._layout is not None:
            return self._layout_of(records)
        self._choose_time(records)
        found = self._layout_of(records)
        if self._time is not None:
            self._clock = Clock(self._time.name, self._time.of_day, self._order(records))
        self._layout, self._first_uri = found, records.uri
        for reason, count in found.notes.items():
            self.tally.repair(reason, count)
        if self._times_only:
            self._decisions = Decisions({}, labelled=False)
            return found
        known = identity.likely([name for name in records.names if not name.startswith(identity.RESERVED)])
        self._identity = {part: name for part, name in known.items() if name != found.label_source}
        if self._decisions is None:
            self._decisions = self._told_by_the_head(records, found)
        if found.label_source is not None and not self._decisions.labelled:
            self.tally.repair(f"empty label column {found.label_source!r} left out", 1)
        return found

    def _choose_time(self, records: Records) -> None:
        """The column of times, by the source's first rows, and those beside it that are stored as times."""
        plain = self._layout_of(records)
        # One that is ignored as a feature may still be the time.
        asked = [*plain.features, *(name for name in plain.ignored if time_names.rank(name) is not None)]
        wanted = self._selection.time_column
        head = records.head(list(dict.fromkeys([*([wanted] if wanted else []), *asked])))
        self._time = time_choice.with_date(wanted, head, asked) if wanted else time_choice.choose(head, asked)
        chosen = (self._time.name, self._time.of_day) if self._time else ()
        self._times_beside = tuple(
            name for name in plain.features if is_time(head.column(name).type) and name not in chosen
        )

    def _order(self, records: Records) -> DateOrder | None:
        """The dates that tell whether days or months come first: of the first rows where they do, else of all."""
        assert self._time is not None  # noqa: S101 - called where there is one
        column = records.head([self._time.name]).column(0)
        if not columns.is_text(column.type):
            return None
        order = DateOrder()
        order.add(as_texts(column))
        if self._order_only is not None or not order.is_met or order.by_number is not None:
            return order
        survey = Reader(self._files, self._csv, self._selection, self._block_bytes, times_only=True)
        survey._order_only = order
        for _ in survey.batches():
            pass
        return order

    def _told_by_the_head(self, records: Records, found: layout.Layout) -> Decisions:
        head = records.head(self._told_of(found))
        survey, chosen = Survey(), self._chosen(records, found)
        survey.add(head, found.features, found.label_source)
        if survey.odd(chosen):
            raise Contradiction
        decisions = survey.decisions(chosen, records.delimiter, records.uri, certain=False)
        self._watched = {
            name: Watch() for name, notation in decisions.features.items() if notation is None and name not in chosen
        }
        return decisions

    def _chosen(self, records: Records, found: layout.Layout) -> dict[str, Notation | None]:
        """Columns that need no telling: the file says what they are, or the configuration that they are categories."""
        by_format = {name: PLAIN if kind == "number" else None for name, kind in records.declared.items()}
        return {**by_format, **dict.fromkeys((*self._selection.categorical_columns, *found.hosts))}

    def _told_of(self, found: layout.Layout) -> list[str]:
        """Columns that decisions are made of."""
        return [*found.features, *([found.label_source] if found.label_source else [])]

    def _wanted(self, found: layout.Layout) -> tuple[list[str], list[str]]:
        """Columns of a file that are read as plain numbers, and those that are read as they are written."""
        if self._times_only:
            return [], [name for name in (found.time_source, found.of_day_source) if name] or list(found.features[:1])
        assert self._decisions is not None  # noqa: S101 - _begin ran
        numbers = [name for name in found.features if self._decisions.features[name] == PLAIN]
        beside = (found.label_source, found.time_source, found.of_day_source, *found.hosts, *self._identity.values())
        others = dict.fromkeys(name for name in (*found.features, *beside) if name and name not in numbers)
        return numbers, list(others)

    def _records(
        self, part: Part, file: sources.SourceFile, numbers: Collection[str]
    ) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        """The rows of a part that are records, as they do not repeat the header, and their positions in it."""
        if any(not columns.is_text(part.table.schema.field(name).type) for name in numbers):
            return part.table, np.arange(part.table.num_rows)
        in_path = self._partitions[file.address]
        own = {name: _whole(part.table.column(name)) for name in part.table.column_names if name not in in_path}
        header = columns.repeated_header(own, [name for name in numbers if name in own])
        if header is None or not header.any():
            return part.table, np.arange(part.table.num_rows)
        rows = np.flatnonzero(~header)
        return part.table.take(pa.array(rows)), rows

    def _batch(self, part: Part, found: layout.Layout, file: sources.SourceFile) -> Batch:
        assert self._layout is not None  # noqa: S101 - _begin ran
        assert self._decisions is not None  # noqa: S101 - _begin ran
        features = self._decisions.features
        numeric = [name for name in self._layout.features if features.get(name) is not None]
        table, rows = self._records(part, file, numeric)
        self.tally.drop(HEADER_AGAIN, part.table.num_rows - len(rows))

        def column(name: str) -> Any:
            return _whole(table.column(name))

        matrix, infinite, complete = columns.numbers(
            (self._numbers(column(name), name, part, rows) for name in numeric), len(numeric), table.num_rows
        )
        self.tally.repair(
            "infinite or absurdly large value set to missing",
            sum(int(mask.sum()) for mask in infinite.values()),
        )
        seconds = None
        if self._clock is not None and found.time_source:
            written = column(found.time_source)
            if found.of_day_source:
                written = joined(written, column(found.of_day_source))
            if self._order_only is not None:
                self._order_only.add(as_texts(written))
            else:
                before = self._clock.outside
                seconds = self._clock.seconds(written, file.uri, part.first)
                self.tally.repair(OUTSIDE, self._clock.outside - before)
        if self._times_only:
            return Batch(matrix, {}, None, infinite, complete, times=seconds)
        categories = {name: columns.categories(column(name)) for name, notation in features.items() if notation is None}
        for name, watch in self._watched.items():
            watch.add(categories[name])
        labels = None if found.label_source is None else self._labels(column(found.label_source), file.uri)
        batch = Batch(
            numbers=matrix,
            categories=categories,
            labels=labels,
            infinite=infinite,
            complete=complete,
            times=seconds,
            hosts=[columns.categories(column(name)) for name in found.hosts],
            file=self._file_names[file.address],
            records=part.first + rows,
            beside={name: columns.categories(column(name)) for name in self._beside},
            unreadable=self._unreadable,
        )
        self._unreadable = {}
        if labels is None or not labels.null_count:
            return batch
        self.tally.drop(NO_LABEL, labels.null_count)
        return batch.keep(np.asarray(labels.is_valid()))

    @property
    def _beside(self) -> list[str]:
        """Columns that identify a record and are no features, in the flow file beside them."""
        return [name for name in self.contract.beside if not name.startswith(identity.RESERVED)]

    def _numbers(self, column: Any, name: str, part: Part, rows: npt.NDArray[np.int64]) -> columns.Floats:
        assert self._decisions is not None  # noqa: S101 - _begin ran
        notation = self._decisions.features[name] or PLAIN
        read = columns.doubles(column, notation)
        while read.wrong is not None and self._lenient and len(self._unreadable) < _MOST_UNREADABLE:
            row = read.wrong
            told = columns.no_number(column, row, name, notation, part.where(int(rows[row])), "not scored")
            self._unreadable[row] = str(told)
            mask = np.zeros(len(column), dtype=bool)
            mask[row] = True
            column = pc.if_else(pa.array(mask), pa.scalar(None, column.type), column)
            read = columns.doubles(column, notation)
        if read.wrong is not None and not self._decisions.certain:
            raise Contradiction
        if read.wrong is not None:
            where = f"{self.tally.files[-1].uri}, {part.where(int(rows[read.wrong]))}"
            raise columns.no_number(
                column, read.wrong, name, notation, where, "correct the row, or list the column in categorical_columns"
            )
        for how, count in read.understood.items():
            self.tally.repair(f"column {name!r}: {how}", count)
        if self._lenient:
            self._note_absurd(read.values, name, part, rows)
        return read.values

    def _note_absurd(self, numbers: columns.Floats, name: str, part: Part, rows: npt.NDArray[np.int64]) -> None:
        """Note rows with a number that no detector can hold: missing, as it then is, it would pass for ordinary."""
        # Neither end is a number where one is missing.
        if not len(numbers) or (numbers.min() >= -values.LARGEST and numbers.max() <= values.LARGEST):
            return
        for row in np.flatnonzero((np.abs(numbers) > values.LARGEST) & np.isfinite(numbers)).tolist():
            self._unreadable[row] = (
                f"{part.where(int(rows[row]))}: column {name!r} holds {numbers[row]:g}, beyond what can be scored "
                f"({values.LARGEST:g}); not scored"
            )

    def _labels(self, column: Any, uri: str) -> pa.DictionaryArray | None:
        assert self._decisions is not None  # noqa: S101 - _begin ran
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        dotted = [
            text is not None and clean_label(_written(text)) != _written(text).strip()
            for text in encoded.dictionary.to_pylist()
        ]
        if any(dotted):
            codes = encoded.indices.drop_null().to_numpy()
            self.tally.repair("trailing dot of a class name removed", int(np.array(dotted)[codes].sum()))
        labels = columns.categories(encoded, _class_name)
        if not self._decisions.labelled and len(labels.dictionary):
            raise Contradiction
        self._classes.update(labels.dictionary.to_pylist())
        bounds.refuse_odd_classes(self._classes, uri)
        return labels if self._decisions.labelled else None


def _class_name(value: object) -> str | None:
    written = _written(value)
    return None if is_no_class(written) else clean_label(written) or None


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _whole(column: Any) -> Any:
    """The chunks of a column as one array."""
    whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.unify_dictionaries()
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], type=whole.type)
    return whole


def _file_names(files: sources.Files) -> dict[str, str]:
    """Of each file, by its address, what a row says of where it is from: its name, or the URI where two share one."""
    named = Counter(file.name for file in files.files)
    return {file.address: file.name if named[file.name] == 1 else file.uri for file in files.files}


def _alike(found: layout.Layout, expected: layout.Layout) -> bool:
    return (
        set(found.features) == set(expected.features)
        and (found.label_source is None) == (expected.label_source is None)
        and (found.time_source, found.of_day_source) == (expected.time_source, expected.of_day_source)
    )


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
