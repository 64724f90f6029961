"""Push the stage images that a registry lacks: `python -m images.push --prefix registry.example.org/team [STAGE...]`.

Notes each image's digest in build/pushed-images.json; from then on compiled pipelines name it. Credentials are those
of `docker login`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from docker.errors import APIError
from netanomaly import images
from netanomaly.errors import OutsideError
from netanomaly.runners import docker_daemon

NOTES = Path(__file__).resolve().parents[1] / "build" / "pushed-images.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m images.push", description=__doc__)
    parser.add_argument("--prefix", help="registry and repository, such as registry.example.org/netanomaly")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="all by default: " + ", ".join(images.IMAGES))
    options = parser.parse_args()
    prefix, unknown = options.prefix, set(options.stages) - set(images.IMAGES)
    if unknown:
        parser.error(f"no stage is called {', '.join(sorted(unknown))}; there are {', '.join(images.IMAGES)}")
    if not prefix:
        parser.error("say where to: make push IMAGE_PREFIX=registry.example.org/netanomaly")
    notes = dict(images.pushed())
    try:
        client = docker_daemon.connect()
        for stage in options.stages or images.IMAGES:
            name = images.reference(stage, prefix).partition("@")[0]
            digest = _digest_there(client, name)
            print(f"there is {name} already" if digest else f"pushing {name}", flush=True)
            notes[name] = f"{name}@{digest or _push(client, name)}"
            NOTES.parent.mkdir(exist_ok=True)
            NOTES.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
    except OutsideError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _digest_there(client: Any, name: str) -> str | None:
    """The digest of an image in its registry, None where it is not there.

    A registry that knows no such repository may say "denied" instead of "not found"; the push then says which it was.
    """
    try:
        return str(client.images.get_registry_data(name).id)
    except APIError as failure:
        if failure.status_code in (401, 403, 404) or "manifest unknown" in str(failure):
            return None
        raise OutsideError(docker_daemon.in_words(failure, f"asking for {name}")) from None
    except docker_daemon.FAILURES as failure:
        raise OutsideError(docker_daemon.in_words(failure, f"asking for {name}")) from None


def _push(client: Any, name: str) -> str:
    with docker_daemon.failures_as(OutsideError, f"pushing {name}"):
        for line in client.api.push(name, stream=True, decode=True):
            if "error" in line:
                raise OutsideError(f"{name} could not be pushed: {line['error']}; did you `docker login`?")
            if line.get("aux", {}).get("Digest"):
                return str(line["aux"]["Digest"])
    raise OutsideError(f"{name} was pushed, but the registry named no digest")


if __name__ == "__main__":
    main()
