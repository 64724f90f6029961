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
    decision: dsl.Output[dsl.Artifact],
    decision_note: dsl.Output[dsl.Markdown],
    verdict: dsl.OutputPath(str),
    label_column: str,
    normal_labels: list,
    gates: dict,
    held_out: str,
    random_state: int,
    registry: str,
    model_name: str,
    champion: str,
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
        registry: URI of the registry that has the champion.
        model_name: The model's name in the registry.
        champion: The champion's version, scored on the same rows; empty: there is none.

    Returns:
        evaluation_metrics: Every figure, JSON.
        metrics: The headline figures.
        classification_metrics: ROC curve and confusion matrix.
        report: The whole on one page.
        decision: promote, keep or reject, with the rule, both results and the reason, JSON.
        decision_note: The decision for people to read.
        verdict: "pass", or "refuse" where a gate failed.
    """
    return dsl.ContainerSpec(
        image=image("evaluate"),
        command=["python3", "-m", "netanomaly.stages.evaluate"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
