"""What may be done to a head: functions from one head to the next. They know no store."""

import getpass
import secrets
from dataclasses import dataclass, field

from msgspec.structs import replace

from netanomaly.registry import documents, names
from netanomaly.registry.documents import DELETED, DEPRECATED, READY, Alias, Entry, Event, Head, Status
from netanomaly.registry.errors import NotInRegistry, NotReady

CHAMPION, CHALLENGER = "champion", "challenger"

_MOST_PREVIOUS = 32
# Each line of the log is moved with each registration.
_LONGEST_WHY = 2000


def caller() -> str:
    """The person or service account that this process runs as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's arbitrary user id has no name.
        return "unknown"


@dataclass(frozen=True)
class Change:
    """Who does it and why. `id` lets a change whose answer was lost be found again in the log."""

    by: str = field(default_factory=caller)
    why: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    at: str = field(default_factory=documents.now)


@dataclass(frozen=True)
class Promotion:
    """Aliases that a new version asks for, and the champion that it was compared with (None: there was none)."""

    aliases: tuple[str, ...] = ()
    compared: bool = False
    champion: int | None = None


def append(head: Head, key: str, record: str, promotion: Promotion, change: Change) -> Head:
    """A new version, with its aliases.

    Where the champion is no longer the one it was compared with, the version becomes challenger instead; the log
    says why.
    """
    version = head.next
    head = replace(head, next=version + 1, tail=[*head.tail, Entry(version, key, record)])
    aliases, why = promotion.aliases, change.why
    present = head.aliases[CHAMPION].version if CHAMPION in head.aliases else None
    if promotion.compared and CHAMPION in aliases and present != promotion.champion:
        aliases = tuple(dict.fromkeys(CHALLENGER if alias == CHAMPION else alias for alias in aliases))
        why = (
            f"compared with {_named(promotion.champion)}, but the champion was {_named(present)} when it was "
            "registered: compare them and move the alias"
        )
    for alias in aliases:
        head = _point(head, alias, version, "set", _because(change, why))
    return head


def set_alias(head: Head, alias: str, version: int, entry: Entry, change: Change) -> Head:
    """Point an alias at a version. Raises NotReady when it is deprecated or deleted."""
    if entry.status != READY:
        raise NotReady(
            f"version {version} of model {head.model!r} is {entry.status}; restore it before it gets an alias"
        )
    if alias in head.aliases and head.aliases[alias].version == version:
        return head
    return _point(head, alias, version, "set", change)


def remove_alias(head: Head, alias: str, change: Change) -> Head:
    """Take an alias away. Raises NotInRegistry where there is none."""
    known = _alias(head, alias)
    aliases = {name: value for name, value in head.aliases.items() if name != alias}
    event = _event(head, change, action="remove", version=known.version, alias=alias)
    return replace(head, aliases=aliases, log=[*head.log, event], next_event=event.number + 1)


def previous_targets(head: Head, alias: str) -> list[int]:
    """Where a rollback of the alias would go, best first. Raises NotInRegistry without alias or without any."""
    known = _alias(head, alias)
    targets = [version for version in reversed(known.previous) if version != known.version]
    if not targets:
        raise NotInRegistry(
            f"{head.model}@{alias} is version {known.version}, and no earlier version is left to go back to; "
            "netanomaly registry history shows where it pointed, registry alias set moves it"
        )
    return targets


def roll_back(head: Head, alias: str, version: int, change: Change) -> Head:
    """Point an alias at an earlier target; a later rollback goes further back, not forth again."""
    known = _alias(head, alias)
    stack = list(known.previous)
    while stack and stack.pop() != version:
        pass
    event = _event(head, change, action="rollback", version=version, alias=alias, previous=known.version)
    aliases = {**head.aliases, alias: Alias(version, change.at, stack)}
    return replace(head, aliases=aliases, log=[*head.log, event], next_event=event.number + 1)


def set_status(head: Head, entry: Entry, status: Status, change: Change) -> Head:
    """Note a version's new status in the log; the entry itself is replaced by `sealing.replaced`.

    Raises:
        NotReady: An alias points at it, and only versions that are ready may have one.
    """
    holding = sorted(name for name, alias in head.aliases.items() if alias.version == entry.version)
    if status != READY and holding:
        raise NotReady(
            f"version {entry.version} of model {head.model!r} is {', '.join(holding)}; "
            f"move or remove {'that alias' if len(holding) == 1 else 'those aliases'} first"
        )
    action = {READY: "restore", DEPRECATED: "deprecate", DELETED: "delete"}[status]
    event = _event(head, change, action=action, version=entry.version)
    return replace(head, log=[*head.log, event], next_event=event.number + 1)


def sign(head: Head, change: Change) -> Head:
    """Note in the log that the head was signed as it stood, with all versions up to the newest."""
    event = _event(head, change, action="sign", version=head.next - 1)
    return replace(head, log=[*head.log, event], next_event=event.number + 1)


def _because(change: Change, why: str) -> Change:
    return Change(change.by, why, change.id, change.at)


def _point(head: Head, alias: str, version: int, action: str, change: Change) -> Head:
    names.alias_name(alias)
    known = head.aliases.get(alias)
    stack = [*known.previous, known.version][-_MOST_PREVIOUS:] if known else []
    event = _event(head, change, action=action, version=version, alias=alias, previous=known.version if known else None)
    aliases = {**head.aliases, alias: Alias(version, change.at, stack)}
    return replace(head, aliases=aliases, log=[*head.log, event], next_event=event.number + 1)


def _event(
    head: Head, change: Change, *, action: str, version: int, alias: str = "", previous: int | None = None
) -> Event:
    return Event(head.next_event, change.id, change.at, change.by, action, version, alias, previous, _short(change.why))


def _short(why: str) -> str:
    text = " ".join(why.split())
    return text if len(text) <= _LONGEST_WHY else f"{text[:_LONGEST_WHY]} ..."


def _alias(head: Head, alias: str) -> Alias:
    if alias not in head.aliases:
        known = ", ".join(sorted(head.aliases)) or "none"
        raise NotInRegistry(f"model {head.model!r} has no alias {alias!r}; it has: {known}")
    return head.aliases[alias]


def _named(version: int | None) -> str:
    return "no champion" if version is None else f"version {version}"
