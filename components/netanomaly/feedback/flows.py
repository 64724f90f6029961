"""The flows of a judged incident, as the model saw them: out of the scores beside its alert, and back for training.

A file of them has the features by name, numbers as doubles and categories as text, and what identifies each flow. So they
serve where the source is gone, and features in context need no flows before them.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly.alerts.grouping import TARGET
from netanomaly.errors import DataError
from netanomaly.feedback.kept import Kept
from netanomaly.flows import sources

FEATURES = "features"
PARTS = ("src_ip", "src_port", "dst_ip", "dst_port", "protocol", "uid")

MOST_ROWS = 1000
"""Of an incident so many flows are kept, evenly over its time: of a scan a part tells all."""

_LARGEST_FILE = 64 << 20


def of_incident(path: Path, incident: Mapping[str, Any]) -> tuple[pa.Table | None, int]:
    """The flows of an incident, at most `MOST_ROWS`, and how many it has; None where the scores are not there.

    They are the alerting flows of its host in its time.

    Args:
        path: The scores that it was made of.
        incident: As it was written.

    Raises:
        DataError: The scores cannot be read.
    """
    if not path.is_file():
        return None, 0
    try:
        with pq.ParquetFile(path) as file:
            if FEATURES not in file.schema_arrow.names or incident["entity"].get("ip") is None:
                return None, 0
            parts = [
                pa.Table.from_batches([batch]).filter(belong(incident, batch))
                for batch in file.iter_batches(columns=["time", *PARTS, "alert", FEATURES])
            ]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    found = pa.concat_tables(parts) if parts else None
    if found is None or not found.num_rows:
        return None, 0
    every = -(-found.num_rows // MOST_ROWS)
    kept = found.take(pa.array(range(0, found.num_rows, every)))
    features = kept.column(FEATURES).combine_chunks()
    columns = {part: kept.column(part) for part in PARTS} | {
        field.name: pc.struct_field(features, field.name) for field in features.type if field.name not in PARTS
    }
    return pa.table(columns), found.num_rows


def belong(incident: Mapping[str, Any], batch: pa.RecordBatch) -> pa.Array:
    """Which rows of scores are the incident's: the alerting flows of its host in its time. True or false for each row."""
    entity = incident["entity"]
    end = "dst_ip" if entity["type"] == TARGET else "src_ip"
    mask = pc.and_(pc.fill_null(batch.column("alert"), False), pc.equal(batch.column(end), entity["ip"]))
    if incident.get("first_seen") and incident.get("last_seen"):
        # Moments are written to the millisecond, cut off.
        first = datetime.fromisoformat(incident["first_seen"])
        last = datetime.fromisoformat(incident["last_seen"]) + timedelta(milliseconds=1)
        kind = pa.timestamp("us", tz="UTC")
        time = batch.column("time")
        within = pc.and_(pc.greater_equal(time, pa.scalar(first, kind)), pc.less(time, pa.scalar(last, kind)))
        mask = pc.and_(mask, within)
    return pc.fill_null(mask, False)


@dataclass(frozen=True)
class Flows:
    """Flows of one verdict."""

    kept: Kept
    table: pa.Table


def read(kept: Kept) -> Flows:
    """Kept flows, verified.

    Raises:
        DataError: They are gone, or not those that were kept.
    """
    try:
        (file,) = sources.resolve([kept.uri]).files
        with file.open() as stream:
            data = stream.read(_LARGEST_FILE + 1)
    except (DataError, OSError) as error:
        raise DataError(
            f"flows of verdict {kept.verdict} cannot be read ({error}); withdraw it to train without"
        ) from None
    if hashlib.sha256(data).hexdigest() != kept.sha256:
        raise DataError(f"{kept.uri} is not what verdict {kept.verdict} kept; withdraw it to train without")
    try:
        return Flows(kept, pq.read_table(io.BytesIO(data)))
    except pa.ArrowException as error:
        raise DataError(f"{kept.uri} is no Parquet file: {str(error).splitlines()[0]}") from None


def with_features(
    flows: Flows, numbers: Sequence[str], texts: Sequence[str], constants: Mapping[str, Any] = MappingProxyType({})
) -> pa.Table | None:
    """The features asked for, numbers as doubles, categories as text; None where most are not among those that were kept.

    Kept is what the model saw, which leaves out columns that told nothing in its training. They are missing.

    Args:
        constants: Columns that have one value in all rows that these come beside: it is theirs, too, where none was kept, so that
            the column tells nothing still.
    """
    held = flows.table
    wanted = {**dict.fromkeys(numbers, pa.float64()), **dict.fromkeys(texts, pa.string())}
    absent = [name for name in wanted if name not in held.column_names]
    if 2 * sum(name not in constants for name in absent) >= sum(name not in constants for name in wanted):
        return None
    try:
        return pa.table(
            {
                name: held.column(name).cast(kind)
                if name not in absent
                else pa.repeat(pa.scalar(constants.get(name), kind), held.num_rows)
                for name, kind in wanted.items()
            }
        )
    except pa.ArrowInvalid:
        return None
