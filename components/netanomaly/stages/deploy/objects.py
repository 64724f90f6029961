"""What stands in the cluster for a version: an InferenceService of KServe, or a Deployment and a Service.

A version is named by number and digest. Its files are fetched and verified before the server starts, by a container
that alone has the credentials of the object store; the server itself needs none, and no network but for its clients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

MANAGER = "netanomaly-deploy"
"""Who the fields that are set here belong to, in the eyes of the API server."""

MODEL, VERSION = "netanomaly.io/model", "netanomaly.io/version"
"""Annotations of what is served, on the object and on its pods."""

# As manifests/serving and pipelines/cluster.py call them.
OBJECT_STORE, TRUST, CERTIFICATES = "netanomaly-object-store", "netanomaly-trust", "netanomaly-ca"
ACCOUNT, TOKEN = "netanomaly-serving", "netanomaly-serving-token"
TOKEN_VARIABLE = "NETANOMALY_SERVE_TOKEN"  # noqa: S105 - a variable's name
CERTIFICATES_FOLDER = "/etc/netanomaly/ca"
MODELS_FOLDER = "/mnt/models"
PORT = 8080

_LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


class Served(Protocol):
    """A version as it is to be served: what the objects are made of."""

    @property
    def model(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True)
class Target:
    """A service in a namespace."""

    namespace: str
    name: str

    def path(self, document: Mapping[str, Any]) -> str:
        """Where the API has an object of this namespace."""
        group, kind = str(document["apiVersion"]), str(document["kind"]).lower() + "s"
        root = f"/apis/{group}" if "/" in group else f"/api/{group}"
        return f"{root}/namespaces/{self.namespace}/{kind}/{document['metadata']['name']}"

    def annotations(self, served: Served) -> dict[str, str]:
        return {MODEL: served.model, VERSION: str(served.number)}

    def labels(self) -> dict[str, str]:
        # Not part of netanomaly: its network policy is for stages, which nobody may reach.
        return {"app.kubernetes.io/name": "netanomaly-serving", "app.kubernetes.io/instance": self.name}

    def metadata(self, served: Served) -> dict[str, Any]:
        return {
            "name": self.name,
            "namespace": self.namespace,
            "labels": {**self.labels(), "app.kubernetes.io/managed-by": MANAGER},
            "annotations": self.annotations(served),
        }


def storage_uri(served: Served) -> str:
    """The version as the storage initializer takes it: another file under that number is refused."""
    return f"netanomaly://{served.model}:{served.number}?sha256={served.sha256}"


def inference_service(target: Target, served: Served) -> list[dict[str, Any]]:
    """For KServe; its ClusterServingRuntime and ClusterStorageContainer are in manifests/serving."""
    return [
        {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": target.metadata(served),
            "spec": {
                "predictor": {
                    "labels": target.labels(),
                    "annotations": target.annotations(served),
                    "serviceAccountName": ACCOUNT,
                    "automountServiceAccountToken": False,
                    "model": {
                        "modelFormat": {"name": "netanomaly"},
                        "protocolVersion": "v2",
                        "storageUri": storage_uri(served),
                    },
                }
            },
        }
    ]


def deployment(target: Target, served: Served, image: str, registry: str, seconds: int) -> list[dict[str, Any]]:
    """For clusters without KServe. How many pods there are is left to whoever scales it: one to begin with.

    Args:
        target: Where.
        served: What.
        image: The serve image.
        registry: URI of the registry.
        seconds: How long a new pod may take to be ready.
    """
    models = {"name": "models", "mountPath": MODELS_FOLDER}
    initializer = {
        "name": "storage-initializer",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "netanomaly.serving.storage"],
        "args": [storage_uri(served), MODELS_FOLDER],
        "env": [{"name": "NETANOMALY_REGISTRY", "value": registry}],
        "envFrom": [
            {"configMapRef": {"name": OBJECT_STORE, "optional": True}},
            {"configMapRef": {"name": TRUST, "optional": True}},
            {"secretRef": {"name": OBJECT_STORE, "optional": True}},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
        "securityContext": _LOCKED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [models, {"name": "certificates", "mountPath": CERTIFICATES_FOLDER, "readOnly": True}],
    }
    server = {
        "name": "server",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "netanomaly.serving"],
        "args": [f"--model_name={target.name}", f"--model_dir={MODELS_FOLDER}", f"--http_port={PORT}"],
        "env": [
            {
                "name": TOKEN_VARIABLE,
                "valueFrom": {"secretKeyRef": {"name": TOKEN, "key": TOKEN_VARIABLE, "optional": True}},
            }
        ],
        # It verifies once more, what it loads.
        "envFrom": [{"configMapRef": {"name": TRUST, "optional": True}}],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/v2/health/live", "port": "http"}, "periodSeconds": 10},
        # Two minutes to read a large model, before anybody calls the server dead.
        "startupProbe": {
            "httpGet": {"path": "/v2/health/live", "port": "http"},
            "periodSeconds": 2,
            "failureThreshold": 60,
        },
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        "securityContext": _LOCKED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{**models, "readOnly": True}, {"name": "temporary", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": target.metadata(served),
            "spec": {
                "selector": target.labels(),
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": target.metadata(served),
            "spec": {
                "selector": {"matchLabels": target.labels()},
                "progressDeadlineSeconds": seconds,
                # The pods that serve stay until others are ready.
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {
                    "metadata": {"labels": target.labels(), "annotations": target.annotations(served)},
                    "spec": {
                        "serviceAccountName": ACCOUNT,
                        "automountServiceAccountToken": False,
                        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                        "terminationGracePeriodSeconds": 45,
                        "initContainers": [initializer],
                        "containers": [server],
                        "volumes": [
                            {"name": "models", "emptyDir": {"sizeLimit": "2Gi"}},
                            {"name": "temporary", "emptyDir": {"sizeLimit": "64Mi"}},
                            {"name": "certificates", "configMap": {"name": CERTIFICATES, "optional": True}},
                        ],
                    },
                },
            },
        },
    ]
