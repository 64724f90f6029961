"""One-way records put together: the two directions of a conversation, and the pieces of a flow.

Records are sorted by conversation (both ends, both ports, protocol) and time, so that neither the order nor the cut of
the input matters. Directions are paired one to one where they overlap in time, or lie within the sensor's active
time-out of each other's end; never over longer: merging by ends alone made one flow out of 24 hours.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.traffic import keys, outcome, table
from netanomaly.traffic.sorting import Room, Sorter
from netanomaly.traffic.table import Counts

Mask = npt.NDArray[np.bool_]

SLACK_SECONDS = 1.0
"""Two directions that do not overlap but follow each other this closely are one conversation."""
# Of sensors that write whole seconds, starts that differ by no more do not tell who began.
_CLOCK_SECONDS = 1.0
LONGEST_SECONDS = 3600.0
_ROUNDS = 64


@dataclass
class Paired:
    """How many one-way records found their other direction."""

    records: int = 0
    paired: int = 0

    @property
    def unpaired_share(self) -> float:
        """Of the records; 0 where there were none."""
        return (self.records - self.paired) / self.records if self.records else 0.0


def paired(
    batches: Iterable[pa.RecordBatch],
    counts: Counts,
    found: Paired,
    room: Room,
    *,
    sampled: bool,
    tells_acks: bool = True,
) -> Iterator[pa.RecordBatch]:
    """Flows of one-way records.

    Where no answer was seen `bytes_in` and `packets_in` are 0, or null where the source is sampled.

    Args:
        batches: Of `table.ONE_WAY_SCHEMA`.
        counts: Told of records that a second vantage point repeats.
        found: Takes the number of pairs.
        sampled: Whether an answer may have gone unseen.
        tells_acks: Whether flags have an ACK that comes without a SYN.
        room: For sorting.
    """
    for whole in _conversations(batches, table.ONE_WAY_SCHEMA, room, directed=False):
        kept = whole.filter(pa.array(~_repeated(whole, counts)))
        two_way = np.asarray(pc.is_valid(_array(kept, "packets_in")))
        if two_way.any():
            yield _flows(kept.filter(pa.array(two_way)), tells_acks=tells_acks)
            kept = kept.filter(pa.array(~two_way))
        if not kept.num_rows:
            continue
        one, other, alone = _pairs(kept)
        found.records += kept.num_rows
        found.paired += len(one) + len(other)
        yield _flows(_merged(kept, one, other), tells_acks=tells_acks)
        yield _flows(_unanswered(kept.take(pa.array(alone)), sampled=sampled), tells_acks=tells_acks)


def joined(batches: Iterable[pa.RecordBatch], counts: Counts, room: Room) -> Iterator[pa.RecordBatch]:
    """Flows of the pieces that Azure tells: from B over each C to E, counts added up. What was denied is a flow itself.

    Args:
        batches: Of `table.SCHEMA`.
        counts: Told of pieces that repeat another in all they say: added up they would count twice, and end a flow early.
        room: For sorting.
    """
    for whole in _conversations(batches, table.SCHEMA, room, directed=True):
        yield _pieces_joined(whole, counts)


def last_of_each(batches: Iterable[pa.RecordBatch], counts: Counts, room: Room) -> Iterator[pa.RecordBatch]:
    """Flows of records that tell an open connection again and again: the longest of each uid."""
    sorter = Sorter(table.SCHEMA, room)
    for batch in batches:
        sorter.add(
            batch, _uids(batch), pc.fill_null(batch.column("duration_seconds"), 0.0).to_numpy(zero_copy_only=False)
        )
    held: pa.Table | None = None
    for rows in sorter.tables(max(room.rows // 4, 2)):
        whole = rows if held is None else pa.concat_tables([held, rows]).unify_dictionaries().combine_chunks()
        uid = _uids(whole)
        last = np.append(uid[1:] != uid[:-1], False)
        counts.aside("earlier record of a connection that was still open", int((~last).sum()) - 1)
        yield whole.filter(pa.array(last)).combine_chunks().to_batches()[0] if last.any() else _EMPTY
        held = whole.slice(whole.num_rows - 1)
    if held is not None:
        yield held.combine_chunks().to_batches()[0]


def _uids(rows: pa.Table | pa.RecordBatch) -> keys.Keys:
    """A key of each uid; records without one are all different."""
    uid = _array(rows, "uid")
    place = keys.together(*(_array(rows, name).to_numpy(zero_copy_only=False) for name in ("file", "line")))
    return np.where(np.asarray(pc.is_valid(uid)), keys.of_texts(uid.dictionary_encode()), place)


_EMPTY = pa.RecordBatch.from_arrays([pa.nulls(0, item.type) for item in table.SCHEMA], schema=table.SCHEMA)


def _conversations(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, room: Room, *, directed: bool
) -> Iterator[pa.Table]:
    """Tables that hold each conversation whole, sorted by it and by time."""
    sorter = Sorter(schema, room)
    for batch in batches:
        conversation = _conversation(batch, directed=directed)
        start = batch.column("start_time").to_numpy(zero_copy_only=False)
        sorter.add(batch, conversation, start)
    held: pa.Table | None = None
    for sorted_rows in sorter.tables(max(room.rows // 4, 2)):
        rows = (
            sorted_rows if held is None else pa.concat_tables([held, sorted_rows]).unify_dictionaries().combine_chunks()
        )
        conversation = _conversation(rows, directed=directed)
        last = int(np.searchsorted(conversation, conversation[-1], side="left"))
        # A conversation that never ends is cut where it fills the memory.
        cut = last if rows.num_rows - last < room.rows else rows.num_rows
        if cut:
            yield rows.slice(0, cut).combine_chunks()
        held = rows.slice(cut) if cut < rows.num_rows else None
    if held is not None:
        yield held.combine_chunks()


def _conversation(rows: pa.Table | pa.RecordBatch, *, directed: bool) -> keys.Keys:
    source, target = _ends(rows)
    protocol = keys.of_texts(_array(rows, "protocol"))
    if directed:
        return keys.together(source, target, protocol)
    low, high = np.minimum(source, target), np.maximum(source, target)
    return keys.together(low, high, protocol)


def _ends(rows: pa.Table | pa.RecordBatch) -> tuple[keys.Keys, keys.Keys]:
    """Each end with its port, as one key. The type and code of ICMP do not tell conversations apart."""
    icmp = np.asarray(
        pc.fill_null(pc.is_in(_array(rows, "protocol").cast(pa.string()), pa.array(["icmp", "ipv6-icmp"])), False)
    )
    found = []
    for end in ("src", "dst"):
        port = pc.fill_null(_array(rows, f"{end}_port"), -1).to_numpy(zero_copy_only=False)
        found.append(keys.together(keys.of_texts(_array(rows, f"{end}_ip")), np.where(icmp, -1, port)))
    return found[0], found[1]


def _repeated(rows: pa.Table, counts: Counts) -> Mask:
    """Records that another vantage point tells, too: of each direction of a conversation the first by name is kept."""
    vantage = _array(rows, "vantage")
    if len(vantage.dictionary) < 2:
        return np.zeros(rows.num_rows, dtype=bool)
    names = vantage.dictionary.to_pylist()
    place = {name: position for position, name in enumerate(sorted(names))}
    rank = np.array([*(place[name] for name in names), len(names)])[
        vantage.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    ]
    direction = keys.together(*_ends(rows), keys.of_texts(_array(rows, "protocol")))
    order = np.lexsort((rank, direction))
    begins = np.flatnonzero(np.diff(direction[order], prepend=~direction[order[:1]]))
    least = np.repeat(rank[order[begins]], np.diff(np.append(begins, len(order))))
    repeated = np.zeros(rows.num_rows, dtype=bool)
    repeated[order] = rank[order] != least
    counts.aside("record that a second interface or end reports, too", int(repeated.sum()))
    return repeated


def _pairs(rows: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of originators' records, of the answers to each, and of records without another direction."""
    conversation = _conversation(rows, directed=False)
    source, target = _ends(rows)
    forward = source <= target
    # Records between equal ends have no direction to pair.
    paired_up = source == target
    start = _array(rows, "start_time").to_numpy(zero_copy_only=False)
    duration = pc.fill_null(_array(rows, "duration_seconds"), 0.0).to_numpy(zero_copy_only=False)
    end = start + duration
    tie = keys.together(source, pc.fill_null(_array(rows, "bytes_out"), -1).to_numpy(), end)
    left = np.lexsort((tie, start, conversation))
    alone = [left[paired_up[left]]]
    left = left[~paired_up[left]]
    ones, others = [], []
    for _ in range(_ROUNDS):
        if len(left) < 2:
            break
        before, after = left[:-1], left[1:]
        fits = (conversation[before] == conversation[after]) & (forward[before] != forward[after])
        fits &= start[after] <= end[before] + SLACK_SECONDS
        fits &= np.abs(start[after] - start[before]) <= LONGEST_SECONDS
        # Of links that follow each other every second one counts, from the first on.
        begins = np.flatnonzero(np.diff(fits.astype(np.int8), prepend=0) == 1)
        offset = (
            np.arange(len(fits)) - begins[np.maximum(np.searchsorted(begins, np.arange(len(fits)), "right") - 1, 0)]
            if len(begins)
            else np.zeros(len(fits), dtype=np.int64)
        )
        chosen = np.flatnonzero(fits & (offset % 2 == 0))
        if not len(chosen):
            break
        ones.append(left[chosen])
        others.append(left[chosen + 1])
        gone = np.zeros(len(left), dtype=bool)
        gone[chosen] = gone[chosen + 1] = True
        left = left[~gone]
    alone.append(left)
    one = np.concatenate([np.empty(0, dtype=np.int64), *ones])
    other = np.concatenate([np.empty(0, dtype=np.int64), *others])
    swap = ~_began(rows, one, other, start)
    return np.where(swap, other, one), np.where(swap, one, other), np.sort(np.concatenate(alone))


