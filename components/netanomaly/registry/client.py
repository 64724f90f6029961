"""Register, look up, compare, download and load models.

A version exists when one compare-and-swap of its model's head succeeds. Everything written before that is invisible,
everything after it (the view) can be written again: a process may die anywhere, and the same call again finishes the
work or finds it done.
"""

import atexit
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from netanomaly.errors import InputError, NetanomalyError
from netanomaly.registry import artifacts, changes, documents, heads, names, registering, sealing, view
from netanomaly.registry.changes import CHAMPION, Change, Promotion
from netanomaly.registry.documents import DELETED, DEPRECATED, READY, Entry, Event, Head, Record
from netanomaly.registry.download import check, fetch_all, load_verified, record_of
from netanomaly.registry.errors import NotInRegistry, NotReady
from netanomaly.registry.location import Location, locate

# What a registration may spend on the view; a person's command may take longer.
_VIEW_SECONDS = 0.05
# What is done is done: an outage that begins after it is no reason to keep the caller.
_VIEW_OUTAGE_SECONDS = 2.0
_SECONDS_BETWEEN_VIEWS, _MOST_SECONDS_BETWEEN_VIEWS = 1.0, 16.0


@dataclass(frozen=True)
class Version:
    """One registered version: its number, status, the aliases that point to it, and its record."""

    number: int
    aliases: tuple[str, ...]
    record: Record
    status: str = READY

    @property
    def model(self) -> str:
        return self.record.model

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "version": self.number,
            "status": self.status,
            "aliases": list(self.aliases),
            **msgspec.to_builtins(self.record),
        }


@dataclass(frozen=True)
class Registration:
    """What `register` did. `created` is false where this very registration was there already.

    `reason` says why the version did not become champion where it asked to and was not let.
    """

    version: int
    created: bool
    record: Record
    aliases: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Model:
    """One model without its versions: how many there were ever, the newest, and where its aliases point."""

    name: str
    registered: int
    newest: int
    aliases: Mapping[str, int]
    updated_at: str


def open_registry(uri: str | Path, *, single_writer: bool = False) -> "Registry":
    """The registry in a folder or a bucket; see `location.locate`. It need not exist yet."""
    return Registry(locate(uri, single_writer=single_writer))


