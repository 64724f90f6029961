"""Tell MLflow of a run: once, however often it is tried.

A run is found again by its tag, and everything in it is written over with the same; so a retry ends where the first try
would have ended, wherever that one was cut off.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from netanomaly.tracking import patience, runs
from netanomaly.tracking.errors import Refusal, TrackingFailed, TryAgain
from netanomaly.tracking.runs import RUN_ID, Run
from netanomaly.tracking.server import AT_ONCE, Server

_TRIES = 3
_PAGE = 1000
# Else MLflow 3 takes it for one of language models, and shows what those need.
_KIND = {"key": "mlflow.experimentKind", "value": "custom_model_development"}


@dataclass(frozen=True)
class Injected:
    """The run that Kubeflow's own plug-in made for this task: it is filled, and begun and ended by the plug-in."""

    run_id: str


@dataclass(frozen=True)
class Recorded:
    """A run in MLflow."""

    run_id: str
    experiment_id: str
    artifact_uri: str
    url: str


def record(server: Server, experiment: str, run: Run, injected: Injected | None = None) -> Recorded:
    """Write a run, its artefacts, and its trials: where time runs out, what most people look for is there.

    Raises:
        TrackingFailed: Something was not done; what was done stays, and doing it again goes on from there.
    """
    if injected is not None:
        recorded = _recorded(server, server.get("/runs/get", run_id=injected.run_id))
    else:
        recorded = _found_or_made(server, experiment_id(server, experiment), run, {})
    _fill(server, recorded, run, ends=injected is None)
    send(server, recorded, run.artifacts)
    for _ in told_trials(server, recorded, run.trials):
        pass
    return recorded


def told_trials(server: Server, parent: Recorded, trials: Sequence[Run]) -> Iterator[Recorded]:
    """Write trials below the run that they belong to, which is there already, several at a time; each, when it is there.

    Raises:
        TrackingFailed: Not all are there; doing it again goes on from there.
    """
    made = _trials(server, parent) if trials else {}

    def tell(trial: Run) -> Recorded:
        one = made.get(trial.key)
        if one is None:
            tags = {"mlflow.parentRunId": parent.run_id}
            one = _found_or_made(server, parent.experiment_id, trial, tags, absent=True)
        _fill(server, one, trial, ends=True)
        return one

    return patience.several(tell, trials, AT_ONCE)


def send(server: Server, recorded: Recorded, artifacts: Mapping[str, bytes]) -> None:
    """Store files below a run.

    Raises:
        TrackingFailed: The server does not take files: it has its clients write to a store of their own.
    """
    if not artifacts:
        return
    parts = urlsplit(recorded.artifact_uri)
    if parts.scheme != "mlflow-artifacts":
        raise TrackingFailed(
            f"{server.uri} takes no files: artefacts of experiment {recorded.experiment_id} are at "
            f"{recorded.artifact_uri[:200]}; use an experiment made by a server that runs with --serve-artifacts"
        )
    root = parts.path.strip("/")
    for path, data in artifacts.items():
        server.put_artifact(f"{root}/{path}", data)


def experiment_id(server: Server, name: str) -> str:
    """The id of an experiment, made where there is none of the name.

    Raises:
        TrackingFailed: It was deleted, or its name is none.
    """
    for _ in range(_TRIES):
        found = find_experiment(server, name)
        if found is not None:
            return found
        try:
            return _text(server.post("/experiments/create", {"name": name, "tags": [_KIND]}), "experiment_id", server)
        except Refusal as refusal:
            # Made by another meanwhile, or by ourselves, when the answer was lost.
            if refusal.code != "RESOURCE_ALREADY_EXISTS":
                raise
    raise TrackingFailed(f"{server.uri} neither has experiment {name!r} nor lets it be made")


def find_experiment(server: Server, name: str) -> str | None:
    """The id of an experiment, None where there is none of the name. Raises TrackingFailed where it was deleted."""
    try:
        answer = server.get("/experiments/get-by-name", experiment_name=name)
    except Refusal as refusal:
        if refusal.code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    found = _part(answer, "experiment", server)
    if found.get("lifecycle_stage") == "deleted":
        raise TrackingFailed(
            f"experiment {name!r} was deleted in {server.uri}; restore it there (mlflow experiments restore "
            f"--experiment-id {found.get('experiment_id')}), or name another in tracking.experiment"
        )
    return _text(found, "experiment_id", server)


