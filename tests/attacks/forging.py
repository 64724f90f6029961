"""Registries as somebody writes them who can write everything in the store and has no key: without our client.

Every digest and checksum fits, whatever is said: what is refused is refused for what it says.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MODEL_BYTES = b"model bytes"


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(root: Path, key: str, data: bytes) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def file(model: str = "m", data: bytes = MODEL_BYTES, name: str = "model.joblib") -> dict[str, Any]:
    """A stored file as a record names it."""
    return {"path": f"models/{model}/artifacts/{sha256(data)}/{name}", "sha256": sha256(data), "bytes": len(data)}


def record(model: str = "m", **fields: Any) -> dict[str, Any]:
    """A record; its key is by its content."""
    document = {
        "format": 1,
        "model": model,
        "contents": sha256(b"contents"),
        "created_at": "2026-01-01T00:00:00.000+00:00",
        "artifact": file(model),
        "library_versions": {"scikit-learn": "1.0.0"},
        **fields,
    }
    return {"key": sha256(canonical(document)), **document}


def head(model: str = "m", entries: tuple[Mapping[str, Any], ...] = (), **fields: Any) -> dict[str, Any]:
    """A head with a checksum that fits."""
    document = {
        "format": 1,
        "model": model,
        "revision": 1,
        "next": len(entries) + 1,
        "tail": list(entries),
        "updated_at": "2026-01-01T00:00:00.000+00:00",
        **fields,
    }
    return with_checksum(document)


def with_checksum(document: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in document.items() if name != "checksum"}
    return {**said, "checksum": sha256(canonical(said))}


def registry(root: Path, *records: dict[str, Any], model: str = "m", **fields: Any) -> None:
    """A folder with these records as versions 1, 2, ... of a model, and the file that they name by default."""
    put(root, file(model)["path"], MODEL_BYTES)
    entries = []
    for number, one in enumerate(records, 1):
        data = canonical(one)
        put(root, f"models/{model}/records/{one['key']}.json", data)
        entries.append({"version": number, "key": one["key"], "record": sha256(data)})
    put(root, f"heads/{model}.json", canonical(head(model, tuple(entries), **fields)))
