"""How the pipelines begin that work on training data: prepare, read both data sets, and check them."""

from dataclasses import dataclass
from typing import Any

from kfp import dsl
from netanomaly.stages.capture.component import capture
from netanomaly.stages.ingest.component import ingest
from netanomaly.stages.prepare.component import prepare
from netanomaly.stages.validate.component import validate

from pipelines.cluster import settle


@dataclass(frozen=True)
class Beginning:
    """What the later stages take.

    Attributes:
        settings: Of each stage, from prepare.
        configuration: As prepare resolved it.
        training, evaluation: The flows of both data sets.
        dossier: From validate.
    """

    settings: Any
    configuration: Any
    training: Any
    evaluation: Any
    dossier: Any


def begin(
    configuration: Any,
    data_source: Any,
    evaluation_data_source: Any,
    model_name: Any,
    model_version: Any,
    registry: Any,
    object_store: Any,
    *,
    captures: bool = False,
) -> Beginning:
    """The tasks, with the pipeline's own parameters; `captures`: flows are made of both sources first."""
    prepared = prepare(
        configuration=configuration,
        data_source=data_source,
        evaluation_data_source=evaluation_data_source,
        model_name=model_name,
        model_version=model_version,
        registry=registry,
        job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
    )
    prepared.set_display_name("Prepare")
    settle("prepare", prepared, object_store)
    prepared.set_caching_options(enable_caching=False)
    settings = prepared.outputs

    training_flows = _captured(settings["capture_training"], "training", object_store) if captures else {}
    training_data = ingest(settings=settings["ingest_training"], **training_flows)
    training_data.set_display_name("Ingest training data")
    settle("ingest", training_data, object_store)

    evaluation_flows = _captured(settings["capture_evaluation"], "evaluation", object_store) if captures else {}
    evaluation_data = ingest(settings=settings["ingest_evaluation"], **evaluation_flows)
    evaluation_data.set_display_name("Ingest evaluation data")
    settle("ingest", evaluation_data, object_store)

    validated = validate(
        training_report=training_data.outputs["ingest_report"],
        evaluation_report=evaluation_data.outputs["ingest_report"],
        settings=settings["validate"],
    )
    validated.set_display_name("Validate data")
    settle("validate", validated, object_store)

    return Beginning(
        settings=settings,
        configuration=prepared.outputs["resolved_configuration"],
        training=training_data.outputs["flows"],
        evaluation=evaluation_data.outputs["flows"],
        dossier=validated.outputs["dossier"],
    )


def _captured(settings: Any, part: str, object_store: str) -> dict[str, Any]:
    """What ingest is given of a source of captures."""
    made = capture(settings=settings, configuration={}, data_source="")
    made.set_display_name(f"Make flows of {part} captures")
    settle("capture", made, object_store)
    return {"captured": made.outputs["flows"], "capture_report": made.outputs["capture_report"]}
