"""A sensor's source as batches of features, with what identifies each flow beside them.

It offers what `netanomaly.flows.reader.Reader` does, so that `ingest` takes either.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netanomaly.errors import ConfigError, DataError
from netanomaly.flows import columns, identity, layout, sources
from netanomaly.flows.batch import Batch
from netanomaly.flows.contract import Contract
from netanomaly.flows.labels import clean_label
from netanomaly.flows.reader import NO_LABEL, FileRead, Tally
from netanomaly.flows.sources import NO_RECORDS
from netanomaly.flows.streams import NothingWritten
from netanomaly.traffic import feature_list, features, stream
from netanomaly.traffic.background import ahead
from netanomaly.traffic.context import Context, Flows, Past
from netanomaly.traffic.no_address import NoAddress
from netanomaly.traffic.opening import OpenFile, is_no_log
from netanomaly.traffic.recognition import Format
from netanomaly.traffic.sorting import Room
from netanomaly.traffic.stream import Understood

LABEL, TIME = "label", "start_time"
ENDS = ("src_ip", "src_port", "dst_ip", "dst_port")
HOSTS = ("src_ip", "dst_ip")
# Batches as large as those of other sources: what comes after looks at one at a time.
_BATCH_ROWS = 32_768
_SENSORS_WITH_UID = ("zeek", "suricata")


@dataclass(frozen=True)
class Wish:
    """What of the flows is wanted; empty lists mean all that there is by default.

    Attributes:
        host_columns: Those of `HOSTS` that a split by hosts goes by; empty: both.
        labels: Whether classes are read, where the log has them. Without, no flow is left out for want of one.
    """

    feature_columns: Sequence[str] = ()
    ignore_columns: Sequence[str] = ()
    categorical_columns: Sequence[str] = ()
    context: bool = True
    host_columns: Sequence[str] = ()
    labels: bool = True

    def hosts(self) -> tuple[str, ...]:
        """The columns that name the ends of a flow, by which a split goes.

        Raises:
            ConfigError: A name that is none.
        """
        for name in self.host_columns:
            if name not in HOSTS:
                raise ConfigError(f"host_columns names {name!r}, which no flow has; {layout.available(HOSTS, name)}")
        return tuple(self.host_columns) or HOSTS

    def features(self, sensor: str) -> tuple[str, ...]:
        """Names of features of this kind of sensor's flows, in order.

        Raises:
            ConfigError: A name that is none, or none left.
        """
        known = feature_list.names(sensor, context=self.context)
        for name in (*self.feature_columns, *self.categorical_columns):
            if name not in feature_list.EVERY:
                raise ConfigError(
                    f"{name!r} is no feature of flows; {layout.available(list(feature_list.EVERY), name)}"
                )
        if numbers := [name for name in self.categorical_columns if not feature_list.EVERY[name].category]:
            raise ConfigError(
                f"{numbers[0]!r} is a number of flows and no category; take it out of categorical_columns"
            )
        wanted = [name for name in feature_list.EVERY if name in (self.feature_columns or known)]
        found = tuple(name for name in wanted if name not in self.ignore_columns)
        if not found:
            raise ConfigError("ignore_columns leaves no feature of flows; take some out of it")
        return found


def _all_different(files: sources.Files) -> bool:
    return len({file.name for file in files.files}) == len(files.files)


class TrafficReader:
    """Reads a sensor's source once. Memory is that of a few hundred thousand flows."""

    def __init__(
        self,
        files: sources.Files,
        written: Format,
        wish: Wish,
        scratch: Path | None = None,
        *,
        times_only: bool = False,
        may_be_empty: bool = False,
        past: Past | None = None,
    ) -> None:
        """Args:
        written: The format of the source.
        scratch: The folder for what does not fit into memory; None: the system's for temporary files.
        times_only: Batches have rows and times and nothing else, in no order.
        may_be_empty: Whether a source without a flow is no error.
        past: What the flows are seen beside, of flows that were read before; None: nothing was.
        """
        self._files = files
        self._scratch = scratch
        self._format = written
        self.sensor = written.sensor
        self._features = wish.features(written.sensor)
        self._hosts, self._reads_labels = wish.hosts(), wish.labels
        self._times_only = times_only
        self._names = (
            [file.name for file in files.files] if _all_different(files) else [file.uri for file in files.files]
        )
        self._rows, self._first, self._last = 0, np.inf, -np.inf
        self._labelled = False
        self._begun = False
        self.understood = Understood(written, may_be_empty=may_be_empty)
        self._no_address = NoAddress()
        in_context = any(name in feature_list.CONTEXT_NAMES for name in self._features)
        self.past: Past | None = (Context() if past is None else past) if in_context else None
        self.tally = Tally()

    @property
    def contract(self) -> Contract:
        """What the columns are. Known once the first batch has been read.

        Raises:
            DataError: No batch was read.
        """
        if not self._begun:
            raise DataError(f"data source {', '.join(self._files.source)} holds no flows")
        known = {name: name for name in (*ENDS, "protocol")}
        if self._format.sensor in _SENSORS_WITH_UID:
            known["uid"] = "uid"
        return Contract(
            features=self._features,
            categorical=tuple(name for name in self._features if feature_list.EVERY[name].category),
            label_column=LABEL if self._labelled else None,
            time_column=TIME,
            sensor=self._format.sensor,
            identity={"file": identity.FILE, "record": identity.RECORD, "time": TIME, **known},
        )

    @property
    def rows(self) -> int:
        """Records read so far, kept or not."""
        return sum(read.rows for read in self.tally.files)

    @property
    def times(self) -> dict[str, Any]:
        """What was found of the flows' times, as `flows.times.Clock.report` has it."""
        known = self._first <= self._last
        return {
            "column": TIME,
            "first": self._first if known else None,
            "last": self._last if known else None,
            "rows": self._rows,
            "missing": 0,
            "backwards": 0.0,
            "zones": ["UTC"],
            "order_assumed": False,
            "apart": self.understood.times.report(),
        }

    @property
    def times_beside(self) -> tuple[str, ...]:
        """Other columns of times: there are none."""
        return ()

    @property
    def ignored(self) -> tuple[str, ...]:
        """Features that were left out, and the label where the log has one that is not read."""
        label = (LABEL,) if self.understood.labelled and not self._reads_labels else ()
        return (*label, *(name for name in feature_list.EVERY if name not in self._features))

    def batches(self) -> Iterator[Batch]:
        """All flows in order of their end.

        Raises:
            DataError: See `netanomaly.traffic.stream.flows`.
        """
        if self._times_only:
            yield from self._times()
            return
        for table, made in ahead(self._blocks(), 1):
            if not self._begun:
                self._begin()
            for begin in range(0, table.num_rows, _BATCH_ROWS):
                yield self._batch(table, made, begin, min(begin + _BATCH_ROWS, table.num_rows))
        # Repeated flows are counted to the last, and where nothing is left, why is all there is to tell.
        self._tally()

    def identity(self) -> str:
        """Identity of the bytes that were read, comparable to `sources.Files.identity`."""
        names = [file.name for file in self._files.files]
        identities = [read.identity for read in self.tally.files]
        return sources.combined_identity(zip(names, identities, strict=True))

    def report(self) -> dict[str, Any]:
        """What was understood of the source, for the ingest report."""
        past = self.past
        return {
            **self.understood.report(),
            "no_addresses": self._no_address.count,
            "late_flows": 0 if past is None else past.late,
            "cut_windows": 0 if past is None else past.cut,
            "forgotten": 0 if past is None else past.forgotten,
        }

    def _blocks(self) -> Iterator[tuple[pa.Table, dict[str, Any]]]:
        """Flows in order of their end, and their features."""
        # The next flows come out of the sort while these are seen beside those before them.
        for table, made, seen in ahead(self._flows(), 1):
            if self.past is not None and seen is not None:
                made |= self.past.features(seen)
            yield (
                table,
                {
                    name: columns.categories(made[name]) if feature_list.EVERY[name].category else made[name]
                    for name in self._features
                },
            )

    def _flows(self) -> Iterator[tuple[pa.Table, dict[str, Any], Flows | None]]:
        """Flows, the features of each by itself, and what the context looks at, if there is any."""
        for table in stream.flows(self._open(), self.understood, Room(scratch=self._scratch)):
            made = features.flow_features(table)
            if made["direction"].null_count:
                self._no_address.add(table, self._names)
            yield table, made, None if self.past is None else features.seen(table)

    def _times(self) -> Iterator[Batch]:
        """Start times alone, as the files have them."""
        for records in stream.records(self._open(), self.understood):
            self._begun = True
            times = records.column(TIME).to_numpy(zero_copy_only=False)
            yield Batch(np.empty((0, len(times))), {}, None, {}, np.empty(0, dtype=bool), times=times)

    def _open(self) -> Iterator[OpenFile]:
        several = len(self._files.files) > 1
        for number, file in enumerate(self._files.files):
            read = FileRead(file.uri, file.size)
            self.tally.files.append(read)
            if several and is_no_log(file):
                self.understood.other_files["a file that the sensor's process printed"] += 1
                read.identity = file.identity()
                continue
            try:
                opened = OpenFile(file, number)
            except NothingWritten:
                if not several and not self.understood.may_be_empty:
                    raise
                if self.understood.may_be_empty:
                    self.tally.repair(NO_RECORDS, 1)
                self.understood.other_files["an empty file"] += 1
                read.identity = file.identity()
                continue
            with closing(opened):
                yield opened
                digest = opened.digest()
                is_other = not isinstance(opened.found, Format)
            read.rows = self.understood.records[number]
            if self.understood.may_be_empty and not read.rows and not is_other:
                self.tally.repair(NO_RECORDS, 1)
            read.identity = file.identity(digest)

    def _begin(self) -> None:
        """Fix what the whole source tells, which has been read by now."""
        self._begun, self._labelled = True, self._reads_labels and self.understood.labelled > 0

    def _tally(self) -> None:
        for reason, count in self.understood.counts.dropped.items():
            self.tally.drop(reason, count)
        for reason, count in self.understood.counts.repaired.items():
            self.tally.repair(reason, count)
        if told := self.understood.times.report():
            self.tally.repair(told["reason"], told["rows"])
        if self._no_address.count:
            self.tally.repair(self._no_address.reason, self._no_address.count)

    def _batch(self, table: pa.Table, made: Mapping[str, Any], begin: int, end: int) -> Batch:
        contract = self.contract
        numbers = [made[name][begin:end] for name in contract.numeric]
        matrix, infinite, complete = columns.numbers(numbers, len(numbers), end - begin)
        rows = table.slice(begin, end - begin)
        start = features.whole(rows, TIME).to_numpy(zero_copy_only=False)
        self._first, self._last = min(self._first, float(start.min())), max(self._last, float(start.max()))
        self._rows += len(start)
        names = pa.array(self._names)
        batch = Batch(
            numbers=matrix,
            categories={name: made[name].slice(begin, end - begin) for name in contract.categorical},
            labels=columns.categories(features.whole(rows, LABEL), _class_name) if self._labelled else None,
            infinite=infinite,
            complete=complete,
            times=start,
            hosts=[features.whole(rows, name) for name in self._hosts],
            file=pa.DictionaryArray.from_arrays(features.whole(rows, "file"), names),
            records=features.whole(rows, "line").to_numpy(),
            beside={
                name: features.whole(rows, name) for name in contract.beside if not name.startswith(identity.RESERVED)
            },
        )
        if batch.labels is None or not batch.labels.null_count:
            return batch
        self.tally.drop(NO_LABEL, batch.labels.null_count)
        return batch.keep(np.asarray(batch.labels.is_valid()))


def _class_name(written: str) -> str | None:
    return clean_label(written) or None
