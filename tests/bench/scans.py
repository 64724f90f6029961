"""Whether scans stand out among benign traffic: captures of scans mixed into captures of browsing, video, ssh and time.

    python -m tests.bench.scans [--data ../shared/data] [--repeats 60]

Benign captures are repeated at random times from several clients; on half of the time the default detector is trained, and in
the other half each scan is hidden, as it was captured. A scan is found where flows of its source, and so an incident, are above the
score that 0.1% of the benign captures' flows exceed. What else the captures of scans hold (neighbours of the scanner, in a
network that the model never saw) is neither: how much of it is above is told apart. Needs Suricata.
"""

import argparse
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from netanomaly.flows import sources
from netanomaly.flows.streams import TextStream
from netanomaly.stages.capture import packets

from tests.bench.end_to_end import ROOT

BENIGN = ("ndpi/netflix", "ndpi/http_ipv6", "ndpi/youtube_quic", "ndpi/443-chrome", "ndpi/NTPv4", "zeek/bro.org")
SCANS = {
    "ndpi/synscan": "172.16.0.8",
    "slips/test12-icmp-portscan": "192.168.1.109",
    "slips/test7-malicious": "192.168.2.16",
    "zeek/nmap-vsn": "192.168.1.71",
}
"""With the address that scans. Zeek's vnc-scanner is one connection, and no scan to whoever sees flows."""
CLIENTS = {"192.168.1.7": "192.168.1", "10.0.2.15": "10.0.2"}
NETANOMALY = Path(sys.executable).with_name("netanomaly")
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_START = 1_700_000_000 * _SECOND


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--repeats", type=int, default=60)
    wanted = parser.parse_args()
    folder = ROOT / "build" / "bench" / "scans"
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(1)
    captures = wanted.data / "pcap"
    benign = [list(packets_of(captures / f"{name}.pcap")) for name in BENIGN]
    write(folder / "training.pcap", _benign(benign, wanted.repeats, _START, draw))
    later = _START + 2 * _DAY
    quiet = list(_benign(benign, wanted.repeats, later, draw))
    hidden = [
        packet
        for place, name in enumerate(SCANS, 1)
        for packet in at(list(packets_of(captures / f"{name}.pcap")), later + place * _DAY // 6)
    ]
    write(folder / "mixed.pcap", [*quiet, *hidden])
    write(folder / "quiet.pcap", quiet)
    configuration = {
        "model_name": "scans",
        "data_source": "training.pcap",
        "training_rows": "normal",
        "alert_budget": 0.001,
    }
    (folder / "scans.json").write_text(json.dumps(configuration))
    trained = _json("run", folder / "scans.json", "--workdir", folder / "work")
    scored = _scored(trained, folder, "mixed")
    _scored(trained, folder, "quiet")
    incidents = [json.loads(line) for line in (folder / "scored-mixed" / "alerts.ndjson").read_text().splitlines()]
    columns = ["src_ip", "dst_ip", "score"]
    scores = pq.read_table(folder / "scored-mixed" / "scores.parquet", columns=columns).to_pydict()
    alone = pq.read_table(folder / "scored-quiet" / "scores.parquet", columns=columns[:2]).to_pydict()
    sources, values = np.array(scores["src_ip"]), np.array(scores["score"])
    pairs = set(zip(alone["src_ip"], alone["dst_ip"], strict=True))
    is_benign = np.array([pair in pairs for pair in zip(scores["src_ip"], scores["dst_ip"], strict=True)])
    of_benign = values[is_benign]
    # Where exactly 0.1% of the benign flows of this very mix alert.
    strict = np.quantile(of_benign, 0.999)
    neighbours = values[~is_benign & ~np.isin(sources, list(SCANS.values()))]
    print(
        f"{scored['rows']:,} flows, {scored['alerts']:,} alerting, {len(incidents)} incidents; of {len(of_benign):,} benign flows "
        f"{(of_benign > scored['threshold']).mean():.2%} alert"
    )
    print(
        f"neighbours of the scanners: {(neighbours > strict).sum()} of {len(neighbours)} flows above 99.9% of the benign ones"
    )
    print(
        "| scan | source | flows above 99.9% of the benign ones | incident | severity |\n| --- | --- | ---: | --- | --- |"
    )
    for name, source in SCANS.items():
        best: dict[str, Any] = next((each for each in incidents if source in json.dumps(each)), {})
        above, of = int((values[sources == source] > strict).sum()), int((sources == source).sum())
        print(f"| {name} | {source} | {above:,} of {of:,} | {best.get('title', 'none')} | {best.get('severity', '')} |")


def _scored(trained: dict[str, Any], folder: Path, name: str) -> dict[str, Any]:
    model, out = f"scans:{trained['version']}", folder / f"scored-{name}"
    return _json("score", model, folder / f"{name}.pcap", "--registry", trained["registry"], "--out", out)


def write(path: Path, seen: list[tuple[int, bytes]]) -> None:
    """A pcap of frames in order of time."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for micros, frame in sorted(seen, key=lambda packet: packet[0]):
            file.write(struct.pack("<IIII", *divmod(micros, _SECOND), len(frame), len(frame)) + frame)


def packets_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Times in microseconds and frames of a capture."""
    (file,) = sources.resolve([str(path)]).files
    stream = TextStream(file)
    for each in packets.read(stream, lambda why: None):
        for number in range(len(each)):
            begin = int(each.place[number])
            yield int(each.micros[number]), each.octets[begin : begin + int(each.captured[number])].tobytes()
    stream.close()


def at(seen: list[tuple[int, bytes]], begin: int) -> list[tuple[int, bytes]]:
    """The packets as if the first had been seen then."""
    first = min(micros for micros, _ in seen)
    return [(begin + micros - first, frame) for micros, frame in seen]


def _benign(
    captures: list[list[tuple[int, bytes]]], repeats: int, begin: int, draw: np.random.Generator
) -> list[tuple[int, bytes]]:
    made = []
    for _ in range(repeats):
        for seen in captures:
            host = int(draw.integers(20, 40))
            for micros, frame in at(seen, begin + int(draw.integers(0, _DAY))):
                made.append((micros, _from(frame, host)))
    return made


def _from(frame: bytes, host: int) -> bytes:
    """The frame as another client of the same network would have had it."""
    ends = frame[26:34]
    for client, network in CLIENTS.items():
        known = bytes(map(int, client.split(".")))
        ends = b"".join(
            bytes(map(int, f"{network}.{host}".split("."))) if end == known else end for end in (ends[:4], ends[4:])
        )
    return frame[:26] + ends + frame[34:] if frame[12:14] == b"\x08\x00" else frame


def _json(*arguments: Any) -> dict[str, Any]:
    ended = subprocess.run(
        [str(NETANOMALY), *map(str, arguments), "--json"], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(ended.stderr)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


if __name__ == "__main__":
    main()
