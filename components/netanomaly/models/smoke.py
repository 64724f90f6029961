"""Smoke rows: a few rows of the evaluation data with their scores, kept with a model.

Whoever serves the model sends these rows and compares the scores bit for bit: that tells another model, another library
or another reading of the columns from the one that was evaluated. A document of them is

    {"format": 1, "rows": 20, "columns": [{"name": "bytes_out", "kind": "number", "values": [...]}, ...], "scores": [...]}

with `kind` "number" or "category" and null where a value is missing. They hold features alone, never who talked to whom,
and no category that training did not hold.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.models.model import Scores
from netanomaly.models.rows import UNSEEN, Rows, Schema

FORMAT = 1
ROWS = 20


class Sample:
    """Rows at even distances in a stream of known length, the first one and the last one among them.

    Args:
        length: Rows in the whole stream.
        most: How many to keep; all of a stream that has no more.
    """

    def __init__(self, length: int, most: int = ROWS) -> None:
        self.places: npt.NDArray[np.int64] = np.unique(
            np.linspace(0, max(length - 1, 0), min(most, length)).round()
        ).astype(np.int64)
        self.rows: Rows | None = None
        self.scores: npt.NDArray[np.float32] = np.empty(0, dtype=np.float32)

    def offer(self, start: int, rows: Rows, scores: Scores) -> None:
        """Rows at places `start` and on, in order; how the stream is cut changes nothing."""
        low, high = np.searchsorted(self.places, [start, start + len(rows)])
        chosen = self.places[low:high] - start
        if len(chosen):
            taken = rows.take(chosen)
            self.rows = taken if self.rows is None else self.rows.joined(taken)
            self.scores = np.concatenate([self.scores, scores[chosen]])


def document(schema: Schema, rows: Rows, scores: Scores) -> dict[str, Any]:
    """The rows as a JSON document. Read by the schema again, they are the same rows bit for bit.

    Args:
        schema: That of the model.
        rows: Rows in it.
        scores: float32, one for each; JSON has them as doubles, which holds each exactly.
    """
    numbers = dict(zip(schema.numeric, rows.numbers.T, strict=True))
    codes = dict(zip(schema.categorical, zip(schema.vocabularies, rows.codes.T, strict=True), strict=True))
    columns = []
    for name in schema.features:
        if name in numbers:
            values: list[Any] = [None if value != value else value for value in numbers[name].tolist()]
            columns.append({"name": name, "kind": "number", "values": values})
        else:
            vocabulary, column = codes[name]
            unseen = _unseen(vocabulary)
            values = [unseen if code == UNSEEN else vocabulary[code] for code in column.tolist()]
            columns.append({"name": name, "kind": "category", "values": values})
    return {"format": FORMAT, "rows": len(rows), "columns": columns, "scores": [float(score) for score in scores]}


def table(smoke: Mapping[str, Any]) -> pa.Table:
    """The rows of a document, as `AnomalyModel.score` takes them."""
    types = {"number": pa.float64(), "category": pa.string()}
    return pa.table({each["name"]: pa.array(each["values"], types[each["kind"]]) for each in smoke["columns"]})


def _unseen(vocabulary: tuple[str | None, ...]) -> str:
    """A value that the vocabulary does not hold; which one makes no difference to a score."""
    known, value = set(vocabulary), "unseen"
    while value in known:
        value += "_"
    return value
