"""Times as crontab has them, in five fields, and as the server takes them, in six.

The server parses with robfig/cron 1.2, seconds first; five fields it takes for six without the last. Its names, ranges,
steps and days are crontab's, but for Sunday, which is 0 alone. It knows no zone but its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from netanomaly.errors import InputError

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# The other number that crontab has for it.
_SUNDAY = 7
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MINUTES_OF_A_DAY = 24 * 60
# A 29th of February is eight years away at worst.
_DAYS_AHEAD = 8 * 366


@dataclass(frozen=True)
class Field:
    """One field: what it allows, and whether it has a star in it.

    A star decides how the two day fields go together: with one, a day must satisfy both, without, either.
    """

    values: frozenset[int]
    star: bool
    text: str


@dataclass(frozen=True)
class Cron:
    """Five fields of crontab."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    def __str__(self) -> str:
        """The five fields."""
        return " ".join(field.text for field in (self.minute, self.hour, self.day, self.month, self.weekday))

    @property
    def six_fields(self) -> str:
        """As the server takes it."""
        return f"0 {self}"

    def on(self, day: date) -> bool:
        """Whether it fires on a day."""
        if day.month not in self.month.values:
            return False
        days = day.day in self.day.values, day.isoweekday() % 7 in self.weekday.values
        return all(days) if self.day.star or self.weekday.star else any(days)

    def firings(self, zone: tzinfo, after: datetime) -> Iterator[datetime]:
        """The moments at which a clock of the zone shows one of the times, in UTC.

        What the clock leaves out in spring does not fire, what it shows twice in autumn fires twice.
        """
        first = after.astimezone(zone).date() - timedelta(days=1)
        for days in range(_DAYS_AHEAD):
            day = first + timedelta(days=days)
            if not self.on(day):
                continue
            shown = (time(hour, minute) for hour in self.hour.values for minute in self.minute.values)
            moments = {moment for clock in shown for moment in _moments(day, clock, zone)}
            yield from sorted(moment for moment in moments if moment > after)

    def shifted(self, minutes: int) -> "Cron | None":
        """The same moments by a clock that is so many minutes ahead; None where five fields cannot say it."""
        if minutes == 0:
            return self
        moved = {60 * hour + minute + minutes for hour in self.hour.values for minute in self.minute.values}
        across = {moment // _MINUTES_OF_A_DAY for moment in moved}
        every_day = _is_every(self)
        if every_day:
            moved = {moment % _MINUTES_OF_A_DAY for moment in moved}
        elif across != {0} and (len(across) > 1 or not _only_weekdays(self)):
            return None
        days = 0 if every_day else across.pop()
        clock = {moment - days * _MINUTES_OF_A_DAY for moment in moved}
        hours, of_hours = {moment // 60 for moment in clock}, {moment % 60 for moment in clock}
        if len(clock) != len(hours) * len(of_hours):
            return None
        weekday = self.weekday
        if days:
            weekday = _listed({(value + days) % 7 for value in weekday.values})
        hour = self.hour if hours == self.hour.values else _listed(hours)
        minute = self.minute if of_hours == self.minute.values else _listed(of_hours)
        return Cron(minute, hour, self.day, self.month, weekday)


def parse(text: str) -> Cron:
    """Five fields of crontab: minute, hour, day of the month, month, day of the week; or @daily and its like.

    Raises:
        InputError: It is none, or it never fires.
    """
    fields = _ALIASES.get(text.strip().lower(), text).split()
    if len(fields) == 6:
        raise InputError(f"cron {text!r} has six fields; leave out the seconds, the first one")
    if len(fields) != 5:
        raise InputError(
            f"cron {text!r} has {len(fields)} fields; write five: minute, hour, day of the month, month, day of the "
            "week, e.g. '0 3 * * *' for every night at three"
        )
    minute, hour, day, month, weekday = fields
    cron = Cron(
        _field(minute, "minute", 0, 59),
        _field(hour, "hour", 0, 23),
        _field(day, "day of the month", 1, 31),
        _field(month, "month", 1, 12, _MONTHS),
        _field(weekday, "day of the week", 0, 7, _DAYS),
    )
    if next(cron.firings(UTC, datetime.now(UTC)), None) is None:
        raise InputError(f"cron {text!r} never fires: no month has that day")
    return cron


def _field(text: str, name: str, low: int, high: int, names: tuple[str, ...] = ()) -> Field:
    values: set[int] = set()
    parts = []
    for part in text.split(","):
        matched = re.fullmatch(r"(\*|\?|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", part)
        if not matched:
            raise InputError(f"cron field {text!r} ({name}) is none: {part!r}")
        whole, first, last, step = matched.groups()
        if first is None:
            start, end = low, min(high, 6) if names is _DAYS else high
        else:
            start = _number(first, text, name, low, high, names)
            end = start if last is None else _number(last, text, name, low, high, names)
            if step is not None and last is None:
                raise InputError(
                    f"cron field {text!r} ({name}) steps from {whole} to nowhere; write {whole}-{high}/{step}"
                )
        if start > end:
            raise InputError(f"cron field {text!r} ({name}) begins after its end: {part!r}")
        if step is not None and int(step) == 0:
            raise InputError(f"cron field {text!r} ({name}) steps by 0")
        some = list(range(start, end + 1, int(step or 1)))
        if names is _DAYS and end == _SUNDAY:
            some = [value % _SUNDAY for value in some]
            part = ",".join(str(value) for value in some)
        values.update(some)
        parts.append(part)
    return Field(frozenset(values), "*" in text or "?" in text, ",".join(parts))


def _number(text: str, field: str, name: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + (1 if names is _MONTHS else 0)
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not low <= int(text) <= high:
        known = f", or {names[0]} to {names[-1]}" if names else ""
        raise InputError(f"cron field {field!r} ({name}): {text!r} is not {low} to {high}{known}")
    return int(text)


def _listed(values: set[int] | frozenset[int]) -> Field:
    return Field(frozenset(values), star=False, text=",".join(str(value) for value in sorted(values)))


def _is_every(cron: Cron) -> bool:
    return len(cron.day.values) == 31 and len(cron.month.values) == 12 and len(cron.weekday.values) == 7


def _only_weekdays(cron: Cron) -> bool:
    """Whether no more than the day of the week decides on which days it fires."""
    return cron.day.star and len(cron.day.values) == 31 and len(cron.month.values) == 12


def _moments(day: date, clock: time, zone: tzinfo) -> Iterator[datetime]:
    """When a clock of the zone shows this: once, twice, or never."""
    for fold in (0, 1):
        shown = datetime.combine(day, clock, tzinfo=zone).replace(fold=fold)
        moment = shown.astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
            yield moment
