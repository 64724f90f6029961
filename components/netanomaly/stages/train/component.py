"""The train stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def train(
    flows: dsl.Input[dsl.Dataset],
    dossier_before: dsl.Input[dsl.Artifact],
    model: dsl.Output[dsl.Model],
    dossier: dsl.Output[dsl.Artifact],
    settings: dict,
):
    """Fit a detector and calibrate its thresholds; refuse where the data gate refused.

    Args:
        flows: The training data, Parquet of the flow contract.
        dossier_before: From validate; a verdict of "refuse" in it ends this stage with exit code 4.
        settings: From prepare; netanomaly/stages/train/settings.py.

    Returns:
        model: One joblib file: schema, preprocessing, detector, thresholds, versions.
        dossier: The dossier with what was fitted on what, and the model's digest.
    """
    return dsl.ContainerSpec(
        image=image("train"),
        command=["python3", "-m", "netanomaly.stages.train"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
