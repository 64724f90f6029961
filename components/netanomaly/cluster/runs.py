"""A run made on a server: once, whatever becomes of the answer."""

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from netanomaly.cluster.errors import Unavailable
from netanomaly.cluster.server import API, Server, equals
from netanomaly.errors import InputError, OutsideError

LONGEST_NAME = 100
_LONGEST_REASON = 300

_ROUTE = f"{API}/runs"
_ATTEMPTS = 2
# The server may still be at it when its answer is given up: it is asked a few times whether the run has come.
_LOOKS = 3


def unique_name(name: str) -> str:
    """The name with the time and a random part, so that whoever lost the answer finds the run, and no other.

    Raises:
        InputError: The name is too long: the server keeps 191 characters at best, and says 500 to more.
    """
    if len(name) > LONGEST_NAME:
        raise InputError(f"run name {name[:20]!r}... has {len(name)} characters; use at most {LONGEST_NAME}")
    return f"{name} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {secrets.token_hex(3)}"


def create(
    server: Server,
    name: str,
    experiment_id: str,
    pipeline: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    mlflow_experiment: str = "",
    seconds_between_looks: float,
) -> dict[str, Any]:
    """Make a run whose name is its own, and return what the server says of it.

    `pipeline` says of what: a version, as `Version.of_run`, or the whole of it. `mlflow_experiment`: what the server's own
    MLflow plug-in is to show it in.

    Raises:
        InputError: The server refuses it; there is no run.
        OutsideError: The server failed; the message says whether the run exists.
    """
    request = {
        "display_name": name,
        "experiment_id": experiment_id,
        **pipeline,
        "runtime_config": {"parameters": dict(parameters)},
        **_plugins_input(mlflow_experiment),
    }
    for _ in range(_ATTEMPTS):
        try:
            return server.post(_ROUTE, request)
        except Unavailable as failure:
            last = failure
        looks = _LOOKS if last.undecided else 1
        found = _look(server, name, experiment_id, looks, seconds_between_looks, last)
        if found is not None:
            return found
        if last.undecided:
            raise OutsideError(
                f"{last}; run {name!r} is not on the server, and may still come: look for it by that name before "
                "submitting again"
            )
    raise OutsideError(f"{last}; there is no run {name!r}: submit again")


def _plugins_input(mlflow_experiment: str) -> dict[str, Any]:
    """The part of a request that tells the server's own MLflow plug-in its experiment; nothing where none is named."""
    return {"plugins_input": {"mlflow": {"experiment_name": mlflow_experiment}}} if mlflow_experiment else {}


def plugin_failure(run: Mapping[str, Any]) -> str:
    """Why the server's MLflow plug-in does not show a run, in its words; empty where it says nothing of a failure."""
    output = run.get("plugins_output")
    mlflow = output.get("mlflow") if isinstance(output, dict) else None
    if not isinstance(mlflow, dict) or mlflow.get("state") != "PLUGIN_FAILED":
        return ""
    return " ".join(str(mlflow.get("state_message") or "no reason given").split())[:_LONGEST_REASON]


def _look(
    server: Server, name: str, experiment_id: str, looks: int, seconds: float, failure: Unavailable
) -> dict[str, Any] | None:
    try:
        for look in range(looks):
            if look:
                time.sleep(seconds)
            found = _find(server, name, experiment_id)
            if found is not None:
                return found
    except OutsideError:
        if not failure.undecided:
            raise OutsideError(f"{failure}; there is no run {name!r}: submit again") from None
        raise OutsideError(
            f"{failure}; whether there is a run {name!r} cannot be found out now: look for it by that name before "
            "submitting again"
        ) from None
    return None


def _find(server: Server, name: str, experiment_id: str) -> dict[str, Any] | None:
    query = {"experiment_id": experiment_id, "filter": equals("display_name", name)}
    return next(server.each(_ROUTE, "runs", **query), None)
