"""A version carried in a folder: its files, and `registered.json`, by which they are verified where no registry can be read.

That holds the head, the record and what else of the registry tells of this version, byte for byte as they were read. Who
opens the folder believes them, and the files, on the same terms as in the registry: by digest, and by signature where
keys are trusted. What the head said at that time stays so: later aliases and deprecations are not seen.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from netanomaly import json_input
from netanomaly.errors import Absent, InputError, ModelError
from netanomaly.registry import bounds
from netanomaly.registry.belief import Belief
from netanomaly.registry.destination import Destination
from netanomaly.registry.documents import canonical
from netanomaly.registry.download import fetch_all
from netanomaly.registry.location import Location
from netanomaly.registry.reading import Reader, Version
from netanomaly.registry.store import Store, Stored

REGISTERED = "registered.json"
FORMAT = 1

_PIECE = 1 << 20


class _Registered(msgspec.Struct):
    """What `registered.json` holds: which registry, which version, its documents by key, its files by key and name."""

    format: int
    registry: str
    reference: str
    documents: dict[str, str]
    files: dict[str, str]


def carry(reader: Reader, reference: str, folder: Path) -> tuple[Version, list[Path]]:
    """Copy a version's files into a folder, verified, and `registered.json` beside them, which comes last.

    Returns:
        The version, and its files, the model first.

    Raises:
        WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered.
    """
    recording = _Recording(reader._read)
    version = Reader(cast(Location, _Place(cast(Store, recording), reader._belief, reader.uri))).version(reference)
    paths = fetch_all(reader._read, version.record, folder)
    stored = [*(version.record.tree.values() or [version.record.artifact]), *version.record.files.values()]
    document = _Registered(
        FORMAT,
        reader._belief.identity,
        f"{version.model}:{version.number}",
        recording.documents,
        {file.path: path.relative_to(folder).as_posix() for file, path in zip(stored, paths, strict=True)},
    )
    with Destination(folder) as destination, destination.file(REGISTERED) as file:
        file.write(canonical(document))
    return version, paths


def open_carried(folder: Path) -> tuple[Reader, str]:
    """A reader of what a folder carries, and the reference of the version that it does.

    Raises:
        InputError: There is no such folder, or nothing in it says what its files must be.
        ModelError: What says so is damaged.
    """
    path = folder / REGISTERED
    try:
        data = json_input.read(path, bounds.most_bytes(REGISTERED) * 2)
        found = bounds.parse(_Registered, data)
    except FileNotFoundError:
        what = "holds no registered.json, by which a model's bytes are verified before they are loaded"
        raise InputError(
            f"{folder} {what if folder.is_dir() else 'is no folder'}; make one: netanomaly registry download MODEL --out FOLDER"
        ) from None
    except (ValueError, OSError) as error:
        raise ModelError(f"{path} cannot be read: {error}; download the version again") from None
    if found.format > FORMAT:
        raise ModelError(f"{path} has format {found.format}; this netanomaly reads up to {FORMAT}: use a newer one")
    store = cast(Store, _Folder(folder, found))
    return Reader(Location(store)), found.reference


@dataclass(frozen=True)
class _Place:
    """What of a location a reader asks for."""

    read: Store
    belief: Belief
    uri: str


class _Recording:
    """A store of which is kept what was read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.documents: dict[str, str] = {}

    def get(self, key: str) -> Stored:
        stored = self._store.get(key)
        self.documents[key] = stored.data.decode()
        return stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class _Folder:
    """What of a store a reader of one version asks for."""

    def __init__(self, folder: Path, registered: _Registered) -> None:
        self.uri = str(folder)
        self.identity = registered.registry
        self._folder, self._documents, self._files = folder, registered.documents, registered.files

    def get(self, key: str) -> Stored:
        if key not in self._documents:
            raise Absent(key)
        return Stored(self._documents[key].encode(), "")

    @contextmanager
    def read(self, key: str) -> Iterator[Iterator[bytes]]:
        name = self._files.get(key)
        if name is None or Path(name).is_absolute() or ".." in Path(name).parts:
            raise Absent(key)
        try:
            with (self._folder / name).open("rb") as file:
                yield iter(lambda: file.read(_PIECE), b"")
        except FileNotFoundError:
            raise Absent(key) from None

    def list(self, prefix: str) -> Iterator[Any]:
        del prefix
        return iter(())
