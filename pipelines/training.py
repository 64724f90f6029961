"""The training pipeline: traffic records in, a registered anomaly detector out."""

from typing import Any

from kfp import dsl
from netanomaly.stages.evaluate.component import evaluate
from netanomaly.stages.register.component import register
from netanomaly.stages.train.component import train

from pipelines.beginning import Beginning, begin
from pipelines.cluster import OBJECT_STORE, settle
from pipelines.tuning import search

# The run form shows names and defaults alone: the default is an example to write over, the description the rest.
EXAMPLE = {
    "model_name": "office",
    "data_source": "s3://netanomaly/data/flows.csv",
    "registry": "s3://netanomaly/registry",
    "alert_budget": 0.001,
}
_DESCRIPTION = """\
Ingest traffic records, check them, train a detector, evaluate it and register it as a new version.

Parameters of a run:
- configuration: what to do, a JSON object; model_name, data_source and registry, all else has defaults
- data_source, evaluation_data_source, model_name, model_version, registry: over the configuration's field of the name;
  empty: as there
- object_store: the Secret and the ConfigMap of the object store, in the run's namespace
"""

TUNED_EXAMPLE = {**EXAMPLE, "tuning": {"trials": 32, "parallelism": 4}}
_TUNED_DESCRIPTION = _DESCRIPTION.replace("train a detector", "search for its hyper-parameters, train a detector")


def _trained(begun: Beginning, dossier: Any, train_settings: Any, object_store: str) -> Any:
    """The tasks from train on; returns the number of the registered version."""
    trained = train(flows=begun.training, dossier_before=dossier, settings=train_settings)
    trained.set_display_name("Train")
    settle("train", trained, object_store)

    evaluated = evaluate(
        model=trained.outputs["model"],
        flows=begun.evaluation,
        dossier_before=trained.outputs["dossier"],
        settings=begun.settings["evaluate"],
    )
    evaluated.set_display_name("Evaluate")
    settle("evaluate", evaluated, object_store)

    registered = register(
        model=trained.outputs["model"],
        report=evaluated.outputs["report"],
        dossier=evaluated.outputs["dossier"],
        configuration=begun.configuration,
        settings=begun.settings["register"],
        task_name=dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
    )
    registered.set_display_name("Register")
    settle("register", registered, object_store)
    registered.set_caching_options(enable_caching=False)
    return registered.outputs["version"]


@dsl.pipeline(
    name="netanomaly-training",
    display_name="Train a network anomaly detector",
    description=_DESCRIPTION,
)
def training(
    configuration: dict = EXAMPLE,
    data_source: str = "",
    evaluation_data_source: str = "",
    model_name: str = "",
    model_version: str = "",
    registry: str = "",
    object_store: str = OBJECT_STORE,
) -> int:
    """Train, evaluate and register an anomaly detector.

    Args:
        configuration: What to do, a JSON object. Smallest useful one: {"model_name": "office",
            "data_source": "s3://bucket/flows.csv"}. Every other field has a default.
        data_source: Training data: a URI of a file, a folder or a glob. Empty: as in the configuration.
        evaluation_data_source: Evaluation data. Empty: as in the configuration; none there: part of the training data
            is held out.
        model_name: The model to register a version of. Empty: as in the configuration.
        model_version: Your own name for this version, e.g. 1.2.0. Empty: as in the configuration.
        registry: Where models are registered, e.g. s3://bucket/registry. Empty: as in the configuration.
        object_store: Name of the Secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and of the ConfigMap
            (S3_ENDPOINT_URL, AWS_REGION) of the object store, in the run's namespace. Either may be absent. Only a
            cluster asks for them.

    Returns:
        The number of the registered version.
    """
    begun = begin(configuration, data_source, evaluation_data_source, model_name, model_version, registry, object_store)
    return _trained(begun, begun.dossier, begun.settings["train"], object_store)


@dsl.pipeline(
    name="netanomaly-training-tuned",
    display_name="Tune and train a network anomaly detector",
    description=_TUNED_DESCRIPTION,
)
def training_tuned(
    configuration: dict = TUNED_EXAMPLE,
    data_source: str = "",
    evaluation_data_source: str = "",
    model_name: str = "",
    model_version: str = "",
    registry: str = "",
    object_store: str = OBJECT_STORE,
) -> int:
    """Search for hyper-parameters, then train, evaluate and register an anomaly detector.

    Args:
        configuration: What to do, a JSON object. Smallest useful one: {"model_name": "office",
            "data_source": "s3://bucket/flows.csv"}. Every other field has a default.
        data_source: Training data: a URI of a file, a folder or a glob. Empty: as in the configuration.
        evaluation_data_source: Evaluation data. Empty: as in the configuration; none there: part of the training data
            is held out.
        model_name: The model to register a version of. Empty: as in the configuration.
        model_version: Your own name for this version, e.g. 1.2.0. Empty: as in the configuration.
        registry: Where models are registered, e.g. s3://bucket/registry. Empty: as in the configuration.
        object_store: Name of the Secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and of the ConfigMap
            (S3_ENDPOINT_URL, AWS_REGION) of the object store, in the run's namespace. Either may be absent. Only a
            cluster asks for them.

    Returns:
        The number of the registered version.
    """
    begun = begin(configuration, data_source, evaluation_data_source, model_name, model_version, registry, object_store)
    found = search(begun.training, begun.dossier, begun.settings["tune"], begun.settings["train"], object_store)
    return _trained(begun, found.dossier, found.train, object_store)
