"""What a request wants beside scores: the protocol's `parameters` and `outputs`."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly.serving.errors import RequestError

SCORE, TAIL_PROBABILITY, ALERT, REASONS = "score", "tail_probability", "alert", "reasons"
OUTPUTS = {SCORE: "FP32", TAIL_PROBABILITY: "FP32", ALERT: "BOOL"}
"""What is always answered, with the protocol's types; `reasons` (BYTES) where it is asked for."""

MOST_EXPLAINED_ROWS = 100
_MOST_REASONS = 100
# What clients of the protocol send of their own, and what has no meaning here.
_FOREIGN = frozenset(
    ("sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "headers", "content_type")
)
_OURS = ("explain", "budget", "binary_data_output")


@dataclass(frozen=True)
class Wishes:
    """What is wanted of a request's rows.

    Attributes:
        explain: How many reasons for each row, at most; 0: none.
        budget: The operating point by which rows alert; None: the one the model was trained for.
    """

    explain: int = 0
    budget: float | None = None


def of_parameters(parameters: Mapping[str, Any]) -> Wishes:
    """The wishes of a request's parameters.

    Raises:
        RequestError: One of them is unknown, or cannot have that value.
    """
    for name in parameters:
        if name not in _OURS and name not in _FOREIGN:
            near = difflib.get_close_matches(name, _OURS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_OURS)}"
            raise RequestError(f"parameters has {name[:60]!r}, which has no meaning here; {hint}")
    explain, budget = parameters.get("explain"), parameters.get("budget")
    explain = 0 if explain is None or explain is False else explain
    if isinstance(explain, bool) or not isinstance(explain, int) or not 0 <= explain <= _MOST_REASONS:
        raise RequestError(
            f"parameters: explain is {_shown(explain)}; give how many reasons each row is to have, 0 to {_MOST_REASONS}"
        )
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int | float)):
        raise RequestError(
            f"parameters: budget is {_shown(budget)}; give one of the model's operating points, e.g. 0.01"
        )
    return Wishes(explain, None if budget is None else float(budget))


def of_query(given: Mapping[str, str]) -> Wishes:
    """The wishes in an address: `?explain=3&budget=0.001`. Raises as `of_parameters`."""
    parameters: dict[str, Any] = dict(given)
    for name, kind in (("explain", int), ("budget", float)):
        if name in parameters:
            try:
                parameters[name] = kind(parameters[name])
            except ValueError:
                raise RequestError(f"the address says {name}={_shown(given[name])}, which is no number") from None
    return of_parameters(parameters)


def refuse_query(given: Mapping[str, str]) -> None:
    """Refuse wishes in the address of a request whose body has a place for them; others' words there mean nothing.

    Raises:
        RequestError: One of ours is there.
    """
    for name in given:
        if name in _OURS:
            raise RequestError(
                f"the address says {name}={_shown(given[name])}, which only an Arrow stream is asked by; in JSON it is "
                f'"parameters": {{"{name}": ...}}'
            )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
