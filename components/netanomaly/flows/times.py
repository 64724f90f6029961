"""Points in time as traffic records write them, to seconds since 1970 (UTC).

Read are numbers (seconds, milli-, micro- or nanoseconds since 1970, Windows file times), Arrow timestamps, and texts in
the notations of `netanomaly.flows.time_notations`; a date and a time of day may stand in two columns. What lies outside 1990 to
2100 is a clock that was not set: it counts as missing, and is counted.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError
from netanomaly.flows import time_notations, values
from netanomaly.flows.apart import Apart
from netanomaly.flows.time_notations import DateOrder

Seconds = npt.NDArray[np.float64]

# 1990 and 2100 in seconds since 1970.
FIRST, LAST = 631_152_000, 4_102_444_800
UNITS = (1.0, 1e3, 1e6, 1e9)
# Windows counts from 1601, in tenths of a microsecond.
_FILETIME, _FILETIME_ZERO = 1e7, 11_644_473_600.0

_ZONE = r"[0-9](?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})$"
_KINDS = (pa.timestamp("ns"), pa.timestamp("ns", "UTC"))
_HOW = "write seconds since 1970, or ISO 8601 such as 2024-05-01T12:00:00Z"
_DIGITS = re.compile("[0-9]{12,17}|[0-9]{8}")
_FEW = 10
# From noon a 12-hour clock falls from 12:59 to 1:00.
_HALF_DAY, _SLACK = 43_200, 7_200


def unit_of(low: float, high: float) -> float | None:
    """How many units a second has, where all numbers from low to high lie between 1990 and 2100; else None."""
    return next((unit for unit in UNITS if FIRST * unit <= low and high <= LAST * unit), None)


def is_file_time(low: float, high: float) -> bool:
    """Whether all numbers from low to high are Windows file times between 1990 and 2100."""
    return low / _FILETIME - _FILETIME_ZERO >= FIRST and high / _FILETIME - _FILETIME_ZERO <= LAST


def as_texts(column: Any) -> pa.Array:
    """A column of any plain type as trimmed texts, null where missing."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(texts, pa.array(values.MISSING)), pa.scalar(None, pa.string()), texts)


def joined(dates: Any, of_day: Any) -> pa.Array:
    """A column of dates and one of times of day as one of points in time."""
    return pc.binary_join_element_wise(as_texts(dates), as_texts(of_day), " ")


