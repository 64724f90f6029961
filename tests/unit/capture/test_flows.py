"""Flows of captures: the same from the same packets, as other meters see them, and one clear line where there are none."""

import gzip
import io
import json
import lzma
import shutil
import socket
import subprocess
import time
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest
from netanomaly.errors import DataError
from netanomaly.flows import sources
from netanomaly.flows.captured import Captured
from netanomaly.stages.capture import program
from netanomaly.stages.capture.program import capture
from netanomaly.stages.capture.settings import Settings
from netanomaly.traffic.opening import format_of
from netanomaly.traffic.reader import TrafficReader, Wish

from tests.bench.end_to_end import ROOT
from tests.unit.capture import made
from tests.unit.capture.made import START, Packet

CAPTURES = ROOT.parent / "shared" / "data" / "pcap"
SYN, ACK, FIN = 2, 16, 1


def need(*programs: str) -> None:
    if missing := [program for program in programs if shutil.which(program) is None]:
        pytest.skip(f"not proven, not installed: {', '.join(missing)}")


@pytest.fixture
def suricata() -> None:
    need("suricata")


def conversation(number: int = 0, begin: int = START) -> list[Packet]:
    """A connection of nine packets and a name looked up before, padded as Ethernet does."""
    client, server, port = "10.0.0.5", "10.0.0.9", 50_000 + number
    packets = [
        made.udp(client, port, "10.0.0.1", 53, b"?" * 30),
        made.udp("10.0.0.1", 53, client, port, b"!" * 60),
        made.tcp(client, port, server, 443, SYN),
        made.tcp(server, 443, client, port, SYN | ACK),
        made.tcp(client, port, server, 443, ACK),
        made.tcp(client, port, server, 443, ACK, b"x" * 700),
        made.tcp(server, 443, client, port, ACK, b"y" * 1400),
        made.tcp(client, port, server, 443, FIN | ACK),
        made.tcp(server, 443, client, port, FIN | ACK),
        made.tcp(client, port, server, 443, ACK),
    ]
    return [Packet(begin + 10_000 * place, made.ethernet(each, padded=60)) for place, each in enumerate(packets)]


ARP = Packet(START + 5, bytes(12) + b"\x08\x06" + bytes(46))


def flows_of(*paths: Path) -> tuple[bytes, dict]:
    out = io.BytesIO()
    report = capture(Settings([str(path) for path in paths]), out)
    return out.getvalue(), report


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def events(flows: bytes) -> list[dict]:
    return [json.loads(line) for line in flows.splitlines()]


def test_a_conversation_is_its_flows_in_order_with_packets_and_bytes(suricata, tmp_path):
    flows, report = flows_of(written(tmp_path / "office.pcap", made.pcap(*conversation(), ARP)))
    name, web = events(flows)
    assert (name["dest_port"], name["flow"]["pkts_toserver"], name["flow"]["pkts_toclient"]) == (53, 1, 1)
    assert (web["src_port"], web["dest_port"]) == (50_000, 443)
    assert (web["flow"]["pkts_toserver"], web["flow"]["pkts_toclient"]) == (5, 3)
    # Of IP packets alone, and 14 a packet, whatever the frames were padded to.
    assert web["flow"]["bytes_toserver"] == 5 * (14 + 40) + 700
    assert web["community_id"].startswith("1:")
    assert (report["packets"], report["packets_in_no_flow"], report["flows"]) == (11, 1, 2)
    assert report["share_in_no_flow"] == pytest.approx(1 / 11)
    assert report["tool"] == "suricata"
    assert report["noted"] == {}


def test_the_same_packets_give_the_same_bytes_however_they_are_cut_and_written(suricata, tmp_path):
    packets = [packet for number in range(20) for packet in conversation(number, START + number * 7_000_000)]
    whole, _ = flows_of(written(tmp_path / "whole.pcap", made.pcap(*packets)))
    assert len(events(whole)) == 40
    # Named so that the order of names is not that of time.
    parts = tmp_path / "parts"
    parts.mkdir()
    written(parts / "c.pcap0", made.pcap(*packets[:33]))
    written(parts / "b.pcap.gz", gzip.compress(made.pcap(*packets[33:34], order=">", nanoseconds=True)))
    written(parts / "a.pcapng", made.pcapng(*packets[34:]))
    cut, report = flows_of(parts)
    assert cut == whole
    assert [Path(uri).name for uri in report["files"]] == ["c.pcap0", "b.pcap.gz", "a.pcapng"] or len(
        report["files"]
    ) == 3
    bare = [Packet(each.micros, each.data[14:]) for each in packets]
    raw, _ = flows_of(written(tmp_path / "raw.pcap", made.pcap(*bare, link=made.RAW)))
    assert raw == whole


