"""The rows that tuning works on: a sample of normal traffic and of each class of attacks, small enough for every trial."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.errors import DataError
from netanomaly.flows.classes import Classes
from netanomaly.flows.contract import read_contract
from netanomaly.flows.labels import clean_label, is_no_class, is_normal
from netanomaly.flows.row_sample import RowSample
from netanomaly.metrics.thresholds import rows_needed
from netanomaly.tuning.folds import FOLDS_AT_MOST, Positions

# As many as tell candidates apart within seconds each; a budget that needs more gets them, up to what training draws.
_NORMAL_ROWS, _NORMAL_AT_MOST = 24_000, 120_000
ROWS_OF_A_CLASS = 400
# An eighth of the normal rows is a fold's by time, the least there is.
_PARTS = 4 * (FOLDS_AT_MOST - 1)
_CLASSES_AT_MOST = 200
_NORMAL = ""


@dataclass(frozen=True)
class Searched:
    """The sample.

    Attributes:
        table: The features, in the file's order of rows, with the file's flow contract.
        times: Of each row, seconds since 1970; None where the source has none.
        normal: Positions of the rows taken for normal.
        attacks: Positions of the attacks of each class.
        attack_share: Of the source's rows with labels.
        labelled: Whether the source names classes.
    """

    table: pa.Table
    times: npt.NDArray[np.float64] | None
    normal: Positions
    attacks: dict[str, Positions]
    attack_share: float
    labelled: bool


def read(
    file: pq.ParquetFile, columns: Collection[str] | None, normal_labels: list[str], budget: float, seed: int
) -> Searched:
    """Draw the sample: the same of the same file and seed. Memory: the sample and one batch, whatever the file holds.

    Args:
        file: The training data, of the flow contract.
        columns: Those to learn from; None: every feature.
        normal_labels: Class names that are normal; empty for the usual ones.
        budget: The alert budget, which needs so many normal rows.
        seed: Of the draw.

    Raises:
        DataError: No row is normal.
    """
    contract = read_contract(file.schema_arrow)
    features = [name for name in contract.features if columns is None or name in columns]
    label = contract.label_column if contract.label_column in file.schema_arrow.names else None
    most = min(max(_NORMAL_ROWS, int(_PARTS * 1.25 * rows_needed(budget))), _NORMAL_AT_MOST)
    counts = _counts(file, label, normal_labels)
    if not counts.get(_NORMAL):
        raise DataError(
            f"no training row is normal: column {label!r} holds {', '.join(map(repr, sorted(counts)[:10]))}; name the normal "
            "ones in normal_labels"
        )
    chosen = _chosen(file, label, normal_labels, counts, most, seed)
    positions = np.sort(np.concatenate(list(chosen.values())))
    timed = [name for name in (contract.time_column,) if name is not None and name in file.schema_arrow.names]
    table = _taken(file, positions, [*features, *timed])
    placed = {name: np.searchsorted(positions, np.sort(each)) for name, each in chosen.items()}
    attacks = sum(rows for name, rows in counts.items() if name != _NORMAL)
    return Searched(
        table=table.select(features),
        times=table.column(timed[0]).to_numpy().astype(np.float64) if timed else None,
        normal=placed.pop(_NORMAL),
        attacks=placed,
        attack_share=attacks / max(sum(counts.values()), 1),
        labelled=label is not None,
    )


def _called(name: str, normal_labels: list[str]) -> str | None:
    """What a class is counted as: normal, an attack's own name, or nothing where the label names no class."""
    if is_normal(name, normal_labels):
        return _NORMAL
    return None if is_no_class(name) else clean_label(name)


def _counts(file: pq.ParquetFile, label: str | None, normal_labels: list[str]) -> dict[str, int]:
    """How many rows there are of each class, in order of appearance; without labels all are normal."""
    if label is None:
        return {_NORMAL: file.metadata.num_rows}
    met = Classes()
    for batch in file.iter_batches(columns=[label]):
        met.codes(batch.column(0))
    counts: dict[str, int] = {}
    for name, rows in met.counts.items():
        if (called := _called(name, normal_labels)) is not None:
            counts[called] = counts.get(called, 0) + rows
    return counts


def _chosen(
    file: pq.ParquetFile, label: str | None, normal_labels: list[str], counts: Mapping[str, int], most: int, seed: int
) -> dict[str, Positions]:
    """Positions in the file of the rows drawn, by class: of attacks those of the most frequent classes."""
    frequent = sorted(counts, key=lambda name: (name != _NORMAL, -counts[name], name))[: _CLASSES_AT_MOST + 1]
    samples = {
        name: RowSample(1, seed + place, most if name == _NORMAL else ROWS_OF_A_CLASS)
        for place, name in enumerate(frequent)
    }
    for batch in file.iter_batches(columns=[label or file.schema_arrow.names[0]]):
        nothing, mask = np.zeros((1, batch.num_rows)), np.zeros(batch.num_rows, dtype=bool)
        of_row = np.zeros(batch.num_rows, dtype=np.intp)
        if label is not None:
            met = Classes()
            codes = met.codes(batch.column(0))
            places = [_place(_called(name, normal_labels), frequent) for name in met.counts]
            of_row = np.array(places, dtype=np.intp)[codes]
        for place, sample in enumerate(samples.values()):
            sample.add(nothing, mask, np.flatnonzero(of_row == place))
    return {name: sample.positions() for name, sample in samples.items()}


def _place(name: str | None, names: list[str]) -> int:
    return names.index(name) if name in names else -1


def _taken(file: pq.ParquetFile, positions: Positions, columns: list[str]) -> pa.Table:
    """These columns of the rows at these positions, ascending."""
    parts, passed = [], 0
    for batch in file.iter_batches(columns=columns):
        first, last = np.searchsorted(positions, [passed, passed + batch.num_rows])
        if last > first:
            parts.append(batch.select(columns).take(pa.array(positions[first:last] - passed)))
        passed += batch.num_rows
    schema = file.schema_arrow
    return pa.Table.from_batches(parts, pa.schema([schema.field(name) for name in columns], schema.metadata))
