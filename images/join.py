"""Join the stage images that two kinds of machine pushed: `python -m images.join --prefix PREFIX`.

`make push` ran on each kind with the prefix PREFIX-MACHINE, and its notes are in build/machines/images-MACHINE. Makes
one index for each stage at PREFIX, and notes its digest in build/pushed-images.json, so that compiled pipelines name
it; build/subjects.json lists what is to be attested. Needs docker with buildx.
"""

import argparse
import json
import subprocess
from typing import Any

from netanomaly import images

from images.push import NOTES

MACHINES = ("amd64", "arm64")
_BUILD = NOTES.parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m images.join", description=__doc__)
    parser.add_argument(
        "--prefix", required=True, help="registry and repository, such as ghcr.io/netanomaly/netanomaly"
    )
    prefix = parser.parse_args().prefix.rstrip("/")
    pushed = {machine: _pushed(machine) for machine in MACHINES}
    notes, subjects = dict(images.pushed()), []
    for stage in images.IMAGES:
        name = images.reference(stage, prefix).partition("@")[0]
        tag = name.rpartition(":")[2]
        try:
            parts = {machine: pushed[machine][f"{prefix}-{machine}/{stage}:{tag}"] for machine in MACHINES}
        except KeyError as missing:
            raise SystemExit(f"error: {missing} was not pushed; was it built from the same commit?") from None
        print(f"joining {name}", flush=True)
        _buildx("create", "--tag", name, *parts.values())
        digest = json.loads(_buildx("inspect", "--format", "{{json .Manifest}}", name))["digest"]
        notes[name] = f"{name}@{digest}"
        each = {machine: reference.partition("@")[2] for machine, reference in parts.items()}
        subjects.append({"stage": stage, "name": f"{prefix}/{stage}", "digest": digest, **each})
    NOTES.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
    (_BUILD / "subjects.json").write_text(json.dumps(subjects, indent=2) + "\n", encoding="utf-8")


def _pushed(machine: str) -> dict[str, Any]:
    notes = _BUILD / "machines" / f"images-{machine}" / "pushed-images.json"
    if not notes.is_file():
        raise SystemExit(f"error: {notes} is not there; `make push` on {machine} writes it")
    return dict(json.loads(notes.read_text(encoding="utf-8")))


def _buildx(*words: str) -> str:
    done = subprocess.run(["docker", "buildx", "imagetools", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise SystemExit(f"error: docker buildx imagetools {words[0]}: {said[-1] if said else done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()
