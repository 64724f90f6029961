"""Keeps the rows that alert while a source is scored: who, when, how odd, and some of them whole, for explanation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.models.rows import Rows

PARTS = ("src_ip", "src_port", "dst_ip", "dst_port", "protocol", "uid")
"""What is kept of an alert's identity, beside file, record and time."""

# Of an address or a name; longer ones are none, and stand in every alert. `scores.parquet` has them whole.
_LONGEST_PART = 255
# Of each kind of conversation one row is kept whole, of so many kinds of one source, and of so many in all: a row takes
# some 600 bytes, and three of an incident are explained.
_MOST_WHOLE, _MOST_WHOLE_OF_ONE = 50_000, 64
_WHOLE_IN_A_BLOCK = 1024
MOST_ALERTS = 400_000
"""Are kept, the strongest; some 200 bytes each. Where more rows alert than that, grouping tells nobody anything."""
_SLACK = 1.25
# Differs from row to row; of the others each text is kept once.
_EACH_ITS_OWN = "uid"


@dataclass
class Alerts:
    """Alerting rows in the order they came; of more than `MOST_ALERTS` the strongest, whatever batches they came in."""

    files: list[str] = field(default_factory=list)
    places: list[npt.NDArray[np.int64]] = field(default_factory=list)
    records: list[npt.NDArray[np.int64]] = field(default_factory=list)
    times: list[npt.NDArray[np.float64]] = field(default_factory=list)
    scores: list[npt.NDArray[np.float32]] = field(default_factory=list)
    identity: list[pa.Table] = field(default_factory=list)
    _whole: dict[tuple[Any, ...], tuple[float, int, int]] = field(default_factory=dict)
    _whole_rows: list[Rows] = field(default_factory=list)
    _of_one: dict[str | None, int] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _rows: int = 0
    _kept: int = 0

    def __len__(self) -> int:
        return self._rows

    def add(
        self,
        files: Sequence[str],
        records: npt.NDArray[np.int64],
        times: npt.NDArray[np.float64] | None,
        identity: Mapping[str, pa.Array],
        rows: Rows,
        scores: npt.NDArray[np.float32],
    ) -> None:
        """Some alerting rows.

        Args:
            files: The file of each.
            records: Their numbers in these.
            times: Seconds since 1970; None where the source has none.
            identity: Of `PARTS` those that are known, as text.
            rows: As the detector sees them.
            scores: Of each.
        """
        count = len(scores)
        if not count:
            return
        # One text for all rows that have it.
        self.files += [self._texts.setdefault(file, file) for file in files]
        self.places.append(np.arange(self._rows, self._rows + count))
        self.records.append(records)
        self.times.append(np.full(count, np.nan) if times is None else times)
        self.scores.append(scores)
        columns = {part: _kept_text(part, identity.get(part, pa.nulls(count, pa.string()))) for part in PARTS}
        self.identity.append(pa.table(columns))
        kinds = [_python_texts(columns[part], {}).tolist() for part in ("src_ip", "protocol", "dst_port")]
        self._keep_whole(kinds, rows, scores.tolist())
        self._rows += count
        self._kept += count
        if self._kept > MOST_ALERTS * _SLACK:
            self._keep_the_strongest()

    def all(self) -> "AlertRows":
        """Every alert so far that is kept."""
        if self._kept > MOST_ALERTS:
            self._keep_the_strongest()
        _give_back()
        places = np.concatenate(self.places) if self.places else np.empty(0, dtype=np.int64)
        kept = sorted(self._whole.values(), key=lambda each: each[1])
        at = np.minimum(np.searchsorted(places, [place for _, place, _ in kept]), max(len(places) - 1, 0))
        return AlertRows(
            files=self.files,
            records=np.concatenate(self.records) if self.records else np.empty(0, dtype=np.int64),
            times=np.concatenate(self.times) if self.times else np.empty(0),
            scores=np.concatenate(self.scores) if self.scores else np.empty(0, dtype=np.float32),
            identity={part: self._column(part) for part in PARTS},
            whole={
                int(now): self._whole_row(number)
                for now, (_, place, number) in zip(at, kept, strict=True)
                if places[now] == place
            },
            not_kept=self._rows - self._kept,
        )

    def _keep_whole(self, kinds: list[list[str | None]], rows: Rows, scores: list[float]) -> None:
        """Of each kind of conversation the strongest row: `kinds` are source, protocol and port of each."""
        for position, (kind, score) in enumerate(zip(zip(*kinds, strict=True), scores, strict=True)):
            place = self._rows + position
            key: tuple[Any, ...] = kind if kind[0] is not None else (None, place)
            held = self._whole.get(key)
            if held is not None and score <= held[0]:
                continue
            if held is None:
                if len(self._whole) >= _MOST_WHOLE or self._of_one.get(kind[0], 0) >= _MOST_WHOLE_OF_ONE:
                    continue
                key = tuple(self._texts.setdefault(text, text) if isinstance(text, str) else text for text in key)
                if kind[0] is not None:
                    self._of_one[key[0]] = self._of_one.get(key[0], 0) + 1
            number = len(self._whole) if held is None else held[2]
            self._whole[key] = (score, place, number)
            self._write_whole(number, rows, position)

    def _write_whole(self, number: int, rows: Rows, position: int) -> None:
        # In blocks: a row by itself would take as much again.
        block, within = divmod(number, _WHOLE_IN_A_BLOCK)
        if block == len(self._whole_rows):
            numbers = np.empty((_WHOLE_IN_A_BLOCK, rows.numbers.shape[1]))
            self._whole_rows.append(Rows(numbers, np.empty((_WHOLE_IN_A_BLOCK, rows.codes.shape[1]), dtype=np.int32)))
        self._whole_rows[block].numbers[within] = rows.numbers[position]
        self._whole_rows[block].codes[within] = rows.codes[position]

    def _whole_row(self, number: int) -> Rows:
        block, within = divmod(number, _WHOLE_IN_A_BLOCK)
        return self._whole_rows[block].take(slice(within, within + 1))

    def _keep_the_strongest(self) -> None:
        _give_back()
        scores = np.concatenate(self.scores)
        chosen = np.sort(np.lexsort((np.arange(len(scores)), -scores))[:MOST_ALERTS])
        self.files = np.array(self.files, dtype=object)[chosen].tolist()
        self.scores = [scores[chosen]]
        self.places = [np.concatenate(self.places)[chosen]]
        self.records = [np.concatenate(self.records)[chosen]]
        self.times = [np.concatenate(self.times)[chosen]]
        # Column by column, each let go of before the next: all of them at once would be the most that scoring takes.
        held, self.identity = self.identity, []
        columns = {}
        for part in PARTS:
            texts = pa.chunked_array([table.column(part).chunk(0) for table in held]).cast(pa.string())
            columns[part] = _kept_text(part, texts.take(pa.array(chosen)).combine_chunks())
            held = [table.drop_columns(part) for table in held]
        self.identity = [pa.table(columns)]
        self._kept = len(chosen)

    def _column(self, part: str) -> npt.NDArray[np.object_]:
        found = np.empty(self._kept, dtype=object)
        at = 0
        texts: dict[str | None, str | None] = {}
        for table in self.identity:
            column = table.column(part).combine_chunks()
            found[at : at + len(column)] = column.to_pylist() if part == _EACH_ITS_OWN else _python_texts(column, texts)
            at += len(column)
        return found


