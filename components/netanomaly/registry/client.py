"""Register models, and change what their aliases and statuses say.

A version exists when one compare-and-swap of its model's head succeeds. Everything written before that is invisible,
everything after it (the view) can be written again: a process may die anywhere, and the same call again finishes the
work or finds it done.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from netanomaly.errors import InputError, ModelError
from netanomaly.registry import artifacts, changes, committing, documents, heads, names, registering, sealing
from netanomaly.registry.belief import Belief
from netanomaly.registry.changes import CHAMPION, Change, Promotion
from netanomaly.registry.documents import DELETED, DEPRECATED, READY, Entry, Head, Record, Status
from netanomaly.registry.download import check, record_of
from netanomaly.registry.errors import DamagedRegistry, NotReady
from netanomaly.registry.location import Location, locate
from netanomaly.registry.publication import Publisher
from netanomaly.registry.reading import Reader, Version
from netanomaly.registry.signing import SIGN_KEY
from netanomaly.registry.store import Store

_HEAD_SECONDS = 5.0
# Of a model's versions so many are named where one has to be chosen.
_SHOWN_VERSIONS = 8


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


def open_registry(
    uri: str | Path, *, single_writer: bool = False, sign_key: str = "", trusted_keys: Sequence[str] = ()
) -> "Registry":
    """The registry in a folder or a bucket; see `location.locate`. It need not exist yet."""
    return Registry(locate(uri, single_writer=single_writer, sign_key=sign_key, trusted_keys=trusted_keys))


class Registry(Reader):
    """Models and their versions in one place."""

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        self._publisher = Publisher(location)
        # By model: the head after our last registration, and when that was. Those where others were at work then.
        self._last: dict[str, tuple[heads.Found, float]] = {}
        self._in_company: set[str] = set()

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
        identity = documents.registration_key(model_name, run_id, task_name, key)
        registering.refuse_other_files(artifact, artifact_name, files or {})
        registering.plain_json({"texts": [model_version, description, run_id, task_name, key, why]}, "a text")
        store = self._location.write
        with registering.told(self.uri, "no version was made"):
            before = self._before(store, model_name)
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
            record, digest, new = registering.put_record(store, record, self._belief)
            in_company = model_name in self._in_company
            done = committing.commit(
                store, before, record, digest, new, promotion, change, self._belief.writing, in_company=in_company
            )
        self._committed(model_name, done)
        self._publisher.registered(digest, record, in_company=done.met)
        return self._registration(done, record, promotion)

    def set_alias(self, reference: str, alias: str, *, newest: bool = False, why: str = "") -> Version:
        """Point an alias at a version, in one atomic step.

        Args:
            reference: MODEL:VERSION, or MODEL@ALIAS for the version that another alias points at.
            alias: What moves.
            newest: Whether MODEL alone means its newest version that is ready.
            why: For the history.

        Raises:
            InputError: The reference names no version, and the newest was not asked for: between a look at a version and its
                promotion another may have been registered, which nobody looked at. Or it names one, and the newest was asked for.
            InvalidName: An alias that looks like a version number, or is no name.
            NotInRegistry: There is no such version.
            NotReady: The version is deprecated or deleted.
        """
        names.alias_name(alias)
        wanted, change = names.reference(reference), Change(why=why)
        named = wanted.version is not None or wanted.alias is not None
        if named and newest:
            raise InputError(f"{reference!r} names a version, and --newest asks for the newest; give one of them")

        def point(head: Head) -> Head:
            if not named and not newest:
                raise InputError(self._which(head, alias))
            entry = self._entry(head, wanted)
            # Before the alias moves, and not after: it may be one that is not believed.
            record_of(self._read, head, entry, self._belief)
            return changes.set_alias(head, alias, entry.version, entry, change)

        head = self._change(wanted.model, point, change)
        return self.version(f"{wanted.model}:{head.aliases[alias].version}")

    def _which(self, head: Head, alias: str) -> str:
        entries = list(itertools.islice(sealing.newest_entries(self._read, head), _SHOWN_VERSIONS + 1))
        shown = [f"{each.version}{'' if each.status == READY else f' ({each.status})'}" for each in entries]
        if not entries:
            return f"model {head.model!r} has no version for {alias!r} to point at"
        listed = ", ".join(shown[:_SHOWN_VERSIONS]) + (", ..." if len(shown) > _SHOWN_VERSIONS else "")
        return (
            f"say which version of {head.model!r} {alias!r} is to point at, e.g. {head.model}:{entries[0].version}, or --newest; "
            f"versions, newest first: {listed}"
        )

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
                    record_of(self._read, head, entry, self._belief)
                    return changes.roll_back(head, alias, version, change)
            raise NotReady(f"every version that {model_name}@{alias} pointed at before is deprecated or deleted")

        head = self._change(model_name, back, change)
        done = next(event for event in sealing.events(self._read, head) if event.id == change.id)
        return done.previous or 0, done.version

    def set_status(self, reference: str, status: Status, *, why: str = "") -> Version:
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
            if status != DELETED:
                record_of(self._read, head, entry, self._belief)
            if status == READY:
                self._check_artifacts(head, entry)
            head = changes.set_status(head, entry, status, change)
            return sealing.replaced(self._location.write, head, msgspec.structs.replace(entry, status=status))

        self._change(wanted.model, set_it, change)
        try:
            return self.version(f"{wanted.model}:{number}")
        except (DamagedRegistry, ModelError) as error:
            # Only what is deleted may be so: that is how one gets rid of it.
            raise type(error)(f"{reference} is {status} now; of its record: {error}") from None

    def sign(self, model_name: str, *, why: str = "") -> Head:
        """Sign a model's head as it stands, for this registry: whoever trusts the key believes all that is in it.

        For a head that was written without a key, was moved here, or whose key was withdrawn. Look at it first:
        nothing in it is proven, but that each record is the one that was registered.

        Raises:
            InputError: There is no key.
            DamagedRegistry: A record or segment is not what the head says; nothing is signed.
        """
        signer = self._belief.signer
        if signer is None:
            raise InputError(f"there is no key to sign with; give --sign-key or {SIGN_KEY}")
        change, store = Change(why=why), self._location.write
        believing = Belief.without_keys(self._belief)
        patience = heads.Patience(store.uri, model_name)
        while True:
            heads.need(store, model_name, believing)
            found = heads.find(store, model_name, believing)
            for entry in sealing.entries(store, found.head):
                if entry.status != DELETED:
                    record_of(store, found.head, entry, believing)
            done = heads.swap(store, found, changes.sign(found.head, change), self._belief)
            if done is not None:
                self._publisher.changed(model_name)
                return done.head
            patience.wait()

    def deprecate(self, reference: str, *, why: str = "") -> Version:
        """Mark a version as not to be used any more. See `set_status`."""
        return self.set_status(reference, DEPRECATED, why=why)

    def restore(self, reference: str, *, why: str = "") -> Version:
        """Make a deprecated or deleted version ready again, if its files are there. See `set_status`."""
        return self.set_status(reference, READY, why=why)

    def delete(self, reference: str, *, why: str = "") -> Version:
        """Hide a version; `gc` removes its files later. See `set_status`."""
        return self.set_status(reference, DELETED, why=why)

    def publish(self) -> bool:
        """Write `model_registry.json` anew from the heads and records; whether it could be done."""
        return self._publisher.rebuild()

    def flush(self) -> None:
        """Bring `model_registry.json` up to date with what this object registered, within a bounded time."""
        self._publisher.flush()

    def _before(self, store: Store, model: str) -> heads.Found:
        """A head of the model from before its registration; what we left there a moment ago is as good as a new look."""
        found, at = self._last.get(model, (None, 0.0))
        if found is None or time.monotonic() - at > _HEAD_SECONDS:
            self._in_company.discard(model)
            found = heads.find(store, model, self._belief.writing)
        self._belief.may_change(found.head)
        return found

    def _committed(self, model: str, done: committing.Committed) -> None:
        self._last[model] = done.found, time.monotonic()
        if done.met:
            self._in_company.add(model)
        else:
            self._in_company.discard(model)

    def _change(self, model: str, make: Any, change: Change) -> Head:
        heads.need(self._read, model, self._belief.writing)
        head = heads.change(self._location.write, model, change.id, make, self._belief.writing)
        self._publisher.changed(model)
        return head

    def _registration(self, done: committing.Committed, record: Record, promotion: Promotion) -> Registration:
        aliases = tuple(sorted(name for name, alias in done.head.aliases.items() if alias.version == done.version))
        reason = ""
        if CHAMPION in promotion.aliases and CHAMPION not in aliases:
            reason = next((event.why for event in done.head.log if event.version == done.version and event.why), "")
        return Registration(done.version, done.created, record, aliases, reason)

    def _check_artifacts(self, head: Head, entry: Entry) -> None:
        record = record_of(self._read, head, entry, self._belief)
        for file in [*(record.tree.values() or [record.artifact]), *record.files.values()]:
            check(self._read, file)
