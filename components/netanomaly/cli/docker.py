"""Where `netanomaly run --runner docker` runs stages: images checked, leftovers removed, paths and credentials given."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from netanomaly import images, output
from netanomaly.errors import OutsideError
from netanomaly.registry import signing
from netanomaly.registry.belief import REGISTRY_ID, SIGNED_HEADS
from netanomaly.registry.location import locate
from netanomaly.runners import docker_daemon, docker_leftovers
from netanomaly.runners.docker import DockerLauncher
from netanomaly.runners.outside import STORE

if TYPE_CHECKING:
    from docker import DockerClient

    from netanomaly.cli.pipelines.kind import Kind

# Of these, what names a file: given read-only under its own path, so that the variable holds inside too.
_FILES = (
    *("AWS_CA_BUNDLE", "SSL_CERT_FILE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
)


def connect(stages: Iterable[str], prefix: str, *, keep: bool) -> "DockerClient":
    """A client of a daemon that has the images of these stages; what crashed runs left there is removed unless `keep`.

    Raises:
        InputError: An image is missing.
        OutsideError: The daemon cannot be used.
    """
    client = docker_daemon.connect()
    docker_daemon.require(client, (images.reference(stage, prefix) for stage in stages))
    if not keep:
        removed = docker_leftovers.remove(client)
        if removed:
            output.tell(f"removed {len(removed)} container(s) that an earlier run left: {', '.join(removed)}")
    return client


@contextmanager
def launcher(
    client: "DockerClient", document: Mapping[str, Any], kind: "Kind", run_dir: Path, keep: bool
) -> Iterator[DockerLauncher]:
    """A launcher for one run of a configuration whose paths are absolute; the folders that it writes to are made.

    Args:
        client: Of the daemon.
        document: The configuration.
        kind: The pipeline.
        run_dir: The run's folder.
        keep: Whether containers are left.

    Raises:
        OutsideError: A folder cannot be made.
    """
    sources = kind.sources
    # Where it is true, feedback is in the registry's folder.
    read = (*sources, "feedback") if isinstance(document.get("feedback"), str) else sources
    remote = _remote(_uris(document, (*read, *kind.destinations, "webhooks")))
    environment = _environment() if remote else {}
    written = [path for uri in _uris(document, kind.destinations) if (path := _local(uri)) is not None]
    for path in written:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutsideError(f"folder {str(path)!r} cannot be made: {error.strerror}") from None
    with docker_leftovers.holding(run_dir):
        yield DockerLauncher(
            client,
            environment=environment,
            files=[Path(environment[name]) for name in _FILES if name in environment],
            by_name=_beliefs(document["registry"]),
            readable=list(_readable(document, read)),
            writable=written,
            # The host's own: a store on its loopback is reached under the address that the user gave.
            network="host" if remote else "none",
            keep=keep,
        )


def reading(client: "DockerClient", source: list[str]) -> tuple[DockerLauncher, frozenset[str]]:
    """A launcher for one stage that reads a source, and what it takes from outside."""
    remote = _remote(source)
    environment = _environment() if remote else {}
    launcher = DockerLauncher(
        client,
        environment=environment,
        files=[Path(environment[name]) for name in _FILES if name in environment],
        readable=list(_readable({"source": source}, ("source",))),
        network="host" if remote else "none",
    )
    return launcher, frozenset(environment)


def _remote(uris: Iterable[str]) -> bool:
    return any("://" in uri and not uri.startswith("file://") for uri in uris)


def _beliefs(registry: str) -> dict[str, str]:
    """What stages sign with and believe. A folder may be reached through links here that a container does not have."""
    given = signing.for_containers()
    if given:
        given[REGISTRY_ID] = locate(registry).belief.identity
        if wanted := os.environ.get(SIGNED_HEADS):
            given[SIGNED_HEADS] = wanted
    return given


def _environment() -> dict[str, str]:
    """The variables of this process that stages get where they reach a store: never in a command, a label or a file."""
    environment = {name: value for name, value in os.environ.items() if name.upper().startswith(STORE)}
    for name in _FILES:
        file = Path(os.environ.get(name) or "/nowhere").absolute()
        environment.pop(name, None)
        if file.is_file():
            environment[name] = str(file)
    profiles = Path.home() / ".aws" / "credentials"
    if "AWS_SHARED_CREDENTIALS_FILE" not in environment and profiles.is_file():
        environment["AWS_SHARED_CREDENTIALS_FILE"] = str(profiles)
    return environment


def _uris(document: Mapping[str, Any], fields: Iterable[str]) -> Iterator[str]:
    for name in fields:
        value = document.get(name)
        yield from value if isinstance(value, list) else [] if value is None else [value]


def _readable(document: Mapping[str, Any], sources: Iterable[str]) -> Iterator[Path]:
    """The files and folders that the sources name; of a glob, the folder above its first wildcard."""
    for uri in _uris(document, sources):
        path = _local(uri)
        if path is None:
            continue
        while not path.exists() and path != path.parent and _is_glob(path):
            path = path.parent
        if path.exists():
            yield path


def _is_glob(path: Path) -> bool:
    return any(character in str(path) for character in "*?[")


def _local(uri: str) -> Path | None:
    """The path that a URI names on this machine, None for a remote one."""
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return None if "://" in uri else Path(uri).absolute()