class Clock:
    """Reads one column of times, batch after batch, and keeps what a report says of it."""

    def __init__(self, column: str, of_day: str | None = None, order: DateOrder | None = None) -> None:
        """
        Args:
            column: Its name.
            of_day: The column of times of day that goes with it, where it holds dates.
            order: The dates of the whole source, which tell whether days come first; None: those of the first batch do.
        """
        self.column = column
        self.of_day = of_day
        self.rows = self.missing = self.outside = 0
        self.first, self.last = np.inf, -np.inf
        self.zones: set[str] = set()
        self._unit: float | None = None
        self._zero = 0.0
        self._as_text: bool | None = None
        self._bare = ""
        self._order = order
        self._previous = np.nan
        self._later = self._earlier = self._half_days_back = 0
        self._hours: tuple[int, int] = (99, -1)
        self._apart = Apart()

    def seconds(self, column: Any, where: str, row: int) -> Seconds:
        """Seconds since 1970, NaN where missing or outside 1990 to 2100.

        Args:
            column: An Arrow array of numbers, texts or timestamps.
            where: The file, for messages.
            row: Number of the first record among those of the file, from 1.

        Raises:
            DataError: A value that is no point in time, or times with a zone among times without.
        """
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_timestamp(column.type):
            found = self._stamps(column)
        elif pa.types.is_date(column.type):
            found = self._stamps(column.cast(pa.timestamp("ms")))
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            found = self._texts(as_texts(column), where, row)
        elif self._compact(column):
            found = self._texts(as_texts(column.cast(pa.float64()).cast(pa.int64())), where, row)
        else:
            found = self._numbers(column.cast(pa.float64()))
        outside = ~np.isnan(found) & ~_within(found)
        if self.first > self.last and 2 * int(outside.sum()) > np.count_nonzero(~np.isnan(found)):
            # Not one clock that was not set: another quantity.
            odd = int(np.flatnonzero(outside)[0])
            self._say_no(_shown(column[odd]), where, row + odd)
        self.outside += int(outside.sum())
        found = np.where(outside, np.nan, found)
        self._apart.add(found, lambda place: f"{where}, record {row + place}")
        self._note(found)
        return found

    def report(self) -> dict[str, Any]:
        """First and last in seconds since 1970, rows with and without a time, share of steps that go back, zones named."""
        steps = self._later + self._earlier
        known = self.first <= self.last
        return {
            "column": self.column,
            "of_day": self.of_day,
            "first": self.first if known else None,
            "last": self.last if known else None,
            "rows": self.rows - self.missing,
            "missing": self.missing,
            "outside": self.outside,
            "apart": self._apart.report(),
            "backwards": self._earlier / steps if steps else 0.0,
            "zones": sorted(self.zones),
            "order": self._order_in_words(),
            "order_assumed": self._order is not None and self._order.is_met and self._order.day_first is None,
            "twelve_hours": bool(self._half_days_back) and self._hours[0] >= 1 and self._hours[1] == 12,
        }

    def _order_in_words(self) -> str | None:
        if self._order is None or not self._order.is_met:
            return None
        return "month first" if self._order.day_first is False else "day first"

    def _compact(self, column: pa.Array) -> bool:
        """Whether numbers are dates written without marks, such as 20240501120000."""
        if self._as_text is None:
            present = column.drop_null()[:1].cast(pa.string())
            self._as_text = bool(len(present)) and _is_compact(present[0].as_py().removesuffix(".0"))
        return self._as_text

    def _texts(self, column: pa.Array, where: str, row: int) -> Seconds:
        if self._as_text is None and column.null_count < len(column):
            text = column.drop_null()[0].as_py()
            self._as_text = values.number(text) is None or _is_compact(text)
        if not self._as_text:
            try:
                return self._numbers(column.cast(pa.float64()))
            except pa.ArrowInvalid:
                self._refuse(column, lambda text: values.number(text) is None, where, row)
        return self._written(column, where, row)

    def _written(self, column: pa.Array, where: str, row: int) -> Seconds:
        zoned = pc.match_substring_regex(column, _ZONE)
        every = pc.all(zoned).as_py()
        if every or not pc.any(zoned).as_py():
            try:
                found = self._stamps(column.cast(_KINDS[bool(every)]), noted=True)
            except pa.ArrowInvalid:
                pass
            else:
                # ISO 8601 throughout, which Arrow reads fastest.
                zones = pc.unique(pc.extract_regex(column, _ZONE).field("zone")).to_pylist() if every else []
                self._zoned({"Z" if zone in ("z", "Z") else zone for zone in zones if zone}, column, not every, where)
                if not every:
                    self._note_hours(found[~np.isnan(found)] % 86_400 // 3600)
                return found
        if self._order is None:
            self._order = DateOrder()
            self._order.add(column)
        read = time_notations.read(column, self._order.day_first is not False)
        present = np.asarray(column.is_valid())
        wrong = np.flatnonzero(present & ~read.read)
        if len(wrong):
            self._say_no(repr(column[int(wrong[0])].as_py()[:40]), where, row + int(wrong[0]))
        self._zoned(read.zones, column.filter(pa.array(read.bare)), bool(read.bare.any()), where)
        self._note_hours(read.hours[read.hours >= 0])
        return np.where(present, read.ns.astype(np.float64) / 1e9, np.nan)

    def _note_hours(self, hours: npt.NDArray[Any]) -> None:
        """Of times without AM or PM, as they are written."""
        if len(hours):
            self._hours = min(self._hours[0], int(hours.min())), max(self._hours[1], int(hours.max()))

    def _zoned(self, zones: set[str], column: pa.Array, bare: bool, where: str) -> None:
        self.zones |= zones
        if bare and not self._bare:
            without = column.drop_null()
            self._bare = without[0].as_py() if len(without) else ""
        if self._bare and self.zones:
            raise DataError(
                f"{where}: time column {self.column!r} has zones mixed: some times name one ({sorted(self.zones)[0]}) and "
                f"{self._bare!r} names none; write all of them with their zone"
            )

    def _stamps(self, column: pa.Array, *, noted: bool = False) -> Seconds:
        if not noted and column.type.tz:
            self.zones.add(column.type.tz)
        units = 1e9
        try:
            found = column.cast(pa.timestamp("ns", column.type.tz))
        except pa.ArrowInvalid:
            # One of them lies centuries away, which nanoseconds cannot count.
            found, units = column, {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[column.type.unit]
        found = found.cast(pa.int64()).cast(pa.float64(), safe=False)
        return np.array(pc.divide(found, units).to_numpy(zero_copy_only=False), dtype=np.float64)

    def _numbers(self, column: pa.Array) -> Seconds:
        found = np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)
        present = found[~np.isnan(found)]
        if not len(present):
            return found
        if self._unit is None:
            self._unit, self._zero = _scale(present)
        return found / self._unit - self._zero

    def _refuse(self, column: pa.Array, wrong: Callable[[str], bool], where: str, row: int) -> None:
        for offset, text in enumerate(column.to_pylist()):
            if text is not None and wrong(text):
                self._say_no(repr(text[:40]), where, row + offset)

    def _say_no(self, value: str, where: str, row: int) -> None:
        other = ""
        if self._order is not None and self._order.is_mixed:
            other = "; its dates have days first in some records and months first in others"
        raise DataError(
            f"{where}, record {row}: time column {self.column!r} holds {value}, which is no point in time{other}; {_HOW}, or "
            "name another column in time_column"
        )

    def _note(self, found: Seconds) -> None:
        present = found[~np.isnan(found)]
        self.rows += len(found)
        self.missing += len(found) - len(present)
        if not len(present):
            return
        steps = np.diff(present, prepend=self._previous)
        self._later += int((steps > 0).sum())
        self._earlier += int((steps < 0).sum())
        self._half_days_back += int(((steps < -_HALF_DAY + _SLACK) & (steps > -_HALF_DAY - _SLACK)).sum())
        self._previous = present[-1]
        self.first, self.last = min(self.first, float(present.min())), max(self.last, float(present.max()))


def are_times(column: Any) -> bool:
    """Whether a column holds points in time: most of its values are one, between 1990 and 2100.

    What further down is no time, or lacks the zone that others have, is a mistake in the data and not another column.
    """
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
        return False
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return bool(column.null_count < len(column))
    if pa.types.is_time(column.type):
        return False
    try:
        return _mostly_times(as_texts(column))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False


def _mostly_times(texts: pa.Array) -> bool:
    present = texts.drop_null()
    if not len(present):
        return False
    try:
        numbers = np.asarray(present.cast(pa.float64()))
    except pa.ArrowInvalid:
        return _mostly_written(present)
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return False
    unit, zero = _scale(known)
    if 2 * np.count_nonzero(_within(known / unit - zero)) >= len(present):
        return True
    return bool(_DIGITS.fullmatch(present[0].as_py())) and _mostly_written(present)


def _mostly_written(present: pa.Array) -> bool:
    # A few of them rule nearly every column out.
    for some in (present[:: max(len(present) // _FEW, 1)], present):
        found = np.zeros(len(some), bool)
        for day_first in (True, False):
            written = time_notations.read(some, day_first)
            found |= written.read & _within(written.ns / 1e9)
        if 2 * np.count_nonzero(found) < len(some) and (len(some) == len(present) or not found.any()):
            return False
    return True


def _shown(value: pa.Scalar) -> str:
    # As text: Python's own dates end with the year 9999.
    found = value.cast(pa.string()).as_py() if pa.types.is_temporal(value.type) else value.as_py()
    return f"{found:g}" if isinstance(found, int | float) else repr(str(found)[:40])


def _within(seconds: Seconds) -> npt.NDArray[np.bool_]:
    return (seconds >= FIRST) & (seconds <= LAST)


def _scale(present: Seconds) -> tuple[float, float]:
    """What to divide by and then to take away, so that the middle one of these numbers is seconds since 1970."""
    middle = float(np.sort(present)[len(present) // 2])
    unit = unit_of(middle, middle)
    if unit is None and is_file_time(middle, middle):
        return _FILETIME, _FILETIME_ZERO
    return unit or 1.0, 0.0


def _is_compact(text: str) -> bool:
    """Whether digits are a date written without marks, such as 20240501120000, and no count of seconds since 1970."""
    if not _DIGITS.fullmatch(text):
        return False
    number = float(text)
    return unit_of(number, number) is None and bool(time_notations.read(pa.array([text]), day_first=True).read[0])
