"""What last passed its smoke rows under a name: what a failed deployment goes back to.

It stands in the ConfigMap `netanomaly-deployed`, which manifests/serving brings, a key for each name: so a deployment that is
killed on its way is known as one that was never proven. (Annotations would not do: KServe hands those of an
InferenceService on to its pods, which it then replaces.)
"""

from typing import Any

import msgspec

from netanomaly import json_input, output
from netanomaly.errors import InputError
from netanomaly.kube.api import Api
from netanomaly.kube.errors import Missing
from netanomaly.stages.deploy.objects import Target

CONFIG_MAP = "netanomaly-deployed"
FORMAT = 1


class Proven(msgspec.Struct, frozen=True):
    """A version that was served, and the objects by which."""

    format: int
    model: str
    version: int
    documents: list[dict[str, Any]]

    @property
    def reference(self) -> str:
        return f"{self.model}:{self.version}"


class Records:
    """Of one namespace."""

    def __init__(self, api: Api, target: Target, kind: str) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{target.namespace}/configmaps/{CONFIG_MAP}"
        self._key = f"{target.name}.{kind}"
        self._namespace = target.namespace

    def read(self) -> Proven | None:
        """What was proven last; None: nothing was.

        Raises:
            InputError: The namespace lacks the ConfigMap, or what stands in it is no record of ours.
        """
        try:
            found = self._api.get(self._path)
        except Missing as error:
            raise InputError(
                f"namespace {self._namespace} has no ConfigMap {CONFIG_MAP}, as every namespace that models are deployed to: "
                f"kubectl apply -k manifests/serving/namespace ({error})"
            ) from None
        text = (found.get("data") or {}).get(self._key)
        if text is None:
            return None
        try:
            proven = msgspec.convert(json_input.parse(text), Proven)
        except ValueError as error:
            raise InputError(
                f"{self._key} in ConfigMap {CONFIG_MAP} of namespace {self._namespace} is no record of a deployment: {error}; "
                "remove that key"
            ) from None
        if proven.format > FORMAT:
            raise InputError(
                f"{self._key} in ConfigMap {CONFIG_MAP} has format {proven.format}; this netanomaly reads up to {FORMAT}"
            )
        return proven

    def write(self, proven: Proven | None) -> None:
        """Keep what was proven; None: nothing is served under that name any more."""
        text = None if proven is None else output.json_text(msgspec.to_builtins(proven), indent=None)
        self._api.merge(self._path, {"data": {self._key: text}})
