"""The describe stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def describe(
    resolved_configuration: dsl.Input[dsl.Artifact],
    training_report: dsl.Input[dsl.Artifact],
    evaluation_report: dsl.Input[dsl.Artifact],
    validation_report: dsl.Input[dsl.Artifact],
    training_summary: dsl.Input[dsl.Artifact],
    evaluation_metrics: dsl.Input[dsl.Artifact],
    model: dsl.Input[dsl.Model],
    model_metadata: dsl.Output[dsl.Artifact],
):
    """Write down how a model came to be: data, configuration, code, metrics, parents.

    Args:
        resolved_configuration: From prepare.
        training_report: Ingest report of the training data.
        evaluation_report: Ingest report of the evaluation data.
        validation_report: From validate.
        training_summary: From train.
        evaluation_metrics: From evaluate.
        model: The model file; its digest is recorded.

    Returns:
        model_metadata: One JSON document.
    """
    return dsl.ContainerSpec(
        image=image("describe"),
        command=["python3", "-m", "netanomaly.stages.describe"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
