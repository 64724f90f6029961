"""The evaluate stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def evaluate(
    model: dsl.Input[dsl.Model],
    flows: dsl.Input[dsl.Dataset],
    dossier_before: dsl.Input[dsl.Artifact],
    dossier: dsl.Output[dsl.Artifact],
    evaluation_metrics: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    classification_metrics: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
    decision_note: dsl.Output[dsl.Markdown],
    settings: dict,
):
    """Judge a model on rows it was not fitted on, with labels or without.

    Args:
        model: The model file of the train stage.
        flows: The evaluation data, Parquet of the flow contract.
        dossier_before: From train.
        settings: From prepare; netanomaly/stages/evaluate/settings.py.

    Returns:
        dossier: The dossier with every figure, the verdict, and the decision: promote, keep or reject, and why.
        evaluation_metrics: Every figure, JSON, for people and other programs.
        metrics: The headline figures.
        classification_metrics: ROC curve and confusion matrix.
        report: The whole on one page.
        decision_note: The decision for people to read.
    """
    return dsl.ContainerSpec(
        image=image("evaluate"),
        command=["python3", "-m", "netanomaly.stages.evaluate"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
