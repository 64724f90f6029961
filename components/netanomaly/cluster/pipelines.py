"""A compiled pipeline on a server: uploaded once, as a version that its content names."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from netanomaly import __version__
from netanomaly.cluster.errors import Exists, Unavailable
from netanomaly.cluster.server import API, Server, equals
from netanomaly.errors import InputError
from netanomaly.runners import compiled

_DIGEST_LENGTH = 12


@dataclass(frozen=True)
class Package:
    """A compiled pipeline: its YAML, and what is read from it."""

    text: str
    name: str
    tasks: dict[str, str]
    """Display name of each task by its key, in topological order."""
    parameters: frozenset[str]
    ends: frozenset[str] = frozenset()
    """Keys of the tasks that no other waits for, branches apart: they say what came of a run."""
    branches: frozenset[str] = frozenset()
    """Keys of the tasks that run only where their condition holds."""

    @classmethod
    def read(cls, text: str, *, cache: bool = True) -> "Package":
        """Of the YAML that `netanomaly compile` writes; without caching where it is not wanted."""
        if not cache:
            # A run made from a version cannot say it: the version has to.
            text = re.sub(r"(?m)^(\s+enableCache:) true$", r"\1 false", text)
        spec = compiled.parse(text)
        # A branch that nobody asked for waits for a task and says nothing.
        always = {name: task for name, task in spec.dag.tasks.items() if task.condition is None}
        return cls(
            text=text,
            name=spec.name,
            tasks={task.name: task.display_name for task in spec.dag.tasks.values()},
            parameters=frozenset(spec.root.interface.input_parameters),
            ends=frozenset(always).difference(*(task.after for task in always.values())),
            branches=frozenset(spec.dag.tasks).difference(always),
        )

    @property
    def version_name(self) -> str:
        """The package's version and a digest of the YAML: image references, resources, all of it."""
        return f"{__version__}-{hashlib.sha256(self.text.encode()).hexdigest()[:_DIGEST_LENGTH]}"


@dataclass(frozen=True)
class Version:
    """A version of a pipeline on a server."""

    pipeline_id: str
    version_id: str
    name: str
    created: bool
    """Whether this upload made it."""

    @property
    def reference(self) -> dict[str, str]:
        """How a run or a recurring run names it."""
        return {"pipeline_id": self.pipeline_id, "pipeline_version_id": self.version_id}

    @property
    def of_run(self) -> dict[str, Any]:
        """What a request for a run has in it."""
        return {"pipeline_version_reference": self.reference}


def find(server: Server, package: Package, namespace: str) -> tuple[str | None, Version | None]:
    """The id of the package's pipeline on the server, and its version with the package's content."""
    pipeline_id = find_pipeline(server, package.name, namespace)
    return pipeline_id, None if pipeline_id is None else _version(server, pipeline_id, package.version_name)


def find_pipeline(server: Server, name: str, namespace: str) -> str | None:
    """A pipeline's id by its name."""
    query = {"filter": equals("name", name), "namespace": namespace}
    found = next(server.each(f"{API}/pipelines", "pipelines", **query), None)
    return None if found is None else str(found["pipeline_id"])


def upload(server: Server, package: Package, namespace: str) -> Version:
    """The package as a version of its pipeline; what is there already is taken, also when an answer was lost.

    Raises:
        InputError: The server refuses it.
        OutsideError: The server cannot be reached, or fails twice.
    """
    pipeline_id, version = find(server, package, namespace)
    if pipeline_id is None:
        # The server makes a version of this upload, too, and gives it the pipeline's name.
        _make(server, "upload", package, name=package.name, display_name=package.name, namespace=namespace)
        pipeline_id = find_pipeline(server, package.name, namespace)
    if pipeline_id is None:
        raise InputError(f"pipeline {package.name} was uploaded and cannot be found; look into your rights on it")
    if version is not None:
        return version
    _make(server, "upload_version", package, name=package.version_name, pipelineid=pipeline_id)
    version = _version(server, pipeline_id, package.version_name)
    if version is None:
        raise InputError(f"version {package.version_name} was uploaded and cannot be found; was it deleted just now?")
    return Version(version.pipeline_id, version.version_id, version.name, created=True)


def _make(server: Server, route: str, package: Package, **query: Any) -> None:
    """Upload; that another upload was first, or that it went through without an answer, shows when it is looked for."""
    for last in (False, True):
        try:
            server.upload(f"{API}/pipelines/{route}", package.text, **query)
        except Exists:
            return
        except Unavailable:
            if last:
                raise
        else:
            return


def _version(server: Server, pipeline_id: str, name: str) -> Version | None:
    path = f"{API}/pipelines/{pipeline_id}/versions"
    found = next(server.each(path, "pipeline_versions", filter=equals("name", name)), None)
    return None if found is None else Version(pipeline_id, str(found["pipeline_version_id"]), name, created=False)
