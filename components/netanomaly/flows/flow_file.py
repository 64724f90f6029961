"""Opening a flow file that `ingest` wrote."""

from pathlib import Path

import pyarrow.parquet as pq

from netanomaly.flows.contract import read_contract


def open_flows(path: Path) -> pq.ParquetFile:
    """The file, its class names coming as the few they are, not spelt out row by row.

    Raises:
        DataError: It carries no flow contract.
    """
    file = pq.ParquetFile(path)
    label = read_contract(file.schema_arrow).label_column
    if label is None:
        return file
    file.close()
    return pq.ParquetFile(path, read_dictionary=[label])
