"""After an alias or a status changed: the tags in MLflow of the versions that it concerns. Never an error of the command."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netanomaly import output
from netanomaly.errors import NetanomalyError

if TYPE_CHECKING:
    from netanomaly.registry import Registry
    from netanomaly.registry.reading import Version
    from netanomaly.tracking.patience import Clock


def tell_mlflow(registry: "Registry", model: str) -> None:
    """Set the tags of the versions that the newest change of a model concerned, where MLFLOW_TRACKING_URI names a server.

    The address is the caller's own and never the record's: credentials would go wherever a writer of the registry says.
    """
    from netanomaly.tracking import access, patience

    try:
        versions = _changed(registry, model)
        uri = os.environ.get(access.URI, "")
        if not uri:
            _remind(versions)
            return
        reached = access.from_environment(uri)

        def tell(clock: "Clock") -> None:
            from netanomaly.tracking import versions as shown
            from netanomaly.tracking.server import Server
            from netanomaly.tracking.versions import Standing

            server = Server(reached, clock)
            for version in versions:
                standing = Standing(
                    registry=registry.uri,
                    model=model,
                    number=version.number,
                    digest=f"sha256:{version.record.artifact.sha256}",
                    run_id=version.record.run_id,
                    aliases=version.aliases,
                    status=version.status,
                )
                shown.show(server, str(_tracking(version).get("experiment") or _experiment()), standing)

        patience.within(tell)
    except NetanomalyError as error:
        output.tell(f"warning: MLflow was not told of it: {error}")


def _changed(registry: "Registry", model: str) -> list["Version"]:
    event = registry.history(model)[-1]
    numbers = dict.fromkeys(number for number in (event.version, event.previous) if number)
    return [registry.version(f"{model}:{number}") for number in numbers]


def _tracking(version: "Version") -> Mapping[str, Any]:
    """What the run that made it was told of MLflow; a record of others may hold anything."""
    configuration = version.record.metadata.get("configuration")
    found = configuration.get("tracking") if isinstance(configuration, dict) else None
    return found if isinstance(found, dict) else {}


def _experiment() -> str:
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or "netanomaly"


def _remind(versions: list["Version"]) -> None:
    shown = next((_tracking(version).get("mlflow") for version in versions if _tracking(version).get("mlflow")), None)
    if shown:
        output.tell(
            f"note: the tags in MLflow ({str(shown)[:200]}) stay as they were; they follow where MLFLOW_TRACKING_URI is set to it"
        )
