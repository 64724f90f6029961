"""Open a flow file so that reading it through takes the memory of a row group, whatever its size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.flows.contract import read_contract
from netanomaly.flows.values import category


def open_flows(path: Path) -> pq.ParquetFile:
    """The file that `ingest` wrote; class names come as the few they are, not spelt out row by row.

    Raises:
        DataError: It carries no flow contract.
    """
    # pyarrow refuses to be told of a label column that the file does not have.
    label = read_contract(pq.read_schema(path)).label_column
    # Reading ahead (pyarrow's default) keeps every row group that was read until the last one is.
    return pq.ParquetFile(path, read_dictionary=[label] if label else None, pre_buffer=False)


def identities(file: pq.ParquetFile, places: Sequence[int]) -> list[dict[str, Any]]:
    """What identifies some rows of a flow file, as `netanomaly.flows.identity` names it.

    `file` and `uid` are text, `record` is a whole number, `time` seconds since 1970, ends, ports and protocol text; what
    a row does not have is left out. Of files made before they were kept: an empty document for each row.

    Args:
        file: The flow file; only row groups that hold one of the rows are read.
        places: Rows, counted from 0 through the file.
    """
    held = dict(read_contract(file.schema_arrow).identity)
    if not held or not len(places):
        return [{} for _ in places]
    found: dict[int, dict[str, Any]] = {}
    begin = 0
    for group in range(file.metadata.num_row_groups):
        end = begin + file.metadata.row_group(group).num_rows
        inside = sorted({place for place in places if begin <= place < end})
        if inside:
            table = file.read_row_group(group, columns=sorted(set(held.values())))
            rows = table.take(pa.array(np.array(inside) - begin)).to_pylist()
            for place, row in zip(inside, rows, strict=True):
                found[place] = {part: _plain(part, row[name]) for part, name in held.items() if row[name] is not None}
        begin = end
    return [found[place] for place in places]


def _plain(part: str, value: Any) -> Any:
    # A port may be a feature, and so a number: 445.0.
    return value if part in ("record", "time") else category(value)
