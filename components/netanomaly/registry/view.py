"""`model_registry.json`: every model and version in one file that people and other programs read.

Keeps the fields of the original workflow's registry, with paths relative to the registry. Never the truth: each
model's section carries the revision of the head it was made from and never goes back to an older one. Whoever
publishes brings every model up to date that changed since, as far as its time allows, so that a writer that loses
the race for the file may leave it to the winner.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from netanomaly.errors import Absent, ModelError, Refused
from netanomaly.registry import bounds, documents, heads, sealing
from netanomaly.registry.belief import Belief
from netanomaly.registry.documents import DELETED, READY, Entry, Head, Record
from netanomaly.registry.download import record_of
from netanomaly.registry.errors import DamagedRegistry
from netanomaly.registry.store import Listed, Store

# Up to this many versions people read the file whole; beyond, each model shows its newest and says where the rest is.
WHOLE_VERSIONS = 10_000
_EXCERPT_VERSIONS = 1_000
_EXCERPT_OF_A_MODEL = 100

# Beyond this size a registration writes the view only where that was last done so long before.
_LARGE_BYTES = 1 << 20
_LARGE_SECONDS = 60.0

_ATTEMPTS = 20
# What a registration reads of others' records for the view; the next one goes on.
_MOST_RECORDS = 32
_READERS = 8


class _Section(msgspec.Struct, frozen=True):
    """What is looked at of a model's section; the rest is carried along as it stands."""

    model_name: str
    revision: int
    head: str
    versions_registered: int
    versions: list[msgspec.Raw]


class _View(msgspec.Struct, frozen=True):
    models: list[msgspec.Raw]


class _Metadata(msgspec.Struct, frozen=True):
    status: str = READY


class _Listed(msgspec.Struct, frozen=True):
    """What is looked at of a version that a section lists, and must be right of it; the rest is carried along."""

    version: int
    model_path: str
    metadata: _Metadata
    metrics: dict[str, float]
    record_sha256: str = ""


class _Versions(msgspec.Struct, frozen=True):
    versions: list[_Listed | None]


def publish(
    store: Store,
    belief: Belief,
    own: Iterable[str] = (),
    *,
    known_records: Mapping[str, Record] | None = None,
    rebuild: bool = False,
    seconds: float | None = None,
) -> bool:
    """Bring the view up to date; whether it is.

    Args:
        store: Where the registry is.
        belief: What is believed of it; a head that is not ends this, a record that is not is shown as damaged.
        own: Models to begin with.
        known_records: Records that need not be read, by the digest that the entry has.
        rebuild: Believe nothing of the present view.
        seconds: Stop after so long, and leave a large view that is not a minute old; what is not done then is for the
            next who publishes.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    for _ in range(_ATTEMPTS):
        found = heads.listed(store)
        if deadline is not None and _may_wait(store, list(found.values())):
            return False
        listed = {model: item.mark for model, item in found.items()}
        try:
            stored = store.get(documents.VIEW)
        except Absent:
            stored = None
        sections = {} if rebuild or stored is None else _sections(stored.data)
        sections = {model: section for model, section in sections.items() if model in listed}
        stale = [model for model, mark in listed.items() if model not in sections or sections[model][0].head != mark]
        stale.sort(key=lambda model: model not in own)
        read: dict[str, Head] = {}
        for model in stale:
            if deadline is None or time.monotonic() < deadline or model in own:
                read[model] = heads.find(store, model, belief).head
        registered = {model: section.versions_registered for model, (section, _) in sections.items()}
        registered.update({model: head.next - 1 for model, head in read.items()})
        limit = _limit(sum(registered.values()), len(registered))
        for model, head in read.items():
            if model not in sections or head.revision >= sections[model][0].revision:
                most = None if deadline is None else _MOST_RECORDS
                sections[model] = _made(
                    store, belief, head, listed[model], sections.get(model), limit, known_records or {}, most
                )
        complete = all(sections[model][0].head == listed[model] for model in read) and len(read) == len(stale)
        data = _document(sections)
        if stored is not None and data == stored.data:
            return complete
        try:
            if stored is None:
                store.put_new(documents.VIEW, data)
            else:
                store.put_if_match(documents.VIEW, data, stored.etag)
        except Refused:
            pass
        else:
            if complete and not _changed(store, listed):
                return True
            rebuild = False
        if deadline is not None and time.monotonic() > deadline:
            return False
    return False


def rebuilt(store: Store, belief: Belief) -> bytes:
    """What the view should be."""
    listed = {model: item.mark for model, item in heads.listed(store).items()}
    found = {head.model: head for head in heads.find_all(store, listed, belief)}
    limit = _limit(sum(head.next - 1 for head in found.values()), len(found))
    return _document(
        {model: _made(store, belief, head, listed[model], None, limit, {}) for model, head in found.items()}
    )


def _may_wait(store: Store, heads_found: list[Listed]) -> bool:
    """Whether the view is large, and not much older than the newest head."""
    try:
        view = store.stat(documents.VIEW)
    except Absent:
        return False
    newest = max((head.modified for head in heads_found), default=view.modified)
    return view.size_bytes > _LARGE_BYTES and (newest - view.modified).total_seconds() < _LARGE_SECONDS


def _changed(store: Store, listed: Mapping[str, str]) -> bool:
    """Whether a model changed while the view was written: its writer may count on us."""
    return {model: item.mark for model, item in heads.listed(store).items()} != listed


def _sections(data: bytes) -> dict[str, tuple[_Section, msgspec.Raw]]:
    """The sections of a view; none of a damaged one, which is then written anew."""
    try:
        # What is only carried along is not decoded.
        data.decode()
        raw = bounds.parse_view(_View, data).models
        read = [(bounds.parse_counted(_Section, section), section) for section in raw]
    except ValueError:
        return {}
    return {section.model_name: (section, raw) for section, raw in read}


def _document(sections: Mapping[str, tuple[_Section, msgspec.Raw]]) -> bytes:
    registered = sum(section.versions_registered for section, _ in sections.values())
    whole = registered <= WHOLE_VERSIONS
    limit = _limit(registered, len(sections))
    models = []
    for model in sorted(sections):
        section, raw = sections[model]
        if len(section.versions) > limit:
            try:
                document = bounds.parse_counted(dict[str, Any], raw)
            except ValueError:
                # Nested too deep to be read: whoever publishes next makes it anew.
                continue
            document["versions"] = document["versions"][-limit:]
            raw = msgspec.Raw(msgspec.json.encode(document))
        models.append(raw)
    document = {"format": documents.FORMAT, "versions_registered": registered, "complete": whole}
    if not whole:
        document["rest"] = f"the newest {limit} of each model; all: heads/<model>.json and the segments it names"
    document["models"] = models
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _made(
    store: Store,
    belief: Belief,
    head: Head,
    mark: str,
    known: tuple[_Section, msgspec.Raw] | None,
    limit: int,
    known_records: Mapping[str, Record],
    most: int | None = None,
) -> tuple[_Section, msgspec.Raw]:
    """A model's section. Records of versions that the known section lists with the same record are not read again."""
    entries: list[Entry] = []
    for entry in sealing.newest_entries(store, head):
        if len(entries) == limit:
            break
        if entry.status != DELETED:
            entries.append(entry)
    entries.reverse()
    listed = {} if known is None else _listed(*known)
    missing = [entry for entry in entries if not _shows(listed.get(entry.version), entry)]
    whole = most is None or len(missing) <= most
    missing = missing[:most]
    made = {
        entry.version: _version(entry, record)
        for entry, record in zip(missing, _records(store, belief, head, missing, known_records), strict=True)
    }
    versions = [
        made.get(entry.version) or listed[entry.version][1]
        for entry in entries
        if entry.version in made or entry.version in listed
    ]
    document = {
        "model_id": head.model,
        "model_name": head.model,
        "revision": head.revision if whole else known[0].revision if known else 0,
        "updated_at": head.updated_at,
        # Empty: more is to be added by the next who publishes.
        "head": mark if whole else "",
        "versions_registered": head.next - 1,
        "metadata": {"aliases": {name: alias.version for name, alias in sorted(head.aliases.items())}},
        "versions": versions,
    }
    raw = msgspec.json.encode(document)
    return bounds.parse_counted(_Section, raw), msgspec.Raw(raw)


