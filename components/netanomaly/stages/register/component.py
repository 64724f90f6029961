"""The register stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def register(
    model: dsl.Input[dsl.Model],
    model_metadata: dsl.Input[dsl.Artifact],
    evaluation_metrics: dsl.Input[dsl.Artifact],
    report: dsl.Input[dsl.HTML],
    decision: dsl.Input[dsl.Artifact],
    registration: dsl.Output[dsl.Artifact],
    registered: dsl.Output[dsl.Metrics],
    version: dsl.OutputPath(int),
    registry: str,
    model_name: str,
    run_id: str,
    task_name: str,
    quality_verdict: str,
    aliases: list,
):
    """Make the model a version in the registry, once, however often this is tried; never cached.

    Args:
        model: The model file.
        model_metadata: From describe.
        evaluation_metrics: From evaluate; names the gates that refused.
        report: The evaluation report, kept beside the model.
        decision: From evaluate; promote makes the version champion if the one it was compared with still is.
        registry: URI of the registry.
        model_name: The model's name in the registry.
        run_id: With task_name, what makes a retry the same registration.
        task_name: This task's name.
        quality_verdict: pass, or nothing is registered.
        aliases: Further names for the new version, e.g. staging; whether it becomes champion is for the decision to say.

    Returns:
        registration: The registry's record of this version, JSON.
        registered: The version's number, and 1 where it became champion.
        version: The version's number.
    """
    return dsl.ContainerSpec(
        image=image("register"),
        command=["python3", "-m", "netanomaly.stages.register"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
