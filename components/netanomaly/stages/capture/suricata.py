"""Suricata as a flow meter: one process reads one stream of frames and writes its flow events.

Time-outs, limits of memory and decoders are fixed here and not those of the machine's own configuration, which is not
read. No rules are: detection is off.
"""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from netanomaly.errors import OutsideError
from netanomaly.stages.capture import tools

VERSION = r"version ([0-9][0-9.]*)"

# Tables of fragments and hosts are small: the flow manager locks each of their places each time that it looks for what is
# over, which took a third of all with 65,536. Time-outs in seconds. Those of an emergency are the same: what is left out for
# want of memory is said, not what is cut.
_CONFIGURATION = """\
%YAML 1.1
---
runmode: single
max-pending-packets: 1024
default-packet-size: 1538
unix-command: {enabled: no}
plugins: []
security: {limit-noproc: true}
stats: {enabled: yes, interval: 1000000}
logging:
  default-log-level: error
  outputs: [{console: {enabled: yes}}]
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      community-id: true
      community-id-seed: 0
      types: [{flow: {}}, {stats: {totals: yes, threads: no, deltas: no}}]
vlan: {use-for-tracking: true}
decoder:
  teredo: {enabled: false}
  vxlan: {enabled: false}
  geneve: {enabled: false}
defrag: {memcap: 64mb, hash-size: 256, trackers: 65535, max-frags: 65535, prealloc: no, timeout: 60}
flow: {memcap: 1gb, hash-size: 65536, prealloc: 1000, emergency-recovery: 30, managers: 1, recyclers: 1}
flow-timeouts:
  default: {new: 30, established: 300, closed: 10, bypassed: 100, emergency-new: 30, emergency-established: 300, emergency-closed: 10, emergency-bypassed: 100}
  tcp: {new: 60, established: 600, closed: 10, bypassed: 100, emergency-new: 60, emergency-established: 600, emergency-closed: 10, emergency-bypassed: 100}
  udp: {new: 30, established: 300, bypassed: 100, emergency-new: 30, emergency-established: 300, emergency-bypassed: 100}
  icmp: {new: 30, established: 300, bypassed: 100, emergency-new: 30, emergency-established: 300, emergency-bypassed: 100}
stream:
  memcap: 256mb
  checksum-validation: no
  inline: no
  midstream: true
  async-oneside: false
  reassembly: {memcap: 256mb, depth: 8kb, raw: no, toserver-chunk-size: 2560, toclient-chunk-size: 2560, randomize-chunk-size: no}
host: {hash-size: 256, prealloc: 0, memcap: 32mb}
ippair: {hash-size: 256, prealloc: 0, memcap: 32mb}
app-layer:
  protocols:
"""
# These are told by how they begin, and not parsed: no flow event holds what a parser finds. FTP's and SMTP's parsers are
# left, which name other flows (ftp-data), or what a flow goes on as.
_NAMED = [
    "bittorrent-dht",
    "dcerpc",
    "dhcp",
    "http",
    "http2",
    "ike",
    "imap",
    "krb5",
    "mqtt",
    "nfs",
    "ntp",
    "pgsql",
    "quic",
    "rdp",
    "rfb",
    "smb",
    "snmp",
    "ssh",
    "telnet",
    "tls",
]
_CONFIGURATION += "".join(f"    {name}: {{enabled: detection-only}}\n" for name in _NAMED)
_CONFIGURATION += "    dns: {udp: {enabled: detection-only}, tcp: {enabled: detection-only}}\n"


class Meter:
    """One Suricata: `write` frames as a pcap, then `finish`. Raises OutsideError where it fails."""

    def __init__(self, program: Path, folder: Path) -> None:
        """Args: folder: An empty one, for what it writes."""
        # It is started in its folder, from which a relative path would lead elsewhere.
        self._folder = folder = folder.absolute()
        configuration = folder / "suricata.yaml"
        configuration.write_text(_CONFIGURATION, encoding="utf-8")
        read, self._pipe = os.pipe()
        command = [str(program), "-c", str(configuration), "-r", f"/dev/fd/{read}", "-l", str(folder)]
        command += ["-k", "none", "--runmode", "single", "--disable-detection"]
        try:
            with (folder / "said").open("wb") as said:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    env=tools.environment(),
                    cwd=folder,
                    pass_fds=(read,),
                )
        except OSError as error:
            os.close(self._pipe)
            raise OutsideError(f"{program} does not start: {error.strerror}") from None
        finally:
            os.close(read)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._pipe, rest) :]
        except BrokenPipeError:
            self.finish()
            raise self._failed("it stopped reading") from None

    def finish(self) -> Path:
        """End the stream, and wait; returns the file of its events."""
        with suppress(OSError):
            os.close(self._pipe)
        code = self._process.wait()
        events = self._folder / "eve.json"
        if code:
            raise self._failed(f"it ended with {code}")
        if not events.is_file():
            raise self._failed("it wrote nothing")
        return events

    def close(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            with suppress(OSError):
                os.close(self._pipe)

    def _failed(self, how: str) -> OutsideError:
        return OutsideError(f"suricata failed on the capture: {how} ({tools.last_words(self._folder / 'said')})")
