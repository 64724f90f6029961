"""A cluster's API, real where it was built, and what stands in for controllers, pods and the server in them."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml
from netanomaly.kube.api import Api
from netanomaly.registry import Registry, open_registry
from netanomaly.registry import smoke as smoke_rows
from netanomaly.stages.deploy.objects import VERSION
from netanomaly.stages.deploy.program import Cluster
from netanomaly.stages.deploy.settings import Settings

from tests import tools
from tests.command import ROOT
from tests.kubernetes import api_server, kinds, standin
from tests.kubernetes.api_server import ADMIN, DEPLOYER

NAMESPACE = "netanomaly-serving"


def rendered(folder: str) -> list[dict[str, Any]]:
    """The objects of a folder below manifests/serving."""
    text = _kustomized(folder)
    if text is None:
        pytest.skip("not proven: neither kubectl nor kustomize is here")
    return list(yaml.safe_load_all(text))


@cache
def _kustomized(folder: str) -> str | None:
    return tools.kustomized(ROOT / "manifests/serving" / folder)


@dataclass
class World:
    """A cluster's API, with the rights of the deployer and of an administrator; what its controllers and pods would do.

    Attributes:
        behaviour: By version what becomes of its pods: `serves`, `crashes`, `hangs`, `unpullable`.
        scores: By version how the scores that it answers differ from those it was registered with.
        running: The version that answers.
    """

    api: Api
    admin: Api
    standin: standin.StandIn | None
    behaviour: dict[str, str] = field(default_factory=dict)
    scores: dict[str, Callable[[float], float]] = field(default_factory=dict)
    running: str = ""
    url: str = ""
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    time: float = 0.0

    def cluster(self, **more: Any) -> Cluster:
        options: dict[str, Any] = {
            "inside": False,
            "url": self.url,
            "say": self.said.append,
            "interval": 1.0,
            "sleep": self.step,
            "clock": lambda: self.time,
        }
        return Cluster(self.api, **{**options, **more})

    def path(self, kind: str, name: str = "office") -> str:
        group = {
            "deployments": "/apis/apps/v1",
            "inferenceservices": "/apis/serving.kserve.io/v1beta1",
            "horizontalpodautoscalers": "/apis/autoscaling/v2",
        }.get(kind, "/api/v1")
        return f"{group}/namespaces/{NAMESPACE}/{kind}/{name}"

    def live(self, kind: str, name: str = "office") -> dict[str, Any] | None:
        return self.admin.find(self.path(kind, name))

    def step(self, seconds: float = 1.0) -> None:
        """Let time pass, and controllers do what they do."""
        self.time += seconds
        for kind in ("deployments", "inferenceservices"):
            document = self.live(kind)
            if document is None:
                continue
            version = document["metadata"]["annotations"][VERSION]
            behaviour = self.behaviour.get(version, "serves")
            if behaviour == "serves":
                self.running = version
            made = _deployment_status if kind == "deployments" else _service_status
            status = made(document["metadata"]["generation"], behaviour)
            self.admin.merge(f"{self.path(kind)}/status", {"status": status})
            self._pod(document, version, behaviour)

    def _pod(self, document: dict[str, Any], version: str, behaviour: str) -> None:
        name = f"office-{version}"
        spec = {"containers": [{"name": "server", "image": "netanomaly/serve"}]}
        labels = {"app.kubernetes.io/name": "netanomaly-serving", "app.kubernetes.io/instance": "office"}
        if self.live("pods", name) is None:
            pod = {"apiVersion": "v1", "kind": "Pod", "spec": spec}
            pod["metadata"] = {"name": name, "labels": labels, "annotations": {VERSION: version}}
            locked = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
            pod["spec"] = {**spec, "securityContext": locked}
            pod["spec"]["containers"][0]["securityContext"] = {  # type: ignore[index]
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }
            self.admin.apply(self.path("pods", name), pod, "controllers")
        container: dict[str, Any] = {
            "name": "storage-initializer",
            "image": "i",
            "imageID": "i",
            "ready": False,
            "restartCount": 1,
        }
        if behaviour == "crashes":
            ended = {"exitCode": 2, "message": "error: model.joblib has SHA-256 aa and was registered with bb"}
            container |= {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}
        elif behaviour == "unpullable":
            container |= {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
        else:
            container |= {"state": {"running": {}}}
        self.admin.merge(f"{self.path('pods', name)}/status", {"status": {"initContainerStatuses": [container]}})

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """As a server of the running version does."""
        if path != f"/v2/models/office/versions/{self.running}/infer":
            return 404, {"error": "no such model or version"}
        kept = self.known[self.running]
        columns = [column["values"] for column in kept["columns"]]
        expected = dict(zip(map(tuple, zip(*columns, strict=True)), kept["scores"], strict=True))
        rows = zip(*(each["data"] for each in body["inputs"]), strict=True)
        change = self.scores.get(self.running, lambda score: score)
        given = [change(expected[tuple(row)]) for row in rows]
        output = {"name": "score", "datatype": "FP32", "shape": [len(given)], "data": given}
        return 200, {"model_name": "office", "model_version": self.running, "outputs": [output]}


def _deployment_status(generation: int, behaviour: str) -> dict[str, Any]:
    ready = 1 if behaviour == "serves" else 0
    counted = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": ready, "availableReplicas": ready}
    return {"observedGeneration": generation, **counted}


def _service_status(generation: int, behaviour: str) -> dict[str, Any]:
    # Its generation is that of the Deployment below, and `Ready` stays true while pods are replaced: as KServe has it.
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    transition = {"serves": "UpToDate", "crashes": "BlockedByFailedLoad"}.get(behaviour, "InProgress")
    model: dict[str, Any] = {
        "transitionStatus": transition,
        "copies": {"failedCopies": 0},
        "states": {"activeModelState": "Loaded"},
    }
    if behaviour == "crashes":
        model["lastFailureInfo"] = {
            "reason": "ModelLoadFailed",
            "exitCode": 2,
            "message": "error: model.joblib has SHA-256 aa",
        }
    else:
        model["lastFailureInfo"] = None
    return {"conditions": [condition], "modelStatus": model, "address": {"url": "http://office.somewhere"}}


@pytest.fixture(scope="session", params=["standin", "kube-apiserver"])
def apis(request, tmp_path_factory) -> Iterator[tuple[Api, Api, standin.StandIn | None]]:
    """The API as the deployer and as an administrator reach it; set up by the manifests."""
    objects = rendered("namespace")
    (role,) = (each for each in objects if each["kind"] == "Role")
    with ExitStack() as stack:
        if request.param == "standin":
            made = stack.enter_context(standin.running(standin.StandIn(role["rules"]), ADMIN))
            yield made.api(DEPLOYER), made.api(ADMIN), made
            return
        if not api_server.binary().is_file():
            pytest.skip("not proven against a real API server: it was not built (make test-kubernetes)")
        server = stack.enter_context(api_server.running(tmp_path_factory.mktemp("kubernetes"), NAMESPACE))
        admin = server.api(ADMIN)
        for definition in kinds.definitions().values():
            name = definition["metadata"]["name"]
            admin.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", definition, "tests")
        deadline = time.monotonic() + 60
        while admin.find("/apis/serving.kserve.io/v1beta1") is None and time.monotonic() < deadline:
            time.sleep(0.1)
        yield server.api(DEPLOYER), admin, None


def path_of(document: dict[str, Any]) -> str:
    """Where the API has an object, of a namespace or of none."""
    group = document["apiVersion"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    kind = document["kind"].lower()
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    namespace = document["metadata"].get("namespace")
    return f"{root}/{f'namespaces/{namespace}/' if namespace else ''}{plural}/{document['metadata']['name']}"


@pytest.fixture
def world(apis) -> Iterator[World]:
    """An empty namespace, set up as the manifests do."""
    api, admin, made = apis
    if made is not None:
        made.objects.clear(), made.applied.clear(), made.asked.clear(), made.failures.clear()
        made.kserve = True
    for document in rendered("namespace"):
        if made is None or document["kind"] == "ConfigMap":
            admin.apply(path_of(document), document, "manifests")
    found = World(api, admin, made)
    for kind in ("deployments", "inferenceservices", "services"):
        admin.remove(found.path(kind))
    for pod in admin.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]:
        # No node is there that would say that it is gone.
        admin._asked("DELETE", found.path("pods", pod["metadata"]["name"]), {"gracePeriodSeconds": "0"})
    admin.merge(found.path("configmaps", "netanomaly-deployed"), {"data": None})
    with _listening(found):
        yield found


class _listening:  # noqa: N801 - used as a function is
    """The server that a deployed version would be, at `url`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> None:
        world = self._world

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, document = world.answer(self.path, body)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        world.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def registry(tmp_path) -> Registry:
    return open_registry(tmp_path / "registry")


