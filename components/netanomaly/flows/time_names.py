"""Which column of a source holds points in time, told by its name. Loads nothing heavy."""

from collections.abc import Sequence

# What sensors and data sets call it, without case and punctuation: Zeek, Suricata, Argus, CICFlowMeter, UNSW-NB15, nfdump.
_NAMES = (
    "ts", "timestamp", "starttime", "stime", "flowstarttime", "flowstart", "datefirstseen", "firstseen", "eventtime",
    "datetime", "time",
)  # fmt: skip


def likely(names: Sequence[str]) -> str | None:
    """The column that by its name holds points in time; None where none does."""
    plain = {"".join(filter(str.isalnum, name)).lower(): name for name in reversed(names)}
    return next((plain[name] for name in _NAMES if name in plain), None)
