"""The Docker daemon: how it is found, what it must have, and what its failures mean in one line each."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, ImageNotFound

from netanomaly.errors import InputError, OutsideError
from netanomaly.wording import reason

# Every failure of the client, of what it stands on, and of the socket below.
FAILURES = (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_VERSION_LABEL = "org.opencontainers.image.version"
# Mounts by source and target, and create's platform, are as of this one (Docker 20.10).
_OLDEST_API = (1, 41)


def connect() -> docker.DockerClient:
    """A client of the daemon that DOCKER_HOST names, else the current context of the docker command.

    Raises:
        OutsideError: There is none, it cannot be reached, or it is too old.
    """
    host = address()
    try:
        # Stages block a connection each while they run.
        client = docker.DockerClient(base_url=host, version="auto", timeout=120, max_pool_size=64)
        version = client.version()
    except FAILURES as failure:
        raise _unreachable(failure, host) from None
    api = tuple(int(part) for part in version["ApiVersion"].split("."))
    if api < _OLDEST_API:
        client.close()
        raise OutsideError(
            f"the Docker daemon at {host} is too old: version {version['Version']} (API {version['ApiVersion']}); "
            "20.10 (API 1.41) or newer is needed"
        )
    return client


def address() -> str:
    """Where the daemon listens, such as `unix:///var/run/docker.sock`."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    try:
        context = docker.ContextAPI.get_current_context()
    except (DockerException, OSError, ValueError):
        context = None
    return (context and context.Host) or "unix:///var/run/docker.sock"


def require(client: docker.DockerClient, references: Iterable[str]) -> None:
    """Check that the images are there, and are what their names say; pull those of a registry that are not.

    Raises:
        InputError: An image is missing or another one than its name says: which, and what makes it.
        OutsideError: The daemon or a registry failed.
    """
    missing = []
    for reference in sorted(set(references)):
        try:
            image = _found(client, reference)
        except FAILURES as failure:
            raise OutsideError(in_words(failure, f"looking for image {reference}")) from None
        if image is None:
            missing.append(reference)
        elif "@" not in reference:
            _check_version(image, reference)
    if missing:
        raise InputError(_missing(client, missing))


class Output:
    """What a container says, both of its streams, in pieces as they come. Opened before it is started: from the first.

    The daemon gives the connection over to the streams; the client library closes none of it, this does.
    """

    def __init__(self, api: docker.APIClient, container: str) -> None:
        wanted = {"stdout": 1, "stderr": 1, "stream": 1}
        self._held = api.attach_socket(container, params=wanted)
        # What the library gives is a file over the socket, or the socket itself.
        self._socket = getattr(self._held, "_sock", self._held)
        self._socket.settimeout(None)
        self._pieces = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pieces.close()
        self._held.close()
        self._socket.close()

    def __iter__(self) -> Iterator[bytes]:
        # Each piece is led by its stream's number, three zeros and its length.
        while header := self._pieces.read(8):
            yield self._pieces.read(int.from_bytes(header[4:], "big"))


@contextmanager
def failures_as(error: Callable[[str], Exception], doing: str) -> Iterator[None]:
    """Turn a failure of Docker inside the block into an error of one line."""
    try:
        yield
    except FAILURES as failure:
        raise error(in_words(failure, doing)) from None


def in_words(failure: BaseException, doing: str) -> str:
    """One line: what failed, why, and the way out where it is known."""
    said = _reason(failure)
    if "no space left on device" in said.lower():
        return f"Docker's disk is full ({doing}): free some, for instance with `docker system prune`"
    if "bind source path does not exist" in said:
        path = said.partition("bind source path does not exist: ")[2]
        return (
            f"{path or 'a folder'} is not shared with the Docker daemon at {address()} ({doing}); "
            "choose a --workdir and data that the daemon's machine has under the same path"
        )
    if "no basic auth credentials" in said or "unauthorized" in said:
        return f"the container registry wants to know who you are ({doing}): {said}; `docker login` tells it"
    if isinstance(failure, APIError):
        return f"Docker refused ({doing}): {said}"
    return f"the Docker daemon at {address()} is gone ({doing}): {said}; start it and run again"


def _found(client: docker.DockerClient, reference: str) -> Any | None:
    try:
        return client.images.get(reference)
    except ImageNotFound:
        registry = reference.split("/")[0]
        if "." not in registry and ":" not in registry:
            return None
    try:
        return client.images.pull(reference)
    except APIError as failure:
        if failure.status_code in (403, 404) or "not found" in str(failure):
            return None
        raise


def _check_version(image: Any, reference: str) -> None:
    tag = reference.rpartition(":")[2]
    labelled = (image.labels or {}).get(_VERSION_LABEL)
    if labelled != tag:
        raise InputError(
            f"image {reference} holds version {labelled or 'unknown'}: it was tagged by hand, or is not a stage image; "
            f"remove it with `docker rmi {reference}` and build it anew: {_make([reference])}"
        )


def _missing(client: docker.DockerClient, references: list[str]) -> str:
    repository = references[0].partition("@")[0].rpartition(":")[0]
    there = sorted(tag.rpartition(":")[2] for image in client.images.list(repository) for tag in image.tags)
    others = f" (there is {', '.join(there)}, built from other code)" if there else ""
    named = references[0] if len(references) == 1 else f"{references[0]} and {len(references) - 1} more"
    verb = "is" if len(references) == 1 else "are"
    return f"image {named} {verb} not there{others}; build with `{_make(references)}` in the source checkout"


def _make(references: list[str]) -> str:
    if len(references) > 1:
        return "make images"
    return f"make image STAGE={references[0].partition('@')[0].rpartition(':')[0].rpartition('/')[2]}"


def _unreachable(failure: BaseException, host: str) -> OutsideError:
    said = _reason(failure)
    if "Permission denied" in said:
        return OutsideError(
            f"no permission for the Docker daemon at {host}; add yourself to its group "
            "(`sudo usermod -aG docker $USER`, then log in again), or use --runner host"
        )
    if "No such file" in said or "Connection refused" in said:
        return OutsideError(
            f"no Docker daemon answers at {host}; start it, or point DOCKER_HOST at one, or use --runner host"
        )
    if "too old" in said or "too new" in said or "API version" in said:
        return OutsideError(f"the Docker daemon at {host} speaks another version: {said}; 20.10 or newer is needed")
    return OutsideError(f"the Docker daemon at {host} cannot be used: {said}; or use --runner host")


def _reason(failure: BaseException) -> str:
    """What Docker or the system said, on one line, without the layers of Python exceptions around it."""
    if isinstance(failure, APIError) and failure.explanation:
        return " ".join(str(failure.explanation).split())
    text = " ".join(str(failure).split()) or type(failure).__name__
    system = re.search(r"(?:Error|Refused|NotFound|Reset)\w*\((?:\d+), '([^']+)'", text)
    return system[1] if system else " ".join(reason(failure).split())
