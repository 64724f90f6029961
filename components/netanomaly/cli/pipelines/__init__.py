"""What the commands know of each pipeline: its configuration, and what people look for after a run of it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly.errors import NetanomalyError

if TYPE_CHECKING:
    from netanomaly.cli.pipelines.kind import Kind


class Name(StrEnum):
    """The pipelines that people run."""

    training = "training"
    training_from_captures = "training-from-captures"
    training_tuned = "training-tuned"
    training_tuned_from_captures = "training-tuned-from-captures"
    tuning = "tuning"
    tuning_from_captures = "tuning-from-captures"
    scoring = "scoring"
    scoring_from_captures = "scoring-from-captures"
    following = "following"
    monitoring = "monitoring"


PipelineOption = Annotated[Name, typer.Option("--pipeline", help="Which pipeline the configuration is of.")]


def kind_of(name: Name) -> "Kind":
    """A pipeline by its name. Loads no more than that one needs."""
    if name in (Name.scoring, Name.scoring_from_captures):
        from netanomaly.cli.pipelines.scoring import Scoring

        return Scoring(name)
    if name is Name.following:
        from netanomaly.cli.pipelines.following import Following

        return Following()
    if name is Name.monitoring:
        from netanomaly.cli.pipelines.monitoring import Monitoring

        return Monitoring()
    if name in (Name.tuning, Name.tuning_from_captures):
        from netanomaly.cli.pipelines.tuning import Tuning

        return Tuning(name)
    if name in _TUNED.values():
        from netanomaly.cli.pipelines.tuning import TunedTraining

        return TunedTraining(name)
    from netanomaly.cli.pipelines.training import Training

    return Training(name)


_TUNED = {
    Name.training: Name.training_tuned,
    Name.training_from_captures: Name.training_tuned_from_captures,
}
_FROM_CAPTURES = {
    Name.training: Name.training_from_captures,
    Name.training_tuned: Name.training_tuned_from_captures,
    Name.tuning: Name.tuning_from_captures,
    Name.scoring: Name.scoring_from_captures,
}


def as_wanted(name: Name, document: Mapping[str, Any]) -> Name:
    """Training in its tuned form where the configuration asks for tuning."""
    return _TUNED.get(name, name) if document.get("tuning") is not None else name


def for_sources(name: Name, sources: Iterable[str]) -> Name:
    """The pipeline to run here for a configuration with these sources: of captures, the one that makes flows of them.

    Sources elsewhere are not looked at, and what is wrong with those here is for the pipeline to say.
    """
    from netanomaly.flows import captured
    from netanomaly.flows import sources as data

    with suppress(NetanomalyError, OSError):
        here = [uri for uri in sources if "://" not in uri or uri.startswith("file://")]
        if here and name in _FROM_CAPTURES and captured.kind_of_source(data.resolve(here[:1])) is not None:
            return _FROM_CAPTURES[name]
    return name