def find(server: Server, experiment: str, key: str) -> Recorded | None:
    """The run of a key in an experiment's id, the oldest where there are several."""
    quoted = key.replace("'", "")
    found = _search(server, experiment, f"tags.`{RUN_ID}` = '{quoted}'")
    return _recorded(server, {"run": found[0]}) if found else None


def set_tags(server: Server, run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a run; those of other names stay."""
    named = [{"key": runs.name(key), "value": value[: runs.LONGEST_TAG]} for key, value in tags.items()]
    server.post("/runs/log-batch", {"run_id": run_id, "tags": named})


def _found_or_made(
    server: Server, experiment: str, run: Run, tags: Mapping[str, str], *, absent: bool = False
) -> Recorded:
    """Looked for before each try: a request whose answer was lost may have made it.

    `absent`: it was looked for already, and is not there.
    """
    body = {
        "experiment_id": experiment,
        "run_name": run.name,
        "start_time": run.started,
        "tags": [{"key": key, "value": value} for key, value in {RUN_ID: run.key, **tags}.items()],
    }
    last: TryAgain | None = None
    for attempt in range(_TRIES):
        found = None if absent and not attempt else find(server, experiment, run.key)
        if found is not None:
            return found
        try:
            return _recorded(server, server.post("/runs/create", body, again=False))
        except TryAgain as failure:
            last = failure
    raise last or TryAgain(f"{server.uri} makes no run")


def _fill(server: Server, recorded: Recorded, run: Run, *, ends: bool) -> None:
    tags = run.tags if ends else {**run.tags, RUN_ID: run.key}
    for batch in runs.batches(replace(run, tags=tags)):
        server.post("/runs/log-batch", {"run_id": recorded.run_id, **batch})
    datasets = runs.inputs(run)
    if datasets:
        try:
            server.post("/runs/log-inputs", {"run_id": recorded.run_id, "datasets": datasets})
        except Refusal as refusal:
            # Before MLflow 2.4 runs have no data sets; their digests are parameters, too.
            if refusal.code != "ENDPOINT_NOT_FOUND":
                raise
    if ends:
        body = {"run_id": recorded.run_id, "status": run.status, "end_time": run.ended, "run_name": run.name}
        server.post("/runs/update", body)


def _trials(server: Server, parent: Recorded) -> dict[str, Recorded]:
    """The trials that are there already, by key: one request, and not one for each."""
    found: dict[str, Recorded] = {}
    for run in _search(server, parent.experiment_id, f"tags.`mlflow.parentRunId` = '{parent.run_id}'"):
        data = run.get("data")
        tags = data.get("tags") if isinstance(data, dict) else None
        for tag in tags if isinstance(tags, list) else []:
            if isinstance(tag, dict) and tag.get("key") == RUN_ID:
                found.setdefault(str(tag.get("value")), _recorded(server, {"run": run}))
    return found


def _search(server: Server, experiment: str, wanted: str) -> Sequence[dict[str, Any]]:
    answer = server.post(
        "/runs/search",
        {
            "experiment_ids": [experiment],
            "filter": wanted,
            "max_results": _PAGE,
            "order_by": ["attributes.start_time ASC"],
        },
    )
    found = answer.get("runs", [])
    if not isinstance(found, list) or not all(isinstance(run, dict) for run in found):
        raise _no_mlflow(server, "runs")
    return found


def _recorded(server: Server, answer: Mapping[str, Any]) -> Recorded:
    info = _part(_part(answer, "run", server), "info", server)
    run_id, experiment = _text(info, "run_id", server), _text(info, "experiment_id", server)
    url = f"{server.uri}/#/experiments/{experiment}/runs/{run_id}"
    return Recorded(run_id, experiment, str(info.get("artifact_uri") or ""), url)


def _part(answer: Mapping[str, Any], name: str, server: Server) -> dict[str, Any]:
    found = answer.get(name)
    if not isinstance(found, dict):
        raise _no_mlflow(server, name)
    return found


def _text(answer: Mapping[str, Any], name: str, server: Server) -> str:
    found = answer.get(name)
    if not isinstance(found, str) or not found.isprintable() or not 0 < len(found) <= runs.LONGEST_NAME:
        raise _no_mlflow(server, name)
    return found


def _no_mlflow(server: Server, name: str) -> TrackingFailed:
    return TrackingFailed(f"{server.uri} answers without {name!r}, or with another kind of it; it is no MLflow server")
