"""The evaluate stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def evaluate(
    model: dsl.Input[dsl.Model],
    flows: dsl.Input[dsl.Dataset],
    training_report: dsl.Input[dsl.Artifact],
    evaluation_report: dsl.Input[dsl.Artifact],
    validation_report: dsl.Input[dsl.Artifact],
    training_summary: dsl.Input[dsl.Artifact],
    configuration: dsl.Input[dsl.Artifact],
    evaluation_metrics: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    classification_metrics: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
    verdict: dsl.OutputPath(str),
    label_column: str,
    normal_labels: list,
    gates: dict,
    held_out: str,
    random_state: int,
):
    """Judge a model on rows it was not fitted on, with labels or without.

    Args:
        model: The model file of the train stage.
        flows: The evaluation data, Parquet of the flow contract.
        training_report: What ingest found in the training data, JSON.
        evaluation_report: What ingest found in the evaluation data, JSON.
        validation_report: What the data gate found, JSON.
        training_summary: What was fitted on what, JSON.
        configuration: The resolved configuration, JSON.
        label_column: The column that names each row's class, where the data has it.
        normal_labels: Class names that are normal; empty for the usual ones.
        gates: Limits to keep, e.g. {"min_roc_auc": 0.9}.
        held_out: "yes" where the evaluation rows were held out of the training source, else "no".
        random_state: Seed of the bootstrap.

    Returns:
        evaluation_metrics: Every figure, JSON.
        metrics: The headline figures.
        classification_metrics: ROC curve and confusion matrix.
        report: The whole on one page.
        verdict: "pass", or "refuse" where a gate failed.
    """
    return dsl.ContainerSpec(
        image=image("evaluate"),
        command=["python3", "-m", "netanomaly.evaluate"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
