"""Taking over the original workflow's `model_registry.json`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netanomaly.errors import InputError
from netanomaly.registry import artifacts, changes, committing, documents, heads, names, registering, view
from netanomaly.registry.changes import Change, Promotion
from netanomaly.registry.documents import File, Record
from netanomaly.registry.location import Location
from netanomaly.registry.signing import Signer
from netanomaly.registry.store import Store

_ORIGINAL = ("version", "model_path", "creation_timestamp", "description", "metadata", "metrics")


@dataclass(frozen=True)
class Imported:
    """One entry: its name in the original, the version it became, and whether its model file was there."""

    model: str
    original: str
    version: int
    created: bool
    with_file: bool


def import_file(location: Location, path: Path) -> list[Imported]:
    """Register every version of the file, oldest first; an entry that was imported before stays as it is.

    Model files are looked for at `model_path`, as it stands and beside the file. An entry whose file is gone is
    imported without it, and cannot be downloaded.

    Raises:
        InputError: It is no such file, or names a version twice; nothing is imported.
    """
    planned = [(model, version) for model in _models(path) for version in model["versions"]]
    store = location.write
    done = [_import(store, location.signer, path, model["model_name"], version) for model, version in planned]
    view.publish(store)
    return done


def _models(path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        models = document["models"]
        for model in models:
            names.model_name(model["model_name"])
            seen: set[str] = set()
            for version in model["versions"]:
                if str(version["version"]) in seen:
                    raise InputError(
                        f"{path} has version {version['version']} of model {model['model_name']!r} twice; "
                        "rename or remove one of them"
                    )
                seen.add(str(version["version"]))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise InputError(
            f'{path} is not a registry; it needs {{"models": [{{"model_name": ..., "versions": [{{"version": ...}}]}}]}}'
        ) from None
    return models  # type: ignore[no-any-return]


def _import(store: Store, signer: Signer | None, path: Path, model: str, version: dict[str, Any]) -> Imported:
    version = registering.plain_json(version, f"version {version['version']} of model {model!r} in {path}")
    found = _model_file(path, str(version.get("model_path") or ""))
    before = heads.find(store, model)
    artifact, tree = File("", "", 0), dict[str, File]()
    if found is not None:
        artifact, tree = artifacts.upload(store, model, found, found.name, None)
    metrics = version.get("metrics") or {}
    given: dict[str, Any] = {
        "model_version": str(version["version"]),
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
    record, digest, new = registering.put_record(store, record, signer)
    done = committing.commit(store, before, record, digest, new, Promotion(), change)
    return Imported(model, str(version["version"]), done.version, done.created, found is not None)


def _model_file(registry: Path, model_path: str) -> Path | None:
    if not model_path:
        return None
    for candidate in (Path(model_path), registry.parent / model_path):
        if candidate.exists() and not candidate.is_symlink():
            return candidate
    return None
