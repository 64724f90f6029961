"""What one value means, written or typed: the policy that every door shares, from `ingest` to `model.score`.

- Missing: an empty field and the spellings in `MISSING`, with blanks around them allowed; `nan` in any case.
- Numbers are doubles. `true` and `false`, in any case, are 1 and 0; `0x1f` is 31. What more a column of numbers may
  write (decimal comma, thousands, units) is its `notations.Notation`.
- Infinities, and magnitudes over `LARGEST` (which a single-precision detector would read as infinite), are repaired
  to missing and counted in the ingest report; they carry no information about how large the quantity was.
- Category values keep their case; blanks around them go. What other programs read as a number, a boolean or a time,
  and write in their own way, has one spelling: `007`, `7` and `7.0` are `7`, `TRUE` is `1`, `2024-05-01T00:00:00` is
  `2024-05-01`. A category is the same however a frame holds it.
"""

import math
import re
from datetime import UTC, datetime

# All that pandas takes for missing by default, and what sensors write: `-` (Zeek), `?` (ARFF).
MISSING = (
    "", "-", "?", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "<NA>", "#NA", "#N/A", "#N/A N/A",
    "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
)  # fmt: skip
LARGEST = 3.0e38
"""Just under the largest single-precision number, 3.4e38: scikit-learn's trees compute in float32."""

_MISSING = frozenset(MISSING)
_NUMBER = re.compile(
    r"[+-]?(\d+(\.\d*)?(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf(inity)?|(?P<nan>nan(\([a-z0-9_]*\))?))",
    re.IGNORECASE | re.ASCII,
)
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]{1,16}", re.ASCII)
_BOOLEANS = {"true": 1.0, "false": 0.0}
# No value that begins otherwise has more than one spelling.
_MAY_BE_RESPELT = frozenset("0123456789+-.iInNtTfF")
_LARGEST_WHOLE = 2.0**53
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(:[0-5]\d)?", re.ASCII)
_TIME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})([ T](?P<hour>\d{2})(:?(?P<minute>\d{2})(:?(?P<second>\d{2})(?P<part>\.\d{1,9})?)?)?"
    r"(?P<zone>Z|[+-]\d{2}(:?\d{2})?)?)?",
    re.ASCII,
)


# Whole numbers of so many digits are below the largest that is spelt as a whole.
_PLAIN_DIGITS = 15


def is_missing(text: str) -> bool:
    """Whether a written value stands for no value."""
    return text.strip() in _MISSING


def number(text: str) -> float | None:
    """The number that a text writes, NaN when it is missing, None when it is no number. Booleans are 1 and 0."""
    text = text.strip()
    if text in _MISSING:
        return math.nan
    if found := _NUMBER.fullmatch(text):
        return math.nan if found["nan"] else float(text)
    if is_hexadecimal(text):
        return float(int(text, 16))
    return _BOOLEANS.get(text.lower())


def is_hexadecimal(text: str) -> bool:
    """Whether a text without blanks around it writes a number as `0x1f`."""
    return text[:2] in ("0x", "0X") and _HEXADECIMAL.fullmatch(text) is not None


def category(value: object) -> str | None:
    """The category that a text, number or boolean names; None when it is missing.

    The category of a category is itself.
    """
    if not isinstance(value, str):
        return _typed(value)
    text = value.strip()
    if text in _MISSING:
        return None
    if text[0] not in _MAY_BE_RESPELT or _is_plain_whole(text):
        return text
    found = number(text)
    if found is not None:
        return _spelt(found)
    return _time(text) or text


def _is_plain_whole(text: str) -> bool:
    """Whether a text is a whole number spelt as it should be: a vocabulary may hold every port there is."""
    return text[0] != "0" and len(text) <= _PLAIN_DIGITS and text.isdecimal() and text.isascii()


def _typed(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, int | float):
        try:
            return _spelt(float(value))
        except OverflowError:
            return "inf" if value > 0 else "-inf"
    return category(str(value))


def _spelt(number: float) -> str | None:
    if math.isnan(number):
        return None
    whole = abs(number) < _LARGEST_WHOLE and number.is_integer()
    return str(int(number)) if whole else repr(number)


def _time(text: str) -> str | None:
    """A date or time as Arrow and pandas write it, in UTC where it has a zone; None for a text that is none."""
    if day := _TIME_OF_DAY.fullmatch(text):
        return text if day[3] else f"{text}:00"
    found = _TIME.fullmatch(text)
    if not found:
        return None
    hour, minute, second = (found[name] or "00" for name in ("hour", "minute", "second"))
    zone = (found["zone"] or "").replace(":", "")
    zone = {"": "", "Z": "+0000"}.get(zone, zone.ljust(5, "0"))
    try:
        moment = datetime.strptime(
            f"{found['date']} {hour}{minute}{second}{zone}", f"%Y-%m-%d %H%M%S{'%z' * bool(zone)}"
        )
        moment = moment.astimezone(UTC) if zone else moment
    except (ValueError, OverflowError):
        return None
    part = (found["part"] or "").rstrip("0").rstrip(".")
    written = moment.replace(tzinfo=None).isoformat(" ")
    if not zone and not part:
        return written.removesuffix(" 00:00:00")
    return f"{written}{part}{'Z' * bool(zone)}"
