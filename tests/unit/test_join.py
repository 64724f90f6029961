"""Images of two kinds of machine become one reference; docker buildx is stood in for: it is not here."""

import json
import sys

import pytest
from netanomaly import images

from images import join

PREFIX = "registry.example.org/team"
INDEX, AMD64, ARM64 = ("sha256:" + letter * 64 for letter in "abc")

BUILDX = f"""#!{sys.executable}
import json, sys
print(json.dumps(sys.argv[1:]), file=open("CALLS", "a"))
if "inspect" in sys.argv:
    print(json.dumps({{"digest": "{INDEX}"}}))
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A build folder with what both machines noted."""
    command = tmp_path / "bin/docker"
    command.parent.mkdir()
    command.write_text(BUILDX.replace("CALLS", str(tmp_path / "calls")))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    monkeypatch.setattr(join, "_BUILD", tmp_path)
    monkeypatch.setattr(join, "NOTES", tmp_path / "pushed-images.json")
    monkeypatch.setattr(sys, "argv", ["images.join", "--prefix", PREFIX])
    # A tag is a digest of files; what is changed and not committed does not matter here.
    monkeypatch.setattr(images, "tag", lambda stage: f"0.1.0-{stage}")
    for machine, digest in (("amd64", AMD64), ("arm64", ARM64)):
        names = [f"{PREFIX}-{machine}/{stage}:0.1.0-{stage}" for stage in images.IMAGES]
        notes = tmp_path / "machines" / f"images-{machine}" / "pushed-images.json"
        notes.parent.mkdir(parents=True)
        notes.write_text(json.dumps({name: f"{name}@{digest}" for name in names}))
    return tmp_path


def test_an_index_of_both_is_made_for_each_stage_and_noted_with_its_digest(build):
    join.main()
    notes = json.loads((build / "pushed-images.json").read_text())
    assert notes[f"{PREFIX}/train:0.1.0-train"] == f"{PREFIX}/train:0.1.0-train@{INDEX}"
    calls = [json.loads(line) for line in (build / "calls").read_text().splitlines()]
    created = [call for call in calls if "create" in call]
    assert len(created) == len(images.IMAGES)
    assert created[0][-2:] == [
        f"{PREFIX}-amd64/prepare:0.1.0-prepare@{AMD64}",
        f"{PREFIX}-arm64/prepare:0.1.0-prepare@{ARM64}",
    ]


def test_what_is_to_be_attested_is_listed_with_the_digest_of_each_machine(build):
    join.main()
    subjects = json.loads((build / "subjects.json").read_text())
    assert subjects[0] == {
        "stage": "prepare",
        "name": f"{PREFIX}/prepare",
        "digest": INDEX,
        "amd64": AMD64,
        "arm64": ARM64,
    }


def test_images_of_another_commit_are_not_joined(build, monkeypatch):
    monkeypatch.setattr(images, "tag", lambda stage: f"0.1.0-other-{stage}")
    with pytest.raises(SystemExit, match=r"was not pushed; was it built from the same commit\?"):
        join.main()
    assert not (build / "calls").exists()
