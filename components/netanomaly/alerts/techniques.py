"""Which known technique the pattern of an incident is like: a hint with its reason, never more.

Identifiers are those of MITRE ATT&CK (https://attack.mitre.org), version 17.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# From so many hosts or ports on it is no longer a person at work; a sweep of a /27 has 30.
_MANY = 20
# Where passwords are tried: ftp, ssh, telnet, smb, rdp, vnc, and the usual databases.
_LOGINS = {"21": "FTP", "22": "SSH", "23": "Telnet", "445": "SMB", "3389": "RDP", "5900": "VNC", "3306": "MySQL", "1433": "MSSQL", "5432": "PostgreSQL"}  # fmt: skip
# Alerting flows; what no service sees of its users.
_FLOOD_A_SECOND = 10
# So much of a scan is on at most so many ports of each host, or hosts for each port.
_FEW = 3


# A timer: so many flows, so far apart, whose gaps' middle half differs by at most this part of their median.
_BEATS, _LEAST_BEAT_SECONDS, _JITTER = 10, 5.0, 0.2
# What a person uploads in one stretch is mostly less.
_EXFILTRATED_BYTES = 100e6


@dataclass(frozen=True)
class Technique:
    """A hint: identifier, name, and why it is given."""

    id: str
    name: str
    reason: str


@dataclass(frozen=True)
class Pattern:
    """How an incident looks from outside.

    `port` is the destination port of all its flows, empty where there are several; `seconds` is from its first to its last.
    `beat_seconds` is the time between its flows where that is regular (`beat`), else 0. `bytes_out` is what its flows, as far
    as they are known whole, sent at least; `outward`: from inside to outside alone.
    """

    flows: int
    sources: int
    targets: int
    ports: int
    port: str
    seconds: float
    beat_seconds: float = 0.0
    bytes_out: float = 0.0
    outward: bool = False


def beat(times: npt.NDArray[np.float64]) -> float:
    """The time between moments that are as far apart as a timer makes them; 0 where they are not.

    Of a timer's gaps the middle half lies close together, also where it is meant to look less regular (a jitter of a tenth).

    Args:
        times: Seconds, any order; NaN where not known.
    """
    known = np.sort(times[~np.isnan(times)])
    if len(known) < _BEATS:
        return 0.0
    low, middle, high = np.quantile(np.diff(known), [0.25, 0.5, 0.75])
    return float(middle) if middle >= _LEAST_BEAT_SECONDS and high - low <= _JITTER * middle else 0.0


def hint(pattern: Pattern) -> Technique | None:
    """The technique that the pattern is plainly like; None where it is like none, or like several."""
    if pattern.sources == 1 and pattern.targets >= _MANY and pattern.ports <= _FEW:
        return Technique(
            "T1046", "Network Service Discovery",
            f"one source, {pattern.targets:,} hosts, {_ports(pattern.ports)}: a horizontal scan",
        )  # fmt: skip
    if pattern.sources == 1 and pattern.targets <= _FEW and pattern.ports >= _MANY:
        return Technique(
            "T1046", "Network Service Discovery",
            f"one source, {pattern.ports:,} ports of {_hosts(pattern.targets)}: a vertical scan",
        )  # fmt: skip
    if pattern.sources == 1 and pattern.targets == 1 and pattern.port in _LOGINS and pattern.flows >= _MANY:
        return Technique(
            "T1110", "Brute Force",
            f"{pattern.flows:,} flows from one source to {_LOGINS[pattern.port]} (port {pattern.port}) of one host",
        )  # fmt: skip
    if pattern.sources >= _MANY and pattern.targets <= _FEW and pattern.ports >= _MANY:
        return Technique(
            "T1046", "Network Service Discovery",
            f"{pattern.sources:,} sources, {pattern.ports:,} ports of {_hosts(pattern.targets)}: scanned from many places",
        )  # fmt: skip
    if (
        pattern.sources >= _MANY
        and pattern.targets == 1
        and pattern.flows >= _FLOOD_A_SECOND * max(pattern.seconds, 1.0)
    ):
        return Technique(
            "T1498", "Network Denial of Service",
            f"{pattern.sources:,} sources, {pattern.flows:,} flows, one host at one time",
        )  # fmt: skip
    if pattern.sources == 1 and pattern.targets == 1 and pattern.outward and pattern.bytes_out >= _EXFILTRATED_BYTES:
        return Technique(
            "T1048", "Exfiltration Over Alternative Protocol",
            f"{pattern.bytes_out / 1e6:,.0f} MB or more from inside to one host outside",
        )  # fmt: skip
    if (
        pattern.sources == 1
        and pattern.targets == 1
        and pattern.ports <= 1
        and pattern.outward
        and pattern.beat_seconds
    ):
        return Technique(
            "T1071", "Application Layer Protocol",
            f"{pattern.flows:,} flows from inside to one host outside, one every {pattern.beat_seconds:,.0f} seconds",
        )  # fmt: skip
    return None


def _ports(count: int) -> str:
    return "one port" if count == 1 else f"{count} ports"


def _hosts(count: int) -> str:
    return "one host" if count == 1 else f"{count} hosts"
