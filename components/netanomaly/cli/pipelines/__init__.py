"""What the commands know of each pipeline: its configuration, and what people look for after a run of it."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from netanomaly.cli.pipelines.kind import Kind


class Name(StrEnum):
    """The pipelines that people run."""

    training = "training"
    scoring = "scoring"


PipelineOption = Annotated[Name, typer.Option("--pipeline", help="Which pipeline the configuration is of.")]


def kind(name: Name) -> "Kind":
    """A pipeline by its name. Loads no more than that one needs."""
    if name is Name.scoring:
        from netanomaly.cli.pipelines.scoring import SCORING

        return SCORING
    from netanomaly.cli.pipelines.training import TRAINING

    return TRAINING
