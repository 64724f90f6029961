"""Whether a cluster is set up for the pipelines: a run of one small task there, followed to its end."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from netanomaly.cluster import experiments, runs
from netanomaly.cluster.access import TESTED_VERSION, Connection
from netanomaly.cluster.following import Followed, TookTooLong, follow
from netanomaly.cluster.pipelines import Package
from netanomaly.cluster.server import API
from netanomaly.cluster.waiting import NotStarted
from netanomaly.errors import InputError, NetanomalyError, OutsideError
from netanomaly.runners.events import Event
from netanomaly.runners.result import SUCCEEDED

# A pod of KFP's, a pod of ours, and what a store that does not answer is waited for.
SECONDS_TO_START = 45.0
SECONDS_IN_ALL = 110.0

_TASK = "check"
# What the task looks at, in its order.
_IN_THE_POD = ("pod", "Secret", "ConfigMap", "bucket", "registry")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `ok` is None where it is for people to judge, or was not come to."""

    name: str
    ok: bool | None
    said: str


@dataclass(frozen=True)
class Diagnosis:
    """All that was found. `to_do` is how to go on where something is wrong."""

    checks: tuple[Check, ...]
    run_id: str | None = None
    exit_code: int = 0
    error: str | None = None
    to_do: str | None = None


def examine(
    connection: Connection,
    package: Package,
    registry: str,
    object_store: str,
    *,
    seconds_between_looks: float,
    on_event: Callable[[Event], None],
) -> Diagnosis:
    """Look at a server and, by a run there, at the namespace in which stages would run.

    Args:
        connection: The server, which has answered.
        package: The pipeline that checks an installation.
        registry: URI of the registry that models will go to.
        object_store: Name of the Secret and of the ConfigMap.
        seconds_between_looks: How long to wait before looking again.
        on_event: Called for each event of the run.
    """
    checks = _about(connection)
    names = {"object_store": object_store, "namespace": connection.pods}

    def ill(check: str, failure: NetanomalyError, run_id: str | None = None, *, ok: bool | None = False) -> Diagnosis:
        error = str(failure)
        # What the server itself answers says what to do; the rest is of the namespace, the image and the store.
        to_do = _to_do(error, names) if isinstance(failure, NotStarted) else None
        return Diagnosis(_to_the_end([*checks, Check(check, ok, error)]), run_id, failure.exit_code, error, to_do)

    try:
        run_id = _start(
            connection, package, {"registry": registry, "object_store": object_store}, seconds_between_looks
        )
    except NetanomalyError as failure:
        return ill("run", failure)
    checks.append(Check("run", ok=True, said="one can be made"))
    page = connection.run_page(run_id)
    run = Followed(connection.server, run_id, package.name, package.tasks, page, connection.pods, package.ends)
    try:
        end = follow(
            run,
            seconds_between_looks=seconds_between_looks,
            seconds_to_start=SECONDS_TO_START,
            seconds_in_all=SECONDS_IN_ALL,
            on_event=on_event,
        )
    except (NotStarted, TookTooLong) as failure:
        _cancel(connection, run_id)
        return ill("start", failure, run_id)
    except OutsideError as failure:
        return ill("start", failure, run_id, ok=None)
    told = [Check(each["name"], each["ok"], each["said"]) for each in end.results.get(_TASK, {}).get("checks", [])]
    if told:
        checks += [Check("start", ok=True, said="a pod of a stage starts"), *told]
    if end.state == SUCCEEDED:
        if not told:
            checks.append(Check("start", ok=True, said="the run succeeded; what it found is in its log, on its page"))
        return Diagnosis(tuple(checks), run_id)
    error = end.error or "the run failed"
    failed = _IN_THE_POD[len(told)] if told and len(told) < len(_IN_THE_POD) else "start"
    return Diagnosis(
        _to_the_end([*checks, Check(failed, ok=False, said=error)]), run_id, end.exit_code, error, _to_do(error, names)
    )


def _about(connection: Connection) -> list[Check]:
    version = connection.version or "unknown"
    said = f"{connection.server.host} answers: Kubeflow Pipelines {version}"
    wanted = ".".join(map(str, TESTED_VERSION))
    if connection.warning:
        return [
            Check("server", ok=None, said=f"{said}, and {wanted} is what this is tested with"),
            Check("namespace", ok=True, said=connection.pods),
        ]
    return [Check("server", ok=True, said=said), Check("namespace", ok=True, said=connection.pods)]


def _start(connection: Connection, package: Package, parameters: Mapping[str, Any], seconds: float) -> str:
    documents = list(yaml.safe_load_all(package.text))
    spec: dict[str, Any] = {"pipeline_spec": documents[0]}
    if len(documents) > 1:
        spec["platform_spec"] = documents[1]
    group = experiments.experiment(connection.server, experiments.OURS, connection.namespace, create=True)
    name = runs.unique_name("netanomaly doctor")
    made = runs.create(
        connection.server, name, group, {"pipeline_spec": spec}, parameters, seconds_between_looks=seconds
    )
    return str(made["run_id"])


def _cancel(connection: Connection, run_id: str) -> None:
    """Nobody waits for it any more; that it cannot be canceled is the least of what is wrong."""
    try:
        connection.server.post(f"{API}/runs/{run_id}:terminate", {})
    except (InputError, OutsideError):
        return


def _to_the_end(checks: list[Check]) -> tuple[Check, ...]:
    """With what was not come to."""
    looked_at = {check.name for check in checks}
    rest = [Check(name, ok=None, said="not looked at") for name in ("start", *_IN_THE_POD) if name not in looked_at]
    return (*checks, *rest)


def _to_do(error: str, names: Mapping[str, str]) -> str | None:
    words = next((words for pattern, words in _TO_DO if re.search(pattern, error)), None)
    return None if words is None else words.format(**names)


_TO_DO = (
    (
        r"no credentials for|Secret \S+ has|does not accept the credentials|begins or ends with a blank",
        "kubectl --namespace {namespace} create secret generic {object_store} "
        "--from-literal=AWS_ACCESS_KEY_ID=... --from-literal=AWS_SECRET_ACCESS_KEY=...",
    ),
    (
        r"bucket of \S+ does not exist",
        "the bucket job makes it: apply the manifests (docs/cluster.md), or name another --registry",
    ),
    (
        r"may not (read|write|list|delete)",
        "docs/cluster.md, The object store, has the policy that stages need; with a profile's keys the registry is below "
        "private/{namespace}/",
    ),
    (
        r"cannot be reached|has no address|did not finish its answer",
        "S3_ENDPOINT_URL in the ConfigMap {object_store}; the store's port in the network policy netanomaly-stages",
    ),
    (r"certificate of", "the ConfigMap netanomaly-ca, and AWS_CA_BUNDLE (docs/cluster.md, A private authority)"),
    (
        r"has not started|left no log|did not start",
        "`netanomaly images --image-prefix PREFIX` names the images, which `make push` puts there; docs/cluster.md, "
        "When something is wrong, has the rest",
    ),
    (r"launcher failed", "the rights of the run's service account, or a network policy (docs/cluster.md)"),
)
