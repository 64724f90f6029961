"""`netanomaly config`: what a configuration may hold."""

import typer

from netanomaly import output
from netanomaly.cli.pipelines import Name, PipelineOption

app = typer.Typer(
    help="What a pipeline configuration may hold.\n\nExample: netanomaly config schema > schema.json",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Keeps `schema` a command of the group."""


@app.command("schema")
def show_schema(pipeline: PipelineOption = Name.training) -> None:
    """Print the JSON Schema of a configuration, by which editors complete and check one ("$schema" names it there).

    Example: netanomaly config schema > netanomaly.schema.json
    """
    from netanomaly.config.schema import monitoring_schema, plain_schema, schema

    if pipeline in (Name.scoring, Name.scoring_from_captures, Name.following):
        from netanomaly.config.scoring import ScoringConfig

        output.say_json(plain_schema(ScoringConfig, "A scoring configuration of netanomaly"))
        return
    from netanomaly.flows import rules
    from netanomaly.metrics import gates
    from netanomaly.models import catalogue

    further = {"validation": rules.schema(), "gates": gates.schema()}
    training = schema(catalogue.schema(), further)
    output.say_json(monitoring_schema(training) if pipeline is Name.monitoring else training)
