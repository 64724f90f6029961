"""Make flow records of captures and of binary NetFlow files, by Suricata and nfdump."""

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from netanomaly.errors import DataError, OutsideError
from netanomaly.flows import sources
from netanomaly.flows.captured import CAPTURE, NETFLOW, kind_of_file
from netanomaly.flows.sources import SourceFile
from netanomaly.flows.streams import TextStream
from netanomaly.stages.capture import frames, netflow, packets, suricata, tools
from netanomaly.stages.capture.events import Events
from netanomaly.stages.capture.packets import Packets
from netanomaly.stages.capture.settings import Settings

FORMAT = 1

# Packets that are older than those before by more start a new stream: the meter's time-outs go by packets' times.
_BACKWARDS_MICROS = 60_000_000
_STREAMS_AT_MOST = 64
_COPY_BYTES = 4 << 20


@dataclass
class _Files:
    """The files of a source by what they are, and the identity of each that was read, by its address.

    Attributes:
        empty: How many captures had no packet.
    """

    captures: list[SourceFile] = field(default_factory=list)
    netflow: list[SourceFile] = field(default_factory=list)
    other: list[SourceFile] = field(default_factory=list)
    identities: dict[str, str] = field(default_factory=dict)
    empty: int = 0

    @contextmanager
    def reading(self, file: SourceFile) -> Iterator[TextStream]:
        """A file's content, decompressed, of which all is read in the end."""
        with closing(TextStream(file)) as stream:
            yield stream
            self.identities[file.address] = file.identity(stream.digest())


def capture(
    settings: Settings,
    out: BinaryIO,
    scratch: Path | None = None,
    progress: Callable[[int], Any] = int,
) -> dict[str, Any]:
    """Write flow records of a source: eve.json's flow events, or nfdump's JSON, a record a line.

    The same source gives the same bytes. Captures are taken in order of their first packet, as one stream, so nothing
    depends on how they are cut into files. Memory is that of some megabytes of packets, and of Suricata (its limits of
    memory are fixed).

    Args:
        settings: The source.
        out: Where records go.
        scratch: A folder on disk, for Suricata's own files and for sorting; None: the system's for temporary files.
        progress: Told how many packets, or files of NetFlow, are done.

    Returns:
        The capture report: tool and its version, files, packets, share of packets in no flow, and what is wrong.

    Raises:
        DataError: A file that cannot be read; captures and NetFlow in one source; neither; what makes flows is missing.
        OutsideError: Suricata or nfdump failed.
    """
    files = sources.resolve(settings.source)
    if files.identity_is_known:
        _refuse_change(settings, files.identity())
    found = _told_apart(files)
    with tempfile.TemporaryDirectory(prefix=".netanomaly-capture-", dir=scratch) as folder:
        made = (
            _of_captures(found, out, Path(folder), progress)
            if found.captures
            else _of_netflow(found, out, Path(folder), progress)
        )
    identities = found.identities
    identity = sources.combined_identity(
        [
            (file.name, identities[file.address] if file.address in identities else file.identity())
            for file in files.files
        ]
    )
    _refuse_change(settings, identity)
    noted = made.pop("noted")
    if found.other:
        noted["file that is no capture, left out"] = len(found.other)
    if found.empty:
        noted["capture without a whole packet, left out"] = found.empty
    return {"format": FORMAT, "source": settings.source, "identity": identity, **made, "noted": noted}


def _refuse_change(settings: Settings, identity: str) -> None:
    if settings.identity and identity != settings.identity:
        raise DataError(
            f"data source {', '.join(settings.source)} changed while the pipeline ran: it was {settings.identity} when the "
            f"run was prepared and is {identity} now; start the run again once the files are complete"
        )


def _told_apart(files: sources.Files) -> _Files:
    found = _Files()
    for file in files.files:
        {CAPTURE: found.captures, NETFLOW: found.netflow, None: found.other}[kind_of_file(file)].append(file)
    if found.captures and found.netflow:
        raise DataError(
            f"{found.captures[0].uri} is a capture of packets and {found.netflow[0].uri} a file of NetFlow; a source has "
            "one format: give each its own source"
        )
    if not found.captures and not found.netflow:
        raise DataError(
            f"data source {', '.join(files.source)} holds no capture of packets (pcap, pcapng) and no file of NetFlow (nfcapd)"
        )
    return found


