"""The deploy stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def deploy(
    registration: dsl.Input[dsl.Artifact],
    deployment: dsl.Output[dsl.Artifact],
    settings: dict,
):
    """Serve the registered version in a Kubernetes cluster, if it became champion; never cached.

    It is proven by its smoke rows, whose scores have to come back bit for bit; where that fails, what was served before is
    served again, and this stage fails.

    Args:
        registration: From register: the version, and whether it became champion.
        settings: From prepare; netanomaly/stages/deploy/settings.py.

    Returns:
        deployment: What is served where, and what was before; or why nothing was deployed. JSON.
    """
    return dsl.ContainerSpec(
        image=image("deploy"),
        command=["python3", "-m", "netanomaly.stages.deploy"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
