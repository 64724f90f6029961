"""A Kubernetes cluster with Kubeflow Pipelines, as the tests of it use it. docs/cluster.md lists the variables."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml
from kubernetes import client as kubernetes
from kubernetes.stream import stream

from tests.command import Ended, netanomaly, netanomaly_on_a_cluster

# In the cluster, for the tests of a store that goes away: a Service that leads to the real one through a pod.
DETOUR = "netanomaly-e2e"
_PORT = 9000

# Passes bytes on both ways; as a stage's image holds Python, it holds this.
_PROXY = """
import asyncio, sys
async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
async def serve(reader, writer):
    try:
        there, back = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    except OSError:
        return writer.close()
    await asyncio.gather(pump(reader, back), pump(there, writer))
async def main():
    async with await asyncio.start_server(serve, "0.0.0.0", 9000) as server:
        await server.serve_forever()
asyncio.run(main())
"""

# Of all processes that name the stage, only the stage itself starts with python3: KFP's launcher names it as well.
_KILL = """
import os, pathlib, signal, sys
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    words = path.read_bytes().split(b"\\0")
    if words[0].endswith(b"python3") and words[1:3] == [b"-m", sys.argv[1].encode()]:
        os.kill(int(path.parent.name), signal.SIGKILL)
        print("killed")