def _began(
    rows: pa.Table, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], start: npt.NDArray[np.float64]
) -> Mask:
    """Whether the first of each pair is the originator's: by SYN, then by time, then by the lower port's being served."""
    opening = pc.fill_null(_array(rows, "opening"), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    port = pc.fill_null(_array(rows, "dst_port"), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    by_flags = np.sign(opening[one] - opening[other])
    whole = bool((start == np.floor(start)).all())
    apart = start[other] - start[one]
    by_time = np.where(np.abs(apart) > (_CLOCK_SECONDS if whole else 0.0), np.sign(apart), 0)
    by_port = np.sign(port[other] - port[one])
    # Both at once and both ports alike: whoever comes first by address, so that it is always the same.
    source, target = _ends(rows)
    by_address = np.where(source[one] <= target[one], 1, -1)
    votes = (by_flags, by_time, by_port, by_address)
    return np.select([vote != 0 for vote in votes], [vote > 0 for vote in votes], True)


def _merged(rows: pa.Table, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> pa.Table:
    out, back = rows.take(pa.array(one)).combine_chunks(), rows.take(pa.array(other)).combine_chunks()
    start_out, start_back = (_array(part, "start_time").to_numpy(zero_copy_only=False) for part in (out, back))
    ends = [
        begin + pc.fill_null(_array(part, "duration_seconds"), 0.0).to_numpy(zero_copy_only=False)
        for begin, part in ((start_out, out), (start_back, back))
    ]
    start = np.minimum(start_out, start_back)
    made = {name: _array(out, name) for name in table.ONE_WAY_SCHEMA.names}
    made["start_time"] = pa.array(table.micro(start))
    made["duration_seconds"] = pa.array(table.micro(np.maximum(*ends) - start))
    made["bytes_in"], made["packets_in"] = _array(back, "bytes_out"), _array(back, "packets_out")
    flags = [pc.fill_null(_array(part, "state").cast(pa.string()), "") for part in (out, back)]
    both = pc.binary_join_element_wise(*flags, "_")
    made["state"] = pc.if_else(pc.equal(both, "_"), None, both).dictionary_encode()
    # Denied in one direction is denied.
    made["allowed"] = pc.and_kleene(_array(out, "allowed"), _array(back, "allowed"))
    return pa.table(made, schema=table.ONE_WAY_SCHEMA)


def _unanswered(rows: pa.Table, *, sampled: bool) -> pa.Table:
    nothing = pa.nulls(rows.num_rows, pa.int64()) if sampled else pa.array(np.zeros(rows.num_rows, dtype=np.int64))
    for name in ("bytes_in", "packets_in"):
        rows = rows.set_column(rows.column_names.index(name), name, nothing)
    return rows


def _flows(rows: pa.Table, *, tells_acks: bool) -> pa.RecordBatch:
    """With their outcome, and without what only pairing needs."""
    rows = rows.combine_chunks()
    answered = pc.greater(_array(rows, "packets_in"), 0)
    known = np.asarray(pc.is_valid(answered))
    has_answer = np.asarray(pc.fill_null(answered, False))
    letters = table.words(_array(rows, "state"), {})
    flags = []
    for part in (0, 1):
        values = [
            outcome.of_letters(text.split("_")[part] if part < len(text.split("_")) else "")
            for text in letters.dictionary.to_pylist()
        ]
        flags.append(
            np.array([*values, 0], dtype=np.int64)[
                letters.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
            ]
        )
    if not tells_acks:
        # Who sent more than a SYN, or a SYN and a reset, took the answer up.
        packets = pc.fill_null(_array(rows, "packets_out"), 0).to_numpy(zero_copy_only=False)
        taken_up = packets > np.where(flags[0] & outcome.RST != 0, 2, 1)
        flags[0] = np.where(taken_up, flags[0] | outcome.ACK, flags[0])
    is_tcp = np.asarray(pc.fill_null(pc.equal(_array(rows, "protocol").cast(pa.string()), "tcp"), False))
    said = np.asarray(pc.is_valid(letters))
    words = np.where(
        is_tcp & said, outcome.of_tcp(flags[0], flags[1], has_answer, said), outcome.without_flags(has_answer)
    )
    denied = np.asarray(pc.fill_null(pc.equal(_array(rows, "allowed"), False), False))
    words = np.where(denied, outcome.REFUSED, words)
    made = {name: _array(rows, name) for name in table.SCHEMA.names}
    made["outcome"] = pa.array(words, mask=~known & ~denied).dictionary_encode()
    return pa.RecordBatch.from_arrays([made[name] for name in table.SCHEMA.names], schema=table.SCHEMA)


_COUNTS = ("bytes_out", "bytes_in", "packets_out", "packets_in")


def _pieces_joined(rows: pa.Table, counts: Counts) -> pa.RecordBatch:
    conversation = _conversation(rows, directed=True)
    piece = np.asarray(pc.fill_null(_array(rows, "state").cast(pa.string()), "").to_pylist(), dtype="U1")
    start = _array(rows, "start_time").to_numpy(zero_copy_only=False)
    rank = np.select([piece == "D", piece == "B", piece == "C"], [0, 1, 2], 3)
    said_of_it = [pc.fill_null(_array(rows, name), -1).to_numpy(zero_copy_only=False) for name in _COUNTS]
    order = np.lexsort((*said_of_it, rank, start, conversation))
    # The same flow may be denied again within the second that times are rounded to.
    again = np.append(False, piece[order][1:] != "D")
    for column in (conversation, start, piece, *said_of_it):
        again[1:] &= column[order][1:] == column[order][:-1]
    counts.aside("piece of a flow that repeats another in all it says (a log that is given twice?)", int(again.sum()))
    order = order[~again]
    conversation, piece, start = conversation[order], piece[order], start[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (
        (conversation[1:] != conversation[:-1]) | np.isin(piece[1:], ("B", "D")) | np.isin(piece[:-1], ("E", "D"))
    )
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(order)) - 1
    sorted_rows = rows.take(pa.array(order)).combine_chunks()
    made = {name: _array(sorted_rows, name).take(pa.array(first)) for name in table.SCHEMA.names}
    for name in _COUNTS:
        column = _array(sorted_rows, name)
        sums = np.add.reduceat(pc.fill_null(column, 0).to_numpy(zero_copy_only=False), first)
        said = np.add.reduceat(np.asarray(pc.is_valid(column)).astype(np.int64), first) > 0
        made[name] = pa.array(sums, mask=~said)
    made["duration_seconds"] = pa.array(table.micro(start[last] - start[first]))
    ended = ["".join(dict.fromkeys(piece[begin : end + 1])) for begin, end in zip(first, last, strict=True)]
    made["state"] = pa.array(ended).dictionary_encode()
    answered = pc.fill_null(pc.greater(made["packets_in"], 0), False).to_numpy(zero_copy_only=False)
    denied = piece[first] == "D"
    counted = np.asarray(pc.is_valid(made["packets_in"]))
    words = np.where(denied, outcome.REFUSED, outcome.without_flags(answered))
    made["outcome"] = pa.array(words, mask=~counted & ~denied).dictionary_encode()
    return pa.RecordBatch.from_arrays([made[name] for name in table.SCHEMA.names], schema=table.SCHEMA)


def _array(rows: pa.Table | pa.RecordBatch, name: str) -> pa.Array:
    column = rows.column(name)
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column
