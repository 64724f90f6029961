"""Points in time as traffic records write them, to seconds since 1970 (UTC).

Read are numbers (seconds, milli-, micro- or nanoseconds since 1970) and texts of ISO 8601: year first, `-` or `/`
between, `T` or a blank before the time of day, with or without a zone. Of 13/04/2024 12:30 the first number over 12 tells
whether days or months come first; where none is over 12, days are taken to, and the data gate says so.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.errors import DataError
from netanomaly.flows import values

Seconds = npt.NDArray[np.float64]

# 1990 and 2100 in seconds since 1970.
FIRST, LAST = 631_152_000, 4_102_444_800
UNITS = (1.0, 1e3, 1e6, 1e9)

_ZONE = r"[0-9](?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})$"
_YEAR_LAST = r"^(?P<one>[0-9]{1,2})[/.-](?P<two>[0-9]{1,2})[/.-](?P<year>[0-9]{4})[ T]+(?P<hour>[0-9]{1,2}):(?P<rest>[0-9]{2}.*)$"
_KINDS = (pa.timestamp("ns"), pa.timestamp("ns", "UTC"))
_HOW = "write seconds since 1970, or ISO 8601 such as 2024-05-01T12:00:00Z"


def unit_of(low: float, high: float) -> float | None:
    """How many units a second has, where all numbers from low to high lie between 1990 and 2100; else None."""
    return next((unit for unit in UNITS if FIRST * unit <= low and high <= LAST * unit), None)


class Clock:
    """Reads one column of times, batch after batch, and keeps what a report says of it."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.rows = self.missing = 0
        self.first, self.last = np.inf, -np.inf
        self.zones: set[str] = set()
        self._unit: float | None = None
        self._as_text: bool | None = None
        self._bare = ""
        self._day_first: bool | None = None
        self._order_told = True
        self._previous = np.nan
        self._later = self._earlier = 0

    def seconds(self, column: Any, where: str, row: int) -> Seconds:
        """Seconds since 1970, NaN where missing.

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
            try:
                found = self._stamps(column)
            except pa.ArrowInvalid:
                self._refuse_far(column, where, row)
                raise  # every single one can be counted in nanoseconds
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            found = self._texts(column.cast(pa.string()), where, row)
        else:
            found = self._numbers(column.cast(pa.float64()), where, row)
        self._note(found)
        return found

    def report(self) -> dict[str, Any]:
        """First and last in seconds since 1970, rows with and without a time, share of steps that go back, zones named."""
        steps = self._later + self._earlier
        known = self.first <= self.last
        return {
            "column": self.column,
            "first": self.first if known else None,
            "last": self.last if known else None,
            "rows": self.rows - self.missing,
            "missing": self.missing,
            "backwards": self._earlier / steps if steps else 0.0,
            "zones": sorted(self.zones),
            "order_assumed": not self._order_told,
        }

    def _texts(self, column: pa.Array, where: str, row: int) -> Seconds:
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.is_in(column, pa.array(values.MISSING)), pa.scalar(None, pa.string()), column)
        if self._as_text is None and column.null_count < len(column):
            self._as_text = values.number(column.drop_null()[0].as_py()) is None
        if not self._as_text:
            try:
                return self._numbers(column.cast(pa.float64()), where, row)
            except pa.ArrowInvalid:
                self._refuse(column, column, lambda text: values.number(text) is None, where, row)
        turned = self._year_first(pc.replace_substring_regex(column, r"^([0-9]{4})/([0-9]+)/", r"\1-\2-"))
        return self._written(turned, column, where, row)

    def _year_first(self, column: pa.Array) -> pa.Array:
        """Dates whose year comes last the other way round; other texts as they are."""
        parts = pc.extract_regex(column, _YEAR_LAST)
        if parts.null_count == len(parts):
            return column
        one, two, year, hour, rest = (parts.field(name) for name in ("one", "two", "year", "hour", "rest"))
        highest = [pc.max(pc.if_else(parts.is_valid(), each, None).cast(pa.int64())).as_py() for each in (one, two)]
        if self._day_first is None:
            self._day_first, self._order_told = highest[0] > 12 or highest[1] <= 12, False
        self._order_told |= max(highest) > 12
        day, month = (one, two) if self._day_first else (two, one)
        day, month, hour = (pc.utf8_lpad(each, 2, "0") for each in (day, month, hour))
        dates = pc.binary_join_element_wise(year, month, day, "-")
        turned = pc.binary_join_element_wise(dates, pc.binary_join_element_wise(hour, rest, ":"), " ")
        return pc.if_else(parts.is_valid(), turned, column)

    def _written(self, column: pa.Array, original: pa.Array, where: str, row: int) -> Seconds:
        zoned = pc.match_substring_regex(column, _ZONE)
        with_zone, without = column.filter(zoned), column.filter(pc.invert(zoned))
        without = without.drop_null()
        self._bare = self._bare or (without[0].as_py() if len(without) else "")
        self.zones |= {
            "Z" if zone in ("z", "Z") else zone
            for zone in pc.unique(pc.extract_regex(with_zone, _ZONE).field("zone")).to_pylist()
            if zone
        }
        if self._bare and self.zones:
            self._refuse(column, original, lambda text: not any(_castable(text, kind) for kind in _KINDS), where, row)
            raise DataError(
                f"{where}: time column {self.column!r} has zones mixed: some times name one ({sorted(self.zones)[0]}) and "
                f"{self._bare!r} names none; write all of them with their zone"
            )
        kind = _KINDS[bool(self.zones)]
        try:
            return self._stamps(column.cast(kind), noted=True)
        except pa.ArrowInvalid:
            self._refuse(column, original, lambda text: not _castable(text, kind), where, row)
            raise  # every single one can be read

    def _stamps(self, column: pa.Array, *, noted: bool = False) -> Seconds:
        if not noted and column.type.tz:
            self.zones.add(column.type.tz)
        found: Seconds = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()).cast(pa.float64(), safe=False)
        return np.array(pc.divide(found, 1e9).to_numpy(zero_copy_only=False), dtype=np.float64)

    def _numbers(self, column: pa.Array, where: str, row: int) -> Seconds:
        found = np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)
        present = found[~np.isnan(found)]
        if not len(present):
            return found
        if self._unit is None:
            self._unit = unit_of(float(present[0]), float(present[0])) or 1.0
        odd = np.flatnonzero((found < FIRST * self._unit) | (found > LAST * self._unit))
        if len(odd):
            self._say_no(f"{found[odd[0]]:g}", where, row + int(odd[0]))
        return found / self._unit

    def _refuse(self, column: pa.Array, original: pa.Array, wrong: Callable[[str], bool], where: str, row: int) -> None:
        for offset, text in enumerate(column.to_pylist()):
            if text is not None and wrong(text):
                self._say_no(repr(original[offset].as_py()[:40]), where, row + offset)

    def _refuse_far(self, column: pa.Array, where: str, row: int) -> None:
        """Raise DataError for the first timestamp that lies centuries away."""
        for offset in range(len(column)):
            try:
                column.slice(offset, 1).cast(pa.timestamp("ns", column.type.tz))
            except pa.ArrowInvalid:
                units = column.slice(offset, 1).cast(pa.int64())[0].as_py()
                self._say_no(f"{units} {column.type.unit} since 1970", where, row + offset)

    def _say_no(self, value: str, where: str, row: int) -> None:
        raise DataError(
            f"{where}, record {row}: time column {self.column!r} holds {value}, which is no point in time; {_HOW}, or name "
            "another column in time_column"
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
        self._previous = present[-1]
        self.first, self.last = min(self.first, float(present.min())), max(self.last, float(present.max()))


def are_times(column: Any) -> bool:
    """Whether a column that is called a time holds times: its first value is one, and not all are the same.

    What further down is no time, or lacks the zone that others have, is a mistake in the data and not another column.
    """
    distinct = column.unique()
    if len(distinct) < 2:
        return False
    for position in range(min(len(distinct), 3)):  # of which two may be a null and a spelling of it
        clock = Clock("")
        try:
            clock.seconds(distinct.slice(position, 1), "", 1)
        except (DataError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return False
        if np.isfinite(clock.first):
            return True
    return False


def _castable(text: str, kind: pa.DataType) -> bool:
    try:
        pa.array([text]).cast(kind)
    except pa.ArrowInvalid:
        return False
    return True
