"""Patterns of attacks that are made by code: what a model catches of them is known without labels. Loads no numeric library.

They are patterns, not recordings: few parameters, all written down, so that a figure of one version can be compared with
that of another. Recall on them is recall on these, is called so, and is never mixed with that on real attacks.
Techniques are those of MITRE ATT&CK (https://attack.mitre.org), version 17. `netanomaly.traffic.replay` makes their flows.
"""

from dataclasses import dataclass, field
from typing import Any

VERSION = 1
"""It rises where the same traffic and seed would give other flows."""


@dataclass(frozen=True)
class Pattern:
    """A kind of attack.

    Attributes:
        name: As gates and reports have it.
        technique: ATT&CK's identifier.
        technique_name: ATT&CK's name.
        words: What it does, in one sentence.
        parameters: What makes the flows of one episode; counts, seconds, bytes.
    """

    name: str
    technique: str
    technique_name: str
    words: str
    parameters: dict[str, Any] = field(default_factory=dict)


PATTERNS = (
    Pattern(
        "scan", "T1046", "Network Service Discovery",
        "one host inside tries one port of many hosts; nobody answers four in five times, else it is refused",
        {"flows": 256, "seconds_between": [0.02, 0.5], "ports": [22, 445, 3389, 23], "refused": 0.2},
    ),
    Pattern(
        "brute_force", "T1110", "Brute Force",
        "one host outside tries passwords at one host inside, a connection for each",
        {"flows": 200, "seconds_between": [0.5, 3.0], "ports": [22, 3389, 21, 5900], "seconds": [1.0, 4.0], "packets": [12, 26]},
    ),
    Pattern(
        "flood", "T1498", "Network Denial of Service",
        "many sources that do not exist begin connections to one service and leave them half open",
        {"flows": 1000, "sources": 400, "seconds_between": [0.005, 0.04]},
    ),
    Pattern(
        "exfiltration", "T1048", "Exfiltration Over Alternative Protocol",
        "one host inside sends hundreds of megabytes to one host outside that was not met before",
        {"flows": 10, "seconds_between": [5.0, 120.0], "bytes_out": [2e8, 2e9], "bytes_a_second": [2e6, 2e7], "answer": 0.02},
    ),
    Pattern(
        "beacon", "T1071", "Application Layer Protocol",
        "one host inside calls one host outside every minute, and little is said",
        {"flows": 240, "seconds_between": [57.0, 63.0], "bytes_out": [400, 700], "bytes_in": [300, 900], "seconds": [0.2, 1.0]},
    ),
)  # fmt: skip
NAMES = tuple(pattern.name for pattern in PATTERNS)
BY_NAME = {pattern.name: pattern for pattern in PATTERNS}
