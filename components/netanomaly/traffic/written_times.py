"""Points in time as sensors write them, to seconds since 1970 (UTC), to the microsecond."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.traffic.table import Counts

Seconds = npt.NDArray[np.float64]

_NUMBER = r"^\s*[0-9]+(\.[0-9]*)?\s*$"
_SIGNED = r"^\s*[+-]?[0-9]+(\.[0-9]*)?\s*$"
_ZONED = r"[0-9]\s*(Z|z|[+-][0-9]{2}:?[0-9]{2})$"
# From such a number on, so many units are a second. Ends of what is possible are `table.make`'s to know.
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_CLOCK = (
    r"^\s*(?:(?P<days>[0-9]+)d?\s+)?(?:(?P<hours>[0-9]+):)?(?P<minutes>[0-9]+):(?P<seconds>[0-9]+(?:\.[0-9]+)?)\s*$"
)


def seconds(column: Any) -> tuple[Seconds, int]:
    """Numbers (seconds, or milliseconds and finer by their size), or texts of them or of dates.

    Texts without a zone are taken to be UTC; how many of those there are is the second thing returned. NaN where a
    text is no time.
    """
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        return _stamps(column), 0
    if not pa.types.is_string(column.type):
        return _scaled(_doubles(column)), 0
    try:
        # All with a zone, as most are: no text has to be looked at twice.
        return _stamps(column.cast(pa.timestamp("us", "UTC"))), 0
    except pa.ArrowInvalid:
        pass
    column = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r"^([0-9]{4})/([0-9]+)/", r"\1-\2-")
    column = pc.replace_substring_regex(column, r"([0-9]) ?(UTC|GMT)$", r"\1Z")
    numbers = pc.fill_null(pc.match_substring_regex(column, _NUMBER), False)
    if pc.all(numbers).as_py():
        return _scaled(_doubles(column.cast(pa.float64()))), 0
    zoned = pc.fill_null(pc.match_substring_regex(column, _ZONED), False)
    found = np.full(len(column), np.nan)
    for which, kind in ((zoned, pa.timestamp("us", "UTC")), (pc.invert(pc.or_(zoned, numbers)), pa.timestamp("us"))):
        chosen = column.filter(which)
        if len(chosen):
            found[np.asarray(which)] = _stamps(_cast(chosen, kind))
    if pc.any(numbers).as_py():
        found[np.asarray(numbers)] = _scaled(_doubles(column.filter(numbers).cast(pa.float64())))
    bare = np.asarray(pc.invert(pc.or_(zoned, numbers))) & ~np.isnan(found)
    return found, int(bare.sum())


def starts(column: Any, counts: Counts) -> Seconds:
    """The same of the times at which records begin; those without a zone are counted as repaired."""
    found, bare = seconds(column)
    counts.repair("time without a zone, taken for UTC", bare)
    return found


def span(column: Any) -> tuple[Seconds, int]:
    """Lengths of time: seconds, or texts such as `00:01:02.345` and `1 00:00:00`.

    NaN where a text is neither; how many of those there are is the second thing returned. A clock that was set back writes
    negative ones, which stay so.
    """
    if not pa.types.is_string(column.type):
        return _doubles(column), 0
    column = pc.utf8_trim_whitespace(column)
    whole = pc.match_substring_regex(column, _SIGNED)
    if pc.all(pc.fill_null(whole, True)).as_py():
        return _doubles(column.cast(pa.float64())), 0
    parts = pc.extract_regex(column, _CLOCK)
    total = np.zeros(len(column))
    for name, unit in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0)):
        part = parts.field(name)
        total += _doubles(pc.if_else(pc.equal(part, ""), "0", part).cast(pa.float64())) * unit
    # Where nothing matched, Arrow's parts are empty texts, which are no zeros.
    total[np.asarray(parts.is_null())] = np.nan
    plain = np.asarray(pc.fill_null(whole, False))
    total[plain] = _doubles(column.filter(pa.array(plain)).cast(pa.float64()))
    unread = np.isnan(total) & np.asarray(pc.fill_null(pc.greater(pc.utf8_length(column), 0), False))
    return total, int(unread.sum())


def _scaled(found: Seconds) -> Seconds:
    """Each number in the unit by which it lies between March 1973 and the year 5138, which only one unit does for it.

    Those below are seconds: captures may count from their own beginning. A clock that is centuries ahead stays so, and is
    refused as such.
    """
    if not (found >= _UNITS[-1][0]).any():
        return found
    return np.select([found >= limit for limit, _ in _UNITS], [found / unit for _, unit in _UNITS], found)


def _stamps(column: pa.Array) -> Seconds:
    micros = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    return _doubles(micros.cast(pa.float64(), safe=False)) / 1e6


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return _cut(column).cast(kind)
    except pa.ArrowInvalid:
        return pa.concat_arrays([_cast_one(column, place, kind) for place in range(len(column))])


def _cast_one(column: pa.Array, place: int, kind: pa.DataType) -> pa.Array:
    try:
        return _cut(column.slice(place, 1)).cast(kind)
    except pa.ArrowInvalid:
        return pa.nulls(1, kind)


def _cut(column: pa.Array) -> pa.Array:
    """Texts with at most six digits after the point: Arrow refuses what a microsecond does not hold."""
    return pc.replace_substring_regex(column, r"(\.[0-9]{6})[0-9]+", r"\1")


def _doubles(column: pa.Array) -> Seconds:
    return np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
