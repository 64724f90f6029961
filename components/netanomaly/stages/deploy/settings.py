"""What is told about where a version is deployed: by prepare to the deploy stage, by the command's options."""

import re
from dataclasses import dataclass
from typing import Literal

from netanomaly.errors import ConfigError
from netanomaly.kube.names import refuse_no_name

AUTO, INFERENCE_SERVICE, DEPLOYMENT = "auto", "inference_service", "deployment"
# Of KServe's names for a service it makes ours with `-predictor` behind it, which has to be a DNS label.
_LONGEST_NAME = 50


def refuse_odd_names(namespace: str, name: str = "") -> None:
    """Raise ConfigError where Kubernetes would not take a namespace, or a service's name; empty: it has none of its own."""
    refuse_no_name("deploy: namespace", namespace)
    if name:
        refuse_no_name("deploy: name", name, _LONGEST_NAME)


@dataclass(frozen=True)
class Settings:
    """Where a version of a model is served, and how.

    Attributes:
        registry: URI of the registry that has the version.
        model_name: The model's name there.
        namespace: Of the cluster; it has what manifests/serving brings.
        name: Of the service; empty: the model's name, as DNS writes names.
        kind: An InferenceService of KServe, a Deployment; auto: the former where the cluster knows it.
        image: The serve image, for a Deployment. KServe's runtime names its own.
        timeout_seconds: How long a version may take to be ready.
    """

    registry: str
    model_name: str
    namespace: str
    name: str = ""
    kind: Literal["auto", "inference_service", "deployment"] = "auto"
    image: str = ""
    timeout_seconds: int = 600

    def __post_init__(self) -> None:
        refuse_odd_names(self.namespace, self.service)
        if self.timeout_seconds < 1:
            raise ConfigError(f"deploy: timeout_seconds is {self.timeout_seconds}; give a number over 0")

    @property
    def service(self) -> str:
        """What the service is called: `nsl-kdd-detector` for the model `nsl_kdd_detector`, unless it has a name of its own."""
        made = re.sub(r"[^a-z0-9]+", "-", self.model_name.lower()).strip("-")
        return self.name or made[:_LONGEST_NAME].strip("-") or "netanomaly"
