"""What the commands know of each pipeline: its configuration, and what people look for after a run of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from netanomaly.cli.pipelines.kind import Kind


class Name(StrEnum):
    """The pipelines that people run."""

    training = "training"
    training_tuned = "training-tuned"
    tuning = "tuning"
    scoring = "scoring"


PipelineOption = Annotated[Name, typer.Option("--pipeline", help="Which pipeline the configuration is of.")]


def kind(name: Name, document: Mapping[str, Any] | None = None) -> "Kind":
    """A pipeline by its name; training in its tuned form where the configuration asks for tuning.

    Loads no more than that one needs.
    """
    if name is Name.training and document is not None and document.get("tuning") is not None:
        name = Name.training_tuned
    if name is Name.scoring:
        from netanomaly.cli.pipelines.scoring import SCORING

        return SCORING
    if name is Name.tuning:
        from netanomaly.cli.pipelines.tuning import TUNING

        return TUNING
    if name is Name.training_tuned:
        from netanomaly.cli.pipelines.tuning import TUNED_TRAINING

        return TUNED_TRAINING
    from netanomaly.cli.pipelines.training import TRAINING

    return TRAINING
