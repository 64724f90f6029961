"""Written points in time, in the notations that people export, to nanoseconds since 1970.

| notation | such as |
| --- | --- |
| year first | 2017-11-06T12:01:02.5Z, 2017/11/06 12:01:02 PM, 2017-11-06 12:01:02.5 UTC, 2017-11-06 |
| year last | 06/11/2017 12:01, 11/6/17 12:01:02 PM, 6.11.2017 12:01:02,5 |
| month in letters | 06/Nov/2017:12:01:02 +0000, Mon, 06 Nov 2017 12:01:02 GMT, Nov 6, 2017 @ 12:01:02.123 |
| ctime | Mon Nov  6 12:01:02 2017, Mon Nov  6 12:01:02 CET 2017 |
| compact | 20171106120102, 20171106T120102Z, 20171106 12:01:02, 20171106 |

Years of two digits are 1970 to 2069. Whether days or months come first in a year-last date is `DateOrder`'s to tell.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,:](?P<fraction>[0-9]{1,9})[0-9]*)?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
# Abbreviations that mean one offset; IST, say, means three.
_NAMED_ZONES = {
    "UTC": 0, "GMT": 0, "WET": 0, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9,
    "EST": -5, "EDT": -4, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8,
}  # fmt: skip
_ZONE = rf"(?: ?(?P<zone>[Zz]|{'|'.join(_NAMED_ZONES)}|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)(?:\[[A-Za-z_/+-]+\])?)?"
_BETWEEN = r"(?: *[T_@,:] *| +)"
_TIME = rf"(?:{_BETWEEN}{_CLOCK}{_ZONE})?"
_WEEKDAY = r"(?:[A-Za-z]{3,9},? +)?"
_MONTH = r"(?P<month>[A-Za-z]{3,9})\.?"
_SHORT_OR_LONG = r"(?P<year>[0-9]{4}|[0-9]{2})"

YEAR_LAST = "year last"
_PATTERNS = {
    "year first": rf"^(?P<year>[0-9]{{4}})[-/.](?P<month>[0-9]{{1,2}}|[A-Za-z]{{3,9}})[-/.](?P<day>[0-9]{{1,2}}){_TIME}$",
    YEAR_LAST: rf"^(?P<one>[0-9]{{1,2}})[-/.](?P<two>[0-9]{{1,2}})[-/.]{_SHORT_OR_LONG}{_TIME}$",
    "day, month in letters": rf"^\[?{_WEEKDAY}(?P<day>[0-9]{{1,2}})[-/ .]+{_MONTH}[-/ .,]+{_SHORT_OR_LONG}{_TIME}\]?$",
    "month in letters, day": rf"^{_WEEKDAY}{_MONTH} +(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?,? +(?P<year>[0-9]{{4}}){_TIME}$",
    "ctime": rf"^{_WEEKDAY}{_MONTH} +(?P<day>[0-9]{{1,2}}) +{_CLOCK}{_ZONE} +(?P<year>[0-9]{{4}})$",
    "compact": (
        r"^(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?:[T _-]?(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})"
        rf"(?:(?P<second>[0-9]{{2}})(?:[.,]?(?P<fraction>[0-9]{{1,9}}))?)?{_ZONE})?$"
    ),
    "compact date": rf"^(?P<year>[0-9]{{4}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}}) +{_CLOCK}{_ZONE}$",
}
# A date and a clock, in whatever notation: the year may be wanting, the clock be written with dots.
_DATE_LIKE = (
    r"(?:[0-9]{1,4}[-/. ](?:[0-9]{1,2}|[a-z]{3,9})[-/. ,]+[0-9]{1,4}|[0-9]{4}-[0-9]{3}"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? +[0-9]{1,2})"
)
_CLOCK_LIKE = r"[0-9]{1,2}[:.][0-9]{2}(?:[:.][0-9]{2})?(?:[^0-9].{0,30})?"
_LIKE = rf"(?i)^\W?(?:[a-z]{{3,9}},? +)?{_DATE_LIKE}[ ,@:t_]+{_CLOCK_LIKE}$"
_DIGITS = r"[0-9].*[0-9].*[0-9].*[0-9]"
_OF_DAY = rf"^{_CLOCK}{_ZONE}$"
_DATE_ONLY = r"^[^:]*$"

_MONTHS = pa.array(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_DAY_NS = 86_400 * 10**9


@dataclass
class DateOrder:
    """Whether days or months come first in dates such as 05/06/2024, told by all of them together.

    A number over 12 tells. Where there is none, the order tells under which the days lie closer together: traffic is of
    days in a row, and under the wrong order those are months apart. Adding in any order gives the same.
    """

    dates: set[tuple[int, int, int]] = field(default_factory=set)
    """Year, first and second number."""

    # Of the days spanned under one order and under the other; a fortnight taken wrongly spans a year.
    _CLEARLY = 3

    def add(self, column: pa.Array) -> None:
        """Take note of more texts; those that are no such dates do not matter."""
        parts = pc.extract_regex(column, pattern=_PATTERNS[YEAR_LAST])
        if parts.null_count < len(parts):
            self.note(*(_whole(parts.drop_null(), name) for name in ("year", "one", "two")))

    def note(self, years: Ints, ones: Ints, twos: Ints) -> None:
        found = np.unique((_full(years) * 100 + ones) * 100 + twos)
        self.dates |= {(int(each) // 10_000, int(each) // 100 % 100, int(each) % 100) for each in found}

    @property
    def is_met(self) -> bool:
        """Whether there was any such date."""
        return bool(self.dates)

    @property
    def by_number(self) -> bool | None:
        """Whether days come first, as a number over 12 tells; None where none does, or both orders are met."""
        days_first, months_first = self._told()
        return None if days_first == months_first else days_first

    @property
    def by_span(self) -> bool | None:
        """Whether days come first, as the days spanned tell; None where they do not."""
        spans = []
        for day, month in ((1, 2), (2, 1)):
            days = [
                int(_civil_days(np.array([date[0]]), np.array([date[month]]), np.array([date[day]]))[0])
                for date in self.dates
            ]
            spans.append(max(days, default=0) - min(days, default=0))
        if max(spans) >= self._CLEARLY * max(min(spans), 1):
            return spans[0] < spans[1]
        return None

    @property
    def day_first(self) -> bool | None:
        """The order, by whatever tells it; None where nothing does."""
        told = self.by_number
        return self.by_span if told is None and not self.is_mixed else told

    @property
    def is_mixed(self) -> bool:
        """Whether some dates can only have days first, and others only months."""
        return all(self._told())

    def _told(self) -> tuple[bool, bool]:
        """Whether a date can only have days first, and whether one can only have months."""
        return (
            any(one > 12 >= two for _, one, two in self.dates),
            any(two > 12 >= one for _, one, two in self.dates),
        )


@dataclass
class Written:
    """What texts write.

    Attributes:
        ns: Nanoseconds since 1970 in UTC; of texts without a zone, as if that were UTC.
        read: Which texts are points in time; the others' `ns` mean nothing.
        bare: Which of those name no zone.
        zones: Those named.
        hours: The hours written, -1 for texts without AM, PM or an hour.
    """

    ns: Ints
    read: Mask
    bare: Mask
    zones: set[str]
    hours: Ints


def read(column: pa.Array, day_first: bool) -> Written:
    """The points in time that texts write; each text on its own, null where there is none.

    Args:
        column: Trimmed texts.
        day_first: What comes first in dates whose year comes last.
    """
    rows = len(column)
    found = Written(np.zeros(rows, np.int64), np.zeros(rows, bool), np.zeros(rows, bool), set(), np.full(rows, -1))
    # No notation does without four digits, and most words have none.
    left = np.asarray(pc.fill_null(pc.match_substring_regex(column, _DIGITS), False))
    for name, pattern in _PATTERNS.items():
        places = np.flatnonzero(left)
        if not len(places):
            break
        parts = pc.extract_regex(column.take(pa.array(places)), pattern=pattern)
        fits = np.asarray(parts.is_valid())
        if fits.any():
            _fill(found, places[fits], parts.filter(pa.array(fits)), name, day_first)
            left[places[fits]] = False
    return found


def are_like_times(column: pa.Array) -> bool:
    """Whether every text seems to be a date with a time of day, be the notation known or not."""
    return _all_match(column, _LIKE)


def are_of_day(column: pa.Array) -> bool:
    """Whether every text is a time of day without a date."""
    return _all_match(column, _OF_DAY)


def are_dates(column: pa.Array) -> bool:
    """Whether every text is a date without a time of day."""
    return _all_match(column, _DATE_ONLY) and bool(read(column.drop_null(), day_first=True).read.any())


def _all_match(column: pa.Array, pattern: str) -> bool:
    present = column.drop_null()
    return bool(len(present)) and bool(pc.all(pc.match_substring_regex(present, pattern)).as_py())


def _fill(found: Written, places: npt.NDArray[np.intp], parts: pa.StructArray, name: str, day_first: bool) -> None:
    if name == YEAR_LAST:
        first, second = _whole(parts, "one"), _whole(parts, "two")
        day, month = (first, second) if day_first else (second, first)
    else:
        day, month = _whole(parts, "day"), _month(parts)
    year = _full(_whole(parts, "year"))
    hour, minute, second = (_whole(parts, part) for part in ("hour", "minute", "second"))
    half = _texts(parts, "half")
    halved = np.asarray(pc.not_equal(half, ""))
    afternoon = np.asarray(pc.equal(pc.utf8_lower(half), "p"))
    in_clock = np.where(halved, (hour % 12) + 12 * afternoon, hour)
    fraction = pc.utf8_rpad(_texts(parts, "fraction"), 9, "0")
    ns = np.asarray(pc.cast(pc.utf8_slice_codeunits(fraction, 0, 9), pa.int64()))
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second <= 60)
    valid &= ~halved | ((hour >= 1) & (hour <= 12))
    month_in_range = np.clip(month, 1, 12)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    valid &= (day <= _DAYS[month_in_range - 1]) & ~((month == 2) & (day == 29) & ~leap)
    # Beyond these years, nanoseconds do not fit into 64 bits.
    valid &= (year >= 1700) & (year <= 2200)
    days = _civil_days(np.clip(year, 1700, 2200), month_in_range, np.clip(day, 1, 31))
    zone = _texts(parts, "zone")
    offset, names = _offsets(zone)
    found.ns[places] = days * _DAY_NS + ((in_clock * 60 + minute - offset) * 60 + second) * 10**9 + ns
    found.read[places] = valid
    found.bare[places] = valid & np.asarray(pc.equal(zone, ""))
    found.zones |= names
    has_hour = np.asarray(pc.not_equal(_texts(parts, "hour"), ""))
    found.hours[places] = np.where(halved | ~has_hour, -1, hour)


def _texts(parts: pa.StructArray, name: str) -> pa.Array:
    """One part of every text; empty where it has none."""
    if parts.type.get_field_index(name) < 0:
        return pa.array([""] * len(parts), type=pa.string())
    return parts.field(name).cast(pa.string()).fill_null("")


def _whole(parts: pa.StructArray, name: str) -> Ints:
    texts = _texts(parts, name)
    return np.asarray(pc.cast(pc.if_else(pc.equal(texts, ""), "0", texts), pa.int64()))


def _month(parts: pa.StructArray) -> Ints:
    texts = pc.utf8_lower(_texts(parts, "month"))
    in_digits = pc.match_substring_regex(texts, "^[0-9]+$")
    digits = np.asarray(pc.cast(pc.if_else(in_digits, texts, "0"), pa.int64()))
    named = pc.index_in(pc.utf8_slice_codeunits(texts, 0, 3), value_set=_MONTHS).fill_null(-1)
    return np.where(np.asarray(in_digits), digits, np.asarray(named).astype(np.int64) + 1)


def _full(years: Any) -> Any:
    return np.where(years < 100, years + np.where(years < 70, 2000, 1900), years)


def _offsets(zones: pa.Array) -> tuple[Ints, set[str]]:
    """Minutes east of UTC of every text, and the zones named, as they are written."""
    encoded = zones.dictionary_encode()
    written = encoded.dictionary.to_pylist()
    minutes = []
    for zone in written:
        if zone in ("", "Z", "z"):
            minutes.append(0)
        elif zone in _NAMED_ZONES:
            minutes.append(60 * _NAMED_ZONES[zone])
        else:
            digits = zone[1:].replace(":", "").ljust(4, "0")
            minutes.append((int(digits[:2]) * 60 + int(digits[2:])) * (-1 if zone[0] == "-" else 1))
    table = np.array(minutes, dtype=np.int64)
    names = {"Z" if zone in ("z", "Z", "UTC", "GMT") else zone for zone in written if zone}
    return (table[np.asarray(encoded.indices)] if len(table) else np.zeros(len(zones), np.int64)), names


def _civil_days(year: Ints, month: Ints, day: Ints) -> Ints:
    """Days since 1970-01-01 (Howard Hinnant, 'chrono-compatible low-level date algorithms', days_from_civil)."""
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    days: Ints = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return days
