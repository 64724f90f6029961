"""JSON records, one a line, in an array, or spread over lines, as typed columns.

Arrow reads lines by an explicit schema and skips all other fields; a careful reader takes over a block that Arrow
refuses, record by record. One document that holds all records is read value by value.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.json as pajson

from netanomaly.errors import DataError
from netanomaly.flows.lines import Lines
from netanomaly.traffic.delimited import cast, word_for
from netanomaly.traffic.source import Opened
from netanomaly.traffic.table import Counts

NOT_JSON = "line that is not a JSON object"
UNFINISHED = "last line, unfinished: left for next time"
LARGEST_VALUE = 32 << 20
"""Characters of one record, which is one minute of a busy network in Azure's logs."""
_MOST_PARTS = 2_000_000
# Records that become columns at a time, where they are not read by lines.
_TOGETHER = 16_384
_MARK = b"\xef\xbb\xbf"
_HEAD = 4096
_UNCOUNTED = 8 << 20
# What holds a file's records in Azure's logs: they are read one by one.
_WRAPPER = re.compile(r'\{\s*"records"\s*:\s*\[')


Wanted = Callable[[bytes | None, int | None], pa.Schema]
"""The fields that are wanted of a text, by its first so many bytes, by all of it, or (None) of any text."""


def read(
    block: Lines, wanted: Wanted, counts: Counts, whole: Callable[[pa.Table], bool], *, last: bool
) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Columns of a block of lines, each a JSON object, and the number of each row's line.

    Args:
        block: Whole lines.
        wanted: The fields; structs for fields inside of fields. All of the block is looked at where its head does not tell.
        counts: What is dropped.
        whole: Whether what was read by the head's fields lacks none of those that the block has.
        last: Whether a last line without an end may be half a record, of a file that still grows.
    """
    try:
        # Arrow takes bytes that are no UTF-8 into texts as they are.
        block.text.decode()
    except UnicodeDecodeError:
        return _careful(block, wanted(block.text, None), counts, last=last)
    schema = wanted(block.text, _HEAD)
    table = _by_arrow(block, schema)
    if (table is None or not whole(table)) and not schema.equals(thorough := wanted(block.text, None)):
        schema, table = thorough, _by_arrow(block, thorough)
    if table is not None:
        return table, np.arange(block.first, block.first + block.count)
    return _careful(block, schema, counts, last=last)


def _by_arrow(block: Lines, schema: pa.Schema) -> pa.Table | None:
    """Columns of a block of which each line is an object as it should be, else None."""
    try:
        table = pajson.read_json(
            pa.BufferReader(block.text),
            read_options=pajson.ReadOptions(use_threads=False, block_size=len(block.text) + 1),
            parse_options=pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowException:
        return None
    return table if table.num_rows == block.count else None


def records(
    opened: Opened, wanted: Wanted, counts: Counts, whole: Callable[[pa.Table], bool] = lambda _: True
) -> Iterator[tuple[pa.Table, npt.NDArray[np.int64]]]:
    """Columns of a whole file, one record a line, in a list, or spread over lines, and the line that each record begins in.

    Args:
        opened: The file.
        wanted: The fields that are wanted.
        counts: What is dropped.
        whole: As of `read`.

    Raises:
        DataError: As `values`.
    """
    if one_a_line(opened.head):
        for block in opened.blocks():
            yield read(block, wanted, counts, whole, last=True)
        return
    fields = wanted(None, None)
    waiting: list[Any] = []
    numbers: list[int] = []
    for line, record in values(opened.chunks(), opened.uri, counts):
        if not isinstance(record, dict):
            counts.drop(NOT_JSON)
            continue
        waiting.append(record)
        numbers.append(line)
        if len(waiting) >= _TOGETHER:
            yield _listed(waiting, numbers, fields, counts)
            waiting, numbers = [], []
    if waiting:
        yield _listed(waiting, numbers, fields, counts)


def one_a_line(head: bytes) -> bool:
    """Whether a text that begins so has an object on each line, rather than a list or objects over several lines."""
    lines = [line.strip() for line in head.removeprefix(_MARK).lstrip().split(b"\n", 8)[:8] if line.strip()]
    if not lines or not lines[0].startswith(b"{"):
        return False
    return lines[0].endswith(b"}") or len(lines) == 1 or lines[1].startswith(b"{")


def _listed(
    records: list[Any], numbers: list[int], schema: pa.Schema, counts: Counts
) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    table, right = columns(records, schema, counts)
    return table, np.array(numbers, dtype=np.int64)[right]


def values(chunks: Iterable[bytes], uri: str, counts: Counts) -> Iterator[tuple[int, Any]]:
    """The JSON values of a text, one after another with the line each begins in; those in a list, or in an object's
    list of `records`, each by itself.

    For documents that are not one a line. Memory is that of the largest value.

    Raises:
        DataError: It is not JSON, or one value is over 32 MiB, or of millions of parts.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    scanner = json.JSONDecoder()
    text, place, line, listed, wrapped, due = "", 0, 1, False, False, 0
    ended = False
    source = iter(chunks)
    while True:
        found = _NEXT[listed].match(text, place)
        begin = found.end() if found else place
        line += text.count("\n", place, begin)
        place = begin
        if text.startswith("]" if listed else "[", place):
            place, listed = place + 1, not listed
            continue
        if not listed and wrapped and text.startswith("}", place):
            place, wrapped = place + 1, False
            continue
        if not listed and (wrapper := _WRAPPER.match(text, place)):
            line += text.count("\n", place, wrapper.end())
            place, listed, wrapped = wrapper.end(), True, True
            continue
        if place < len(text) and text[place] not in '{["':
            # A sentence among the values, such as nfdump's "No matching flows".
            skipped = text.find("\n", place)
            if skipped >= 0 or ended:
                counts.drop(NOT_JSON)
                place = len(text) if skipped < 0 else skipped
                continue
        elif place < len(text) and (ended or len(text) - place >= due):
            if len(text) - place > _UNCOUNTED:
                _refuse_many_parts(text, place, f"{uri}, line {line}")
            try:
                value, end = scanner.raw_decode(text, place)
            except RecursionError:
                raise DataError(f"{uri}, line {line}: JSON nested too deep to be a record of traffic") from None
            except json.JSONDecodeError as error:
                if ended and not _cut_off(error, text):
                    raise DataError(f"{uri}, line {line + error.lineno - 1}: not JSON: {error.msg}") from None
                # Half a value is looked at again when there is twice as much of it.
                due = 2 * (len(text) - place)
            else:
                yield line, value
                line += text.count("\n", place, end)
                place, due = end, 0
                continue
        if ended:
            counts.drop(UNFINISHED, int(place < len(text)))
            return
        if len(text) - place > LARGEST_VALUE:
            raise DataError(f"{uri}, line {line}: one JSON value is over {LARGEST_VALUE >> 20} MiB; is it traffic?")
        more = next(source, b"")
        ended = not more
        text, place = text[place:] + decoder.decode(more, ended), 0