@pytest.fixture
def register(registry, world, tmp_path) -> Callable[..., str]:
    """Register another version of `office`, with smoke rows of its own."""

    def registered(verdict: str | None = "pass", *, smoke: bool = True) -> str:
        number = len(world.known) + 1
        model = tmp_path / "model.joblib"
        model.write_bytes(f"version {number}".encode())
        kept = {
            "format": 1,
            "rows": 3,
            "columns": [
                {"name": "bytes_out", "kind": "number", "values": [number + 0.5, None, 3.0]},
                {"name": "service", "kind": "category", "values": ["http", "dns", None]},
            ],
            "scores": [0.25, 0.10000000149011612, 7.0 + number],
        }
        world.known[str(number)] = kept
        file = tmp_path / smoke_rows.FILE
        file.write_text(json.dumps(kept))
        done = registry.register(
            "office",
            model,
            {} if verdict is None else {"evaluation": {"verdict": verdict}},
            run_id=f"run-{number}",
            files={smoke_rows.FILE: file} if smoke else {},
        )
        return f"office:{done.version}"

    return registered


def settings(kind: Any = "deployment", **more: Any) -> Settings:
    image = "r.example.org/serve:1"
    return Settings("s3://models/registry", "office", NAMESPACE, kind=kind, image=image, timeout_seconds=20, **more)
