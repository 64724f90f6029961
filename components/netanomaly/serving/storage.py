"""Fetch a version from the registry into a folder, verified, before a server starts: KServe's storage initializer.

    python -m netanomaly.serving.storage netanomaly://office:7 /mnt/models

Of `netanomaly://office@champion` it is the version that the alias points to now, of `netanomaly://office` its champion. With
`?sha256=` behind it, another model file than that one is refused. Where the registry is says NETANOMALY_REGISTRY, and the
object store's variables as for every stage. What it became is said, and stands in the folder as `registered.json`.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from netanomaly import output
from netanomaly.errors import InputError, ModelError
from netanomaly.serving.ending import exit_code

SCHEME = "netanomaly://"
REGISTRY = "NETANOMALY_REGISTRY"

_DIGEST = re.compile(r"sha256=([0-9a-f]{64})")


def main(argv: Sequence[str]) -> int:
    """Fetch; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m netanomaly.serving.storage",
        description="Fetch a version from the registry into a folder, verified.",
        epilog="exit codes: 0 done, 1 defect, 2 the input is wrong or the model cannot be trusted, 3 an outside failure",
    )
    parser.add_argument("uri", metavar="netanomaly://MODEL[:VERSION|@ALIAS]", help="what to fetch")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to; KServe's is /mnt/models")
    arguments = parser.parse_args(argv)
    return exit_code(lambda: output.say(fetch(arguments.uri, arguments.folder)))


def fetch(uri: str, folder: Path) -> str:
    """Fetch the version that a URI means, and say which it is.

    Raises:
        InputError: It is no such URI, or there is no such version; no registry is named.
        ModelError: What is stored is not what was registered, or not what the URI says.
        OutsideError: The registry cannot be reached, or the folder not be written.
    """
    reference, sha256 = parsed(uri)
    where = os.environ.get(REGISTRY, "")
    if not where:
        raise InputError(
            f"{REGISTRY} is not set: the ConfigMap netanomaly-serving of this namespace names the registry"
        )
    from netanomaly.registry import open_registry
    from netanomaly.registry.carried import carry

    registry = open_registry(where)
    chosen = registry.chosen(reference)
    if sha256 and chosen.record.artifact.sha256 != sha256:
        raise ModelError(
            f"{chosen.model}:{chosen.number} in registry {registry.uri} has SHA-256 {chosen.record.artifact.sha256}, and {sha256} "
            "was to be served: it is another registry than the one it was deployed from"
        )
    version, _ = carry(registry, f"{chosen.model}:{chosen.number}", folder)
    return (
        f"{reference} is {version.model}:{version.number}, sha256:{version.record.artifact.sha256}, from {registry.uri}; verified, "
        f"in {folder}"
    )


def parsed(uri: str) -> tuple[str, str]:
    """The reference that a URI means, and the digest that its model file must have; empty: any.

    Raises:
        InputError: It is no such URI.
    """
    if not uri.startswith(SCHEME):
        raise InputError(f"{uri[:200]!r} is not to be fetched here; write {SCHEME}MODEL:VERSION or {SCHEME}MODEL@ALIAS")
    reference, question, query = uri.removeprefix(SCHEME).partition("?")
    if not question:
        return reference, ""
    found = _DIGEST.fullmatch(query)
    if found is None:
        raise InputError(
            f"{uri[:200]!r} says {query[:100]!r} behind its name; all that may stand there is sha256=DIGEST"
        )
    return reference, found[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
