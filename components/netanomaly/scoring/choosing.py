"""Which version of a model scores: fixed before anything is read, and verified before it is loaded."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netanomaly.errors import ModelError
from netanomaly.models.model import AnomalyModel
from netanomaly.registry import open_registry
from netanomaly.registry.carried import REGISTERED, open_carried
from netanomaly.registry.reading import Reader, Version


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


def opened(registry: str, reference: str) -> tuple[Reader, str]:
    """Where a model is, and its reference there: a registry; or, of a path, the folder that carries one version.

    Args:
        registry: Its URI; a path needs none.
        reference: MODEL, MODEL:VERSION or MODEL@ALIAS; or the path of a folder as `registry download` writes it, or of the
            model's file in one. What holds a slash is a path: no model's name does.

    Raises:
        InputError: There is no such folder, or nothing in it says what the model's bytes must be.
        ModelError: What says so is damaged, or is about another file.
    """
    if "/" not in reference:
        return open_registry(registry), reference
    path = Path(reference)
    reader, carried = open_carried(path.parent if path.is_file() else path)
    if path.is_file() and path.name != REGISTERED:
        _refuse_another(path, reader.version(carried))
    return reader, carried


def _refuse_another(path: Path, version: Version) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != version.record.artifact.sha256:
        raise ModelError(
            f"{path} is not the model that {path.with_name(REGISTERED)} tells of, {version.model}:{version.number}: its digest "
            f"is sha256:{digest}, and that of the registered one sha256:{version.record.artifact.sha256}; download it again"
        )


def choose(registry: Reader, reference: str) -> Chosen:
    """The version to score with: of a model named alone its champion, or where it has none its newest.

    Args:
        registry: Where it is.
        reference: MODEL, MODEL:VERSION or MODEL@ALIAS.

    Raises:
        InputError: There is none, it is deprecated, or it cannot be verified.
    """
    version = registry.chosen(reference)
    return Chosen(version, registry.load_version(version))
