"""Make a model a version in the registry, unless a gate said no."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from netanomaly.errors import GateRefusal
from netanomaly.registry import Promotion
from netanomaly.registry.changes import CHALLENGER, CHAMPION

_GO_AHEAD = "pass"
REFERENCE = "reference.json"
"""What monitoring compares with, among the files of a version; as `netanomaly.monitoring.reference` has it."""


def written(reference: Mapping[str, Any]) -> str:
    """The reference as it is kept, in few bytes."""
    return json.dumps(reference, separators=(",", ":"), ensure_ascii=False)


def promotion(decision: Mapping[str, Any], further: Sequence[str] = ()) -> Promotion:
    """What the decision asks for: the alias champion, if the champion is still the one that was compared.

    Where a person has to choose, it asks for the alias challenger.

    Args:
        decision: From evaluate.
        further: Other aliases, which the new version gets whatever was decided.
    """
    champion = (decision.get("champion") or {}).get("version")
    aliases = [CHAMPION] if decision["decision"] == "promote" else []
    if decision.get("challenger_alias"):
        aliases = [CHALLENGER]
    return Promotion((*aliases, *further), compared=True, champion=champion)


def admit(evaluation: Mapping[str, Any]) -> None:
    """Return where the model may be registered; raise where not.

    Args:
        evaluation: What evaluate measured and decided; its reasons are repeated to the reader.

    Raises:
        GateRefusal: The verdict is anything but a pass.
    """
    if evaluation["verdict"] != _GO_AHEAD:
        reasons = "; ".join(evaluation.get("reasons") or ["no reason was given"])
        raise GateRefusal(f"the quality gate refused, nothing is registered: {reasons}")
