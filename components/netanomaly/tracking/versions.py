"""A registered version as MLflow's people find it: a model version that points to ours, and tags that say how it stands.

The pointer is a small folder below the run that `mlflow.pyfunc.load_model` takes (netanomaly/mlflow_flavor.py): where the
registry is, which version, and the digest of the model. The model itself stays in the registry, and is verified there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from netanomaly import __version__, output
from netanomaly.tracking import recording
from netanomaly.tracking.errors import Refusal, TrackingFailed, TryAgain
from netanomaly.tracking.recording import Recorded
from netanomaly.tracking.server import Server

FOLDER = "model"
POINTER = "registered_model.json"
FORMAT = 1
VERSION, ALIASES, STATUS = "netanomaly.version", "netanomaly.aliases", "netanomaly.status"
_DIGEST, _REGISTRY = "netanomaly.digest", "netanomaly.registry"


@dataclass(frozen=True)
class Standing:
    """A version of a model in our registry, and how it stands there.

    `digest` is of the model's file, `sha256:...`; `run_id` of the run that made it.
    """

    registry: str
    model: str
    number: int
    digest: str
    run_id: str
    aliases: tuple[str, ...] = ()
    status: str = "ready"

    @property
    def tags(self) -> dict[str, str]:
        """What MLflow shows of it."""
        aliases = ", ".join(sorted(self.aliases)) or "none"
        return {VERSION: str(self.number), ALIASES: aliases, STATUS: self.status}


def pointer(standing: Standing) -> dict[str, bytes]:
    """The folder that points to a version, by path below the run; the same version gives the same bytes."""
    document = {
        "format": FORMAT,
        "registry": standing.registry,
        "model": standing.model,
        "version": standing.number,
        "digest": standing.digest,
    }
    described = [
        f"artifact_path: {FOLDER}",
        "flavors:",
        "  python_function:",
        "    loader_module: netanomaly.mlflow_flavor",
        f"    data: {POINTER}",
        f"run_id: {standing.run_id}",
    ]
    return {
        f"{FOLDER}/{POINTER}": output.json_text(document).encode() + b"\n",
        f"{FOLDER}/requirements.txt": f"netanomaly[evaluate]=={__version__}\npandas\n".encode(),
        f"{FOLDER}/MLmodel": "\n".join(described).encode() + b"\n",
    }


def register(server: Server, recorded: Recorded, standing: Standing) -> None:
    """Make a version of MLflow's own registered model of the name that points to ours, where there is none yet.

    Raises:
        TrackingFailed: It was not made.
    """
    recording.send(server, recorded, pointer(replace(standing, run_id=recorded.run_id)))
    if (number := find(server, standing)) is not None:
        _set_tags(server, standing, number)
        return
    try:
        server.post("/registered-models/create", {"name": standing.model})
    except Refusal as refusal:
        if refusal.code != "RESOURCE_ALREADY_EXISTS":
            raise
    body = {
        "name": standing.model,
        "source": f"{recorded.artifact_uri}/{FOLDER}",
        "run_id": recorded.run_id,
        "tags": [{"key": key, "value": value} for key, value in _all_tags(standing).items()],
    }
    try:
        server.post("/model-versions/create", body, again=False)
    except TryAgain:
        # It may have been made, and the answer lost.
        if find(server, standing) is None:
            server.post("/model-versions/create", body, again=False)


def show(server: Server, experiment: str, standing: Standing) -> bool:
    """Set the tags that say how a version stands, of its run and of the model version that points to it.

    Returns:
        Whether MLflow knows of it.

    Raises:
        TrackingFailed: They were not set.
    """
    found = recording.find_experiment(server, experiment)
    run = recording.find(server, found, standing.run_id) if found is not None else None
    if run is not None:
        recording.set_tags(server, run.run_id, standing.tags)
    number = find(server, standing)
    if number is not None:
        _set_tags(server, standing, number)
    return run is not None or number is not None


def find(server: Server, standing: Standing) -> str | None:
    """The number in MLflow of the model version that points to ours; None where none does."""
    wanted = f"name = '{standing.model}' and tags.`{VERSION}` = '{standing.number}'"
    try:
        answer = server.get("/model-versions/search", filter=wanted, max_results="100")
    except Refusal as refusal:
        if refusal.code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    found = answer.get("model_versions", [])
    if not isinstance(found, list):
        raise TrackingFailed(f"{server.uri} answers without 'model_versions'; it is no MLflow server")
    for version in found:
        # Another registry may have a model of the name, and its versions the same numbers and files.
        tags = _tags(version) if isinstance(version, dict) else {}
        if (tags.get(_REGISTRY), tags.get(_DIGEST)) == (standing.registry, standing.digest):
            return str(version.get("version"))
    return None


def _all_tags(standing: Standing) -> dict[str, str]:
    return {**standing.tags, _DIGEST: standing.digest, _REGISTRY: standing.registry}


def _set_tags(server: Server, standing: Standing, number: str) -> None:
    for key, value in standing.tags.items():
        body = {"name": standing.model, "version": number, "key": key, "value": value}
        server.post("/model-versions/set-tag", body)


def _tags(version: Mapping[str, object]) -> dict[str, str]:
    tags = version.get("tags")
    return {
        str(tag.get("key")): str(tag.get("value"))
        for tag in (tags if isinstance(tags, list) else [])
        if isinstance(tag, dict)
    }
