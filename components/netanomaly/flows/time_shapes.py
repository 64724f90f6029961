"""Whether a column beside the one of the records' times holds times too, by what a profile knows of it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.flows import time_choice, time_names, time_notations, times

_LOOKED_AT = 400
# A date of digits such as 20240501 could be a quantity, were not nearly all of them days of a calendar.
_NEARLY = 0.95


def of_numbers(name: str, ascending: npt.NDArray[np.float64]) -> str | None:
    """ "epoch" or "date" where numbers are points in time, "unclear" where they are only called so; else None."""
    if not len(ascending):
        return None
    # One record in a hundred may lack its time, or have the clock's beginning.
    low, high = (float(ascending[int(share * (len(ascending) - 1))]) for share in (0.01, 0.99))
    if time_choice.plausible_epochs(low, high):
        return "epoch"
    if time_names.mentions_time(name) and (times.unit_of(low, high) or times.is_file_time(low, high)):
        return "epoch"
    if 1e7 < low <= high < 1e17 and bool((ascending == np.floor(ascending)).all()):
        some = ascending[:: max(len(ascending) // _LOOKED_AT, 1)]
        texts = pa.array([f"{number:.0f}" for number in some])
        read = time_notations.read(texts, day_first=True)
        seconds = read.ns / 1e9
        if np.mean(read.read & (seconds >= times.FIRST) & (seconds <= times.LAST)) >= _NEARLY:
            return "date"
    # Seconds of something may be called a time; what a record is stamped with is nothing else.
    return "unclear" if time_names.is_stamp(name) else None


def of_texts(name: str, texts: Sequence[str]) -> str | None:
    """ "time", "date" or "time of day" where texts are that, "outside" where they are points in time of no time that could be;
    "unread" where they only look like it, "unclear" where they are only called a time; else None.
    """
    some = texts[:: max(len(texts) // _LOOKED_AT, 1)]
    if not some:
        return None
    column = pa.array(some)
    if time_notations.are_of_day(column):
        return "time of day"
    if all(text.replace(".", "", 1).isdigit() for text in some) and not time_names.mentions_time(name):
        return "time" if time_choice.rising_epochs(pa.array(texts[:_LOOKED_AT])) and len(some) > 2 else None
    if times.are_times(column):
        return "date" if time_notations.are_dates(column) else "time"
    if time_names.rank(name) is None:
        return "unread" if time_notations.are_like_times(column) else None
    return "outside" if time_notations.read(column, day_first=True).read.mean() > 0.5 else "unclear"
