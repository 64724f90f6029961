"""Which column of a source holds points in time, by what columns are called. Loads nothing heavy."""

from collections.abc import Sequence

from netanomaly.flows.column_names import words

# What sensors and data sets call it, without case and punctuation: Zeek, Suricata, Argus, CICFlowMeter, UNSW-NB15, nfdump.
_NAMES = (
    "ts", "timestamp", "starttime", "stime", "flowstarttime", "flowstart", "datefirstseen", "firstseen", "eventtime",
    "datetime", "time",
)  # fmt: skip
_STAMPS = frozenset({*_NAMES, "date"} - {"time", "stime"})
_TIME_WORDS = frozenset({
    "ts", "timestamp", "time", "date", "datetime", "start", "begin", "began", "first", "seen", "when", "epoch", "stamp",
    "stime", "starttime", "created", "received", "logged", "end", "ended", "last", "stop", "stopped", "ltime", "endtime",
    "lasttime", "utc", "clock",
})  # fmt: skip
_END_WORDS = frozenset(
    {"end", "ended", "last", "stop", "stopped", "ltime", "endtime", "lasttime", "finish", "finished"}
)


def likely(names: Sequence[str]) -> str | None:
    """The column that by its name holds points in time; None where none does."""
    ranked = [name for name in names if rank(name) is not None]
    return min(ranked, key=lambda name: (rank(name), names.index(name)), default=None)


def rank(name: str) -> int | None:
    """How surely a column of this name holds the times of its records, 0 the surest; None where it does not say so."""
    plain = "".join(filter(str.isalnum, name)).lower()
    return _NAMES.index(plain) if plain in _NAMES else None


def is_stamp(name: str) -> bool:
    """Whether a column of this name can hold nothing but points in time, or dates."""
    return "".join(filter(str.isalnum, name)).lower() in _STAMPS


def is_end(name: str) -> bool:
    """Whether a column of points in time holds, by its name, the ends of flows."""
    return bool(words(name) & _END_WORDS)


def mentions_time(name: str) -> bool:
    """Whether a word of the name is one of time."""
    return bool(words(name) & _TIME_WORDS)
