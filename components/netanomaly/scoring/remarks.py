"""What changes the meaning of scores and incidents, and is therefore told."""

from collections.abc import Mapping
from typing import Any

from netanomaly.flows import time_names
from netanomaly.traffic.any_source import AnyReader
from netanomaly.traffic.no_address import NO_ADDRESS
from netanomaly.traffic.recognition import FORMATS


def remarks(reader: AnyReader, *, is_part: bool = False) -> list[str]:
    """Of a source that was read: lines for people.

    Incidents are alerts of one stretch of time. Where the rows say who spoke and not when, all of a host are one.

    Args:
        is_part: Whether it is what a file grew by, in which there may be no flow.
    """
    if not reader.rows or not reader.tally.files:
        return [] if is_part else _no_flows(reader)
    times = reader.times
    if times is not None:
        return [
            *(
                [_missing(times["column"], times["missing"], times["missing"] + times["rows"])]
                if times["missing"]
                else []
            ),
            *([_apart(times["apart"])] if times["apart"] else []),
            *_no_addresses(reader),
        ]
    contract = reader.contract
    if "src_ip" not in contract.identity:
        return []
    called = [name for name in (*reader.ignored, *contract.features) if time_names.rank(name) is not None]
    why = (
        f"the values of column {called[0]!r} are not understood as points in time between 1990 and 2100"
        if called
        else "no column of times was found"
    )
    return [
        f"{why}: rows are scored, and the alerts of each host are one incident, whenever they were; write seconds since 1970 or "
        "ISO 8601, or name the column with --time-column"
    ]


def _no_flows(reader: AnyReader) -> list[str]:
    """An hour without a record is normal; one in which a sensor wrote all but flows may be how it is set up."""
    said = reader.report()
    if not said or not said["other_records"]:
        return []
    others = ", ".join(f"{count:,} records of {what}" for what, count in list(said["other_records"].items())[:3])
    way_out = FORMATS[said["format"]].way_out
    return [f"there is no flow to score among {others}" + (f"; {way_out}" if way_out else "")]


def _apart(told: Mapping[str, Any]) -> str:
    return f"{told['rows']:,} rows have a {told['reason']}: the time that incidents span, and windows, go by it"


def _no_addresses(reader: AnyReader) -> list[str]:
    """What the ingest report lists, which nobody looks at who scores."""
    return [f"{count:,} x {reason}" for reason, count in reader.tally.repaired.items() if reason.startswith(NO_ADDRESS)]


def _missing(column: str, missing: int, rows: int) -> str:
    return (
        f"{missing:,} of {rows:,} rows have no time in column {column!r} that can be read: they are scored, and count as one "
        "moment among a host's alerts"
    )
