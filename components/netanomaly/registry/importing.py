"""Taking over the original workflow's `model_registry.json`."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from netanomaly import json_input
from netanomaly.errors import InputError
from netanomaly.registry import artifacts, bounds, changes, committing, documents, heads, names, registering, view
from netanomaly.registry.artifacts import open_source
from netanomaly.registry.belief import Belief
from netanomaly.registry.changes import Change, Promotion
from netanomaly.registry.documents import File, Record
from netanomaly.registry.location import Location
from netanomaly.registry.store import Store

# As many as a view of our own may have.
_MOST_BYTES = 64 << 20
_ORIGINAL = ("version", "model_path", "creation_timestamp", "description", "metadata", "metrics")


@dataclass(frozen=True)
class Imported:
    """One entry: its name in the original, the version it became, and whether its model file was there."""

    model: str
    original: str
    version: int
    created: bool
    with_file: bool


class _Version(msgspec.Struct, frozen=True):
    """What is looked at of an entry."""

    version: str | int | float
    model_path: str | None = None
    description: str | None = None
    metadata: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        return str(self.version)


class _Model(msgspec.Struct, frozen=True):
    model_name: str
    versions: list[dict[str, Any]]


class _Original(msgspec.Struct, frozen=True):
    models: list[_Model]


@dataclass(frozen=True)
class _Planned:
    """An entry as it stands in the file, and the model file that it names."""

    model: str
    original: str
    fields: dict[str, Any]
    file: Path | None


def import_file(location: Location, path: Path, files_below: Path | None = None) -> list[Imported]:
    """Register every version of the file, oldest first; an entry that was imported before stays as it is.

    Model files are looked for at `model_path`, as it stands, beside the file, and below `files_below`. An entry whose
    file is gone is imported without it, and cannot be downloaded.

    Args:
        location: The registry that they become part of.
        path: The original's file.
        files_below: The folder that holds all model files; none outside it is taken. Default: the file's own.

    Raises:
        InputError: It is no such file, names a version twice, or a model file elsewhere; or it is the list that this very
            registry keeps, each of whose versions would be there twice. Nothing is imported.
    """
    if path.name == bounds.VIEW and path.resolve().parent.as_uri() == location.read.identity:
        raise InputError(
            f"{path} lists what this registry holds already; name another registry's file, or another --registry"
        )
    planned = list(_planned(path, files_below or path.parent))
    store = location.write
    done = [_import(store, location.belief, path, one) for one in planned]
    view.publish(store, location.belief)
    return done


def _planned(path: Path, below: Path) -> Iterator[_Planned]:
    try:
        document = json_input.parse(_text(path))
        models = msgspec.convert(document, _Original).models
        read = [(model.model_name, msgspec.convert(model.versions, list[_Version]), model.versions) for model in models]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(
            f'{path} is not a registry; it needs {{"models": [{{"model_name": ..., "versions": [{{"version": ...}}]}}]}}'
            f" ({error})"
        ) from None
    for model, versions, fields in read:
        names.model_name(model)
        seen: set[str] = set()
        for version, one in zip(versions, fields, strict=True):
            if version.name in seen:
                raise InputError(
                    f"{path} has version {names.short(version.name)} of model {model!r} twice; rename or remove one of them"
                )
            seen.add(version.name)
            yield _Planned(model, version.name, one, _model_file(path, below, model, version))


def _text(path: Path) -> str:
    with open_source(path) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it has over {_MOST_BYTES >> 20} MiB")
    bounds.refuse_many_values(data)
    return data.decode()


def _import(store: Store, belief: Belief, path: Path, planned: _Planned) -> Imported:
    model, found = planned.model, planned.file
    version = registering.plain_json(planned.fields, f"version {names.short(planned.original)} of {model!r} in {path}")
    before = heads.find(store, model, belief.writing)
    belief.may_change(before.head)
    artifact, tree = File("", "", 0), dict[str, File]()
    if found is not None:
        artifact, tree = artifacts.upload(store, model, found, found.name, None)
    metrics = version.get("metrics") or {}
    given: dict[str, Any] = {
        "model_version": planned.original,
        "description": str(version.get("description") or ""),
        "metadata": version.get("metadata") or {},
        "metrics": {name: value for name, value in metrics.items() if isinstance(value, (int, float))},
        "artifact": artifact,
        "tree": tree,
        "imported": {
            "from": path.name,
            "model_path": version.get("model_path"),
            "file_found": found is not None,
            "other_fields": {name: value for name, value in version.items() if name not in _ORIGINAL},
        },
    }
    change = Change(why=f"imported from {path.name}")
    # By what the entry says, so that importing the file again finds it.
    key = documents.digest(documents.canonical([model, version, artifact.sha256]))
    record = Record(
        format=documents.FORMAT,
        model=model,
        key=key,
        contents=documents.digest(documents.canonical(given)),
        created_at=str(version.get("creation_timestamp") or change.at),
        created_by=changes.caller(),
        **given,
    )
    record, digest, new = registering.put_record(store, record, belief)
    done = committing.commit(store, before, record, digest, new, Promotion(), change, belief.writing)
    return Imported(model, planned.original, done.version, done.created, found is not None)


def _model_file(registry: Path, below: Path, model: str, version: _Version) -> Path | None:
    """The model's file or folder, without a link on the way. Raises InputError for one that lies elsewhere."""
    if not version.model_path:
        return None
    allowed = below.resolve()
    elsewhere = None
    for start in (registry.parent, below, Path()):
        candidate = start / version.model_path
        try:
            if "\0" in version.model_path or not candidate.exists():
                continue
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                continue
            raise InputError(
                f"the model file of version {names.short(version.name)} of model {model!r} in {registry} cannot be looked at: "
                f"{error.strerror}; who imports must be able to read it"
            ) from None
        resolved = candidate.resolve()
        if resolved.is_relative_to(allowed) and resolved != allowed:
            return resolved
        elsewhere = candidate
    if elsewhere is not None:
        raise InputError(
            f"version {names.short(version.name)} of model {model!r} in {registry} names a model file outside {below}; if "
            "it is meant, name the folder that holds all of them: --files-below FOLDER"
        )
    return None
