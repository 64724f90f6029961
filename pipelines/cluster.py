"""What a cluster is told of each stage: resources, time, the object store, and how its pod is locked down.

Whether a task is started again is left to the cluster: docs/decisions/second-attempts.md.
Local runners know the limits and leave the rest to whoever starts them.
"""

from dataclasses import dataclass

from kfp import dsl, kubernetes

OBJECT_STORE = "netanomaly-object-store"
"""Default name of the Secret and of the ConfigMap that say where the object store is and how to get in."""

CERTIFICATES = "netanomaly-ca"
CERTIFICATES_FOLDER = "/etc/netanomaly/ca"
"""ConfigMap of a private authority's certificates, and where it is mounted; AWS_CA_BUNDLE names the file in it."""

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_SETTINGS = (
    *("S3_ENDPOINT_URL", "AWS_REGION", "S3_ADDRESSING_STYLE", "S3_RETRY_SECONDS"),
    *("AWS_CA_BUNDLE", "NETANOMALY_SINGLE_WRITER"),
)

TRUST = "netanomaly-trust"
"""ConfigMap of what stages believe. Of a fixed name, unlike that of the object store, which whoever starts a run chooses."""

_BELIEF = ("NETANOMALY_TRUSTED_KEYS", "NETANOMALY_WITHDRAWN_KEYS", "NETANOMALY_SIGNED_HEADS", "NETANOMALY_REGISTRY_ID")

SIGNING_KEY = "netanomaly-signing-key"
"""Secret whose NETANOMALY_SIGN_KEY signs what is registered; the stage that registers gets it, no other."""

TRACKING = "netanomaly-mlflow"
"""ConfigMap of the MLflow server that runs are shown in, and Secret of who may write there. Of a fixed name, as `TRUST`."""

_TRACKING_SETTINGS = (
    *("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_TRACKING_AUTH", "MLFLOW_WORKSPACE"),
    *("MLFLOW_TRACKING_SERVER_CERT_PATH", "KF_PIPELINES_UI_ENDPOINT", "HTTPS_PROXY", "NO_PROXY"),
)
_TRACKING_CREDENTIALS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")

WEBHOOK = "netanomaly-webhook"
"""Secret whose NETANOMALY_WEBHOOK_SECRET signs what is sent to webhooks."""

_HOUR = 3600


@dataclass(frozen=True)
class Needs:
    """What one stage needs. Memory and processors: request, then limit.

    `hours` is what one attempt may take at the most, image pull included. `tracking`: what of MLflow it is told, the
    `server`, or the `credentials` as well.
    """

    memory: tuple[str, str]
    processors: tuple[str, str]
    hours: float
    store: bool = False
    signs: bool = False
    tracking: str = ""


# Memory: what it takes at peak with 1M + 1M rows of 42 columns and the default detector, measured, and the limit: at
# least four times that, for wider data and hungrier detectors. CPU requests are small, so that a small node can start a
# stage; limits are what a stage can use.
_SMALL = ("32Mi", "512Mi")
_ONE = ("0.1", "1")
_TWO = ("0.5", "2")
NEEDS = {
    # Is told which MLflow server there is, and not how to get in.
    "prepare": Needs(_SMALL, _ONE, hours=1, store=True, tracking="server"),
    # Suricata's own limits of memory, and what it takes beside.
    "capture": Needs(("512Mi", "3Gi"), _TWO, hours=12, store=True),
    "ingest": Needs(("256Mi", "1Gi"), _TWO, hours=12, store=True),
    "validate": Needs(_SMALL, _ONE, hours=1),
    "tune": Needs(("768Mi", "4Gi"), _TWO, hours=24),
    "train": Needs(("768Mi", "4Gi"), _TWO, hours=24),
    # Reads the champion.
    "evaluate": Needs(("512Mi", "2Gi"), _TWO, hours=12, store=True),
    "register": Needs(_SMALL, _ONE, hours=1, store=True, signs=True),
    "score": Needs(("512Mi", "2Gi"), _TWO, hours=12, store=True),
    # Looks at as much as score does, and keeps a sample of rows.
    "monitor": Needs(("512Mi", "2Gi"), _TWO, hours=12, store=True),
    "track": Needs(_SMALL, _ONE, hours=1, store=True, tracking="credentials"),
    "deploy": Needs(_SMALL, _ONE, hours=2, store=True),
    # Of the pipeline that checks an installation.
    "check": Needs(_SMALL, _ONE, hours=0.25, store=True),
}


def settle(stage: str, task: dsl.PipelineTask, object_store: str, *, delivers: bool = False) -> None:
    """Set a task up for the cluster.

    Args:
        stage: Its stage.
        task: The task.
        object_store: Name of the Secret and the ConfigMap of the object store; both may be absent, as where the
            service account has a role of its own.
        delivers: Whether it sends alerts to webhooks, and so gets the secret that signs them.
    """
    needs = NEEDS[stage]
    task.set_memory_request(needs.memory[0]).set_memory_limit(needs.memory[1])
    task.set_cpu_request(needs.processors[0]).set_cpu_limit(needs.processors[1])
    kubernetes.set_timeout(task, int(needs.hours * _HOUR))
    # Tags are digests of what is in the image: one that is there is the right one.
    kubernetes.set_image_pull_policy(task, "IfNotPresent")
    # All else that Pod Security `restricted` asks for is the back end's own doing.
    kubernetes.set_security_context(task, run_as_non_root=True)
    for label, value in {"name": "netanomaly", "component": stage, "part-of": "netanomaly"}.items():
        kubernetes.add_pod_label(task, f"app.kubernetes.io/{label}", value)
    if needs.store:
        kubernetes.use_secret_as_env(task, object_store, {name: name for name in _CREDENTIALS}, optional=True)
        kubernetes.use_config_map_as_env(task, object_store, {name: name for name in _SETTINGS}, optional=True)
        kubernetes.use_config_map_as_env(task, TRUST, {name: name for name in _BELIEF}, optional=True)
        kubernetes.use_config_map_as_volume(task, CERTIFICATES, CERTIFICATES_FOLDER, optional=True)
    if needs.tracking:
        kubernetes.use_config_map_as_env(task, TRACKING, {name: name for name in _TRACKING_SETTINGS}, optional=True)
    if needs.tracking == "credentials":
        kubernetes.use_secret_as_env(task, TRACKING, {name: name for name in _TRACKING_CREDENTIALS}, optional=True)
    if needs.signs:
        kubernetes.use_secret_as_env(task, SIGNING_KEY, {"NETANOMALY_SIGN_KEY": "NETANOMALY_SIGN_KEY"}, optional=True)
    if delivers:
        named = {"NETANOMALY_WEBHOOK_SECRET": "NETANOMALY_WEBHOOK_SECRET"}
        kubernetes.use_secret_as_env(task, WEBHOOK, named, optional=True)
