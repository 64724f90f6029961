"""Open a flow file so that reading it through takes the memory of a row group, whatever its size."""

from pathlib import Path

import pyarrow.parquet as pq


def open_flows(path: Path, label_column: str) -> pq.ParquetFile:
    """The file that `ingest` wrote; class names come as the few they are, not spelt out row by row."""
    # Reading ahead (pyarrow's default) keeps every row group that was read until the last one is.
    return pq.ParquetFile(path, read_dictionary=[label_column], pre_buffer=False)
