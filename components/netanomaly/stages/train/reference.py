"""What monitoring compares with later: the training rows in stretches of time, as `netanomaly.monitoring` looks at them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.flows.contract import Contract, read_contract
from netanomaly.models.model import AnomalyModel
from netanomaly.models.rows import Rows
from netanomaly.monitoring.encoded import Encoded, encode, joined
from netanomaly.monitoring.layout import Layout, learn_layout
from netanomaly.monitoring.reference import Rates, build
from netanomaly.stages.train.sampling import Eligible

MOST_ROWS = 262_144
"""Looked at in memory, some 120 bytes each; of more rows stretches are, evenly spread."""
_STRETCH_ROWS = 8192
_BATCH_ROWS = 32_768


def reference_of(file: pq.ParquetFile, eligible: Eligible, model: AnomalyModel, sample: Rows) -> dict[str, Any] | None:
    """The reference of the rows that may be fitted on, without alert rates; None where they are too few.

    Args:
        file: The training data.
        eligible: Which of its rows.
        model: Fitted on some of them.
        sample: Of them, from which bins are learnt.
    """
    contract = read_contract(file.schema_arrow)
    layout = learn_layout(model.schema, sample)
    stretches = list(_stretches(file, contract, eligible, model, layout))
    if len(stretches) and eligible.rows <= MOST_ROWS:
        stretches = [_in_order(joined(stretches))]
    about = {"rows": eligible.rows, "sensor": model.sensor, "training_rows": model.training_rows}
    found = build(stretches, layout, Rates(), about)
    return None if found is None else found.document()


def _stretches(
    file: pq.ParquetFile, contract: Contract, eligible: Eligible, model: AnomalyModel, layout: Layout
) -> Iterator[Encoded]:
    """All rows where they are few, else the first of some row groups, in the file's order."""
    groups = file.metadata.num_row_groups
    whole = eligible.rows <= MOST_ROWS
    chosen = range(groups)
    if not whole:
        chosen = np.unique(np.linspace(0, groups - 1, MOST_ROWS // _STRETCH_ROWS).round().astype(int)).tolist()
    ends = [contract.identity[part] for part in ("src_ip", "dst_ip") if part in contract.identity]
    held = set(file.schema_arrow.names)
    beside = [name for name in (*ends, contract.time_column) if name is not None and name in held]
    columns = list(dict.fromkeys([*model.schema.features, *beside, *eligible.columns]))
    for group in chosen:
        left = len_of(file, group) if whole else _STRETCH_ROWS
        for batch in file.iter_batches(_BATCH_ROWS if whole else _STRETCH_ROWS, row_groups=[group], columns=columns):
            rows = pa.Table.from_batches([batch]).take(pa.array(eligible.places(batch)[:left]))
            if rows.num_rows:
                yield _encoded(rows, contract, model, layout)
            left -= rows.num_rows
            if left <= 0:
                break


def len_of(file: pq.ParquetFile, group: int) -> int:
    """Rows of a row group."""
    return int(file.metadata.row_group(group).num_rows)


def _encoded(table: pa.Table, contract: Contract, model: AnomalyModel, layout: Layout) -> Encoded:
    def end(part: str) -> pa.Array | None:
        name = contract.identity.get(part)
        return table.column(name).cast(pa.string()).combine_chunks() if name in table.column_names else None

    times: npt.NDArray[np.float64] | None = None
    if contract.time_column in table.column_names:
        times = table.column(contract.time_column).to_numpy().astype(np.float64)
    return encode(layout, model.schema.rows(table), times=times, source=end("src_ip"), target=end("dst_ip"))


def _in_order(encoded: Encoded) -> Encoded:
    """By time where all rows have one: files of a folder need not come in the order of their days."""
    if np.isnan(encoded.times).any():
        return encoded
    return encoded.take(np.argsort(encoded.times, kind="stable"))