"""


@dataclass(frozen=True)
class Cluster:
    """Where Kubeflow Pipelines is, and a place in an object store that both it and the tests reach."""

    host: str
    ui: str
    namespace: str
    system: str
    """KFP's own namespace."""
    data: str
    registry: str
    core: kubernetes.CoreV1Api
    network: kubernetes.NetworkingV1Api

    def submit(self, config: Path, *more: str) -> Ended:
        """`netanomaly submit --wait`, to the run's end."""
        where = ("--host", self.host, "--namespace", self.namespace)
        return netanomaly_on_a_cluster("submit", config, *where, "--wait", "--json", *more)

    def schedule(self, *words: str | Path) -> Ended:
        return netanomaly("schedule", *words, "--host", self.host, "--namespace", self.namespace, "--json")

    def doctor(self, registry: str) -> Ended:
        """`netanomaly doctor --kfp`."""
        where = ("--kfp", self.host, "--namespace", self.namespace)
        return netanomaly_on_a_cluster("doctor", *where, "--registry", registry, "--json")

    def versions(self, registry: str | None = None) -> list[int]:
        """Numbers of the versions that a registry holds."""
        ended = netanomaly("registry", "list", "--registry", registry or self.registry, "--json")
        assert ended.code == 0, ended.stderr
        return [number for model in ended.json for number in range(1, model["versions_registered"] + 1)]

    def api(self, path: str, **query: str) -> dict[str, Any]:
        for last in (False, False, True):
            try:
                answer = requests.get(f"{self.host}/apis/v2beta1/{path}", params=query, timeout=60)
            except requests.ConnectionError:
                # A port-forward loses connections now and then.
                if last:
                    raise
                time.sleep(1)
            else:
                break
        answer.raise_for_status()
        return dict(answer.json())

    def post(self, path: str) -> None:
        requests.post(f"{self.host}/apis/v2beta1/{path}", timeout=60).raise_for_status()

    def tasks(self, run_id: str) -> list[dict[str, Any]]:
        """Tasks as the API has them; each stage has one called `executor`, its attempts `executor(0)` and so on.

        Where the server may repeat tasks, some have neither name nor state.
        """
        return list(self.api(f"runs/{run_id}").get("run_details", {}).get("task_details", []))

    def executed(self, run_id: str) -> int:
        """Stages that ran and were not taken from the cache."""
        tasks = self.tasks(run_id)
        return sum(task.get("display_name") == "executor" and task.get("state") == "SUCCEEDED" for task in tasks)

    def repeats(self) -> set[str]:
        """What Argo repeats of itself: `failed` tasks (by exit code, killed for memory), `deleted` pods."""
        settings = self.core.read_namespaced_config_map("workflow-controller-configmap", self.system).data or {}
        defaults = yaml.safe_load(settings.get("workflowDefaults", "")) or {}
        strategy = defaults.get("spec", {}).get("templateDefaults", {}).get("retryStrategy")
        if strategy is None:
            return set()
        policies = {"OnFailure": {"failed"}, "OnError": {"deleted"}, "Always": {"failed", "deleted"}}
        return policies.get(strategy.get("retryPolicy", "OnFailure"), set())

    def delete(self, pod: str) -> bool:
        """Take a pod away, as a node does that goes away; whether there was one."""
        try:
            self.core.delete_namespaced_pod(pod, self.namespace, grace_period_seconds=0)
        except kubernetes.ApiException as error:
            if error.status != 404:
                raise
            return False
        return True

    def pods(self, run_id: str, stage: str = "") -> list[kubernetes.V1Pod]:
        """Pods of a run's stages."""
        labels = f"pipeline/runid={run_id},app.kubernetes.io/part-of=netanomaly"
        if stage:
            labels += f",app.kubernetes.io/component={stage}"
        return list(self.core.list_namespaced_pod(self.namespace, label_selector=labels).items)

    def kill(self, pod: str, module: str) -> bool:
        """SIGKILL to the stage's process in a pod; whether there was one."""
        command = ["python3", "-c", _KILL, module]
        # Asked for the output itself, the client leaves its connection open.
        asked = self.core.connect_get_namespaced_pod_exec
        streams = {"stdout": True, "stderr": True, "_preload_content": False}
        try:
            connection = stream(asked, pod, self.namespace, container="main", command=command, **streams)
        except kubernetes.ApiException:
            # A pod runs when any of its containers does: this one may be still to come.
            return False
        try:
            connection.run_forever(timeout=60)
            return "killed" in str(connection.read_all())
        finally:
            connection.close()
            # Where the server closed first, that has left the socket open.
            connection.sock.shutdown()

    @contextmanager
    def detour(self, image: str) -> Iterator[Callable[[bool], None]]:
        """A way to the store that can be cut: Secret, ConfigMap, Service and pod of one name, removed in the end.

        Gives a function: False cuts it, True opens it again.
        """
        settings = self.core.read_namespaced_config_map("netanomaly-object-store", self.namespace).data
        host, _, port = settings["S3_ENDPOINT_URL"].removeprefix("http://").partition(":")
        assert "/" not in host, "only a store without TLS can be reached by a detour"
        # Another run of these tests may have left them.
        self._remove_detour()
        named = kubernetes.V1ObjectMeta(name=DETOUR, labels={"app": DETOUR})
        secret = self.core.read_namespaced_secret("netanomaly-object-store", self.namespace)
        self.core.create_namespaced_secret(self.namespace, kubernetes.V1Secret(metadata=named, data=secret.data))
        endpoint = f"http://{DETOUR}.{self.namespace}:{_PORT}"
        data = {**settings, "S3_ENDPOINT_URL": endpoint}
        self.core.create_namespaced_config_map(self.namespace, kubernetes.V1ConfigMap(metadata=named, data=data))
        self.core.create_namespaced_pod(self.namespace, _proxy(named, image, host, port or "80"))
        service = {"metadata": named, "spec": {"selector": {"app": DETOUR}, "ports": [{"port": _PORT}]}}
        self.core.create_namespaced_service(self.namespace, service)
        self.network.create_namespaced_network_policy(self.namespace, _way_through(named))
        until(lambda: self.core.read_namespaced_pod(DETOUR, self.namespace).status.phase == "Running", 180)

        def opened(wanted: bool) -> None:
            selector = {"app": DETOUR if wanted else "nothing"}
            self.core.patch_namespaced_service(DETOUR, self.namespace, {"spec": {"selector": selector}})

        try:
            yield opened
        finally:
            self._remove_detour()

    def _remove_detour(self) -> None:
        def gone(delete: Callable[..., Any], **options: Any) -> None:
            try:
                delete(DETOUR, self.namespace, **options)
            except kubernetes.ApiException as error:
                if error.status != 404:
                    raise

        gone(self.network.delete_namespaced_network_policy)
        gone(self.core.delete_namespaced_service)
        gone(self.core.delete_namespaced_pod, grace_period_seconds=0)
        gone(self.core.delete_namespaced_config_map)
        gone(self.core.delete_namespaced_secret)


def until(done: Callable[[], object], seconds: float) -> None:
    """Wait for something of the cluster's; it tells nobody when it happens."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not after {seconds} s"
        time.sleep(1)


def written(config: dict[str, Any], folder: Path) -> Path:
    """A configuration as a file."""
    path = folder / f"{config['model_name']}.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def environment(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def _proxy(named: kubernetes.V1ObjectMeta, image: str, host: str, port: str) -> dict[str, Any]:
    return {
        "metadata": named,
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "proxy",
                    "image": image,
                    "command": ["python3", "-c", _PROXY, host, port],
                    "resources": {"limits": {"cpu": "500m", "memory": "128Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def _way_through(named: kubernetes.V1ObjectMeta) -> dict[str, Any]:
    """Policies add up: stages may reach the detour as well."""
    return {
        "metadata": named,
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "netanomaly"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": DETOUR}}}], "ports": [{"port": _PORT}]}],
        },
    }
