"""`model_registry.json`: every model and version in one file that people and other programs read.

Keeps the fields of the original workflow's registry, with paths relative to the registry. Written after each
registration, never the truth: each model's section carries the revision of the head it was made from, and never goes
back to an older one.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from netanomaly.registry import documents
from netanomaly.registry.documents import Entry, Head, Record
from netanomaly.registry.errors import Absent, Refused
from netanomaly.registry.store import Store

Section = Mapping[str, Any]

_ATTEMPTS = 20


def section(head: Head, known: Section | None, record_of: Callable[[Entry], Record]) -> dict[str, Any]:
    """A model's part of the view. Records of versions that the known section lists are not read again."""
    listed = {version["version"]: version for version in (known or {}).get("versions", [])}
    versions = [listed.get(entry.version) or _version(entry, record_of(entry)) for entry in head.tail]
    return {
        "model_id": head.model,
        "model_name": head.model,
        "revision": head.revision,
        "metadata": {"aliases": {name: alias.version for name, alias in sorted(head.aliases.items())}},
        "versions": versions,
    }


def publish(
    store: Store,
    sections: Mapping[str, Callable[[Section | None], dict[str, Any]]],
    *,
    rebuild: bool,
    all_models: Callable[[], list[str]],
) -> bool:
    """Write the sections into the view; False where others kept changing it.

    Args:
        store: Where the registry is.
        sections: For each model to bring up to date, its section from the one known so far.
        rebuild: Start from nothing instead of the present view.
        all_models: Names of all models; sections of others are dropped.
    """
    for _ in range(_ATTEMPTS):
        try:
            stored = store.get(documents.VIEW)
        except Absent:
            stored = None
        known = {} if rebuild or stored is None else _sections(stored.data)
        for model, make in sections.items():
            made = make(known.get(model))
            if made["revision"] >= known.get(model, {}).get("revision", 0):
                known[model] = made
        present = set(all_models())
        models = [known[model] for model in sorted(known) if model in present]
        data = json.dumps({"format": documents.FORMAT, "models": models}, indent=2, ensure_ascii=False).encode() + b"\n"
        if stored is not None and data == stored.data:
            return True
        try:
            if stored is None:
                store.put_new(documents.VIEW, data)
            else:
                store.put_if_match(documents.VIEW, data, stored.etag)
        except Refused:
            continue
        return True
    return False


def _sections(data: bytes) -> dict[str, Section]:
    """The sections of a view; none of a damaged one, which is then written anew."""
    try:
        return {model["model_name"]: model for model in json.loads(data)["models"]}
    except (ValueError, TypeError, KeyError):
        return {}


def _version(entry: Entry, record: Record) -> dict[str, Any]:
    return {
        "version": entry.version,
        "model_version": record.model_version,
        "model_path": record.artifact.path,
        "sha256": record.artifact.sha256,
        "creation_timestamp": record.created_at,
        "description": record.description,
        "metadata": {
            "run_id": record.run_id,
            "record": documents.record_key(record.model, record.key),
            "files": {name: file.path for name, file in record.files.items()},
            "versions": record.library_versions,
        },
        "metrics": record.metrics,
    }