def _give_back() -> None:
    """Give free pages of blocks back to the system: Python's objects, which grow now, take others."""
    pa.default_memory_pool().release_unused()


def _python_texts(column: pa.DictionaryArray, known: dict[str | None, str | None]) -> npt.NDArray[np.object_]:
    """The text of each row, None where there is none; of equal ones one object, which `known` holds."""
    each = [*(known.setdefault(text, text) for text in column.dictionary.to_pylist()), None]
    codes = column.indices.fill_null(len(each) - 1).to_numpy(zero_copy_only=False)
    found: npt.NDArray[np.object_] = np.array(each, dtype=object)[codes]
    return found


def _kept_text(part: str, texts: pa.Array) -> pa.Array:
    """As it is kept: cut, and each text once where rows share them."""
    cut = pc.utf8_slice_codeunits(texts, 0, _LONGEST_PART)
    return cut if part == _EACH_ITS_OWN else cut.dictionary_encode()


@dataclass(frozen=True)
class AlertRows:
    """Alerting rows by place, in the order they came.

    Attributes:
        identity: Of each of `PARTS` the value of every alert; None where not known.
        whole: Some rows as the detector sees them, by place.
        not_kept: How many more there were, each no stronger than the weakest of these.
    """

    files: Sequence[str]
    records: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    identity: Mapping[str, npt.NDArray[np.object_]]
    whole: Mapping[int, Rows]
    not_kept: int = 0
