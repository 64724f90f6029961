"""Rows of a source that are not to be learnt from, by file and number of their record, as a file of its own.

Its name is its digest, so that a cached run is one that left out the same rows.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly import json_input
from netanomaly.errors import DataError
from netanomaly.flows import sources
from netanomaly.flows.batch import Batch

FORMAT = 1
MOST_ROWS = 1_000_000
_LARGEST = 64 << 20

Records = npt.NDArray[np.int64]


class RowsByFile:
    """Rows met one batch after the other, at most `MOST_ROWS`."""

    def __init__(self) -> None:
        self.rows = self.over = 0
        self._files: dict[str, list[Records]] = {}

    def add(self, file: str | pa.Array, records: Records, which: npt.NDArray[np.bool_]) -> None:
        """Those of a batch that are marked.

        Args:
            file: Of all, or of each, dictionary-encoded.
            records: Their numbers in it.
            which: The marked ones.
        """
        places = np.flatnonzero(which)
        self.over += max(0, len(places) - (MOST_ROWS - self.rows))
        places = places[: MOST_ROWS - self.rows]
        self.rows += len(places)
        for name, theirs in _by_file(file, places):
            self._files.setdefault(name, []).append(records[theirs])

    def encode(self) -> bytes:
        """As they are kept."""
        files = {name: np.sort(np.concatenate(parts)).tolist() for name, parts in sorted(self._files.items())}
        return json.dumps({"format": FORMAT, "files": files}, separators=(",", ":")).encode()


class LeftOut:
    """Rows to leave out, and how many of them were met."""

    def __init__(self, files: Mapping[str, Sequence[int]]) -> None:
        self._files = {name: np.asarray(records, dtype=np.int64) for name, records in files.items()}
        self.rows = sum(map(len, self._files.values()))
        self.met = 0

    def mask(self, batch: Batch) -> npt.NDArray[np.bool_]:
        """Which rows of the batch stay."""
        stay = np.ones(batch.rows, dtype=bool)
        if batch.records is not None:
            for name, places in _by_file(batch.file, np.arange(batch.rows)):
                if (records := self._files.get(name)) is not None:
                    stay[places] = ~np.isin(batch.records[places], records)
        self.met += int(batch.rows - stay.sum())
        return stay


def name_of(data: bytes) -> str:
    """What the file of these rows is called."""
    return f"{hashlib.sha256(data).hexdigest()}.json"


def read(uri: str) -> LeftOut:
    """The rows to leave out.

    Raises:
        DataError: They are gone, altered, or none.
    """
    try:
        (file,) = sources.resolve([uri]).files
        with file.open() as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise DataError(f"{uri}, the rows to leave out, cannot be read: {error}") from None
    if name_of(data) != uri.rpartition("/")[2]:
        raise DataError(f"{uri}, the rows to leave out, is not what its name says; judge the window again")
    try:
        document = json_input.parse(data)
        if document["format"] > FORMAT:
            raise ValueError(f"format {document['format']} is of a later netanomaly")
        return LeftOut(document["files"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{uri}, the rows to leave out, cannot be read: {error}") from None


def _by_file(file: str | pa.Array, places: npt.NDArray[np.intp]) -> list[tuple[str, npt.NDArray[np.intp]]]:
    if isinstance(file, str):
        return [(file, places)] if len(places) else []
    codes = file.indices.to_numpy(zero_copy_only=False)[places]
    return [(str(file.dictionary[int(code)].as_py()), places[codes == code]) for code in np.unique(codes)]