class Registry:
    """Models and their versions in one place."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._read = location.read
        self._published = 0.0
        self._seconds_between_views = _SECONDS_BETWEEN_VIEWS
        self._unpublished: dict[str, Record] = {}

    @property
    def uri(self) -> str:
        return self._location.uri

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
        sha256: str | None = None,
        files: Mapping[str, Path] | None = None,
        promotion: Promotion | None = None,
        why: str = "",
    ) -> Registration:
        """Make a model file or folder a version, once for each run, task and key, however often this is called.

        Args:
            model_name: The model to add a version to; made where there is none.
            artifact: The model file, or a folder.
            metadata: How the model came to be; its `versions` say which libraries can load it.
            run_id: With `task_name` and `key`, the identity of this registration.
            model_version: The user's own name for this version.
            metrics: Headline numbers.
            artifact_name: What the model file is called in the registry; default: as it is.
            sha256: The file's digest where it is known: it is checked, and the file read only once.
            files: More files to keep beside the model, by name.
            promotion: Aliases for the new version, and the champion it was compared with.
            why: Kept in the log with the aliases.

        Raises:
            InvalidName: A name that cannot be one.
            InputError: A file or document that cannot be kept.
            KeyConflict: The same registration was made before with other contents.
            StoreUnavailable: The store failed; what was written is invisible, and the same call again is safe.
        """
        names.model_name(model_name)
        promotion = promotion or Promotion()
        for alias in promotion.aliases:
            names.alias_name(alias)
        documented = registering.plain_json(metadata, "metadata")
        measured = registering.plain_json(metrics or {}, "metrics")
        identity = documents.digest(documents.canonical([model_name, run_id, task_name, key]))
        for name in files or {}:
            names.file_name(name)
        store = self._location.write
        with registering.told(self.uri, "no version was made"):
            before = heads.find(store, model_name)
            stored, tree = artifacts.upload(store, model_name, artifact, artifact_name or artifact.name, sha256)
            beside = {
                name: artifacts.upload(store, model_name, path, name, None)[0] for name, path in (files or {}).items()
            }
        given: dict[str, Any] = {
            "model_version": model_version,
            "description": description,
            "metadata": documented,
            "metrics": measured,
            "artifact": stored,
            "tree": tree,
            "files": beside,
            "library_versions": dict(documented.get("versions") or {}),
            "run_id": run_id,
            "task_name": task_name,
        }
        change = Change(why=why)
        record = Record(
            format=documents.FORMAT,
            model=model_name,
            key=identity,
            contents=documents.digest(documents.canonical(given)),
            created_at=change.at,
            created_by=change.by,
            **given,
        )
        with registering.told(self.uri, "the model's files are stored, no version is known to be made"):
            record, digest, new = registering.put_record(store, record)
            done = registering.commit(store, before, record, digest, new, promotion, change)
        self._unpublished[digest] = record
        self._publish_soon()
        return self._registration(done, record, promotion)

    def models(self) -> list[str]:
        """Names of all models that have a version, sorted."""
        return [documents.model_of(item.key) for item in self._read.list(documents.HEADS)]

    def summaries(self) -> list[Model]:
        """All models, sorted by name, at one read for each."""
        found = []
        for head in heads.find_all(self._read, self.models()):
            aliases = {name: alias.version for name, alias in sorted(head.aliases.items())}
            found.append(Model(head.model, head.next - 1, head.next - 1, aliases, head.updated_at))
        return found

    def versions(self, model_name: str, *, deleted: bool = False) -> list[Version]:
        """All versions of a model, oldest first.

        Raises:
            NotInRegistry: There is no such model.
        """
        head = heads.need(self._read, model_name)
        entries = [entry for entry in sealing.entries(self._read, head) if deleted or entry.status != DELETED]
        return [self._version(head, entry) for entry in entries]

    def version(self, reference: str) -> Version:
        """One version: `model:3`, `model@champion`, or `model` for the newest that is ready.

        Raises:
            NotInRegistry: There is no such model, version or alias; the message says which there are.
            DamagedRegistry: Its record is not what was registered.
        """
        wanted = names.reference(reference)
        head = heads.need(self._read, wanted.model)
        return self._version(head, self._entry(head, wanted))

    def champion(self, model_name: str) -> int | None:
        """Number of the version that the alias `champion` points to; None without one, or without the model."""
        head = heads.find(self._read, names.model_name(model_name)).head
        return head.aliases[CHAMPION].version if CHAMPION in head.aliases else None

    def history(self, model_name: str) -> list[Event]:
        """Who moved which alias or changed which version, when and why, oldest first."""
        return list(sealing.events(self._read, heads.need(self._read, model_name)))

    def set_alias(self, reference: str, alias: str, *, why: str = "") -> Version:
        """Point an alias at a version, in one atomic step.

        Raises:
            InvalidName: An alias that looks like a version number, or is no name.
            NotInRegistry: There is no such version.
            NotReady: The version is deprecated or deleted.
        """
        names.alias_name(alias)
        wanted, change = names.reference(reference), Change(why=why)

        def point(head: Head) -> Head:
            entry = self._entry(head, wanted)
            return changes.set_alias(head, alias, entry.version, entry, change)

        head = self._change(wanted.model, point, change)
        return self.version(f"{wanted.model}:{head.aliases[alias].version}")

    def remove_alias(self, model_name: str, alias: str, *, why: str = "") -> None:
        """Take an alias away from a model. Raises NotInRegistry where there is none."""
        change = Change(why=why)
        self._change(model_name, lambda head: changes.remove_alias(head, alias, change), change)

    def rollback(self, model_name: str, alias: str = CHAMPION, *, why: str = "") -> tuple[int, int]:
        """Point an alias at the version it pointed at before; deprecated and deleted ones are passed over.

        Returns:
            The version it pointed at, and the one it points at now.

        Raises:
            NotInRegistry: No such model or alias, or no earlier version to go to.
        """
        change = Change(why=why)

        def back(head: Head) -> Head:
            for version in changes.previous_targets(head, alias):
                entry = sealing.entry_of(self._read, head, version)
                if entry is not None and entry.status == READY:
                    return changes.roll_back(head, alias, version, change)
            raise NotReady(f"every version that {model_name}@{alias} pointed at before is deprecated or deleted")

        head = self._change(model_name, back, change)
        done = next(event for event in sealing.events(self._read, head) if event.id == change.id)
        return done.previous or 0, done.version

    def set_status(self, reference: str, status: str, *, why: str = "") -> Version:
        """Deprecate, delete or restore a version. Its number is never used again.

        Raises:
            NotReady: An alias points at it.
            NotInRegistry: There is no such version.
        """
        wanted, change = names.reference(reference), Change(why=why)
        if wanted.version is None:
            raise InputError(f"{reference!r} names no version number; write {wanted.model}:3")
        number = wanted.version

        def set_it(head: Head) -> Head:
            entry = heads.need_entry(self._read, head, number)
            if entry.status == status:
                return head
            if status == READY:
                self._check_artifacts(head, entry)
            head = changes.set_status(head, entry, status, change)
            return sealing.replaced(self._location.write, head, msgspec.structs.replace(entry, status=status))

        self._change(wanted.model, set_it, change)
        return self.version(f"{wanted.model}:{number}")

    def deprecate(self, reference: str, *, why: str = "") -> Version:
        """Mark a version as not to be used any more. See `set_status`."""
        return self.set_status(reference, DEPRECATED, why=why)

    def restore(self, reference: str, *, why: str = "") -> Version:
        """Make a deprecated or deleted version ready again, if its files are there. See `set_status`."""
        return self.set_status(reference, READY, why=why)

    def delete(self, reference: str, *, why: str = "") -> Version:
        """Hide a version; `gc` removes its files later. See `set_status`."""
        return self.set_status(reference, DELETED, why=why)

    def download(self, reference: str, destination: Path) -> list[Path]:
        """Copy a version's files into a folder, each verified against the record before it gets its name there.

        Returns:
            The files, the model first.

        Raises:
            WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered; nothing is left behind.
        """
        return fetch_all(self._read, self.version(reference).record, destination)

    def load(self, reference: str) -> Any:
        """The model of a version. Its bytes are verified first, and those very bytes are loaded.

        Raises:
            WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered.
            LibraryVersionsMissing, UnsupportedLibraryVersions: It cannot be loaded by the libraries here.
        """
        return load_verified(self._read, self.version(reference).record)

    def publish(self) -> bool:
        """Write `model_registry.json` anew from the heads and records; whether it could be done."""
        try:
            return view.publish(self._location.write, rebuild=True)
        except NetanomalyError:
            return False

    def flush(self) -> None:
        """Bring `model_registry.json` up to date with what this object registered, within a bounded time."""
        if not self._unpublished:
            return
        own = {record.model for record in self._unpublished.values()}
        # Where it fails the registration stands; whoever publishes next mends the view.
        with suppress(NetanomalyError):
            store = self._location.write.within(_VIEW_OUTAGE_SECONDS)
            done = view.publish(store, own, known_records=self._unpublished, seconds=_VIEW_SECONDS)
            # Where many publish they give way to each other; the last one of them does it.
            longer = min(self._seconds_between_views * 2, _MOST_SECONDS_BETWEEN_VIEWS)
            self._seconds_between_views = _SECONDS_BETWEEN_VIEWS if done else longer
        self._published = time.monotonic()
        self._unpublished = {}
        atexit.unregister(self.flush)

    def _publish_soon(self) -> None:
        """At once, but not more often than every second: a burst ends with one more when the process does."""
        if time.monotonic() - self._published >= self._seconds_between_views:
            self.flush()
        elif len(self._unpublished) == 1:
            atexit.register(self.flush)

    def _change(self, model: str, make: Any, change: Change) -> Head:
        heads.need(self._read, model)
        head = heads.change(self._location.write, model, change.id, make)
        with suppress(NetanomalyError):
            view.publish(self._location.write.within(_VIEW_OUTAGE_SECONDS), {model})
        return head

    def _registration(self, done: registering.Committed, record: Record, promotion: Promotion) -> Registration:
        aliases = tuple(sorted(name for name, alias in done.head.aliases.items() if alias.version == done.version))
        reason = ""
        if CHAMPION in promotion.aliases and CHAMPION not in aliases:
            reason = next((event.why for event in done.head.log if event.version == done.version and event.why), "")
        return Registration(done.version, done.created, record, aliases, reason)

    def _entry(self, head: Head, wanted: names.Reference) -> Entry:
        number = wanted.version
        if wanted.alias is not None:
            if wanted.alias not in head.aliases:
                known = ", ".join(sorted(head.aliases)) or "none"
                raise NotInRegistry(f"model {wanted.model!r} has no alias {wanted.alias!r}; it has: {known}")
            number = head.aliases[wanted.alias].version
        if number is not None:
            return heads.need_entry(self._read, head, number)
        newest: Iterator[Entry] = sealing.newest_entries(self._read, head)
        ready = next((entry for entry in newest if entry.status == READY), None)
        if ready is None:
            raise NotInRegistry(f"model {wanted.model!r} has no version that is ready; name one, e.g. {wanted.model}:1")
        return ready

    def _version(self, head: Head, entry: Entry) -> Version:
        record = record_of(self._read, head.model, entry)
        aliases = tuple(sorted(name for name, alias in head.aliases.items() if alias.version == entry.version))
        return Version(entry.version, aliases, record, entry.status)

    def _check_artifacts(self, head: Head, entry: Entry) -> None:
        record = record_of(self._read, head.model, entry)
        for file in [*(record.tree.values() or [record.artifact]), *record.files.values()]:
            check(self._read, file)
