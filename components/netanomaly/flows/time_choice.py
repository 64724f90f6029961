"""Which column of a source holds the times of its records, by names and by values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from netanomaly.flows import time_names, time_notations, times
from netanomaly.flows.column_names import words
from netanomaly.flows.columns import is_text

# Of the values at hand so many are looked at, spread evenly.
_LOOKED_AT = 400
# Numbers under any name are points in time where they never lie further apart or later than this: 192.168.0.0 as a number
# would be a moment of 2072.
_YEARS_APART, _LATEST = 20 * 31_557_600.0, 2_208_988_800.0
_RISING = 0.9


@dataclass(frozen=True)
class TimeColumn:
    """A column of points in time; or one of dates, and `of_day` the one of times of day that goes with it."""

    name: str
    of_day: str | None = None


def choose(table: pa.Table, names: Sequence[str]) -> TimeColumn | None:
    """The column of times among some of a source's columns, as their first rows have them.

    One that is called so comes first, in the order of `time_names`; then one whose values are points in time, starts
    before ends; then a date and a time of day in two columns. None where there is nothing of the kind.
    """
    looked_at = {name: _spread(table.column(name)) for name in names}
    named = sorted(
        (name for name in names if time_names.rank(name) is not None), key=lambda name: time_names.rank(name) or 0
    )
    dates: list[str] = []
    of_day: list[str] = []
    full: list[str] = []
    other: list[str] = []
    empty: list[str] = []
    for name in (*named, *(name for name in names if name not in named)):
        column = looked_at[name]
        if not len(column):
            # What comes further down tells what it is; nothing else is called so.
            empty += [name] if name in named else []
        elif _is_of_day(column):
            of_day.append(name)
        elif not _holds_times(name, column):
            continue
        elif pa.types.is_date(column.type) or (not pa.types.is_timestamp(column.type) and _are_dates(column)):
            dates.append(name)
        elif name in named:
            return TimeColumn(name)
        else:
            (other if time_names.is_end(name) else full).append(name)
    if full:
        return TimeColumn(full[0])
    if dates and of_day:
        return TimeColumn(dates[0], _partner(dates[0], of_day))
    for found in (other, dates, empty):
        if found:
            return TimeColumn(found[0])
    return None


def with_date(name: str, table: pa.Table, others: Sequence[str]) -> TimeColumn:
    """The column that a configuration names; where it holds times of day, with the dates that stand in another."""
    if not _is_of_day(_spread(table.column(name))):
        return TimeColumn(name)
    for other in others:
        column = _spread(table.column(other))
        if other != name and times.are_times(column) and _are_dates(column):
            return TimeColumn(other, name)
    return TimeColumn(name)


def _is_of_day(column: pa.Array) -> bool:
    return pa.types.is_time(column.type) or (is_text(column.type) and time_notations.are_of_day(times.as_texts(column)))


def _holds_times(name: str, column: pa.Array) -> bool:
    if not times.are_times(column):
        return False
    if time_names.mentions_time(name) or pa.types.is_temporal(column.type):
        return True
    if is_text(column.type) and not _are_numbers(column):
        return True
    return rising_epochs(times.as_texts(column))


def rising_epochs(texts: pa.Array) -> bool:
    """Whether numbers are seconds (or parts of them) since 1970 by their values alone: close together, and rising."""
    try:
        numbers = np.asarray(texts.drop_null().cast(pa.float64()))
    except pa.ArrowInvalid:
        return False
    if len(numbers) < 2:
        return False
    steps = np.diff(numbers)
    moving = steps[steps != 0]
    rising = len(moving) > 0 and np.count_nonzero(moving > 0) >= _RISING * len(moving)
    return bool(rising and plausible_epochs(float(numbers.min()), float(numbers.max())))


def plausible_epochs(low: float, high: float) -> bool:
    """Whether numbers from low to high are points in time that one source of traffic could span."""
    unit = times.unit_of(low, high)
    return unit is not None and high <= _LATEST * unit and high - low <= _YEARS_APART * unit


def _are_dates(column: pa.Array) -> bool:
    texts = times.as_texts(column)
    return time_notations.are_dates(texts)


def _are_numbers(column: pa.Array) -> bool:
    try:
        times.as_texts(column).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _partner(date: str, of_day: Sequence[str]) -> str:
    """The column of times of day whose name shares most words with that of the dates; the first of them."""
    return max(of_day, key=lambda name: (len(words(name) & words(date)), -of_day.index(name)))


def _spread(column: pa.ChunkedArray) -> pa.Array:
    """Some of a column's values that are not missing, evenly spread over it; texts trimmed."""
    found = _some(column)
    if not len(found):
        # Rarely any: look through all of it.
        return _some(pa.chunked_array([_present(column)]))
    return found


def _some(column: pa.ChunkedArray) -> pa.Array:
    places = np.unique(np.linspace(0, max(len(column) - 1, 0), min(_LOOKED_AT, len(column))).astype(np.int64))
    return _present(column.take(pa.array(places)))


def _present(column: pa.ChunkedArray) -> pa.Array:
    if is_text(column.type):
        return times.as_texts(column).drop_null()
    chunks = column.drop_null().chunks
    return pa.concat_arrays(chunks) if chunks else pa.array([], type=column.type)
