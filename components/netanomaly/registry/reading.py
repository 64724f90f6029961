"""Look up, compare, download and load what a registry holds. Nothing here writes to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from netanomaly.registry import documents, heads, names, sealing, smoke
from netanomaly.registry.changes import CHAMPION
from netanomaly.registry.documents import DELETED, DEPRECATED, READY, Entry, Event, Head, Record
from netanomaly.registry.download import fetch, fetch_all, load_verified, record_of
from netanomaly.registry.errors import NotInRegistry, NotReady
from netanomaly.registry.location import Location
from netanomaly.registry.monitored import Monitored
from netanomaly.registry.smoke import SmokeRows


@dataclass(frozen=True)
class Version:
    """One registered version: its number, status, the aliases that point to it, and its record.

    `head_key`: the id of the key that signed the head, which says all of that; empty: none did.
    """

    number: int
    aliases: tuple[str, ...]
    record: Record
    status: str = READY
    head_key: str = ""

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
class Model:
    """One model without its versions: how many there were ever, the newest, and where its aliases point."""

    name: str
    registered: int
    newest: int
    aliases: Mapping[str, int]
    updated_at: str


class Reader:
    """What there is in one registry."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._read = location.read
        self._belief = location.belief

    @property
    def uri(self) -> str:
        return self._location.uri

    @property
    def checks_signatures(self) -> bool:
        """Whether records are believed only with a signature by a trusted key."""
        return self._belief.trust is not None

    def models(self) -> list[str]:
        """Names of all models that have a version, sorted."""
        found = list(heads.listed(self._read))
        for model in self._belief.remembered() - set(found):
            self._belief.admit_absent(model)
        return found

    def summaries(self) -> list[Model]:
        """All models, sorted by name, at one read for each."""
        found = []
        for head in heads.find_all(self._read, self.models(), self._belief):
            aliases = {name: alias.version for name, alias in sorted(head.aliases.items())}
            found.append(Model(head.model, head.next - 1, head.next - 1, aliases, head.updated_at))
        return found

    def versions(self, model_name: str, *, deleted: bool = False) -> list[Version]:
        """All versions of a model, oldest first.

        Raises:
            NotInRegistry: There is no such model.
        """
        head = heads.need(self._read, model_name, self._belief)
        entries = [entry for entry in sealing.entries(self._read, head) if deleted or entry.status != DELETED]
        return [self._version(head, entry) for entry in entries]

    def newest_first(self, model_name: str) -> Iterator[Version]:
        """The versions of a model that are not deleted, each read as it is asked for. Raises NotInRegistry."""
        head = heads.need(self._read, model_name, self._belief)
        for entry in sealing.newest_entries(self._read, head):
            if entry.status != DELETED:
                yield self._version(head, entry)

    def version(self, reference: str) -> Version:
        """One version: `model:3`, `model@champion`, or `model` for the newest that is ready.

        Raises:
            NotInRegistry: There is no such model, version or alias; the message says which there are.
            DamagedRegistry: Its record is not what was registered.
        """
        wanted = names.reference(reference)
        head = heads.need(self._read, wanted.model, self._belief)
        return self._version(head, self._entry(head, wanted))

    def registered(self, model_name: str, run_id: str, task_name: str) -> Version | None:
        """The version that a task of a run registered, None where there is none (yet)."""
        key = documents.registration_key(names.model_name(model_name), run_id, task_name)
        head = heads.find(self._read, model_name, self._belief).head
        entry = next((found for found in sealing.newest_entries(self._read, head) if found.key == key), None)
        return None if entry is None else self._version(head, entry)

    def chosen(self, reference: str) -> Version:
        """The version to score with: as `version`, but of a model named alone its champion, where it has one.

        Raises:
            NotInRegistry, DamagedRegistry: As `version`.
            NotReady: It is deprecated.
        """
        wanted = names.reference(reference)
        return self._chosen(heads.need(self._read, wanted.model, self._belief), wanted)

    def follow(self, reference: str) -> "Follower":
        """What tells, again and again, whether the version that a reference means has become another."""
        return Follower(self, names.reference(reference))

    def champion(self, model_name: str) -> int | None:
        """Number of the version that the alias `champion` points to; None without one, or without the model."""
        head = heads.find(self._read, names.model_name(model_name), self._belief).head
        return head.aliases[CHAMPION].version if CHAMPION in head.aliases else None

    def history(self, model_name: str) -> list[Event]:
        """Who moved which alias or changed which version, when and why, oldest first."""
        return list(sealing.events(self._read, heads.need(self._read, model_name, self._belief)))

    def download(self, reference: str, destination: Path) -> list[Path]:
        """Copy a version's files into a folder, each verified against the record before it gets its name there.

        Returns:
            The files, the model first.

        Raises:
            WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered; nothing is left behind.
        """
        return fetch_all(self._read, self.version(reference).record, destination)

    def file(self, version: Version, name: str) -> bytes | None:
        """A file that is kept beside a version's model, verified; None where it has none of that name.

        Raises:
            WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered.
        """
        kept = version.record.files.get(name)
        return None if kept is None else fetch(self._read, kept)

    def monitored(self, model_name: str) -> Monitored:
        """What monitoring keeps of a model, beside its head."""
        return Monitored(self._location, names.model_name(model_name))

    def load(self, reference: str) -> Any:
        """The model of a version. Its bytes are verified first, and those very bytes are loaded.

        Raises:
            WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered.
            LibraryVersionsMissing, UnsupportedLibraryVersions: It cannot be loaded by the libraries here.
        """
        return self.load_version(self.version(reference))

    def load_version(self, version: Version) -> Any:
        """As `load`, of a version that was looked up before: neither its alias nor its head is read again."""
        return load_verified(self._read, version.record)

    def _chosen(self, head: Head, wanted: names.Reference) -> Version:
        if wanted.version is None and wanted.alias is None and CHAMPION in head.aliases:
            wanted = names.Reference(wanted.model, alias=CHAMPION)
        version = self._version(head, self._entry(head, wanted))
        if version.status == DEPRECATED:
            raise NotReady(
                f"{version.model}:{version.number} is deprecated; name another version, or netanomaly registry restore it"
            )
        return version

    def smoke_rows(self, version: Version) -> SmokeRows | None:
        """Rows with their scores that were kept with a version; None where it has none, as those made before they were.

        Raises:
            WrongDigest, WrongSize, MissingArtifact: What is stored is not what was registered.
            DamagedRegistry, NewerFormat: It is, and cannot be read.
        """
        file = version.record.files.get(smoke.FILE)
        return None if file is None else smoke.parse(fetch(self._read, file))

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
        record = record_of(self._read, head, entry, self._belief)
        aliases = tuple(sorted(name for name, alias in head.aliases.items() if alias.version == entry.version))
        head_key = head.signature.key if head.signature else ""
        return Version(entry.version, aliases, record, entry.status, head_key)


class Follower:
    """Which version a reference means, looked at as often as one likes: a head that did not change is not sent again."""

    def __init__(self, reader: Reader, reference: names.Reference) -> None:
        self._reader, self._reference = reader, reference
        self._found: heads.Found | None = None

    def changed(self) -> Version | None:
        """The version meant, as `Reader.chosen` has it; None where its model's head is the one that was seen last.

        Raises:
            NotInRegistry, NotReady, DamagedRegistry, ModelError, StoreUnavailable: It cannot be told. The next call looks
                again, as after `forget`.
        """
        before, self._found = self._found, None
        store, belief = self._reader._read, self._reader._belief
        if before is not None:
            found = heads.find_changed(store, before, belief)
            if found is None:
                self._found = before
                return None
        else:
            found = heads.find(store, self._reference.model, belief)
        if found.head.next == 1:
            heads.need(store, self._reference.model, belief)
        version = self._reader._chosen(found.head, self._reference)
        self._found = found
        return version

    def forget(self) -> None:
        """Have the next call tell the version again, also where nothing changed."""
        self._found = None
