"""Sources read into the flow table, for tests."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from netanomaly.flows import sources, streams
from netanomaly.traffic.recognition import Format, recognise
from netanomaly.traffic.source import Opened
from netanomaly.traffic.stream import Understood, flows


class Bytes:
    """A text in memory."""

    def __init__(self, text: bytes) -> None:
        self._text = io.BytesIO(text)

    def read(self, size: int) -> bytes:
        return self._text.read(size)


def read(
    *texts: "str | bytes | Path", run_rows: int = 1 << 19, block_bytes: int = 1 << 20
) -> tuple[pa.Table, Understood]:
    """The flows of one source, in order of their end, and what was understood; the first file with flows gives the format."""

    def opened(number: int, text: "str | bytes | Path") -> Opened:
        if isinstance(text, Path):
            stream: Any = streams.TextStream(sources.resolve([str(text)]).files[0])
        else:
            stream = Bytes(text.encode() if isinstance(text, str) else text)
        return Opened(f"file{number}", number, stream, block_bytes)

    formats = [recognise(opened(number, text).head) for number, text in enumerate(texts)]
    found = next((each for each in formats if isinstance(each, Format)), None)
    assert found is not None, formats
    understood = Understood(found)
    files = [
        (f"file{number}", lambda number=number, text=text: opened(number, text)) for number, text in enumerate(texts)
    ]
    tables = list(flows(files, understood, run_rows=run_rows))
    return pa.concat_tables(tables), understood


def rows(table: pa.Table, *names: str) -> list[Any]:
    """Rows as dictionaries, or as tuples of the named columns (alone: as values)."""
    if not names:
        return table.to_pylist()
    columns = [table.column(name).to_pylist() for name in names]
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def same(one: pa.Table, other: pa.Table, but: Sequence[str] = ("file", "line")) -> bool:
    """Whether two tables hold the same rows, wherever those came from."""
    left, right = (rows(table.drop_columns(list(but))) for table in (one, other))
    return left == right
