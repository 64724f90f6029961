"""Checks every object of a registry against what the heads say, and mends what can be known."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from netanomaly.errors import Absent, ModelError
from netanomaly.registry import documents, heads, sealing, view
from netanomaly.registry.documents import DELETED, READY, Entry, Head
from netanomaly.registry.download import check, record_of
from netanomaly.registry.errors import DamagedRegistry
from netanomaly.registry.location import Location
from netanomaly.registry.signing import Trust
from netanomaly.registry.store import Store


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `repaired`: it is now."""

    key: str
    problem: str
    repaired: bool = False


@dataclass(frozen=True)
class Result:
    """What was looked at, and what was found. `unfinished` registrations are no damage: their retry finishes them."""

    models: int
    versions: int
    bytes: int
    unfinished: int
    findings: list[Finding]

    @property
    def sound(self) -> bool:
        return all(finding.repaired for finding in self.findings)


def fsck(location: Location, *, repair: bool = False) -> Result:
    """Read every head, segment, record and model file; compare the view.

    Args:
        location: The registry.
        repair: Rebuild a stale view, and give a head its checksum again where every entry in it proves true.
    """
    store = location.read
    findings: list[Finding] = []
    models = versions = size = unfinished = 0
    for item in list(store.list(documents.HEADS)):
        models += 1
        head, problem = _head(store, item.key)
        if head is None:
            findings.append(Finding(item.key, problem))
            continue
        found, sizes, keys = _model(store, head, location.trust)
        versions += len(keys)
        size += sizes
        unfinished += _unfinished(store, head.model, keys)
        if problem:
            mended = repair and not found and _seal_again(location.write, item.key, head)
            findings.append(Finding(item.key, problem, mended))
        findings += found
    findings += _view(location, repair, damaged=bool(findings))
    return Result(models, versions, size, unfinished, findings)


def _head(store: Store, key: str) -> tuple[Head | None, str]:
    data = store.get(key).data
    try:
        return documents.decode_head(data, key)[0], ""
    except DamagedRegistry as error:
        try:
            head = documents.decode(Head, data, key)
        except DamagedRegistry:
            return None, f"{error}"
        if head.model != documents.model_of(key):
            return None, f"{error}"
        return head, "was altered: its checksum is wrong"


def _model(store: Store, head: Head, trust: Trust | None) -> tuple[list[Finding], int, set[str]]:
    findings: list[Finding] = []
    key = documents.head_key(head.model)
    entries: list[Entry] = []
    try:
        entries = list(sealing.entries(store, head))
        events = list(sealing.events(store, head))
    except DamagedRegistry as error:
        return [Finding(key, str(error))], 0, {entry.key for entry in head.tail}
    if [entry.version for entry in entries] != list(range(1, head.next)):
        findings.append(Finding(key, f"its versions are not 1 to {head.next - 1}, each once"))
    if len({entry.key for entry in entries}) != len(entries):
        findings.append(Finding(key, "two versions have the same key"))
    if [event.number for event in events] != list(range(1, head.next_event)):
        findings.append(Finding(key, "its log has gaps"))
    ready = {entry.version for entry in entries if entry.status == READY}
    for name, alias in head.aliases.items():
        if alias.version not in ready:
            findings.append(Finding(key, f"alias {name} points at version {alias.version}, which is not ready"))
    checked: set[str] = set()
    size = 0
    for entry in entries:
        for finding, read in _entry(store, head.model, entry, trust, checked):
            size += read
            if finding is not None:
                findings.append(finding)
    return findings, size, {entry.key for entry in entries}


def _entry(
    store: Store, model: str, entry: Entry, trust: Trust | None, checked: set[str]
) -> Iterator[tuple[Finding | None, int]]:
    try:
        record = record_of(store, model, entry, trust)
    except (DamagedRegistry, ModelError) as error:
        yield Finding(documents.record_key(model, entry.key), str(error)), 0
        return
    if entry.status == DELETED or not record.artifact.path:
        return
    for file in [*(record.tree.values() or [record.artifact]), *record.files.values()]:
        if file.path in checked:
            continue
        checked.add(file.path)
        try:
            check(store, file)
        except ModelError as error:
            yield Finding(file.path, f"version {entry.version}: {error}"), 0
        else:
            yield None, file.bytes


def _unfinished(store: Store, model: str, keys: set[str]) -> int:
    prefix = f"{documents.MODELS}{model}/records/"
    records = {item.key.removeprefix(prefix).removesuffix(".json") for item in store.list(prefix)}
    return len(records - keys)


def _seal_again(store: Store, key: str, head: Head) -> bool:
    stored = store.get(key)
    known = set(Head.__struct_fields__)
    fields = msgspec.json.decode(stored.data)
    unknown = {name: value for name, value in fields.items() if name not in known}
    return heads.swap(store, heads.Found(head, stored.etag, unknown), head) is not None


def _view(location: Location, repair: bool, damaged: bool) -> list[Finding]:
    if damaged and not repair:
        return []
    try:
        present = location.read.get(documents.VIEW).data
    except Absent:
        present = b""
    try:
        fresh = view.rebuilt(location.read)
    except DamagedRegistry:
        return []
    if present == fresh or (not present and not any(location.read.list(documents.HEADS))):
        return []
    problem = "is not what the heads and records say" if present else "is missing"
    mended = repair and view.publish(location.write, rebuild=True)
    return [Finding(documents.VIEW, problem, mended)]