def _listed(section: _Section, raw: msgspec.Raw) -> dict[int, tuple[_Listed, msgspec.Raw]]:
    """Versions of a section, by number, each as it is looked at and as it stands; what is none is made anew."""
    try:
        versions = bounds.parse_counted(_Versions, raw).versions
    except ValueError:
        versions = [_one(version) for version in section.versions]
    return {
        version.version: (version, whole)
        for version, whole in zip(versions, section.versions, strict=True)
        if version is not None
    }


def _one(raw: msgspec.Raw) -> _Listed | None:
    try:
        return bounds.parse_counted(_Listed, raw)
    except ValueError:
        return None


def _shows(listed: tuple[_Listed, msgspec.Raw] | None, entry: Entry) -> bool:
    if listed is None:
        return False
    version, _ = listed
    return version.record_sha256 == entry.record and version.metadata.status == entry.status


def _limit(registered: int, models: int) -> int:
    """How many versions of each model are shown."""
    if registered <= WHOLE_VERSIONS:
        return WHOLE_VERSIONS
    return max(1, min(_EXCERPT_OF_A_MODEL, _EXCERPT_VERSIONS // models))


def _records(
    store: Store, belief: Belief, head: Head, entries: list[Entry], known: Mapping[str, Record]
) -> list[Record | None]:
    def read(entry: Entry) -> Record | None:
        if entry.record in known:
            return known[entry.record]
        try:
            return record_of(store, head, entry, belief)
        except (DamagedRegistry, ModelError):
            return None

    if len(entries) < _READERS:
        return [read(entry) for entry in entries]
    try:
        with ThreadPoolExecutor(_READERS) as readers:
            return list(readers.map(read, entries))
    except RuntimeError:
        # The interpreter ends, and threads no longer begin.
        return [read(entry) for entry in entries]


def _version(entry: Entry, record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"version": entry.version, "record_sha256": entry.record, "metadata": {"status": "damaged"}}
    return {
        "version": entry.version,
        "model_version": record.model_version,
        "model_path": record.artifact.path,
        "sha256": record.artifact.sha256,
        "record_sha256": entry.record,
        "creation_timestamp": record.created_at,
        "description": record.description,
        "metadata": {
            "status": entry.status,
            "run_id": record.run_id,
            "record": documents.record_key(record.model, record.key),
            "files": {name: file.path for name, file in record.files.items()},
            "versions": record.library_versions,
        },
        "metrics": record.metrics,
    }
