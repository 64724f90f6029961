"""Which incidents a verdict speaks for.

An incident's reason is what it stands out by: the features that make half of its oddness, and the technique that its
pattern is like. A scope names at least a host and a reason, so that nobody silences a host or a kind of alert as a whole,
and what cannot be shown to be within it is not: of an incident with more targets than it lists nobody knows them all.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from netanomaly.alerts.grouping import SOURCE, TARGET
from netanomaly.alerts.incidents import SEVERITIES
from netanomaly.errors import InputError
from netanomaly.feedback.documents import Scope

Incident = Mapping[str, Any]

ANY = "any"
_GRAVEST_FIRST = tuple(word for _, word in SEVERITIES)
# Of an incident's oddness, as far as features explain it, so much is its reason.
_HALF = 0.5
_PARTS = "entity, features, severity, targets, ports"
_LEAST_PREFIX = {4: 16, 6: 48}


def of_incident(incident: Incident) -> Scope | None:
    """What is just like this incident; None where it names no host or no reason.

    Its targets and its ports are part of it as far as the incident lists them all.
    """
    entity = incident.get("entity") or {}
    features = [str(each["name"]) for each in incident.get("features") or []]
    technique = _technique(incident)
    if entity.get("type") not in (SOURCE, TARGET) or not entity.get("ip") or not (features or technique):
        return None
    return Scope(
        entity_type=str(entity["type"]),
        entity=str(entity["ip"]),
        features=features,
        technique=technique,
        severity=str(incident["severity"]),
        targets=_all_of(incident, "targets") if entity["type"] == SOURCE else None,
        ports=_all_of(incident, "ports"),
    )


def changed(scope: Scope, assignments: Sequence[str]) -> Scope:
    """The scope with `part=value,value` in place of its own; targets and ports may be `any`.

    Raises:
        InputError: No part of a scope, or a value that it cannot have.
    """
    for assignment in assignments:
        part, equals, text = assignment.partition("=")
        values = [value.strip() for value in text.split(",") if value.strip()]
        if not equals or not values:
            raise InputError(
                f"--scope {assignment!r} is not part=value; the parts are {_PARTS}, e.g. --scope ports=any"
            )
        match part:
            case "entity" if values != [ANY]:
                scope = replace(scope, entity=_network(values, part))
            case "features" if values != [ANY]:
                scope = replace(scope, features=values)
            case "severity":
                if values[0] not in _GRAVEST_FIRST or len(values) > 1:
                    raise InputError(f"--scope {assignment!r}: choose one of {', '.join(_GRAVEST_FIRST)}")
                scope = replace(scope, severity=values[0])
            case "targets":
                networks = None if values == [ANY] else [_network([value], part, narrow=False) for value in values]
                scope = replace(scope, targets=networks)
            case "ports":
                scope = replace(scope, ports=None if values == [ANY] else values)
            case "entity" | "features":
                raise InputError(
                    f"--scope {assignment!r}: a verdict speaks for one host or network and for one reason; name them"
                )
            case _:
                raise InputError(f"--scope {assignment!r}: a scope has no part {part!r}; it has {_PARTS}")
    return scope


def covers(scope: Scope, incident: Incident) -> bool:
    """Whether the incident is one that the scope speaks for."""
    entity = incident.get("entity") or {}
    leading = reason(incident)
    return (
        entity.get("type") == scope.entity_type
        and _within(entity.get("ip"), [scope.entity])
        and _technique(incident) == scope.technique
        and bool(leading or scope.technique)
        and set(leading) <= set(scope.features)
        and _no_graver(str(incident.get("severity")), scope.severity)
        and _all_within(incident, "targets", scope.targets)
        and _all_within(incident, "ports", scope.ports)
    )


def reason(incident: Incident) -> list[str]:
    """The features that together make half of what explains the incident, the largest share first."""
    features = incident.get("features") or []
    total = sum(each["share"] for each in features)
    found: list[str] = []
    reached = 0.0
    for each in sorted(features, key=lambda each: -each["share"]):
        if reached >= _HALF * total:
            break
        reached += each["share"]
        found.append(str(each["name"]))
    return found


def in_words(scope: Scope) -> str:
    """The scope in one line."""
    said = [f"{scope.entity_type} {scope.entity}"]
    if scope.technique:
        said.append(scope.technique)
    if scope.features:
        said.append("by " + ", ".join(scope.features))
    for word, values in (("towards", scope.targets), ("ports", scope.ports)):
        if values is not None:
            said.append(f"{word} {', '.join(values)}")
    return "; ".join([*said, f"{scope.severity} at most"])


def _technique(incident: Incident) -> str:
    return str((incident.get("technique") or {}).get("id") or "")


def _no_graver(severity: str, gravest: str) -> bool:
    return severity in _GRAVEST_FIRST and _GRAVEST_FIRST.index(severity) >= _GRAVEST_FIRST.index(gravest)


def _all_of(incident: Incident, part: str) -> list[str] | None:
    """All values of an incident that lists them all, else None."""
    values = incident.get(part) or {}
    examples = [str(value) for value in values.get("examples") or []]
    return examples if examples and values.get("count") == len(examples) else None


def _all_within(incident: Incident, part: str, allowed: Sequence[str] | None) -> bool:
    if allowed is None:
        return True
    values = _all_of(incident, part)
    if values is None:
        return False
    return all(_within(value, allowed) if part == "targets" else value in allowed for value in values)


def _within(address: Any, networks: Sequence[str]) -> bool:
    """Whether it is one of them, or an address in one. Hosts may have names."""
    if address in networks:
        return True
    try:
        host = ipaddress.ip_address(str(address))
    except ValueError:
        return False
    return any(host in network for network in map(_parsed, networks) if network and network.version == host.version)


def _parsed(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _network(values: Sequence[str], part: str, *, narrow: bool = True) -> str:
    """One address, network or host's name.

    Raises:
        InputError: It is several, no network, or one so wide that it stands for everybody.
    """
    if len(values) > 1:
        raise InputError(f"--scope {part}={','.join(values)}: name one host or network, and give a verdict for each")
    (text,) = values
    network = _parsed(text)
    if network is None:
        if "/" in text:
            raise InputError(f"--scope {part}={text}: that is no network; write e.g. 10.0.0.0/24")
        return text
    least = _LEAST_PREFIX[network.version]
    if narrow and network.prefixlen < least:
        raise InputError(
            f"--scope {part}={text} would speak for {network.num_addresses:,} hosts; name a network of /{least} or narrower"
        )
    return text if "/" not in text else str(network)