def _of_captures(found: _Files, out: BinaryIO, folder: Path, progress: Callable[[int], Any]) -> dict[str, Any]:
    program = tools.find("suricata", f"{found.captures[0].uri} is a capture of packets")
    files = _in_order(found)
    version = tools.version(program, suricata.VERSION)
    events, seen = Events(version, folder), frames.Seen()
    wrong: dict[str, str] = {}
    streams = 0
    for stream in _streams(_blocks(found, files, wrong)):
        streams += 1
        if streams > _STREAMS_AT_MOST:
            raise DataError(
                f"{files[0].uri}: time runs backwards by over a minute {_STREAMS_AT_MOST} times and more; bring the packets "
                "into order first: reordercap IN OUT"
            )
        own = folder / str(streams)
        own.mkdir()
        with closing(suricata.Meter(program, own)) as meter:
            meter.write(frames.HEADER)
            for each in stream:
                meter.write(frames.frames(each, seen))
                progress(seen.packets)
            events.add(meter.finish())
        shutil.rmtree(own)
    if events.found.decoded != seen.packets:
        raise OutsideError(f"suricata took {events.found.decoded:,} packets of {seen.packets:,}; start it again")
    events.write(out)
    outside = max(seen.packets - events.found.packets, 0)
    return {
        "kind": CAPTURE,
        "tool": "suricata",
        "version": version,
        "files": [file.uri for file in files],
        "flows": events.found.flows,
        "packets": seen.packets,
        "packets_in_no_flow": outside,
        "share_in_no_flow": outside / seen.packets,
        "first": seen.micros[0] / 1e6,
        "last": seen.micros[1] / 1e6,
        "links": sorted(seen.links),
        "streams": streams,
        "incomplete": wrong,
        "noted": _noted(seen, wrong, streams, events.found.starved),
    }


def _noted(seen: frames.Seen, wrong: Collection[str], streams: int, starved: int) -> dict[str, int]:
    """What is amiss with captures, or is to be known of them, counted."""
    counts = {
        "capture that is damaged, or ends in the middle of a packet: what is whole was used": len(wrong),
        "packet cut by the capture's snap length, counted at its full length": seen.cut,
        "packet with a VLAN tag, which is no part of its bytes": seen.tagged,
        "time running backwards by over a minute: flows were begun anew": streams - 1,
        "flow that Suricata ended early, for want of memory": starved,
    }
    return {reason: count for reason, count in counts.items() if count}


def _of_netflow(found: _Files, out: BinaryIO, folder: Path, progress: Callable[[int], Any]) -> dict[str, Any]:
    files, path = found.netflow, folder / "nfcapd"
    program = tools.find("nfdump", f"{files[0].uri} is a binary file of NetFlow (nfcapd)")
    version = netflow.version_of(program)
    for number, file in enumerate(files):
        with found.reading(file) as stream, path.open("wb") as copy:
            while part := stream.read(_COPY_BYTES):
                copy.write(part)
        netflow.printed(program, version, path, file.uri, out, folder)
        progress(number + 1)
    names = [file.uri for file in files]
    return {"kind": NETFLOW, "tool": "nfdump", "version": version, "files": names, "incomplete": {}, "noted": {}}


def _in_order(found: _Files) -> list[SourceFile]:
    """By the time of the first packet; of several captures those without one are left out, as rotation leaves them.

    Raises:
        DataError: No capture has a packet; one is of a link that is not known, or cannot be read.
    """
    if len(found.captures) == 1:
        return found.captures
    begins: list[tuple[int, str, SourceFile]] = []
    empty: packets.NoPacketError | None = None
    for file in found.captures:
        try:
            with closing(TextStream(file)) as stream:
                first = next(packets.read(stream, _unsaid))
        except packets.NoPacketError as error:
            empty = empty or error
            found.empty += 1
            continue
        frames.require_known(first, file.uri)
        begins.append((int(first.micros[0]), file.name, file))
    if empty is not None and not begins:
        raise empty
    return [file for _, _, file in sorted(begins, key=itemgetter(0, 1))]


def _unsaid(_why: str) -> None:
    """It will be said when the file is read."""


def _streams(blocks: Iterator[Packets]) -> Iterator[Iterator[Packets]]:
    """Packets in streams in which time does not run backwards far. Each is to be read before the next is asked for."""
    rest = next(blocks, None)
    latest = -1

    def stream() -> Iterator[Packets]:
        nonlocal rest, latest
        latest = -1
        while rest is not None:
            reached = np.maximum.accumulate(np.maximum(rest.micros, latest))
            back = np.flatnonzero(reached - rest.micros > _BACKWARDS_MICROS)
            if len(back):
                begin = int(back[0])
                before, rest = rest.slice(0, begin), rest.slice(begin, len(rest))
                if len(before):
                    yield before
                return
            latest = int(reached[-1])
            whole, rest = rest, next(blocks, None)
            yield whole

    while rest is not None:
        yield stream()


def _blocks(found: _Files, files: list[SourceFile], wrong: dict[str, str]) -> Iterator[Packets]:
    """The packets of files, one after another; `wrong` is told of those that end too early."""
    for file in files:

        def ends(why: str, uri: str = file.uri) -> None:
            wrong[uri] = why

        with found.reading(file) as stream:
            for block in packets.read(stream, ends):
                frames.require_known(block, file.uri)
                yield block
