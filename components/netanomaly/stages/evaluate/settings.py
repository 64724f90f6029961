"""What prepare tells the evaluate stage."""

from dataclasses import dataclass, field
from typing import Any

from netanomaly.feedback.kept import Kept
from netanomaly.metrics import gates as quality_gates


@dataclass(frozen=True)
class Settings:
    """How to judge a model, against whom, and what the report says of the run.

    Attributes:
        normal_labels: Class names that are normal; empty for the usual ones.
        gates: Limits to keep, e.g. {"min_roc_auc": 0.9}.
        held_out: Whether the evaluation rows were held out of the training source.
        random_state: Seed of the bootstrap.
        registry: URI of the registry that has the champion.
        model_name: The model's name in the registry.
        champion: The champion's version, scored on the same rows; None: there is none.
        allow_other_sensor: Whether the data may be of another kind of sensor than what the model learnt from.
        configuration: The configuration with its defaults, long lists cut short, for the report.
        confirmed: Flows of attacks that people confirmed.
    """

    normal_labels: list[str]
    gates: dict[str, Any]
    held_out: bool
    random_state: int
    registry: str
    model_name: str
    champion: int | None
    configuration: dict[str, Any]
    allow_other_sensor: bool = False
    confirmed: list[Kept] = field(default_factory=list)

    def __post_init__(self) -> None:
        quality_gates.check(self.gates)
