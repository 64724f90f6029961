"""Where `netanomaly run --runner docker` runs stages: images checked, leftovers removed, paths and credentials given."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import typer

from netanomaly import images
from netanomaly.errors import OutsideError
from netanomaly.runners import docker_daemon, docker_leftovers
from netanomaly.runners.docker import DockerLauncher

if TYPE_CHECKING:
    from docker import DockerClient

# What stages need to reach a store. Given as environment: never in a command, a label or a file.
_PASSED_ON = (
    *("S3_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
# Files of certificates: given under their own path, so that a store's private authority is known inside too.
_CERTIFICATES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def connect(prefix: str, *, keep: bool) -> "DockerClient":
    """A client of a daemon that has every stage's image; what crashed runs left there is removed unless `keep`.

    Raises:
        InputError: An image is missing.
        OutsideError: The daemon cannot be used.
    """
    client = docker_daemon.connect()
    docker_daemon.require(client, (images.reference(stage, prefix) for stage in images.STAGES))
    if not keep:
        removed = docker_leftovers.remove(client)
        if removed:
            typer.echo(f"removed {len(removed)} container(s) that an earlier run left: {', '.join(removed)}", err=True)
    return client


@contextmanager
def launcher(
    client: "DockerClient", document: Mapping[str, Any], run_dir: Path, keep: bool
) -> Iterator[DockerLauncher]:
    """A launcher for one run of a configuration whose paths are absolute; its registry's folder is made.

    Raises:
        OutsideError: The registry's folder cannot be made.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
    readable = list(_readable(document))
    remote = any("://" in uri and not uri.startswith("file://") for uri in _uris(document))
    for name in _CERTIFICATES:
        file = Path(os.environ.get(name) or "/nowhere")
        if remote and file.is_file():
            environment[name] = str(file.resolve())
            readable.append(file.resolve())
    registry = _local(document["registry"])
    if registry is not None:
        try:
            registry.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutsideError(f"registry {str(registry)!r} cannot be made: {error.strerror}") from None
    with docker_leftovers.holding(run_dir):
        yield DockerLauncher(
            client,
            environment=environment,
            readable=readable,
            writable=[] if registry is None else [registry],
            # The host's own: a store on its loopback is reached under the address that the user gave.
            network="host" if remote else "none",
            keep=keep,
        )


def _uris(document: Mapping[str, Any]) -> Iterator[str]:
    for name in ("data_source", "evaluation_data_source", "registry"):
        value = document.get(name)
        yield from value if isinstance(value, list) else [] if value is None else [value]


def _readable(document: Mapping[str, Any]) -> Iterator[Path]:
    """The files and folders that the sources name; of a glob, the folder above its first wildcard."""
    for name in ("data_source", "evaluation_data_source"):
        for uri in _uris({name: document.get(name)}):
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
