"""The version of a registered model that scores: the champion, unless another is named; taken up anew when it moves."""

from dataclasses import dataclass
from typing import Any

from netanomaly import output
from netanomaly.errors import InputError, OutsideError
from netanomaly.models.model import AnomalyModel
from netanomaly.registry import Registry
from netanomaly.registry.documents import DEPRECATED
from netanomaly.registry.reading import Version


@dataclass(frozen=True)
class Loaded:
    """A model, verified; `named` is its name, version and digest, which alerts carry."""

    model: AnomalyModel
    named: dict[str, Any]


def version_of(registry: Registry, reference: str) -> Version:
    """The version to score with: of a model named alone its champion, where it has one.

    Raises:
        NotInRegistry: There is none.
        InputError: It is deprecated.
    """
    wanted = reference
    if ":" not in reference and "@" not in reference and registry.champion(reference) is not None:
        wanted = f"{reference}@champion"
    version = registry.version(wanted)
    if version.status == DEPRECATED:
        raise InputError(
            f"{version.model}:{version.number} is deprecated; score with another version, or netanomaly registry restore it"
        )
    return version


def load(registry: Registry, version: Version) -> Loaded:
    """A version's model, its bytes verified before they are loaded."""
    named = {"name": version.model, "version": version.number, "digest": f"sha256:{version.record.artifact.sha256}"}
    return Loaded(registry.load(f"{version.model}:{version.number}"), named)


class Champion:
    """What a reference means now. The registry is asked each time, at one read; a model is loaded when it is another."""

    def __init__(self, registry: Registry, reference: str) -> None:
        self._registry, self._reference = registry, reference
        self._version = version_of(registry, reference)
        self._loaded = load(registry, self._version)
        self._is_away = False

    @property
    def name(self) -> str:
        return self._version.model

    def now(self) -> Loaded:
        """The model that scores now. While the registry does not answer, that is the one before: it is verified.

        Raises:
            InputError: There is no such version any more, it is deprecated, or its bytes are not what was registered.
        """
        try:
            version = version_of(self._registry, self._reference)
            if version.number != self._version.number:
                self._loaded, self._version = load(self._registry, version), version
                output.tell(f"scored from here on by {version.model}:{version.number}")
        except OutsideError as error:
            if not self._is_away:
                output.tell(
                    f"warning: the registry does not answer ({error}); {self._version.model}:{self._version.number} goes on"
                )
            self._is_away = True
        else:
            self._is_away = False
        return self._loaded
