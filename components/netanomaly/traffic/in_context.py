"""The records of a table beside those before them: the features in context, by the code that sensors' flows have them from.

A table says when its records were, and between whom, in columns that are known by their names. A record counts from its time:
how long it lasted is in no unit that is known. What a table does not have, its features in context lack, too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.errors import ConfigError
from netanomaly.flows import columns
from netanomaly.flows.batch import Batch
from netanomaly.flows.contract import Contract
from netanomaly.flows.deciding import Decisions
from netanomaly.flows.reader import Reader, Tally
from netanomaly.flows.row_hash import row_hashes
from netanomaly.traffic import keys, table
from netanomaly.traffic.context import BLOCK_ROWS, MOST_KEPT, MOST_MET, NAMES, Context, Flows, Past
from netanomaly.traffic.features import whole
from netanomaly.traffic.sorting import Room, Sorter

_BATCH_ROWS = 32_768
_PORTS = ("src_ports_120s", "src_ports_to_dst_120s", "src_ports_100", "src_ports_to_dst_100", "src_port_gap_seconds")
_OUTCOMES = ("src_failed_share_120s", "src_failed_share_100", "src_bytes_out_120s")
"""Of what became of a flow, and of its bytes each way, a table says nothing in words and units that are known."""


def names(identity: Mapping[str, str]) -> tuple[str, ...]:
    """The features that a table with these columns has in context."""
    lacking = (*_OUTCOMES, *(() if "dst_port" in identity else _PORTS))
    return tuple(name for name in NAMES if name not in lacking)


def seen(seconds: npt.NDArray[np.float64], ends: Mapping[str, pa.Array | None]) -> Flows:
    """What the context looks at.

    Args:
        seconds: Since 1970, NaN where not known: such a record is seen beside nothing, and nothing beside it.
        ends: `src_ip`, `dst_ip` and, where there is one, `dst_port`, as texts.
    """
    known = ~np.isnan(seconds)
    source, target = (keys.of_texts(_words(ends[name])) for name in ("src_ip", "dst_ip"))
    return Flows(
        end=np.rint(np.where(known, seconds, 0.0) * 1e6).astype(np.int64),
        src=np.where(known, source, keys.NONE),
        dst=target,
        port=_ports(ends.get("dst_port"), len(seconds)),
        failed=np.full(len(seconds), -1, dtype=np.int64),
        bytes_out=np.zeros(len(seconds), dtype=np.int64),
    )


class TableInContext:
    """Reads a table as `Reader` does, in order of its records' times, with the features in context behind the others.

    All records are read before the first batch is given, and sorted on disk where they are many.
    """

    sensor = ""

    def __init__(
        self,
        reader: Reader,
        wanted: Sequence[str] = (),
        unwanted: Sequence[str] = (),
        scratch: Path | None = None,
        past: Past | None = None,
    ) -> None:
        """Args:
        reader: Of the table, from the beginning.
        wanted: Features in context by name; empty: all that the table has.
        unwanted: Names of columns that are left out.
        scratch: The folder for what does not fit into memory; None: the system's for temporary files.
        past: What the records are seen beside, of those that were read before; None: nothing was.
        """
        self._reader, self._wanted, self._unwanted = reader, tuple(wanted), tuple(unwanted)
        self._scratch = scratch
        self.past: Past = Context() if past is None else past

    @property
    def contract(self) -> Contract:
        """What the columns are. Known once the first batch has been read."""
        own = self._reader.contract
        return replace(own, features=(*own.features, *self._names(own)))

    @property
    def rows(self) -> int:
        return self._reader.rows

    @property
    def times(self) -> dict[str, Any] | None:
        return self._reader.times

    @property
    def times_beside(self) -> tuple[str, ...]:
        return self._reader.times_beside

    @property
    def ignored(self) -> tuple[str, ...]:
        return self._reader.ignored

    @property
    def tally(self) -> Tally:
        return self._reader.tally

    def report(self) -> None:
        """Of a table there is nothing more to tell."""

    def survey(self) -> Decisions:
        return self._reader.survey()

    def identity(self) -> str:
        return self._reader.identity()

    def batches(self) -> Iterator[Batch]:
        """All records in order of their times.

        Raises:
            ConfigError: The table has no times, or does not name both ends; or has a column that is called as one of the features.
            Contradiction, DataError: As `Reader.batches`.
        """
        sorter: Sorter | None = None
        packing: _Packing | None = None
        for batch in self._reader.batches():
            own = self._reader.contract
            if packing is None or sorter is None:
                _refuse(own, self._reader.tally.files[0].uri)
                packing = _Packing(own, batch)
                sorter = Sorter(packing.schema, Room(scratch=self._scratch))
            sorter.add(packing.packed(batch), _moments(batch), _order(batch, own))
        if sorter is None or packing is None:
            return
        cut, forgotten = self.past.cut, self.past.forgotten
        for block in sorter.tables(BLOCK_ROWS):
            yield from self._of_block(packing, block)
        self.tally.repair(
            f"block of rows after which windows reach back over the last {MOST_KEPT:,} only", self.past.cut - cut
        )
        self.tally.repair(
            f"source or pair forgotten, as over {MOST_MET:,} were met within a day", self.past.forgotten - forgotten
        )

    def _names(self, own: Contract) -> tuple[str, ...]:
        there = names(own.identity)
        return tuple(name for name in self._wanted or there if name in there and name not in self._unwanted)

    def _of_block(self, packing: "_Packing", block: pa.Table) -> Iterator[Batch]:
        own = self._reader.contract
        read = packing.unpacked(block)
        assert read.times is not None  # noqa: S101 - refused before
        ends = {
            part: read.texts(own.identity[part], own)
            for part in ("src_ip", "dst_ip", "dst_port")
            if part in own.identity
        }
        made = self.past.features(seen(read.times, ends))
        chosen = self._names(own)
        added = np.array([made[name] for name in chosen]).reshape(len(chosen), read.rows)
        batch = replace(
            read,
            numbers=np.concatenate([read.numbers, added]),
            complete=np.append(read.complete, ~np.isnan(added).any(axis=1)),
        )
        for begin in range(0, batch.rows, _BATCH_ROWS):
            yield batch.part(begin, min(begin + _BATCH_ROWS, batch.rows))


def _refuse(contract: Contract, uri: str) -> None:
    missing = [
        words
        for words, there in (
            ("a column of times", contract.time_column is not None),
            ("a column with the source's address", "src_ip" in contract.identity),
            ("a column with the destination's address", "dst_ip" in contract.identity),
        )
        if not there
    ]
    if missing:
        raise ConfigError(
            f"context is true, and {uri} has no {missing[0].removeprefix('a ')} that is known by its name; leave context out, or "
            "call the columns timestamp, src_ip and dst_ip"
        )
    if twice := [name for name in contract.features if name in NAMES]:
        raise ConfigError(
            f"context is true, and {uri} has a column {twice[0]!r} of its own; leave context out, or ignore it"
        )


def _moments(batch: Batch) -> npt.NDArray[np.int64]:
    assert batch.times is not None  # noqa: S101 - refused before
    return np.rint(np.nan_to_num(batch.times) * 1e6).astype(np.int64)


def _order(batch: Batch, contract: Contract) -> keys.Keys:
    """Of records of one moment: by what they hold, and not by where they stand."""
    ends = [batch.texts(contract.identity[part], contract) for part in ("src_ip", "dst_ip")]
    return keys.together(row_hashes(batch, contract), *(keys.of_texts(_words(text)) for text in ends))


def _words(text: pa.Array | None) -> pa.DictionaryArray:
    assert text is not None  # noqa: S101 - refused before
    return table.clean(text)


def _ports(text: pa.Array | None, rows: int) -> npt.NDArray[np.int64]:
    """Whole numbers from 0 to 65535, -1 for anything else."""
    if text is None:
        return np.full(rows, -1, dtype=np.int64)
    words = table.clean(text)
    known = [int(word.removesuffix(".0")) if _PORT.fullmatch(word) else -1 for word in words.dictionary.to_pylist()]
    values = np.array([*(number if number <= _LAST_PORT else -1 for number in known), -1], dtype=np.int64)
    found: npt.NDArray[np.int64] = values[words.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)]
    return found


_PORT = re.compile(r"[0-9]{1,5}(\.0)?")
_LAST_PORT = 65_535


class _Packing:
    """Batches of a table as record batches that can be sorted, and back."""

    def __init__(self, contract: Contract, first: Batch) -> None:
        self._contract = contract
        self._labelled, self._hosts = first.labels is not None, len(first.hosts)
        self._beside = {name: column.type for name, column in first.beside.items()}
        self.schema = pa.schema(
            [
                *((f"number {place}", pa.float64()) for place in range(len(first.numbers))),
                *((f"category {name}", table.WORD) for name in contract.categorical),
                *((f"beside {name}", table.WORD) for name in self._beside),
                *((f"host {place}", table.WORD) for place in range(self._hosts)),
                ("label", table.WORD), ("time", pa.float64()), ("file", table.WORD), ("record", pa.int64()),
                # Rare: which numbers of a row became missing, and what was told of one that could not be read.
                ("infinite", pa.string()), ("unreadable", pa.string()),
            ]
        )  # fmt: skip

    def packed(self, batch: Batch) -> pa.RecordBatch:
        rows = batch.rows
        infinite = np.full(rows, None, dtype=object)
        for position, mask in batch.infinite.items():
            for row in np.flatnonzero(mask).tolist():
                infinite[row] = f"{position}" if infinite[row] is None else f"{infinite[row]},{position}"
        unreadable = np.full(rows, None, dtype=object)
        for row, told in batch.unreadable.items():
            unreadable[row] = told
        files = pa.array([batch.file] * rows, pa.string()) if isinstance(batch.file, str) else batch.file
        arrays = [
            *(pa.array(numbers) for numbers in batch.numbers),
            *(batch.categories[name] for name in self._contract.categorical),
            *(batch.beside[name] for name in self._beside),
            *batch.hosts,
            batch.labels if self._labelled else pa.nulls(rows, table.WORD),
            pa.array(batch.times), files, pa.array(batch.records), pa.array(infinite, pa.string()), pa.array(unreadable, pa.string()),
        ]  # fmt: skip
        return pa.RecordBatch.from_arrays(
            [_typed(array, item.type) for array, item in zip(arrays, self.schema, strict=True)], schema=self.schema
        )

    def unpacked(self, block: pa.Table) -> Batch:
        def column(name: str) -> Any:
            return whole(block, name)

        places = range(len(self._contract.numeric))
        numbers = np.array([column(f"number {place}").to_numpy(zero_copy_only=False) for place in places])
        numbers = numbers.reshape(len(places), block.num_rows)
        infinite: dict[int, npt.NDArray[np.bool_]] = {}
        for row, text in _said(column("infinite")):
            for position in map(int, text.split(",")):
                infinite.setdefault(position, np.zeros(block.num_rows, dtype=bool))[row] = True
        return Batch(
            numbers=numbers,
            categories={name: columns.categories(column(f"category {name}")) for name in self._contract.categorical},
            labels=columns.categories(column("label")) if self._labelled else None,
            infinite=infinite,
            complete=~np.isnan(numbers).any(axis=1),
            times=column("time").to_numpy(zero_copy_only=False),
            hosts=[column(f"host {place}") for place in range(self._hosts)],
            file=column("file"),
            records=column("record").to_numpy(),
            beside={name: column(f"beside {name}").cast(kind) for name, kind in self._beside.items()},
            unreadable=dict(_said(column("unreadable"))),
        )


def _said(texts: pa.Array) -> Iterator[tuple[int, str]]:
    for row in np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False)).tolist():
        yield row, texts[row].as_py()


def _typed(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(kind) or array.type == kind:
        return array
    return array.cast(pa.string()).dictionary_encode()
