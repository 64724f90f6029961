"""The original workflow's client: code written against it needs another import and a registry's URI.

from netanomaly.registry import ModelRegistryClient

client = ModelRegistryClient("s3://models/registry")
client.register_model("office", "1.2.0", "model.joblib", metrics={"roc_auc": 0.97})
client.get_model_version_details("office", "1.2.0")["model_path"]

Documents have the fields of the original's `model_registry.json`. A version is called what its maker called it; the
registry's own number stands beside it. What the original did not know (aliases, verified downloads) is in
`netanomaly.registry.Registry`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from netanomaly.registry import artifacts, documents
from netanomaly.registry.client import open_registry
from netanomaly.registry.errors import NotInRegistry
from netanomaly.registry.reading import Version


class ModelRegistryClient:
    """List, look up and register models by the original's verbs. The keys are those of `open_registry`."""

    def __init__(self, registry_uri: str | Path, *, sign_key: str = "", trusted_keys: Sequence[str] = ()) -> None:
        self._registry = open_registry(registry_uri, sign_key=sign_key, trusted_keys=trusted_keys)

    def list_models(self) -> list[dict[str, Any]]:
        """All models by name: `model_id`, `model_name`, `metadata`, and `versions_registered`; one read for each."""
        return [
            {
                "model_id": model.name,
                "model_name": model.name,
                "metadata": {"aliases": dict(model.aliases), "updated_at": model.updated_at},
                "versions_registered": model.registered,
            }
            for model in self._registry.summaries()
        ]

    def list_model_versions(self, model_name: str) -> list[dict[str, Any]]:
        """Details of all versions of a model, oldest first; without the deleted ones.

        Raises:
            NotInRegistry: There is no such model.
        """
        return [self._details(version) for version in self._registry.versions(model_name)]

    def get_model_details(self, model_name: str) -> dict[str, Any]:
        """A model with all its `versions`. Raises NotInRegistry."""
        versions = self.list_model_versions(model_name)
        return {
            "model_id": model_name,
            "model_name": model_name,
            "metadata": {"aliases": {alias: one["number"] for one in versions for alias in one["metadata"]["aliases"]}},
            "versions": versions,
        }

    def get_model_version_details(self, model_name: str, version: str | int | None = None) -> dict[str, Any]:
        """One version: `version`, `model_path`, `creation_timestamp`, `description`, `metadata`, `metrics`, and more.

        Args:
            model_name: The model.
            version: What its maker called it (the newest of that name), or its number, or an alias; default: the newest
                that is ready.

        Raises:
            NotInRegistry: There is no such model or version.
        """
        if version is None or isinstance(version, int):
            return self._details(self._registry.version(model_name if version is None else f"{model_name}:{version}"))
        for found in self._registry.newest_first(model_name):
            if version in (found.record.model_version, *found.aliases):
                return self._details(found)
        if version.isdecimal():
            return self.get_model_version_details(model_name, int(version))
        raise NotInRegistry(
            f"model {model_name!r} in registry {self._registry.uri} has no version called {version!r}; "
            "list_model_versions names those that there are"
        )

    def register_model(
        self,
        model_name: str,
        model_version: str,
        model_path: str | Path,
        *,
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """Make a model file or folder a version; the same again is the same version.

        Returns:
            Its details, as `get_model_version_details` gives them.

        Raises:
            InputError, StoreUnavailable: As `Registry.register`.
        """
        path = Path(model_path)
        said = {"description": description, "metadata": dict(metadata or {}), "metrics": dict(metrics or {})}
        key, sha256 = artifacts.content_key(path, {"model_version": model_version, **said})
        done = self._registry.register(
            model_name,
            path,
            metadata or {},
            run_id="",
            key=key,
            model_version=model_version,
            description=description,
            metrics=metrics,
            sha256=sha256,
        )
        return self._details(Version(done.version, done.aliases, done.record))

    def _details(self, version: Version) -> dict[str, Any]:
        record = version.record
        return {
            "version": record.model_version or str(version.number),
            "number": version.number,
            "model_path": self._path(record.artifact.path),
            "creation_timestamp": record.created_at,
            "description": record.description,
            "metadata": {
                **record.metadata,
                "status": version.status,
                "aliases": list(version.aliases),
                "sha256": record.artifact.sha256,
                "record": documents.record_key(record.model, record.key),
            },
            "metrics": dict(record.metrics),
        }

    def _path(self, key: str) -> str:
        """A path of this machine, or a URI in a bucket."""
        if not key:
            return ""
        uri = f"{self._registry.uri}/{key}"
        return unquote(urlsplit(uri).path) if uri.startswith("file:") else uri
