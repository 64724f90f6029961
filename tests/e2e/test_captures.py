"""Flows of captures made in the capture stage's image: with no network, no right and nothing to write to but its output."""

import json

import pytest
from netanomaly import images

from tests.command import netanomaly
from tests.e2e.inside import run
from tests.unit.capture import made
from tests.unit.capture.test_flows import conversation

pytestmark = pytest.mark.xdist_group("containers")

PROGRAMS = """
import subprocess
for program in ("suricata", "nfdump"):
    print(subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stdout)
"""


def test_suricata_and_nfdump_are_in_the_image_of_captures_with_their_notices(client):
    said = run(client, images.reference("capture"), PROGRAMS).decode()
    assert "Suricata version 7" in said
    assert "nfdump" in said
    notices = "print(open('/usr/share/doc/suricata/copyright').read()[:4000], open('/usr/share/doc/nfdump/copyright').read()[:4000])"
    assert "GPL" in run(client, images.reference("capture"), notices).decode()
    bill = json.loads(
        run(client, images.reference("capture"), "print(open('/usr/share/netanomaly/sbom.cdx.json').read())")
    )
    assert {"suricata", "nfdump"} <= {part["name"] for part in bill["components"]}


def test_where_suricata_is_not_installed_captures_are_read_in_containers(client, tmp_path):
    (tmp_path / "office.pcap").write_bytes(made.pcap(*conversation()))
    ended = netanomaly("ingest", tmp_path, "--runner", "docker", "--json", PATH=str(tmp_path))
    assert ended.code == 0, ended.stderr
    assert (ended.json["rows"], ended.json["capture"]["tool"], ended.json["capture"]["packets"]) == (2, "suricata", 10)


def test_what_is_wrong_with_a_capture_is_told_from_inside_the_container(client, tmp_path):
    (tmp_path / "office.pcap").write_bytes(made.pcap(made.Packet(made.START, b"x" * 60), link=made.WIFI))
    ended = netanomaly("ingest", tmp_path, "--runner", "docker")
    assert ended.code == 2
    assert "office.pcap was captured on a link of type 127 (IEEE 802.11 with radiotap)" in ended.last_line
