"""Serve a version in a cluster: apply, wait, ask for its smoke rows; on failure go back to what was proven before."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from netanomaly.errors import GateRefusal, InputError, NetanomalyError, OutsideError
from netanomaly.kube.api import Api
from netanomaly.kube.errors import Contested
from netanomaly.registry import Version
from netanomaly.registry.documents import READY
from netanomaly.registry.reading import Reader
from netanomaly.registry.smoke import SmokeRows
from netanomaly.stages.deploy import objects, readiness
from netanomaly.stages.deploy.objects import MANAGER, MODEL, VERSION, Target
from netanomaly.stages.deploy.reaching import directly, through_the_api
from netanomaly.stages.deploy.readiness import State
from netanomaly.stages.deploy.record import FORMAT, Proven, Records
from netanomaly.stages.deploy.settings import AUTO, DEPLOYMENT, INFERENCE_SERVICE, Settings
from netanomaly.stages.deploy.smoke import Ask, NotYet, OtherScores, Smoke

_KSERVE = "/apis/serving.kserve.io/v1beta1"
_KNATIVE = ("Serverless", "Knative")
# What KServe says of a service is of the version before for as long as it has not looked at the new one.
_SETTLED_SECONDS = 15.0


class NotServed(OutsideError):
    """The version did not come to answer in the time it had."""


@dataclass(frozen=True)
class Deployable:
    """A version that may be deployed: a gate passed it, it is ready, and it has smoke rows."""

    model: str
    number: int
    sha256: str
    rows: SmokeRows

    @property
    def reference(self) -> str:
        return f"{self.model}:{self.number}"


@dataclass(frozen=True)
class Done:
    """What came of it: `before` is what was served until then, empty where nothing was; `changed` is false where it was this."""

    reference: str
    kind: str
    namespace: str
    name: str
    before: str
    changed: bool
    address: str
    smoke_rows: int


@dataclass
class Cluster:
    """A cluster as deployments see it.

    Attributes:
        api: Its API.
        inside: Whether this runs in it, and so reaches its services by their addresses.
        url: Where the server answers, in place of what would be found out.
        say: Told what happens, a line each.
        interval: Seconds between two looks.
        sleep, clock: Time.
    """

    api: Api
    inside: bool
    url: str = ""
    say: Callable[[str], None] = field(default=lambda _: None)
    interval: float = 2.0
    sleep: Callable[[float], None] = field(default=time.sleep)
    clock: Callable[[], float] = field(default=time.monotonic)


def deployable(registry: Reader, version: Version) -> Deployable:
    """What may be deployed of a version.

    Raises:
        GateRefusal: No gate passed it, or it is deprecated.
        InputError: It has no smoke rows.
    """
    called = f"version {version.number} of {version.model}"
    if version.status != READY:
        raise GateRefusal(
            f"{called} is {version.status}, so it is not deployed; choose another, or netanomaly registry restore "
            f"{version.model}:{version.number}"
        )
    evaluation = version.record.metadata.get("evaluation")
    verdict = evaluation.get("verdict") if isinstance(evaluation, Mapping) else None
    if verdict != "pass":
        raise GateRefusal(
            f"{called} passed no quality gate ({f'its verdict is {verdict!r}' if verdict else 'it was never evaluated'}), so it "
            "is not deployed; register one that the training pipeline made"
        )
    rows = registry.smoke_rows(version)
    if rows is None:
        raise InputError(
            f"{called} has no smoke rows to prove it by: it was made before they were kept; train it again"
        )
    return Deployable(version.model, version.number, version.record.artifact.sha256, rows)


def deploy(deployable: Deployable, settings: Settings, cluster: Cluster) -> Done:
    """Serve a version, proven by its smoke rows; or leave served what was before, and say so.

    The same call again is safe, wherever the one before it ended.

    Raises:
        NotServed: It was not ready in time.
        OtherScores: It answers, with other scores than when it was evaluated.
        InputError: The cluster refuses, or something else stands under that name.
        OutsideError: The cluster cannot be reached.
    """
    if cluster.url:
        # A wrong address is told before anything is applied.
        directly(cluster.url)
    target = Target(settings.namespace, settings.service)
    kind = kind_of(settings, cluster.api)
    attempt = _Attempt(deployable, settings, cluster, target, kind)
    return attempt.run()


def kind_of(settings: Settings, api: Api) -> Literal["inference_service", "deployment"]:
    """What is made: as the settings say, or an InferenceService where the cluster knows those.

    Raises:
        InputError: The cluster does not know what the settings want.
    """
    if settings.kind == DEPLOYMENT:
        return "deployment"
    there = api.find(_KSERVE) is not None
    if settings.kind == INFERENCE_SERVICE and not there:
        raise InputError(
            f"{api.server} knows no InferenceService: KServe is not installed there; deploy a plain Deployment"
        )
    return "inference_service" if there else "deployment"


class _Attempt:
    """One version on its way to be served."""

    def __init__(self, wanted: Deployable, settings: Settings, cluster: Cluster, target: Target, kind: str) -> None:
        self._wanted, self._settings, self._cluster, self._target, self._kind = wanted, settings, cluster, target, kind
        self._api, self._say = cluster.api, cluster.say
        self._records = Records(cluster.api, target, kind)
        if kind == INFERENCE_SERVICE:
            self._documents = objects.inference_service(target, wanted)
        else:
            if not settings.image:
                raise InputError(
                    "a plain Deployment needs the serve image's reference: name it (deploy.image, --image)"
                )
            self._documents = objects.deployment(
                target, wanted, settings.image, settings.registry, settings.timeout_seconds
            )
        self._main = target.path(self._documents[-1])
        self._called = f"{kind.replace('_', ' ')} {target.name} in namespace {target.namespace}"

    def run(self) -> Done:
        before = self._before()
        changed = before is None or before.documents != self._documents
        for document in self._documents:
            # All of them are looked at before one is changed.
            self._apply(document, dry_run=True)
        try:
            for document in self._documents:
                self._apply(document)
            self._say(f"applied {self._wanted.reference} as {self._called}")
            self._prove()
        except BaseException as error:
            self._go_back(before, error)
            raise
        self._records.write(Proven(FORMAT, self._wanted.model, self._wanted.number, self._documents))
        return Done(
            self._wanted.reference,
            self._kind,
            self._target.namespace,
            self._target.name,
            before.reference if before else "",
            changed,
            self._address(),
            self._wanted.rows.rows,
        )

    def _before(self) -> Proven | None:
        """What is served now and was proven."""
        proven = self._records.read()
        live = self._api.find(self._main)
        if live is None:
            return None
        if (live["metadata"].get("labels") or {}).get("app.kubernetes.io/managed-by") != MANAGER:
            raise InputError(
                f"{self._called} is there and was not made by netanomaly deploy; choose another --name, or remove it"
            )
        return proven

    def _apply(self, document: Mapping[str, Any], *, dry_run: bool = False) -> None:
        try:
            self._api.apply(self._target.path(document), document, MANAGER, dry_run=dry_run)
        except Contested as error:
            raise Contested(
                f"{self._called} has fields that somebody else set ({error}); undo that, or remove it and deploy again"
            ) from None

    def _prove(self) -> None:
        """Raises NotServed, OtherScores, InputError, OutsideError."""
        smoke = Smoke(self._wanted.rows, self._target.name, self._wanted.number)

        def answers() -> str:
            try:
                smoke.passes(self._ask())
            except NotYet as error:
                return f"{self._wanted.reference} does not answer: {error}"
            return ""

        self._wait(self._wanted.number, answers)
        self._say(f"{smoke.rows.rows} smoke rows got their scores, bit for bit")

    def _wait(self, version: int, answers: Callable[[], str] = str) -> None:
        """Wait until a version is ready, and `answers` has nothing to say against it.

        Raises:
            NotServed: It was not in time, or cannot be.
        """
        begin, told = self._cluster.clock(), ""
        while True:
            state = self._state(version)
            if state.ready:
                said = answers()
                if not said:
                    return
                # KServe calls a service ready while it still replaces its pods.
                state = readiness.of_pods(self._api, self._target, version) or State(False, said)
            waited = self._cluster.clock() - begin
            if state.hopeless and waited >= (_SETTLED_SECONDS if state.may_be_old else 0):
                raise NotServed(f"{self._called} does not come up: {state.said}")
            if state.said != told:
                told = state.said
                self._say(f"waiting: {told}")
            if waited + self._cluster.interval > self._settings.timeout_seconds:
                raise NotServed(f"{self._called} was not ready within {self._settings.timeout_seconds} s: {told}")
            self._cluster.sleep(self._cluster.interval)

    def _state(self, version: int) -> State:
        live = self._api.find(self._main)
        if live is None:
            return State(False, "somebody removed it", hopeless=True)
        if self._kind == DEPLOYMENT:
            state = readiness.of_deployment(live)
        else:
            state = readiness.of_inference_service(live, self._predictor())
        if state.ready:
            return state
        return readiness.of_pods(self._api, self._target, version) or state

    def _predictor(self) -> dict[str, Any] | None:
        """The Deployment that KServe makes of an InferenceService, outside Knative."""
        return self._api.find(
            f"/apis/apps/v1/namespaces/{self._target.namespace}/deployments/{self._target.name}-predictor"
        )

    def _ask(self) -> Ask:
        address = self._address()
        if self._cluster.url or self._cluster.inside or (self._kind == INFERENCE_SERVICE and self._on_knative()):
            return directly(address)
        service = self._target.name if self._kind == DEPLOYMENT else f"{self._target.name}-predictor"
        return through_the_api(self._api, self._target.namespace, service, "80")

    def _on_knative(self) -> bool:
        status = (self._api.find(self._main) or {}).get("status") or {}
        return status.get("deploymentMode") in _KNATIVE or self._predictor() is None

    def _address(self) -> str:
        """Where clients find the server: from inside the cluster, or by the address that it has for those outside."""
        if self._cluster.url:
            return self._cluster.url
        if self._kind == INFERENCE_SERVICE:
            status = (self._api.find(self._main) or {}).get("status") or {}
            inside, outside = (status.get("address") or {}).get("url"), status.get("url")
            found = (inside or outside) if self._cluster.inside else (outside or inside)
            if found:
                return str(found)
        return f"http://{self._target.name}.{self._target.namespace}.svc"

    def _go_back(self, before: Proven | None, error: BaseException) -> None:
        """Serve again what was proven before, or nothing; what came of it is told, and added to the error."""
        try:
            said = self._back(before, waiting=isinstance(error, NetanomalyError))
        except NetanomalyError as failed:
            said = f"and going back failed: {failed}; {self._wanted.reference} is still applied"
        self._say(said)
        if isinstance(error, NetanomalyError):
            error.args = (f"{error}; {said}",)

    def _back(self, before: Proven | None, *, waiting: bool) -> str:
        live = self._api.find(self._main)
        annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
        if live is not None and (annotations.get(MODEL), annotations.get(VERSION)) != (
            self._wanted.model,
            str(self._wanted.number),
        ):
            return (
                f"{annotations.get(MODEL)}:{annotations.get(VERSION)} is applied there meanwhile, and was left as it is"
            )
        if before is None:
            for document in reversed(self._documents):
                self._api.remove(self._target.path(document))
            self._records.write(None)
            return "nothing proven was served before, so it was removed"
        if before.documents == self._documents:
            return f"{before.reference} is what was served before, and was left as it is"
        for document in before.documents:
            self._apply(document)
        said = f"went back to {before.reference}"
        if waiting:
            self._say(said)
            try:
                self._wait(before.version)
            except NotServed as failed:
                return f"{said}, which is not ready yet ({failed})"
            said += ", which is ready"
        return said


__all__ = ["AUTO", "Cluster", "Deployable", "Done", "NotServed", "OtherScores", "deploy", "deployable"]
