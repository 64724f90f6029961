"""Where the served model comes from: a registry, followed or not, or a folder that carries one version.

Everything is verified before it is unpickled, from the bytes that are unpickled (`netanomaly.registry.download`).
"""

from pathlib import Path

from netanomaly.models.model import checked
from netanomaly.registry.carried import open_carried
from netanomaly.registry.client import open_registry
from netanomaly.registry.reading import Reader, Version
from netanomaly.serving.served import Served


class Models:
    """One model by reference.

    Args:
        reader: Where it is.
        reference: `office`, `office@alias` or `office:3`.
        name: What it is called in addresses; empty: as in the registry.
        follows: Whether `newer` looks for another version.
    """

    def __init__(self, reader: Reader, reference: str, name: str = "", *, follows: bool = True) -> None:
        self.reference = reference
        self._reader, self._name, self._follows = reader, name, follows
        self._follower = reader.follow(reference)
        self._loaded: str | None = None

    def newer(self) -> Served | None:
        """The version that is meant now, loaded and warmed; None where it is the one that was given last.

        Raises:
            InputError, OutsideError: It cannot be told, verified, loaded or used; the next call tries again.
        """
        if self._loaded is not None and not self._follows:
            return None
        version = self._follower.changed()
        if version is None or version.record.artifact.sha256 + str(version.number) == self._loaded:
            return None
        try:
            served = self._load(version)
        except BaseException:
            self._follower.forget()
            raise
        self._loaded = version.record.artifact.sha256 + str(version.number)
        return served

    def _load(self, version: Version) -> Served:
        reference = f"{version.model}:{version.number}"
        model = checked(self._reader.load_version(version), reference)
        digest = f"sha256:{version.record.artifact.sha256}"
        served = Served(model, self._name or version.model, str(version.number), digest, version.record.created_at)
        served.warm()
        return served


def of_registry(uri: str, reference: str, name: str = "", *, pin: bool = False) -> Models:
    """A model of a registry, whose version follows the registry unless it is pinned."""
    return Models(open_registry(uri), reference, name, follows=not pin)


def of_folder(folder: Path, name: str = "") -> Models:
    """The version that a folder carries; see `netanomaly.registry.carried`."""
    reader, reference = open_carried(folder)
    return Models(reader, reference, name, follows=False)
