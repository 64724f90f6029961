"""Register, look up, download and load models.

A version exists when one compare-and-swap of its model's head succeeds. Everything written before that is invisible,
everything after it (the view) can be written again: a process may die anywhere, and the same call again finishes the
work or finds it done.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from netanomaly import __version__
from netanomaly.errors import InputError, NetanomalyError
from netanomaly.registry import documents, names, view
from netanomaly.registry.documents import Alias, Entry, File, Head, Record
from netanomaly.registry.download import fetch, load_verified
from netanomaly.registry.errors import Absent, DamagedRegistry, KeyConflict, NotInRegistry, Refused, StoreUnavailable
from netanomaly.registry.file_store import FileStore
from netanomaly.registry.store import Store

CHAMPION = "champion"

_CONTENDED_SECONDS = 60.0


@dataclass(frozen=True)
class Version:
    """One registered version: its number, the aliases that point to it, and its record."""

    number: int
    aliases: tuple[str, ...]
    record: Record

    @property
    def model(self) -> str:
        return self.record.model

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"version": self.number, "aliases": list(self.aliases), **msgspec.to_builtins(self.record)}


@dataclass(frozen=True)
class Registration:
    """What `register` did. `created` is false where this very registration was there already."""

    version: int
    created: bool
    record: Record


def open_registry(uri: str | Path) -> "Registry":
    """The registry in a folder: a path, or `file:///folder`. It need not exist yet.

    Raises:
        InputError: The URI names no folder of this machine.
    """
    text = str(uri)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Registry(FileStore(Path(text).expanduser()))
    parts = urlsplit(text)
    if scheme != "file":
        raise InputError(f"registry {text!r}: {scheme}:// is not supported; name a folder, or file:///folder")
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise InputError(f"registry {text!r} names no folder of this machine; write file:///absolute/folder")
    return Registry(FileStore(Path(unquote(parts.path))))


class Registry:
    """Models and their versions in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def uri(self) -> str:
        return self._store.uri

    def register(
        self,
        model_name: str,
        artifact: Path,
        metadata: Mapping[str, Any],
        *,
        run_id: str,
        task_name: str = "",
        key: str = "",
        model_version: str = "",
        description: str = "",
        metrics: Mapping[str, float] | None = None,
        artifact_name: str = "",
        files: Mapping[str, Path] | None = None,
    ) -> Registration:
        """Make a model file a version, once for each run, task and key, however often this is called.

        Args:
            model_name: The model to add a version to; made where there is none.
            artifact: The model file.
            metadata: How the model came to be; its `versions` say which libraries can load it.
            run_id: With `task_name` and `key`, the identity of this registration.
            model_version: The user's own name for this version.
            metrics: Headline numbers.
            artifact_name: What the model file is called in the registry; default: as it is.
            files: More files to keep beside the model, by name.

        Raises:
            InvalidName: A name that cannot be one.
            KeyConflict: The same registration was made before with other contents.
            StoreUnavailable: The store failed; what was written is invisible, and the same call again is safe.
        """
        names.model_name(model_name)
        for name in [artifact_name or artifact.name, *(files or {})]:
            names.file_name(name)
        identity = documents.digest(documents.canonical([model_name, run_id, task_name, key]))
        stored = self._upload(model_name, artifact, artifact_name or artifact.name)
        beside = {name: self._upload(model_name, path, name) for name, path in (files or {}).items()}
        given: dict[str, Any] = {
            "model_version": model_version,
            "description": description,
            "metadata": dict(metadata),
            "metrics": dict(metrics or {}),
            "artifact": stored,
            "files": beside,
            "library_versions": dict(metadata.get("versions", {})),
            "run_id": run_id,
            "task_name": task_name,
        }
        record = Record(
            format=documents.FORMAT,
            model=model_name,
            key=identity,
            contents=documents.digest(documents.canonical(given)),
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            **given,
        )
        record, record_digest = self._put_record(record)
        version, created = self._commit(record, record_digest)
        if created:
            self.publish(model_name)
        return Registration(version, created, record)

    def models(self) -> list[str]:
        """Names of all models that have a version, sorted."""
        return [documents.model_of(item.key) for item in self._store.list(documents.HEADS)]

    def versions(self, model_name: str) -> list[Version]:
        """All versions of a model, oldest first.

        Raises:
            NotInRegistry: There is no such model.
        """
        head = self._head(model_name)
        return [self._version(head, entry) for entry in head.tail]

    def version(self, reference: str) -> Version:
        """One version: `model:3`, `model@champion`, or `model` for the newest.

        Raises:
            NotInRegistry: There is no such model, version or alias; the message says which there are.
            DamagedRegistry: Its record is not what was registered.
        """
        wanted = names.reference(reference)
        head = self._head(wanted.model)
        number = wanted.version
        if wanted.alias is not None:
            if wanted.alias not in head.aliases:
                known = ", ".join(sorted(head.aliases)) or "none"
                raise NotInRegistry(f"model {wanted.model!r} has no alias {wanted.alias!r}; it has: {known}")
            number = head.aliases[wanted.alias].version
        if number is None:
            number = head.tail[-1].version
        for entry in head.tail:
            if entry.version == number:
                return self._version(head, entry)
        raise NotInRegistry(
            f"model {wanted.model!r} has no version {number}; it has {head.tail[0].version} to {head.tail[-1].version}"
        )

    def champion(self, model_name: str) -> int | None:
        """Number of the version that the alias `champion` points to; None without one, or without the model."""
        found = self._read_head(names.model_name(model_name))
        if found is None or CHAMPION not in found[0].aliases:
            return None
        return found[0].aliases[CHAMPION].version

    def set_alias(self, reference: str, alias: str) -> Version:
        """Point an alias at a version, in one atomic step.

        Raises:
            InvalidName: An alias that looks like a version number, or is no name.
            NotInRegistry: There is no such version.
        """
        names.alias_name(alias)
        version = self.version(reference)

        def point(head: Head) -> Head:
            moved = Alias(version.number, datetime.now(UTC).isoformat(timespec="milliseconds"))
            return msgspec.structs.replace(head, aliases={**head.aliases, alias: moved})

        self._change(version.model, point)
        self.publish(version.model)
        return self.version(f"{version.model}:{version.number}")

    def download(self, reference: str, destination: Path) -> list[Path]:
        """Copy a version's files into a folder, each verified against the record before it gets its name there.

        Returns:
            The files, the model first.

        Raises:
            WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered; nothing is left behind.
        """
        record = self.version(reference).record
        files = {Path(record.artifact.path).name: record.artifact, **record.files}
        return [fetch(self._store, file, destination / name) for name, file in files.items()]

    def load(self, reference: str) -> Any:
        """The model of a version. Its bytes are verified first, and those very bytes are loaded.

        Raises:
            WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered.
            LibraryVersionsMissing, UnsupportedLibraryVersions: It cannot be loaded by the libraries here.
        """
        return load_verified(self._store, self.version(reference).record)

    def publish(self, model_name: str | None = None) -> bool:
        """Bring `model_registry.json` up to date, for one model or (rebuilt) for all; whether it could be done.

        Best effort: the view is not the truth, and the next registration publishes again.
        """
        wanted = [model_name] if model_name else self.models()
        sections: dict[str, Callable[[Mapping[str, Any] | None], dict[str, Any]]] = {}
        for name in wanted:
            head = self._head(name)
            sections[name] = lambda section, head=head: view.section(  # type: ignore[misc]
                head, section, lambda entry: self._version(head, entry).record
            )
        try:
            return view.publish(self._store, sections, rebuild=model_name is None, all_models=self.models)
        except NetanomalyError:
            return False

    def _upload(self, model: str, path: Path, name: str) -> File:
        if path.is_symlink() or not path.is_file():
            raise InputError(f"{path} is not a file; give the model's file")
        if not path.stat().st_size:
            raise InputError(f"{path} is empty; a model file has content")
        uploaded = self._store.upload(path, lambda sha256: documents.artifact_key(model, sha256, name))
        return File(uploaded.key, uploaded.sha256, uploaded.size_bytes)

    def _put_record(self, record: Record) -> tuple[Record, str]:
        """Create the record, or find that this very registration was begun before. Returns it and its digest."""
        key = documents.record_key(record.model, record.key)
        data = documents.canonical(record)
        try:
            self._store.put_new(key, data)
        except Refused:
            data = self._store.get(key).data
            found = documents.decode(Record, data, key)
            if found.contents != record.contents:
                raise KeyConflict(
                    f"run {record.run_id!r} registered model {record.model!r} before with other contents; "
                    "start a new run, or give another key"
                ) from None
            return found, documents.digest(data)
        return record, documents.digest(data)

    def _commit(self, record: Record, record_digest: str) -> tuple[int, bool]:
        result: list[tuple[int, bool]] = []

        def append(head: Head) -> Head | None:
            result.clear()
            for entry in head.tail:
                if entry.key == record.key:
                    result.append((entry.version, False))
                    return None
            result.append((head.next, True))
            entry = Entry(head.next, record.key, record_digest)
            return msgspec.structs.replace(head, next=head.next + 1, tail=[*head.tail, entry])

        self._change(record.model, append)
        return result[0]

    def _change(self, model: str, change: Callable[[Head], Head | None]) -> None:
        """Replace a head by what `change` makes of it; None leaves it. Repeated until no other writer was faster."""
        deadline = time.monotonic() + _CONTENDED_SECONDS
        wait_seconds = 0.001
        while True:
            found = self._read_head(model)
            head, etag, unknown = found or (Head(format=documents.FORMAT, model=model), None, {})
            changed = change(head)
            if changed is None:
                return
            changed = msgspec.structs.replace(changed, revision=head.revision + 1, written_by=__version__)
            data = documents.encode_head(changed, unknown)
            try:
                if etag is None:
                    self._store.put_new(documents.head_key(model), data)
                else:
                    self._store.put_if_match(documents.head_key(model), data, etag)
                return
            except Refused:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"model {model!r} in registry {self.uri} was changed by others for {_CONTENDED_SECONDS:g} "
                        "seconds without a gap; run again, nothing is registered twice"
                    ) from None
                time.sleep(wait_seconds * random.random())  # noqa: S311 - jitter
                wait_seconds = min(wait_seconds * 2, 0.1)

    def _read_head(self, model: str) -> tuple[Head, str, dict[str, Any]] | None:
        key = documents.head_key(model)
        try:
            stored = self._store.get(key)
        except Absent:
            return None
        head = documents.decode(Head, stored.data, key)
        return head, stored.etag, documents.unknown_fields(stored.data)

    def _head(self, model: str) -> Head:
        found = self._read_head(names.model_name(model))
        if found is None or not found[0].tail:
            known = ", ".join(self.models()) or "none"
            raise NotInRegistry(f"registry {self.uri} has no model {model!r}; it has: {known}")
        return found[0]

    def _version(self, head: Head, entry: Entry) -> Version:
        key = documents.record_key(head.model, entry.key)
        try:
            data = self._store.get(key).data
        except Absent:
            raise DamagedRegistry(
                f"{key} of registry {self.uri} is gone, the record of version {entry.version}; restore it from a backup"
            ) from None
        if documents.digest(data) != entry.record:
            raise DamagedRegistry(
                f"{key} of registry {self.uri} was altered after version {entry.version} was registered; "
                "restore it from a backup"
            )
        aliases = tuple(sorted(name for name, alias in head.aliases.items() if alias.version == entry.version))
        return Version(entry.version, aliases, documents.decode(Record, data, key))
