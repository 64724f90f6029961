"""The training pipeline: traffic records in, a registered anomaly detector out."""

from kfp import dsl
from netanomaly.stages.describe.component import describe
from netanomaly.stages.evaluate.component import evaluate
from netanomaly.stages.ingest.component import ingest
from netanomaly.stages.prepare.component import prepare
from netanomaly.stages.register.component import register
from netanomaly.stages.train.component import train
from netanomaly.stages.validate.component import validate

from pipelines.cluster import OBJECT_STORE, settle


@dsl.pipeline(
    name="netanomaly-training",
    display_name="Train a network anomaly detector",
    description="Ingest traffic records, check them, train a detector, evaluate it and register it as a new version.",
)
def training(
    configuration: dict,
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
    prepared = prepare(
        configuration=configuration,
        data_source=data_source,
        evaluation_data_source=evaluation_data_source,
        model_name_override=model_name,
        model_version=model_version,
        registry_uri=registry,
        job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
    )
    prepared.set_display_name("Prepare")
    settle("prepare", prepared, object_store)
    prepared.set_caching_options(enable_caching=False)
    resolved = prepared.outputs

    def ingested(dataset: str) -> dsl.PipelineTask:
        task = ingest(
            source=resolved[f"{dataset}_source"],
            identity=resolved[f"{dataset}_identity"],
            part=resolved[f"{dataset}_part"],
            csv=resolved["csv"],
            label_column=resolved["label_column"],
            normal_labels=resolved["normal_labels"],
            feature_columns=resolved["feature_columns"],
            categorical_columns=resolved["categorical_columns"],
            ignore_columns=resolved["ignore_columns"],
            held_out_fraction=resolved["held_out_fraction"],
            random_state=resolved["random_state"],
            split=resolved["split"],
            time_column=resolved["time_column"],
        )
        settle("ingest", task, object_store)
        return task.set_display_name(f"Ingest {dataset} data")

    training_data = ingested("training")
    evaluation_data = ingested("evaluation")

    validated = validate(
        training_report=training_data.outputs["ingest_report"],
        evaluation_report=evaluation_data.outputs["ingest_report"],
        validation=resolved["validation"],
        training_rows=resolved["training_rows"],
        normal_labels=resolved["normal_labels"],
        held_out=resolved["held_out"],
    )
    validated.set_display_name("Validate data")
    settle("validate", validated, object_store)

    trained = train(
        flows=training_data.outputs["flows"],
        validation_report=validated.outputs["validation_report"],
        data_verdict=validated.outputs["verdict"],
        model_type=resolved["model_type"],
        model_parameters=resolved["model_parameters"],
        label_column=resolved["label_column"],
        normal_labels=resolved["normal_labels"],
        training_rows=resolved["training_rows"],
        categorical_columns=resolved["categorical_columns"],
        alert_budget=resolved["alert_budget"],
        alerts_per_day=resolved["alerts_per_day"],
        random_state=resolved["random_state"],
    )
    trained.set_display_name("Train")
    settle("train", trained, object_store)

    evaluated = evaluate(
        model=trained.outputs["model"],
        flows=evaluation_data.outputs["flows"],
        training_report=training_data.outputs["ingest_report"],
        evaluation_report=evaluation_data.outputs["ingest_report"],
        validation_report=validated.outputs["validation_report"],
        training_summary=trained.outputs["training_summary"],
        configuration=resolved["resolved_configuration"],
        label_column=resolved["label_column"],
        normal_labels=resolved["normal_labels"],
        gates=resolved["gates"],
        held_out=resolved["held_out"],
        random_state=resolved["random_state"],
        registry=resolved["registry"],
        model_name=resolved["model_name"],
        champion=resolved["champion"],
    )
    evaluated.set_display_name("Evaluate")
    settle("evaluate", evaluated, object_store)

    described = describe(
        resolved_configuration=resolved["resolved_configuration"],
        training_report=training_data.outputs["ingest_report"],
        evaluation_report=evaluation_data.outputs["ingest_report"],
        validation_report=validated.outputs["validation_report"],
        training_summary=trained.outputs["training_summary"],
        evaluation_metrics=evaluated.outputs["evaluation_metrics"],
        model=trained.outputs["model"],
    )
    described.set_display_name("Describe")
    settle("describe", described, object_store)

    registered = register(
        model=trained.outputs["model"],
        model_metadata=described.outputs["model_metadata"],
        evaluation_metrics=evaluated.outputs["evaluation_metrics"],
        report=evaluated.outputs["report"],
        decision=evaluated.outputs["decision"],
        registry=resolved["registry"],
        model_name=resolved["model_name"],
        run_id=resolved["run_id"],
        task_name=dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
        quality_verdict=evaluated.outputs["verdict"],
        aliases=resolved["aliases"],
    )
    registered.set_display_name("Register")
    settle("register", registered, object_store)
    registered.set_caching_options(enable_caching=False)
    return registered.outputs["version"]
