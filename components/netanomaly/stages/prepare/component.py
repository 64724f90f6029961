"""The prepare stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def prepare(
    resolved_configuration: dsl.Output[dsl.Artifact],
    capture_training: dsl.OutputPath(dict),
    capture_evaluation: dsl.OutputPath(dict),
    ingest_training: dsl.OutputPath(dict),
    ingest_evaluation: dsl.OutputPath(dict),
    validate: dsl.OutputPath(dict),
    tune: dsl.OutputPath(dict),
    train: dsl.OutputPath(dict),
    evaluate: dsl.OutputPath(dict),
    register: dsl.OutputPath(dict),
    track: dsl.OutputPath(dict),
    deploy: dsl.OutputPath(dict),
    deploys: dsl.OutputPath(str),
    configuration: dict,
    data_source: str,
    evaluation_data_source: str,
    model_name: str,
    model_version: str,
    registry: str,
    job_id: str,
):
    """Check the configuration and resolve everything in it that can change.

    Never cached: sources become digests, the champion a version number, defaults values. Every stage after this
    one is a pure function of what it is given: one settings document, of nothing but what it uses.

    Args:
        configuration: The pipeline configuration, a JSON object.
        data_source: Overrides the configuration's, where not empty.
        evaluation_data_source: Overrides the configuration's, where not empty.
        model_name: Overrides the configuration's, where not empty.
        model_version: Overrides the configuration's, where not empty.
        registry: Overrides the configuration's, where not empty.
        job_id: The run's id.

    Returns:
        resolved_configuration: The configuration with every default, digest and id filled in, JSON.
        capture_training: Settings for making flows of the training data, where that is captures of packets.
        capture_evaluation: Settings for making flows of the evaluation data.
        ingest_training: Settings for reading the training data.
        ingest_evaluation: Settings for reading the evaluation data.
        validate: Settings of validate.
        tune: Settings of tune.
        train: Settings of train.
        evaluate: Settings of evaluate.
        register: Settings of register.
        track: Settings of track.
        deploy: Settings of deploy; empty where nothing is deployed.
        deploys: Whether a new champion is deployed: yes or no.
    """
    return dsl.ContainerSpec(
        image=image("prepare"),
        command=["python3", "-m", "netanomaly.stages.prepare"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
