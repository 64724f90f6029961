"""A time of one zone on a server that runs by another.

The server has one zone for all schedules, UTC as it is installed, and no word for another. Where clocks are changed, a
time of a zone is one time of the server until the change and another after it: so many entries, each with its period.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from netanomaly import config
from netanomaly.cluster.cron import Cron
from netanomaly.errors import InputError

# Changes of clocks are written ahead up to the end of this year's second next: laws change, too.
_YEARS_AHEAD = 3
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Entry:
    """Six fields by the server's clock, for the period after `start` up to `end`; None is open."""

    cron: str
    start: datetime | None = None
    end: datetime | None = None


def zone(name: str) -> tzinfo:
    """A zone of the IANA database by its name.

    Raises:
        InputError: There is none of that name.
    """
    if name.upper() in ("UTC", "ETC/UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise InputError(
                f"time zone {name!r} cannot be looked up: this machine has no time zones; install tzdata"
            ) from None
        near = config.suggestion(name, sorted(known))
        way_out = near if near.startswith("; did") else "; write one such as Europe/Berlin or UTC"
        raise InputError(f"there is no time zone {name!r}{way_out}") from None


def entries(cron: Cron, wanted: tzinfo, server: tzinfo, now: datetime) -> list[Entry]:
    """What makes a server fire when a clock of the wanted zone shows the times: one entry where neither zone's clocks
    are changed against the other, else one for each period; the last one is open, and stays as it is.

    Raises:
        InputError: Six fields cannot say it by the server's clock.
    """
    periods = list(_periods(wanted, server, now))
    made = []
    for number, (start, minutes) in enumerate(periods):
        moved = cron.shifted(minutes)
        if moved is None:
            raise InputError(
                f"{str(cron)!r} in {wanted} cannot be said by the server's clock ({server}), which is "
                f"{_hours(minutes)} away: a day of the month, or only some of the times, fall on another day there; "
                f"choose times that do not, give them in {server}, or set the server's zone (docs/submitting.md)"
            )
        end = periods[number + 1][0] - _SECOND if number + 1 < len(periods) else None
        # A period's first moment is its own: the server fires after the start, and still at the end.
        made.append(Entry(moved.six_fields, None if number == 0 else start - _SECOND, end))
    return _joined(made)


def _periods(wanted: tzinfo, server: tzinfo, now: datetime) -> Iterator[tuple[datetime, int]]:
    """From when on, the server's clock is so many minutes ahead of the wanted zone's."""
    last = datetime(now.year + _YEARS_AHEAD, 1, 1, tzinfo=UTC)
    moment, ahead = now, _ahead(wanted, server, now)
    yield moment, ahead
    while moment < last:
        after = moment + timedelta(days=1)
        changed = _ahead(wanted, server, after)
        if changed != ahead:
            after = _change(wanted, server, moment, after)
            ahead = _ahead(wanted, server, after)
            yield after, ahead
        moment = after


def _change(wanted: tzinfo, server: tzinfo, before: datetime, after: datetime) -> datetime:
    """The first moment of the new difference, to the second."""
    ahead = _ahead(wanted, server, before)
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        if _ahead(wanted, server, middle) == ahead:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _ahead(wanted: tzinfo, server: tzinfo, moment: datetime) -> int:
    offsets = [moment.astimezone(each).utcoffset() or timedelta() for each in (server, wanted)]
    return round((offsets[0] - offsets[1]).total_seconds() / 60)


def _joined(made: list[Entry]) -> list[Entry]:
    """Periods of one time in a row are one."""
    joined: list[Entry] = []
    for entry in made:
        if joined and joined[-1].cron == entry.cron:
            joined[-1] = Entry(entry.cron, joined[-1].start, entry.end)
        else:
            joined.append(entry)
    return joined


def _hours(minutes: int) -> str:
    return f"{abs(minutes) // 60}:{abs(minutes) % 60:02} hours"
