"""The validate stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def validate(
    training_report: dsl.Input[dsl.Artifact],
    evaluation_report: dsl.Input[dsl.Artifact],
    validation_report: dsl.Output[dsl.Artifact],
    data_report: dsl.Output[dsl.HTML],
    verdict: dsl.OutputPath(str),
    validation: dict,
    training_rows: str,
    normal_labels: list,
    held_out: str,
):
    """Judge whether the data is fit to train and to evaluate on. The next stage acts on the verdict.

    Args:
        training_report: Ingest report of the training data.
        evaluation_report: Ingest report of the evaluation data.
        validation: Severities and limits that differ from the defaults.
        training_rows: auto, normal or all.
        normal_labels: The classes that are normal traffic; empty: those recognised.
        held_out: yes, where the evaluation rows were held out of the training source.

    Returns:
        validation_report: Findings and verdict, JSON.
        data_report: The same and a profile of both data sets, for people.
        verdict: pass or refuse.
    """
    return dsl.ContainerSpec(
        image=image("validate"),
        command=["python3", "-m", "netanomaly.stages.validate"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
