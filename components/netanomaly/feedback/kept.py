"""Flows that a verdict keeps, as stages are told of them. Imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """Flows of one judged incident.

    Attributes:
        verdict: Its id.
        title: What the incident was.
        uri: Where the flows are, Parquet.
        sha256: Of that file.
        rows: How many are there.
    """

    verdict: str
    title: str
    uri: str
    sha256: str
    rows: int
