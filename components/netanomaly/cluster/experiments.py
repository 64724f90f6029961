"""The experiment that runs are grouped in."""

from netanomaly import config
from netanomaly.cluster.errors import Exists, Unavailable
from netanomaly.cluster.server import API, Server, equals
from netanomaly.errors import InputError, OutsideError

# Made where it is not there; any other has to be, or a slip of the pen would make one.
OURS = "netanomaly"

_ROUTE = f"{API}/experiments"


def experiment(server: Server, name: str, namespace: str, *, create: bool) -> str:
    """The id of an experiment by its name.

    Raises:
        InputError: There is none, and it is not to be made; or it is archived.
        OutsideError: The server fails.
    """
    found = find(server, name, namespace)
    if found is None and (create or name == OURS):
        found = _make(server, name, namespace)
    if found is None:
        known = sorted(str(item["display_name"]) for item in server.each(_ROUTE, "experiments", namespace=namespace))
        raise InputError(
            f"{server.host} has no experiment {name!r}{config.suggestion(name, known)}; --create-experiment makes it"
        )
    return found


def find(server: Server, name: str, namespace: str) -> str | None:
    """The id of an experiment by its name, None where there is none.

    Raises:
        InputError: It is archived.
    """
    query = {"filter": equals("display_name", name), "namespace": namespace}
    found = next(server.each(_ROUTE, "experiments", **query), None)
    if found is None:
        return None
    if found.get("storage_state") == "ARCHIVED":
        raise InputError(f"experiment {name!r} is archived; restore it in the UI, or name another --experiment")
    return str(found["experiment_id"])


def _make(server: Server, name: str, namespace: str) -> str:
    body = {"display_name": name, **({"namespace": namespace} if namespace else {})}
    try:
        return str(server.post(_ROUTE, body)["experiment_id"])
    except (Exists, Unavailable) as failure:
        # Another was first, or the answer was lost.
        found = find(server, name, namespace)
        if found is None:
            raise OutsideError(f"experiment {name!r} was not made: {failure}") from None
        return found
