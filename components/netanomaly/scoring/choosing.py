"""Which version of a model scores: fixed before anything is read, and verified before it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly.models.model import AnomalyModel
from netanomaly.registry import Registry
from netanomaly.registry.reading import Version


@dataclass(frozen=True)
class Chosen:
    """A version and its model."""

    version: Version
    model: AnomalyModel

    @property
    def named(self) -> Mapping[str, Any]:
        """What alerts carry of it: name, version and digest."""
        version = self.version
        digest = f"sha256:{version.record.artifact.sha256}"
        return {"name": version.model, "version": version.number, "digest": digest}


def choose(registry: Registry, reference: str) -> Chosen:
    """The version to score with: of a model named alone its champion, or where it has none its newest.

    Args:
        registry: Where it is.
        reference: MODEL, MODEL:VERSION or MODEL@ALIAS.

    Raises:
        InputError: There is none, it is deprecated, or it cannot be verified.
    """
    version = registry.chosen(reference)
    return Chosen(version, registry.load_version(version))
