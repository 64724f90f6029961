"""Sources read into the flow table, for tests."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from netanomaly.flows import sources
from netanomaly.traffic.opening import OpenFile, format_of
from netanomaly.traffic.sorting import Room
from netanomaly.traffic.stream import Understood, flows

Text = str | bytes | Path


class InMemory:
    """A file that lies in memory."""

    identity_is_known = False

    def __init__(self, name: str, content: bytes) -> None:
        self.uri = self.name = self.address = name
        self.size = len(content)
        self._content = content

    def open(self) -> io.BytesIO:
        return io.BytesIO(self._content)

    def identity(self, sha256: str | None = None, /) -> str:
        return f"sha256:{sha256}"


def source(*texts: Text) -> sources.Files:
    """A source of files in memory or on disk."""
    files: list[Any] = []
    for number, text in enumerate(texts):
        if isinstance(text, Path):
            files += sources.resolve([str(text)]).files
        else:
            files.append(InMemory(f"file{number}", text.encode() if isinstance(text, str) else text))
    return sources.Files(tuple(file.uri for file in files), tuple(files))


def read(*texts: Text, run_rows: int = 1 << 19, block_bytes: int = 1 << 20) -> tuple[pa.Table, Understood]:
    """The flows of one source, in order of their end, and what was understood."""
    files = source(*texts)
    found = format_of(files)
    assert found is not None
    understood = Understood(found)

    def opened() -> Iterator[OpenFile]:
        for number, file in enumerate(files.files):
            each = OpenFile(file, number)
            each.opened._block_bytes = block_bytes
            yield each
            each.close()

    return pa.concat_tables(flows(opened(), understood, Room(run_rows))), understood


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
