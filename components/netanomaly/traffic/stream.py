"""A whole source as flows in order of their end, whatever files it is made of and in whatever order they come."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError
from netanomaly.flows.apart import Apart
from netanomaly.traffic import features, keys, outcome, pairing, table
from netanomaly.traffic.background import ahead
from netanomaly.traffic.context import BLOCK_ROWS
from netanomaly.traffic.opening import OpenFile
from netanomaly.traffic.recognition import Format, NoFlows
from netanomaly.traffic.repeats import REPEATED, Repeats
from netanomaly.traffic.sorting import Room, Sorter
from netanomaly.traffic.table import Counts

_BATCHES_AHEAD = 4
_MOST_VANTAGES = 1000


@dataclass
class Understood:
    """What was understood of a source.

    Attributes:
        format: Of all its files.
        counts: What was dropped and repaired, by reason.
        other_records: Records of what is no flow, by what they are.
        other_files: Files of what is no flow, by what they are.
        records: Flow records of each file, by its number.
        labelled: How many of them have a label.
        pairs: How many one-way records found their other direction.
        may_be_empty: Whether a source without a flow is no error.
        times: Those that stand apart from the others.
        vantages: Where records were seen, as far as they say: interfaces, exporters; a thousand at most.
        sensor_versions: As far as records say.
    """

    format: Format
    counts: Counts = field(default_factory=Counts)
    other_records: Counter[str] = field(default_factory=Counter)
    other_files: Counter[str] = field(default_factory=Counter)
    records: Counter[int] = field(default_factory=Counter)
    labelled: int = 0
    pairs: pairing.Paired = field(default_factory=pairing.Paired)
    may_be_empty: bool = False
    times: Apart = field(default_factory=Apart)
    vantages: set[str] = field(default_factory=set)
    sensor_versions: set[str] = field(default_factory=set)

    @property
    def one_direction_only(self) -> bool:
        """Whether no record found its other direction: then it is not told, and not silence, that nothing came back."""
        return self.pairs.records > 0 and not self.pairs.paired

    def seen_at(self, batch: pa.RecordBatch) -> None:
        """Take note of where records were seen."""
        if "vantage" in batch.schema.names and len(self.vantages) < _MOST_VANTAGES:
            self.vantages |= {name for name in pc.unique(batch.column("vantage")).to_pylist() if name is not None}

    def report(self) -> dict[str, Any]:
        """For the ingest report."""
        return {
            "format": self.format.name,
            "sensor": self.format.sensor,
            "words": self.format.words,
            "sampled": self.format.sampled,
            "set_aside": self.counts.set_aside,
            "other_records": dict(self.other_records.most_common()),
            "other_files": dict(self.other_files.most_common()),
            "one_way_records": self.pairs.records,
            "one_direction_only": self.one_direction_only,
            "unpaired_share": self.pairs.unpaired_share,
            "sensor_versions": sorted(self.sensor_versions),
            # Two-way logs are of one sensor, which sees at one place; one-way records say it, or not.
            "vantage_points": 1 if self.format.shape in ("two-way", "repeated") else len(self.vantages) or None,
        }


def flows(
    files: Iterable[OpenFile], understood: Understood, room: Room, block_rows: int = BLOCK_ROWS
) -> Iterator[pa.Table]:
    """Tables of `table.SCHEMA` in order of the flows' end, `block_rows` rows each but the last.

    Args:
        files: Each opened when it is asked for.
        understood: Filled in on the way.
        room: For sorting.
        block_rows: As many go on at a time.

    Raises:
        DataError: A file of another format than `understood.format`; no flow in the whole source, unless it may be empty.
    """
    batches: Iterator[pa.RecordBatch] = ahead(records(files, understood), _BATCHES_AHEAD)
    match understood.format.shape:
        case "one-way":
            written = understood.format
            batches = pairing.paired(
                batches, understood.counts, understood.pairs, room,
                sampled=written.sampled, tells_acks=written.tells_acks,
            )  # fmt: skip
        case "repeated":
            batches = pairing.last_of_each(batches, understood.counts, room)
        case "pieces":
            batches = pairing.joined(batches, understood.counts, room)
    sorter = Sorter(table.SCHEMA, room)
    for batch in batches:
        sorter.add(batch, features.end_of(batch), content_keys(batch))
    repeats = Repeats()
    for block in sorter.tables(block_rows):
        understood.counts.repair(REPEATED, repeats.among(block))
        yield _one_direction_only(block) if understood.one_direction_only else block


def records(files: Iterable[OpenFile], understood: Understood) -> Iterator[pa.RecordBatch]:
    """The records of a source as its files have them, neither paired nor sorted.

    Raises:
        DataError: As `flows`.
    """
    nothing = ""
    for file in files:
        opened, found = file.opened, file.found
        if isinstance(found, NoFlows):
            understood.other_files[found.what] += 1
            nothing = nothing or f"{opened.uri} is {found.what}: {found.lacks}"
        elif found is None or found.sensor != understood.format.sensor:
            what = found.words if found else "in no format of a sensor that is known"
            raise DataError(
                f"{opened.uri} is {what}, and other files of the source are {understood.format.words}; a source has one "
                "format: give each its own source, or name the files that hold the flows, such as 'eve*.json'"
            )
        elif found.shape == "repeated" and understood.format.shape != "repeated":
            understood.other_files[f"a {found.words}, whose connections are in the conn log"] += 1
        else:
            understood.sensor_versions |= found.versions(opened.head)
            for batch in found.read(opened, understood.counts):
                understood.seen_at(batch)
                understood.records[opened.number] += batch.num_rows
                understood.labelled += batch.num_rows - batch.column("label").null_count
                if batch.num_rows:
                    understood.times.add(
                        batch.column("start_time").to_numpy(zero_copy_only=False), partial(_place, opened.uri, batch)
                    )
                    yield batch
            understood.other_records.update(opened.other_records)
    if not understood.records.total() and (nothing or not understood.may_be_empty):
        raise DataError(nothing or _no_flows(understood))


def _place(uri: str, batch: pa.RecordBatch, row: int) -> str:
    return f"{uri}, line {batch.column('line')[row].as_py()}"


def _no_flows(understood: Understood) -> str:
    others = ", ".join(f"{count} records of {what}" for what, count in understood.other_records.most_common(3))
    aside, dropped = (
        ", ".join(f"{count} x {reason}" for reason, count in list(counted.items())[:3])
        for counted in (understood.counts.set_aside, understood.counts.dropped)
    )
    said = "; ".join(
        part
        for part in (others and f"it has {others}", aside and f"set aside: {aside}", dropped and f"dropped: {dropped}")
        if part
    )
    way_out = understood.format.way_out and f"; {understood.format.way_out}"
    return f"the source is {understood.format.words} and holds no flow" + (f" ({said})" if said else "") + way_out


def _one_direction_only(flows: pa.Table) -> pa.Table:
    for name in ("bytes_in", "packets_in"):
        flows = flows.set_column(flows.column_names.index(name), name, pa.nulls(flows.num_rows, pa.int64()))
    became = features.whole(flows, "outcome")
    refused = table.words(became, lambda word: word if word == outcome.REFUSED else None)
    return flows.set_column(flows.column_names.index("outcome"), "outcome", refused)


def content_keys(batch: pa.RecordBatch) -> keys.Keys:
    """A key of each flow's content, which orders flows that ended at the same moment."""

    def number(name: str) -> Any:
        column = batch.column(name)
        if pa.types.is_integer(column.type):
            return pc.fill_null(column, -1).to_numpy(zero_copy_only=False).astype(np.float64)
        return np.nan_to_num(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), nan=-1.0)

    words = [keys.of_texts(batch.column(name)) for name in ("src_ip", "dst_ip", "protocol")]
    numbers = [
        number(name)
        for name in (
            "start_time", "src_port", "dst_port", "bytes_out", "bytes_in", "packets_out", "packets_in", "duration_seconds",
        )
    ]  # fmt: skip
    return keys.together(*words, *numbers)
