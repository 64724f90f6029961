"""The calibrating time replayed: every row of it scored, those that would alert grouped into incidents as scoring does it.

Only where rows have times and both ends. A sample of the rows would do for a share of them, and not for incidents: half
the rows of a scan are still one incident. So rows that were not drawn for the fit are scored, too.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly.alerts.grouping import group
from netanomaly.flows.contract import Contract
from netanomaly.metrics import incident_rate
from netanomaly.metrics.incident_rate import DAY, IncidentRate
from netanomaly.metrics.thresholds import Threshold
from netanomaly.models.model import AnomalyModel
from netanomaly.stages.train.sampling import Eligible

# Scored in some ten seconds; of more traffic the latest so many tell.
_MOST_ROWS = 1_000_000
# What scores lower than so many of the rows alerts at no operating point, and is not grouped.
_NEVER = 0.85

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Replay:
    """Rows that nothing was fitted on, in the order of the file.

    Attributes:
        times: Of each, seconds since 1970.
        scores: Of each.
        odd: Places of those that may alert, the strongest first.
        sources, targets: Addresses of these.
    """

    times: Floats
    scores: npt.NDArray[np.float32]
    odd: npt.NDArray[np.int64]
    sources: npt.NDArray[np.object_]
    targets: npt.NDArray[np.object_]

    def budget(self, incidents_a_day: float) -> float:
        """The largest share of the rows that may alert for no more incidents a day than that."""
        days = (float(self.times.max()) - float(self.times.min())) / DAY
        alerts = incident_rate.most_alerts(
            len(self.odd), lambda count: len(self._begins(count)), incidents_a_day * days
        )
        return (alerts + 1) / (len(self.scores) + 1)

    def rates(self, points: Sequence[Threshold]) -> tuple[IncidentRate, ...]:
        """Incidents a day at these operating points, those of which enough rows were grouped."""
        first, last = float(self.times.min()), float(self.times.max())
        found = []
        for point in points:
            alerts = int((self.scores > point.threshold).sum())
            if alerts <= len(self.odd):
                rate = incident_rate.rate(point.budget, self._begins(alerts), first, last)
                found += [] if rate is None else [rate]
        return tuple(found)

    def _begins(self, count: int) -> Floats:
        """When each incident begins where so many of the strongest rows alert."""
        times = self.times[self.odd[:count]]
        groups = group(times, self.sources[:count], self.targets[:count])
        return np.array([times[each.places].min() for each in groups])


def ends(contract: Contract, file: pq.ParquetFile) -> tuple[str, str] | None:
    """The columns of both ends' addresses; None where the file has no such, or no times."""
    held = set(file.schema_arrow.names)
    found = contract.identity.get("src_ip"), contract.identity.get("dst_ip")
    if contract.time_column not in held or found[0] not in held or found[1] not in held:
        return None
    return str(found[0]), str(found[1])


def replay(
    file: pq.ParquetFile,
    eligible: Eligible,
    contract: Contract,
    model: AnomalyModel,
    calibrating: Floats,
    scores: npt.NDArray[np.float32],
    drawn: float,
    progress: Callable[[int], Any] = int,
) -> Replay | None:
    """Score every row of the calibrating time, or of the latest part of it.

    Args:
        file: The training data; it has `ends`.
        eligible: Rows that count as normal.
        contract: Of the file.
        model: Fitted on what came before.
        calibrating: Times of the rows that calibrate, all or a sample.
        scores: Theirs.
        drawn: What part of the eligible rows was drawn for fit and calibration.
        progress: Called with the number of rows read so far.

    Returns:
        None where all of it is of one moment.
    """
    named = ends(contract, file)
    assert named is not None  # noqa: S101 - asked for before
    assert contract.time_column is not None  # noqa: S101 - as above
    since = _since(calibrating, drawn)
    low = float(np.quantile(scores, _NEVER))
    columns = list(dict.fromkeys([*model.schema.features, contract.time_column, *named]))
    times: list[Floats] = []
    found: list[npt.NDArray[np.float32]] = []
    odd: list[npt.NDArray[np.int64]] = []
    addresses: list[list[pa.Array]] = [[], []]
    rows = read = 0
    for batch in _latest(file, eligible, contract.time_column, columns, since):
        when = batch.column(contract.time_column).to_numpy(zero_copy_only=False)
        scored = model.score_rows(model.schema.rows(pa.Table.from_batches([batch])))
        places = np.flatnonzero(scored > low)
        times.append(when)
        found.append(scored)
        odd.append(places + rows)
        for kept, name in zip(addresses, named, strict=True):
            kept.append(batch.column(name).take(pa.array(places)).cast(pa.string()))
        rows += len(scored)
        read += batch.num_rows
        progress(read)
    if not rows:
        return None
    every, all_times = np.concatenate(found), np.concatenate(times)
    if all_times.min() == all_times.max():
        return None
    places = np.concatenate(odd)
    order = np.lexsort((places, -every[places]))
    sources, targets = (_texts(kept)[order] for kept in addresses)
    return Replay(all_times, every, places[order], sources, targets)


def _since(calibrating: Floats, drawn: float) -> float:
    """How far a replay reaches back.

    Args:
        calibrating: Times of the rows that calibrate.
        drawn: What part of the file's rows these and those of the fit are.
    """
    most = max(2, int(_MOST_ROWS * drawn))
    return float(np.sort(calibrating)[-most:].min())


def _latest(
    file: pq.ParquetFile, eligible: Eligible, time_column: str, columns: Sequence[str], since: float
) -> Iterator[pa.RecordBatch]:
    """Eligible rows from a moment on, batch by batch."""
    for batch in file.iter_batches(columns=list(dict.fromkeys([*columns, *eligible.columns]))):
        places = eligible.places(batch)
        when = batch.column(time_column).to_numpy(zero_copy_only=False)[places]
        places = places[when >= since]
        if len(places):
            yield batch.take(pa.array(places)).select(list(columns))


def _texts(parts: Sequence[pa.Array]) -> npt.NDArray[np.object_]:
    whole = pa.concat_arrays(list(parts))
    # One text for all rows of a host.
    encoded = pc.dictionary_encode(whole)
    words = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    found: npt.NDArray[np.object_] = words[encoded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)]
    return found
