"""Captures of packets and binary NetFlow: how they are told, and flows that were made of them in place of their bytes."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netanomaly.flows.sources import Files, LocalFile, SourceFile
from netanomaly.stage_io import Stage

CAPTURE, NETFLOW = "capture", "netflow"

_MAGIC = {
    # pcap in either order of bytes, with micro- or nanoseconds; pcapng; nfcapd in either order of bytes.
    b"\xd4\xc3\xb2\xa1": CAPTURE, b"\xa1\xb2\xc3\xd4": CAPTURE, b"\x4d\x3c\xb2\xa1": CAPTURE, b"\xa1\xb2\x3c\x4d": CAPTURE,
    b"\x0a\x0d\x0d\x0a": CAPTURE, b"\x0c\xa5": NETFLOW, b"\xa5\x0c": NETFLOW,
}  # fmt: skip


def kind(head: bytes) -> str | None:
    """What begins so, decompressed: `capture`, `netflow`, or None for anything else."""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def kind_of_file(file: SourceFile) -> str | None:
    """As `kind`; None of an empty file."""
    from netanomaly.flows.streams import TextStream

    if not file.size:
        return None
    with closing(TextStream(file)) as stream:
        return kind(stream.peek(4))


def kind_of_source(files: Files) -> str | None:
    """What the first file of a source that is not empty holds."""
    return next((kind_of_file(file) for file in files.files if file.size), None)


@dataclass(frozen=True)
class Captured:
    """Flows of a source of captures.

    Attributes:
        flows: The file of records that the capture stage wrote.
        report: The capture report: what they were made of, and by what.
    """

    flows: Path
    report: Mapping[str, Any]

    @classmethod
    def of_stage(cls, stage: Stage) -> "Captured | None":
        """What the capture stage made for a stage that reads a source; None where there was no such stage before it."""
        if not stage.has_input("captured"):
            return None
        return cls(stage.input("captured"), stage.input_json("capture_report"))

    def files(self, source: Sequence[str]) -> Files:
        """The records as the only file of the source, named after the capture where it was one.

        They are not compressed as the capture may be, so its suffix does not end their name.
        """
        uris = self.report["files"]
        name = f"{Path(uris[0]).name}.flows" if len(uris) == 1 else f"{len(uris)} captures"
        uri = uris[0] if len(uris) == 1 else ", ".join(source)
        return Files(tuple(source), (LocalFile(f"flows of {uri}", name, self.flows, self.flows.stat().st_size),))

    @property
    def identity(self) -> str:
        """Of the captures' own bytes."""
        return str(self.report["identity"])

    @property
    def noted(self) -> dict[str, int]:
        """What was amiss with the captures, counted by reason."""
        return dict(self.report["noted"])
