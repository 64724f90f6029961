"""What prepare tells the capture stage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What to make flows of.

    Attributes:
        source: URIs of captures (pcap, pcapng) or of binary NetFlow files: files, folders or globs.
        identity: Digest that the source's bytes must have; empty: any.
    """

    source: list[str]
    identity: str = ""
