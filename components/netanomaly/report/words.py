"""Numbers as people read them."""

import math
import re
from datetime import UTC, datetime

from netanomaly.report.documents import Estimate

MISSING = "—"
"""Stands where a figure is not known."""


def integer(value: float | None) -> str:
    return MISSING if value is None else f"{round(value):,}"


def decimal(value: float | None, digits: int = 3) -> str:
    """A rate or a score of about 1, such as a ROC-AUC."""
    return MISSING if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share as a percentage. What is not all is never rounded to 100%, what is not nothing never to 0%."""
    if value is None:
        return MISSING
    hundredths = value * 100
    size = abs(hundredths)
    if size == 0 or abs(size - 100) < 1e-9:
        return f"{hundredths:.0f}%"
    if size < 0.001:
        return "<0.001%"
    if size < 0.1:
        return f"{hundredths:.2g}%"
    digits = 2 if size < 2 else 1
    shown = f"{hundredths:.{digits}f}"
    return ">99.9%" if shown == "100.0" and size < 100 else f"{shown}%"


def budget(value: float | None) -> str:
    """A promised rate, without digits that say nothing: 1%, 0.5%."""
    return MISSING if value is None else f"{value * 100:.4g}%"


def value(number: float | None) -> str:
    """A value of a column, of any size, in few characters."""
    if number is None:
        return MISSING
    size = abs(number)
    if size == 0:
        return "0"
    if size >= 1e15 or size < 1e-4:
        return f"{number:.2e}"
    if number == math.trunc(number):
        return f"{number:,.0f}"
    return f"{number:,.0f}" if size >= 10_000 else f"{number:,.4g}"


def interval(estimate: Estimate | None, as_percent: bool = False) -> str:
    """The interval's ends, `0.951 to 0.957`; empty where they are unknown."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    show = percent if as_percent else decimal
    return f"{show(estimate.low)} to {show(estimate.high)}"


def moment(iso: str) -> str:
    """An ISO 8601 time to the minute, in UTC: `2026-11-22 23:58 UTC`. What is none is shown as it is."""
    try:
        read = datetime.fromisoformat(iso)
    except ValueError:
        return clip(iso, 40)
    return read.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if read.tzinfo else clip(iso, 40)


def seconds_between(first: str, last: str) -> float | None:
    """Of two ISO 8601 times; None where one is none."""
    try:
        return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return None


def instant(seconds: float | None) -> str:
    """Seconds since 1970 to the second, in UTC: `2026-11-22 23:58:07 UTC`; empty where there is none."""
    if seconds is None:
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return ""


def duration(seconds: float) -> str:
    """`90 seconds`, `5 minutes`, `2 hours`."""
    for name, length in (("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or seconds == length:
            return plural(round(seconds / length), name)
    return plural(max(round(seconds), 1), "second")


def out_of(rate: float, whole: int) -> str:
    """A rate as a count among `whole`: `61 of 100`, and `fewer than 1 of 100` or `all but a few of 100` at the ends."""
    shown = rate * whole
    if 0 < shown < 0.5:
        return f"fewer than 1 of {whole:,}"
    if whole - 0.5 < shown < whole:
        return f"all but a few of {whole:,}"
    return f"{round(shown):,} of {whole:,}"


def times(value: float) -> str:
    """A ratio: `2.3 times`."""
    return f"{value:.0f} times" if value >= 10 else f"{value:.1f} times"


def plural(amount: int, one: str, many: str | None = None) -> str:
    """`1 warning`, `3 warnings`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def listed(items: list[str], most: int = 5) -> str:
    """`a, b and c`; what is over `most` is counted."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most:,} more"
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def clip(text: str, length: int = 80) -> str:
    """Text cut to a length, so that no document can make a report large."""
    return text if len(text) <= length else text[: length - 1] + "…"


def title(identifier: str) -> str:
    """`isolation_forest` as `Isolation forest`, `roc_auc` as `ROC-AUC`."""
    spaced = identifier.replace("_", " ").strip()
    for plain, written in (("roc auc", "ROC-AUC"), ("pca", "PCA"), ("lof", "LOF"), ("svm", "SVM"), (" fpr", " FPR")):
        spaced = re.sub(rf"{plain}\b", written, spaced)
    return spaced[:1].upper() + spaced[1:]
