"""Checks every object of a registry against what the heads say, and mends what can be known."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from netanomaly.errors import Absent, ModelError, StoreRefused
from netanomaly.registry import documents, heads, names, parsing, sealing, view
from netanomaly.registry.belief import Belief
from netanomaly.registry.documents import DELETED, READY, Entry, Head
from netanomaly.registry.download import check, record_of
from netanomaly.registry.errors import DamagedRegistry, NewerFormat
from netanomaly.registry.location import Location
from netanomaly.registry.signing import TRUSTED_KEYS
from netanomaly.registry.store import Store


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `repaired`: it is now."""

    key: str
    problem: str
    repaired: bool = False


@dataclass(frozen=True)
class Result:
    """What was looked at, and what was found.

    `unfinished` registrations are no damage: their retry finishes them. `unprotected`: what nobody's signature vouches
    for, or what was not checked for one; no damage either.
    """

    models: int
    versions: int
    bytes: int
    unfinished: int
    findings: list[Finding]
    unprotected: list[str]

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
    findings = [_stranger(key) for key in store.strangers()]
    unprotected: list[str] = []
    models = versions = size = unfinished = 0
    for item in list(store.list(documents.HEADS)):
        models += 1
        if not documents.is_head(item.key):
            findings.append(Finding(item.key, "is no model's head; remove it"))
            continue
        found, problem = _head(store, item.key)
        if found is None:
            findings.append(Finding(item.key, problem))
            continue
        head = found.head
        try:
            location.belief.admit(head, found.unknown)
        except ModelError as error:
            findings.append(Finding(item.key, str(error)))
            continue
        unprotected += _unprotected(head, item.key, checked=location.belief.trust is not None)
        problems, sizes, keys = _model(store, head, location.belief)
        versions += len(keys)
        size += sizes
        unfinished += _unfinished(store, head.model, keys)
        if problem:
            mended = repair and not problems and _seal_again(location, found)
            findings.append(Finding(item.key, problem, mended))
        findings += problems
    findings += [Finding(documents.head_key(model), "is gone") for model in _gone(location)]
    findings += _view(location, repair, damaged=bool(findings))
    return Result(models, versions, size, unfinished, findings, unprotected)


def _stranger(key: str) -> Finding:
    return Finding(key, "is a link, pipe or device, and no object of the registry; it is not followed: remove it")


def _gone(location: Location) -> list[str]:
    return sorted(location.belief.remembered() - set(heads.listed(location.read)))


def _unprotected(head: Head, key: str, *, checked: bool) -> list[str]:
    if head.signature is None:
        return [f"{key} is not signed: neither which version has which number, nor where aliases point, is vouched for"]
    if not checked:
        return [f"{key} is signed by key {names.short(head.signature.key)}, which was not checked: {TRUSTED_KEYS}"]
    return []


def _head(store: Store, key: str) -> tuple[heads.Found | None, str]:
    try:
        stored = store.get(key)
        head, unknown, sealed = parsing.head_as_it_stands(stored.data, key)
    except (DamagedRegistry, NewerFormat, StoreRefused) as error:
        return None, str(error)
    return heads.Found(head, stored.etag, unknown), "" if sealed else "was altered: its checksum is wrong"


def _model(store: Store, head: Head, belief: Belief) -> tuple[list[Finding], int, set[str]]:
    findings: list[Finding] = []
    key = documents.head_key(head.model)
    entries: list[Entry] = []
    try:
        entries = list(sealing.entries(store, head))
        # Read for what it would say.
        deque(sealing.events(store, head), maxlen=0)
    except (DamagedRegistry, StoreRefused) as error:
        return [Finding(key, str(error))], 0, {entry.key for entry in head.tail}
    if len({entry.key for entry in entries}) != len(entries):
        findings.append(Finding(key, "two versions have the same key"))
    ready = {entry.version for entry in entries if entry.status == READY}
    for name, alias in head.aliases.items():
        if alias.version not in ready:
            findings.append(Finding(key, f"alias {name} points at version {alias.version}, which is not ready"))
    checked: set[str] = set()
    size = 0
    for entry in entries:
        for finding, read in _entry(store, head, entry, belief, checked):
            size += read
            if finding is not None:
                findings.append(finding)
    return findings, size, {entry.key for entry in entries}


def _entry(
    store: Store, head: Head, entry: Entry, belief: Belief, checked: set[str]
) -> Iterator[tuple[Finding | None, int]]:
    try:
        record = record_of(store, head, entry, belief)
    except (DamagedRegistry, NewerFormat, StoreRefused, ModelError) as error:
        yield Finding(documents.record_key(head.model, entry.key), str(error)), 0
        return
    if entry.status == DELETED or not record.artifact.path:
        return
    for file in [*(record.tree.values() or [record.artifact]), *record.files.values()]:
        if file.path in checked:
            continue
        checked.add(file.path)
        try:
            check(store, file)
        except (ModelError, StoreRefused) as error:
            yield Finding(file.path, f"version {entry.version}: {error}"), 0
        else:
            yield None, file.bytes


def _unfinished(store: Store, model: str, keys: set[str]) -> int:
    prefix = f"{documents.MODELS}{model}/records/"
    records = {item.key.removeprefix(prefix).removesuffix(".json") for item in store.list(prefix)}
    return len(records - keys)


def _seal_again(location: Location, found: heads.Found) -> bool:
    """Give a head whose every entry proved true its checksum again; of a signed one, its signature proved true first."""
    belief = location.belief
    signed = found.head.signature is not None
    if signed != (belief.signer is not None) or (signed and belief.trust is None):
        return False
    return heads.swap(location.write, found, found.head, belief) is not None


def _view(location: Location, repair: bool, damaged: bool) -> list[Finding]:
    if damaged and not repair:
        return []
    present = b""
    try:
        present = location.read.get(documents.VIEW).data
    except Absent:
        pass
    except DamagedRegistry as error:
        # Nothing in it is needed.
        if repair:
            location.write.remove(documents.VIEW)
        return [
            Finding(documents.VIEW, str(error), repair and view.publish(location.write, location.belief, rebuild=True))
        ]
    try:
        fresh = view.rebuilt(location.read, location.belief)
    except (DamagedRegistry, NewerFormat, StoreRefused, ModelError):
        return []
    if present == fresh or (not present and not heads.listed(location.read)):
        return []
    problem = "is not what the heads and records say" if present else "is missing"
    mended = repair and view.publish(location.write, location.belief, rebuild=True)
    return [Finding(documents.VIEW, problem, mended)]
