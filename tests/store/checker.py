"""Reads a registry's objects without our client, and says whether they hold what they promise."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from minio import Minio


class Objects(Protocol):
    """A registry's objects by key."""

    def all(self) -> Mapping[str, bytes]: ...

    def put(self, key: str, data: bytes) -> None: ...

    def remove(self, key: str) -> None: ...


class FolderObjects:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> dict[str, bytes]:
        files = (path for path in self._folder.rglob("*") if path.is_file())
        found = {path.relative_to(self._folder).as_posix(): path for path in files}
        return {key: path.read_bytes() for key, path in found.items() if not key.startswith(".")}

    def put(self, key: str, data: bytes) -> None:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def remove(self, key: str) -> None:
        (self._folder / key).unlink()


class BucketObjects:
    def __init__(self, client: Minio, bucket: str, prefix: str) -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def all(self) -> dict[str, bytes]:
        found = {}
        for item in self._client.list_objects(self._bucket, prefix=f"{self._prefix}/", recursive=True):
            answer = self._client.get_object(self._bucket, item.object_name)
            found[item.object_name.removeprefix(f"{self._prefix}/")] = answer.read()
            answer.close()
            answer.release_conn()
        return found

    def put(self, key: str, data: bytes) -> None:
        import io

        self._client.put_object(self._bucket, f"{self._prefix}/{key}", io.BytesIO(data), len(data))

    def remove(self, key: str) -> None:
        self._client.remove_object(self._bucket, f"{self._prefix}/{key}")


def entries(objects: Mapping[str, bytes], model: str) -> list[dict[str, Any]]:
    """All index entries of a model, segments first."""
    head = json.loads(objects[f"heads/{model}.json"])
    found: list[dict[str, Any]] = []
    for segment in head["segments"]:
        data = objects[f"models/{model}/segments/{segment['first']}-{segment['sha256']}.json"]
        assert hashlib.sha256(data).hexdigest() == segment["sha256"]
        items = json.loads(data)
        assert (items[0]["version"], items[-1]["version"]) == (segment["first"], segment["last"])
        found += items
    return found + head["tail"]


def records(objects: Mapping[str, bytes], model: str) -> dict[int, dict[str, Any]]:
    """The record of each version; every digest on the way is checked."""
    found = {}
    for entry in entries(objects, model):
        data = objects[f"models/{model}/records/{entry['key']}.json"]
        assert hashlib.sha256(data).hexdigest() == entry["record"], "a record is not what the head says"
        record = json.loads(data)
        assert record["key"] == entry["key"]
        for file in [record["artifact"], *record["files"].values()]:
            if not file["path"].endswith("/") and entry.get("status") != "deleted":
                assert hashlib.sha256(objects[file["path"]]).hexdigest() == file["sha256"]
        found[entry["version"]] = record
    return found


def check(objects: Mapping[str, bytes], expected: Mapping[str, Mapping[str, int] | set[str]]) -> None:
    """Numbers dense and unique; each acknowledged run exactly once, with its number; none that nobody asked for.

    Args:
        objects: The registry.
        expected: For each model the runs that were acknowledged: with their version numbers, or without.
    """
    models = {key[6:-5] for key in objects if key.startswith("heads/")}
    assert models == set(expected)
    for model, runs in expected.items():
        found = records(objects, model)
        head = json.loads(objects[f"heads/{model}.json"])
        assert sorted(found) == list(range(1, head["next"])), "numbers are not dense"
        counted = Counter(record["run_id"] for record in found.values())
        assert counted == Counter(dict.fromkeys(runs, 1)), "a registration is lost, doubled or invented"
        if isinstance(runs, Mapping):
            assert {record["run_id"]: version for version, record in found.items()} == dict(runs)
        for name, alias in head["aliases"].items():
            entry = next(entry for entry in entries(objects, model) if entry["version"] == alias["version"])
            assert entry.get("status", "ready") == "ready", f"{name} points at a version that is not ready"
        numbers = [event["number"] for event in head["log"]]
        assert numbers == list(range(head["next_event"] - len(numbers), head["next_event"]))
        assert len({event["id"] + event.get("alias", "") for event in head["log"]}) == len(head["log"])
    check_view(objects, models)


def check_view(objects: Mapping[str, bytes], models: set[str]) -> None:
    """The view says of each model what its head and records say."""
    view = json.loads(objects["model_registry.json"])
    assert [model["model_name"] for model in view["models"]] == sorted(models)
    for section in view["models"]:
        model = section["model_name"]
        head = json.loads(objects[f"heads/{model}.json"])
        assert section["revision"] == head["revision"], "the view is stale"
        aliases = {name: alias["version"] for name, alias in head["aliases"].items()}
        assert section["metadata"]["aliases"] == aliases
        status = {entry["version"]: entry.get("status", "ready") for entry in entries(objects, model)}
        wanted = {
            version: (record["artifact"]["path"], record["created_at"], record["metrics"], status[version])
            for version, record in records(objects, model).items()
            if status[version] != "deleted"
        }
        shown = {
            version["version"]: (
                version["model_path"],
                version["creation_timestamp"],
                version["metrics"],
                version["metadata"]["status"],
            )
            for version in section["versions"]
        }
        assert shown == wanted, "the view is not what a rebuild makes"