def _refuse_many_parts(text: str, place: int, where: str) -> None:
    """Decoded, an empty object takes twenty times what it takes as text."""
    parts = text.count("{", place) + text.count("[", place) + text.count('"', place) // 2
    if parts > _MOST_PARTS:
        raise DataError(f"{where}: one JSON value of {parts:,} objects, lists and texts; is it traffic?")


_NEXT = {False: re.compile(r"[\s\x1e]*"), True: re.compile(r"[\s\x1e,]*")}


def _cut_off(error: json.JSONDecodeError, text: str) -> bool:
    """Whether the text ends before the value does, and is right so far."""
    return error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated string")


def columns(records: Sequence[Any], schema: pa.Schema, counts: Counts) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """Decoded objects as the columns of a schema, and which of them could be read."""
    made: dict[str, Any] = {}
    wrong = np.zeros(len(records), dtype=bool)
    for item in schema:
        values = [record.get(item.name) if isinstance(record, dict) else None for record in records]
        made[item.name], bad = _column(values, item.type)
        if (found := bad & ~wrong).any():
            counts.drop(f"{item.name} that is no {_word(item.type)}", int(found.sum()))
        wrong |= bad
    table = pa.table(made, schema=schema)
    return (table.filter(pa.array(~wrong)) if wrong.any() else table), ~wrong


def _careful(block: Lines, schema: pa.Schema, counts: Counts, *, last: bool) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    decoder = msgspec.json.Decoder()
    records, numbers = [], []
    texts = block.text.split(b"\n")
    for number, text in enumerate(texts, block.first):
        if not text.strip():
            continue
        try:
            record = decoder.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
            record = None
        if not isinstance(record, dict):
            unfinished = last and number == block.first + len(texts) - 1 and text.lstrip().startswith(b"{")
            counts.drop(UNFINISHED if unfinished else NOT_JSON)
            continue
        records.append(record)
        numbers.append(number)
    table, right = columns(records, schema, counts)
    return table, np.array(numbers, dtype=np.int64)[right]


def _column(values: Sequence[Any], kind: pa.DataType) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    bad = np.zeros(len(values), dtype=bool)
    if pa.types.is_struct(kind):
        parts = []
        for item in kind:
            inside = [value.get(item.name) if isinstance(value, dict) else None for value in values]
            part, wrong = _column(inside, item.type)
            parts.append(part)
            bad |= wrong
        absent = pa.array([not isinstance(value, dict) for value in values], type=pa.bool_())
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=absent), bad
    if pa.types.is_list(kind):
        # One alone may stand without its brackets, as Suricata before version 5 wrote VLAN tags.
        lists = [value if isinstance(value, list) or value is None else [value] for value in values]
        lengths = [0 if value is None else len(value) for value in lists]
        inside, wrong = _column(list(chain.from_iterable(value or () for value in lists)), kind.value_type)
        ends = np.cumsum([0, *lengths], dtype=np.int32)
        owners = np.repeat(np.arange(len(values)), lengths)
        bad[owners[wrong]] = True
        return pa.ListArray.from_arrays(
            pa.array(ends), inside, mask=pa.array([value is None for value in lists], type=pa.bool_())
        ), bad
    texts = pa.array([_text(value) for value in values], type=pa.string())
    return cast(texts, kind)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        # Zeek's sets, as some exports write them.
        return ",".join(value).encode("utf-8", "replace").decode()
    if isinstance(value, dict | list):
        return json.dumps(value)
    text = value if isinstance(value, str) else repr(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _word(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_word(kind.value_type)}s"
    return "object" if pa.types.is_nested(kind) else word_for(kind)