def test_real_captures_give_the_same_bytes_each_time(suricata):
    if not CAPTURES.is_dir():
        pytest.skip("not proven, the captures of shared/data are not here")
    files = sorted(CAPTURES.glob("*/*.pcap"))
    once, report = flows_of(*files)
    again, _ = flows_of(*files)
    assert once == again
    assert report["flows"] > 1000
    starts = [event["flow"]["start"] for event in events(once)]
    assert starts == sorted(starts)


def test_the_eve_json_that_is_bundled_is_of_the_captures_that_are(suricata):
    bundled = gzip.decompress((ROOT / "configs/data/suricata/eve.json.gz").read_bytes())
    made_now, _ = flows_of(ROOT / "configs/data/captures")
    versions = {event.pop("suricata_version") for flows in (bundled, made_now) for event in events(flows)}
    if len(versions) > 1:
        pytest.skip("not proven, another Suricata made the bundled events: " + ", ".join(sorted(versions)))
    assert made_now == bundled


def test_what_is_amiss_with_a_capture_is_counted(suricata, tmp_path):
    packets = conversation()
    cut = made.pcap(*packets, snaplen=96)[:-3]
    flows, report = flows_of(written(tmp_path / "office.pcap", cut), written(tmp_path / "notes.txt", b"hello"))
    assert report["noted"] == {
        "capture that is damaged, or ends in the middle of a packet: what is whole was used": 1,
        "packet cut by the capture's snap length, counted at its full length": 3,
        "file that is no capture, left out": 1,
    }
    assert [*report["incomplete"].values()] == ["ends in the middle of a packet; the 9 before it are used"]
    assert events(flows)[1]["flow"]["bytes_toserver"] == 4 * (14 + 40) + 700


