"""What a verdict would hide of attacks, tried before it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.feedback.documents import Scope


@dataclass(frozen=True)
class Tried:
    """What a verdict would hide of attacks that are injected; None where that was not tried."""

    hides: list[dict[str, Any]] | None
    warnings: list[str]


def rehearsed(registry: str, incident: Mapping[str, Any], scope: "Scope") -> Tried:
    """Attacks by the same host, scored by the version that raised the alert."""
    from netanomaly.alerts.grouping import TARGET
    from netanomaly.registry import open_registry
    from netanomaly.scoring.rehearsal import can_rehearse, hidden_attacks

    if scope.entity_type == TARGET:
        return Tried(
            None,
            [
                f"whether it would hide attacks was not tried: it speaks for what many sources do to {scope.entity}, and attacks "
                "are injected from one source each; the next scan of that host may be hidden, too, as long as the verdict holds: "
                "narrow it by --scope ports=..., or let it expire sooner"
            ],
        )
    model = incident["model"]
    reference = f"{model['name']}:{model.get('version')}"
    try:
        loaded = open_registry(registry).load(reference)
    except InputError as error:
        return Tried(None, [f"whether it would hide attacks was not tried, as {reference} cannot be loaded: {error}"])
    if not can_rehearse(loaded):
        return Tried(
            None,
            [
                f"whether it would hide attacks is not known: {reference} learnt from a table, whose attacks nobody can make"
            ],
        )
    found = hidden_attacks(loaded, model, scope, str(incident["entity"]["ip"]))
    hides = [
        {
            "attack": each.pattern.name,
            "technique": each.pattern.technique,
            "hidden": each.hidden,
            "alerted": each.alerted,
        }
        for each in found
    ]
    return Tried(
        hides,
        [
            f"this verdict would also hide an attack ({each.pattern.technique}, {each.pattern.name.replace('_', ' ')}: "
            f"{each.pattern.words}): injected, it was hidden in {each.hidden} of {each.alerted} tries that alerted; "
            "narrow it by --scope targets=... or ports=..., or withdraw it"
            for each in found
        ],
    )
