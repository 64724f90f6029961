"""Whether what was applied serves, and if not, what a person has to know of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from netanomaly.kube.api import Api
from netanomaly.kube.errors import Forbidden
from netanomaly.stages.deploy.objects import VERSION, Target

# Exit codes of ours that no second try mends: the user's input, a file that is not what was registered; a gate.
_FOR_GOOD = (2, 4)
_LONGEST_MESSAGE = 400


@dataclass(frozen=True)
class State:
    """How far it is. `hopeless`: what waiting does not mend; `may_be_old`: unless it was said of the version before."""

    ready: bool
    said: str = ""
    hopeless: bool = False
    may_be_old: bool = False


def of_deployment(document: Mapping[str, Any]) -> State:
    """Of a Deployment: ready once all of its pods are of the newest kind, and none of another is left."""
    status, spec = document.get("status") or {}, document.get("spec") or {}
    if status.get("observedGeneration", 0) < document["metadata"].get("generation", 0):
        return State(False, "the cluster has not seen it yet")
    for condition in status.get("conditions") or []:
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return State(False, "its pods were not ready within the time they have", hopeless=True)
    wanted = spec.get("replicas", 1)
    if not wanted:
        return State(False, "it is scaled to no pods at all; scale it to one", hopeless=True)
    updated, available, there = (status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas"))
    if updated >= wanted and there <= updated and available >= updated:
        return State(True)
    return State(False, f"{min(updated, available)} of {wanted} pods of this version are ready")


def of_inference_service(document: Mapping[str, Any], pods_of: Mapping[str, Any] | None) -> State:
    """Of an InferenceService.

    Its `Ready` stays true while KServe replaces its pods, and its `observedGeneration` is not its own: the Deployment
    below it, where there is one, says whether that is done. Which version answers, the smoke rows tell.

    Args:
        document: The InferenceService.
        pods_of: The Deployment of its predictor; None: it has none, as on Knative.
    """
    status = document.get("status") or {}
    model = status.get("modelStatus") or {}
    failure = model.get("lastFailureInfo") or {}
    said = " ".join(str(failure.get("message") or failure.get("reason") or "").split())[:_LONGEST_MESSAGE]
    transition = model.get("transitionStatus")
    if transition == "InvalidSpec" or failure.get("reason") in ("NoSupportingRuntime", "RuntimeNotRecognized"):
        return State(False, f"KServe cannot serve it: {said or transition}", hopeless=True, may_be_old=True)
    if failure.get("exitCode") in _FOR_GOOD and transition == "BlockedByFailedLoad":
        return State(False, f"the model was not loaded: {said}", hopeless=True, may_be_old=True)
    if pods_of is not None and not (below := of_deployment(pods_of)).ready:
        return below
    ready: Mapping[str, Any] = next(
        (each for each in status.get("conditions") or [] if each.get("type") == "Ready"), {}
    )
    if ready.get("status") == "True" and transition in (None, "", "UpToDate"):
        return State(True)
    return State(
        False,
        " ".join(str(ready.get("message") or ready.get("reason") or said or "KServe works on it").split())[
            :_LONGEST_MESSAGE
        ],
    )


def of_pods(api: Api, target: Target, version: int) -> State | None:
    """What is wrong with the pods of a version; None where nothing is, or they may not be seen."""
    selector = quote(",".join(f"{name}={value}" for name, value in target.labels().items()), safe="=,")
    try:
        pods = api.get(f"/api/v1/namespaces/{target.namespace}/pods?labelSelector={selector}").get("items") or []
    except Forbidden:
        return None
    states = [
        _of_container(pod["metadata"]["name"], container)
        for pod in pods
        if (pod["metadata"].get("annotations") or {}).get(VERSION) == str(version)
        # One that goes is of an earlier attempt.
        and not pod["metadata"].get("deletionTimestamp")
        for container in [
            *((pod.get("status") or {}).get("initContainerStatuses") or []),
            *((pod.get("status") or {}).get("containerStatuses") or []),
        ]
    ]
    found = [state for state in states if state is not None]
    return next((state for state in found if state.hopeless), found[0] if found else None)


def _of_container(pod: str, container: Mapping[str, Any]) -> State | None:
    name, state, last = container.get("name"), container.get("state") or {}, container.get("lastState") or {}
    ended = state.get("terminated") or last.get("terminated") or {}
    code = ended.get("exitCode", 0)
    if code:
        message = " ".join(str(ended.get("message") or ended.get("reason") or "").split())[-_LONGEST_MESSAGE:]
        return State(False, f"container {name} of pod {pod} ended with {code}: {message}", hopeless=code in _FOR_GOOD)
    waiting = state.get("waiting") or {}
    if waiting.get("reason") in (None, "", "ContainerCreating", "PodInitializing"):
        return None
    message = " ".join(str(waiting.get("message") or "").split())[:_LONGEST_MESSAGE]
    return State(False, f"container {name} of pod {pod} waits: {waiting['reason']} {message}".rstrip())
