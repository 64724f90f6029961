"""Open a flow file so that reading it through takes the memory of a row group, whatever its size."""

from pathlib import Path

import pyarrow.parquet as pq

from netanomaly.flows.contract import read_contract


def open_flows(path: Path) -> pq.ParquetFile:
    """The file that `ingest` wrote; class names come as the few they are, not spelt out row by row.

    Raises:
        DataError: It carries no flow contract.
    """
    # pyarrow refuses to be told of a label column that the file does not have.
    label = read_contract(pq.read_schema(path)).label_column
    # Reading ahead (pyarrow's default) keeps every row group that was read until the last one is.
    return pq.ParquetFile(path, read_dictionary=[label] if label else None, pre_buffer=False)
