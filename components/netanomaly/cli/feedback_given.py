"""What is said of an alert on the command line, as it is kept: a verdict, a text, an end."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.feedback.documents import Said

_VERDICTS = ("benign", "attack", "unsure")
_LONGEST_TEXT = 2000
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_LONGEST_DAYS = 366


def said_of(text: str) -> "Said":
    if text not in _VERDICTS:
        raise InputError(f"--verdict {text!r}: say one of {', '.join(_VERDICTS)}")
    return text  # type: ignore[return-value]


def kept_text(text: str, option: str) -> str:
    """Text that is kept.

    Raises:
        InputError: It is blank where something is to be said, or too long.
    """
    kept = " ".join(text.split())
    if not kept and option:
        raise InputError(f"{option} is blank; say it in a few words, for those who come after")
    if len(kept) > _LONGEST_TEXT:
        raise InputError(f"{option} has {len(kept):,} characters; say it in {_LONGEST_TEXT:,}")
    return kept


def ends_at(text: str, moment: datetime, *, needed: bool) -> str:
    """When a verdict ends, ISO 8601 in UTC; empty where it has no end.

    Raises:
        InputError: It is needed and not there, no time, over already, or further off than a year.
    """
    if not text:
        if needed:
            raise InputError("a benign verdict suppresses its like until it expires: say how long, e.g. --expires 30d")
        return ""
    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number.isascii() and number.isdigit() and len(number) <= 5:
            end = moment + timedelta(**{_UNITS[unit]: int(number)})
        else:
            end = datetime.fromisoformat(text)
            end = end.replace(tzinfo=UTC) if end.tzinfo is None else end
    except (ValueError, OverflowError):
        raise InputError(f"--expires {text!r} is no time; write e.g. 12h, 30d, 8w or 2027-01-31") from None
    if end <= moment:
        raise InputError(f"--expires {text!r} is over already; say how long the verdict is to hold")
    if end > moment + timedelta(days=_LONGEST_DAYS):
        raise InputError(f"--expires {text!r} is over a year off; what holds so long is looked at again once a year")
    return end.astimezone(UTC).isoformat(timespec="seconds")


def caller() -> str:
    from netanomaly.registry.changes import caller

    return caller()
