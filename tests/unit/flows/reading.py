"""Read files in a test: everything a source holds, as plain Python values."""

from pathlib import Path
from typing import Any

from netanomaly.config import CsvFormat
from netanomaly.flows import lines, sources
from netanomaly.flows.batch import schema_of
from netanomaly.flows.deciding import Contradiction
from netanomaly.flows.layout import Selection
from netanomaly.flows.reader import Reader


class Read:
    """What came out of a source: `rows` (dicts), what is `beside` their features, `contract`, `dropped`, `repaired`."""

    def __init__(
        self, *source: str | Path, csv: dict | None = None, block_bytes: int = lines.BLOCK_BYTES, **wishes: Any
    ):
        plain: dict[str, Any] = {name: tuple(wish) if isinstance(wish, list) else wish for name, wish in wishes.items()}
        selection = Selection(**plain)
        files = sources.resolve([str(item) for item in source])
        reader = Reader(files, CsvFormat(**(csv or {})), selection, block_bytes)
        try:
            found = self._all(reader)
        except Contradiction:
            decisions = reader.survey()
            reader = Reader(files, CsvFormat(**(csv or {})), selection, block_bytes, decisions=decisions)
            found = self._all(reader)
        beside = reader.contract.beside
        self.rows = [{name: value for name, value in row.items() if name not in beside} for row in found]
        self.beside = [{name: row[name] for name in beside} for row in found]
        self.contract = reader.contract
        self.dropped, self.repaired = reader.tally.dropped, reader.tally.repaired
        self.identity = reader.identity()

    def _all(self, reader: Reader) -> list[dict]:
        rows: list[dict] = []
        for batch in reader.batches():
            rows += batch.table(reader.contract, schema_of(reader.contract)).to_pylist()
        return rows

    def column(self, name: str) -> list:
        return [row[name] for row in self.rows]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
