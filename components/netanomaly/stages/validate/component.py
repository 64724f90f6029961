"""The validate stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def validate(
    training_report: dsl.Input[dsl.Artifact],
    evaluation_report: dsl.Input[dsl.Artifact],
    dossier: dsl.Output[dsl.Artifact],
    data_report: dsl.Output[dsl.HTML],
    settings: dict,
):
    """Judge whether the data is fit to train and to evaluate on. The next stage acts on the verdict.

    Args:
        training_report: Ingest report of the training data.
        evaluation_report: Ingest report of the evaluation data.
        settings: From prepare; netanomaly/stages/validate/settings.py.

    Returns:
        dossier: Both ingest reports, findings and verdict; JSON to which each later stage adds a section.
        data_report: Findings and a profile of both data sets, for people.
    """
    return dsl.ContainerSpec(
        image=image("validate"),
        command=["python3", "-m", "netanomaly.stages.validate"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