def test_what_it_writes_on_the_way_may_lie_in_a_folder_named_from_here(suricata, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(Path("office.pcap"), made.pcap(*conversation()))
    assert capture(Settings([str(path)]), io.BytesIO(), Path())["flows"] == 2


def test_of_rotated_captures_those_without_a_packet_are_left_out_and_counted(suricata, tmp_path):
    packets = conversation()
    whole, _ = flows_of(written(tmp_path / "whole.pcap", made.pcap(*packets)))
    parts = tmp_path / "parts"
    parts.mkdir()
    written(parts / "a.pcap", made.pcap())
    written(parts / "b.pcap", made.pcap(*packets))
    written(parts / "c.pcapng", made.section() + made.interface())
    flows, report = flows_of(parts)
    assert flows == whole
    assert report["noted"] == {"capture without a whole packet, left out": 2}
    assert [Path(uri).name for uri in report["files"]] == ["b.pcap"]
    (parts / "b.pcap").unlink()
    with pytest.raises(DataError, match=r"a\.pcap is a capture without a whole packet"):
        flows_of(parts)


def test_vlan_tags_are_no_part_of_a_flow_s_bytes_and_are_counted(suricata, tmp_path):
    packets = conversation()
    tagged = [Packet(each.micros, each.data[:12] + b"\x81\x00\x00\x07" + each.data[12:]) for each in packets]
    plain = conversations(tmp_path / "1", written(tmp_path / "plain.pcap", made.pcap(*packets)))
    assert conversations(tmp_path / "2", written(tmp_path / "tagged.pcap", made.pcap(*tagged))) == plain
    _, report = flows_of(tmp_path / "tagged.pcap")
    assert report["noted"] == {"packet with a VLAN tag, which is no part of its bytes": len(packets)}


def test_a_link_that_suricata_does_not_know_is_named_wherever_it_is_in_the_source(suricata, tmp_path):
    known = written(tmp_path / "a.pcap", made.pcap(*conversation()))
    radio = written(tmp_path / "b.pcap", made.pcap(*conversation(), link=made.WIFI))
    for files in ([radio], [known, radio]):
        with pytest.raises(
            DataError, match=r"b\.pcap was captured on a link of type 127 \(IEEE 802\.11 with radiotap\)"
        ):
            flows_of(*files)


def zipped(data: bytes, *, encrypted: bool) -> bytes:
    made_of = io.BytesIO()
    with zipfile.ZipFile(made_of, "w") as archive:
        archive.writestr("office.pcap", data)
    octets = bytearray(made_of.getvalue())
    # The flag stands in the member's own head and in the list of members.
    octets[6] |= encrypted
    octets[octets.find(b"PK\x01\x02") + 8] |= encrypted
    return bytes(octets)


def test_a_damaged_or_encrypted_archive_of_a_capture_is_one_clear_line(suricata, tmp_path):
    capture = made.pcap(
        *(packet for number in range(30) for packet in conversation(number, START + number * 7_000_000))
    )
    spoilt = bytearray(gzip.compress(capture))
    spoilt[len(spoilt) // 2] ^= 0xFF
    for name, data, why in (
        (
            "cut.pcap.gz",
            gzip.compress(capture)[:-100],
            r"cut\.pcap\.gz: the \.gz stream ends too early; copy or download",
        ),
        (
            "cut.pcap.xz",
            lzma.compress(capture)[:-100],
            r"cut\.pcap\.xz: the \.xz stream ends too early; copy or download",
        ),
        ("spoilt.pcap.gz", bytes(spoilt), r"spoilt\.pcap\.gz: the \.gz stream is damaged"),
        ("office.zip", zipped(capture, encrypted=True), r"office\.zip is an encrypted zip archive; unpack it"),
    ):
        with pytest.raises(DataError, match=why):
            flows_of(written(tmp_path / name, data))
    whole, _ = flows_of(written(tmp_path / "office.pcap", capture))
    assert flows_of(written(tmp_path / "good.zip", zipped(capture, encrypted=False)))[0] == whole


def test_where_time_runs_backwards_flows_begin_anew(suricata, tmp_path):
    day = 86_400_000_000
    packets = [*conversation(0, START + day), *conversation(0, START)]
    flows, report = flows_of(written(tmp_path / "office.pcap", made.pcap(*packets)))
    assert len(events(flows)) == 4
    assert report["noted"] == {"time running backwards by over a minute: flows were begun anew": 1}
    assert all(event["flow"]["end"] >= event["flow"]["start"] for event in events(flows))


def test_a_capture_that_goes_back_again_and_again_is_to_be_ordered_first(suricata, tmp_path, monkeypatch):
    monkeypatch.setattr(program, "_STREAMS_AT_MOST", 2)
    packets = [Packet(START - number * 61_000_000, conversation()[2].data) for number in range(4)]
    with pytest.raises(DataError, match=r"time runs backwards by over a minute 2 times and more; .* reordercap"):
        flows_of(written(tmp_path / "office.pcap", made.pcap(*packets)))


def test_without_suricata_the_one_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        DataError, match=r"is a capture of packets: .* sudo apt-get install suricata nfdump, or give --runner docker"
    ):
        flows_of(written(tmp_path / "office.pcap", made.pcap(*conversation())))
    with pytest.raises(DataError, match=r"is a binary file of NetFlow .* sudo apt-get install suricata nfdump"):
        flows_of(written(tmp_path / "nfcapd.202311141200", b"\x0c\xa5\x02\0" + bytes(40)))


def test_no_capture_and_captures_beside_netflow_are_refused(tmp_path):
    notes = written(tmp_path / "notes.txt", b"hello")
    with pytest.raises(DataError, match=r"holds no capture of packets .* and no file of NetFlow"):
        flows_of(notes)
    both = (
        written(tmp_path / "office.pcap", made.pcap(*conversation())),
        written(tmp_path / "nfcapd.1", b"\x0c\xa5\x02\0"),
    )
    with pytest.raises(DataError, match="a source has one format: give each its own source"):
        flows_of(*both)


def test_a_capture_that_changed_since_the_run_was_prepared_is_refused(suricata, tmp_path):
    path = written(tmp_path / "office.pcap", made.pcap(*conversation()))
    with pytest.raises(DataError, match="changed while the pipeline ran"):
        capture(Settings([str(path)], "sha256:0"), io.BytesIO())


def test_a_netflow_file_of_a_version_that_nfdump_does_not_know_is_named_with_the_way_out(tmp_path):
    need("nfdump")
    path = written(tmp_path / "nfcapd.202311141200", b"\x0c\xa5\x09\0" + bytes(200))
    with pytest.raises(
        DataError, match=r"nfcapd\.202311141200 cannot be read by nfdump 1.*version: 9.*; copy it again"
    ):
        flows_of(path)


def test_two_meters_see_the_same_conversations(suricata, tmp_path):
    """Suricata, and softflowd with nfcapd and nfdump: each conversation with its packets and IP bytes."""
    need("softflowd", "nfcapd", "nfdump")
    packets = [packet for number in range(12) for packet in conversation(number, START + number * 1_000_000)]
    # softflowd takes padding for bytes of the packet.
    bare = [Packet(each.micros, made.ethernet(made.ip_alone(each.data[14:]))) for each in packets]
    path = written(tmp_path / "office.pcap", made.pcap(*bare))
    exported = by_softflowd(path, tmp_path / "netflow")
    seen = conversations(tmp_path / "1", path)
    assert len(seen) == 24
    assert conversations(tmp_path / "2", exported) == seen
    (whole,) = exported.iterdir()
    short = written(tmp_path / whole.name, whole.read_bytes()[:300])
    with pytest.raises(DataError, match=r"nfcapd\.[0-9]+ cannot be read by nfdump"):
        flows_of(short)


def by_softflowd(path: Path, folder: Path) -> Path:
    folder.mkdir()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    collector = subprocess.Popen(
        ["nfcapd", "-w", str(folder), "-p", str(port), "-b", "127.0.0.1"], stderr=subprocess.PIPE
    )
    assert collector.stderr is not None
    for line in collector.stderr:
        if b"Startup" in line:
            break
    subprocess.run(
        ["softflowd", "-r", str(path), "-n", f"127.0.0.1:{port}", "-v", "9"], check=True, capture_output=True
    )
    time.sleep(0.5)
    collector.terminate()
    collector.communicate(timeout=20)
    return folder


def conversations(scratch: Path, source: Path) -> dict:
    scratch.mkdir()
    flows = scratch / "flows"
    with flows.open("wb") as out:
        report = capture(Settings([str(source)]), out)
    files = Captured(flows, report).files([str(source)])
    written_as = format_of(files)
    assert written_as is not None
    found: dict = defaultdict(lambda: [0, 0, 0, 0])
    for batch in TrafficReader(files, written_as, Wish(), scratch).batches():
        ends = {name: batch.beside[name].to_pylist() for name in ("src_ip", "src_port", "dst_ip", "dst_port")}
        ends["protocol"] = batch.categories["protocol"].to_pylist()
        numbers = {
            name: batch.numbers[place]
            for place, name in enumerate(("bytes_out", "bytes_in", "packets_out", "packets_in"), 1)
        }
        for row in range(batch.rows):
            total = found[tuple(ends[name][row] for name in ends)]
            for place, name in enumerate(numbers):
                total[place] += int(numbers[name][row])
    return dict(found)


def test_a_folder_of_captures_is_a_source_and_one_with_logs_is_not(tmp_path):
    for name in ("a.pcap", "b.pcapng.gz", "c.pcap12", "nfcapd.202311141200", "notes.md"):
        written(tmp_path / name, b"x")
    assert [file.name for file in sources.resolve([str(tmp_path)]).files] == [
        "a.pcap",
        "b.pcapng.gz",
        "c.pcap12",
        "nfcapd.202311141200",
    ]
    written(tmp_path / "conn.log", b"x")
    assert [file.name for file in sources.resolve([str(tmp_path)]).files] == ["conn.log"]


@pytest.mark.parametrize("name", ["office.pcap.gz", "nfcapd.202001010000.xz", "office.parquet"])
def test_flows_of_a_compressed_capture_are_read_as_what_they_are(tmp_path, name):
    start = "2020-01-01T00:00:00.000000+0000"
    record = {"timestamp": start, "event_type": "flow", "src_ip": "10.0.0.1", "src_port": 1, "dest_ip": "10.0.0.2"}
    record |= {"dest_port": 2, "proto": "TCP", "flow": {"start": start, "end": start, "bytes_toserver": 60}}
    flows = written(tmp_path / "flows", json.dumps(record).encode() + b"\n")
    files = Captured(flows, {"files": [f"/captures/{name}"]}).files([f"/captures/{name}"])
    found = format_of(files)
    assert found is not None
    assert found.name == "suricata-eve"
