"""A pipeline of one small task that looks whether a cluster is set up for the others: `netanomaly doctor --kfp`."""

from kfp import dsl
from netanomaly.images import image

from pipelines.cluster import OBJECT_STORE, settle


@dsl.container_component
def check(registry: str, object_store: str):  # noqa: ARG001 - read by the container
    """Look at the pod, the Secret, the ConfigMap, the bucket and the registry.

    Args:
        registry: URI of the registry that models will go to.
        object_store: Name of the Secret and of the ConfigMap of the object store, for messages.
    """
    return dsl.ContainerSpec(
        image=image("register"),
        command=["python3", "-m", "netanomaly.stages.register.check"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.pipeline(
    name="netanomaly-doctor",
    display_name="Check an installation of netanomaly",
    description="Looks whether stages may start here, reach the object store and write a registry. Makes no model.",
)
def doctor(registry: str = "s3://netanomaly/registry", object_store: str = OBJECT_STORE) -> None:
    """Check an installation.

    Args:
        registry: URI of the registry that models will go to.
        object_store: Name of the Secret and of the ConfigMap of the object store, in the run's namespace.
    """
    task = check(registry=registry, object_store=object_store)
    task.set_display_name("Check")
    task.set_caching_options(enable_caching=False)
    settle("check", task, object_store)
