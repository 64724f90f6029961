"""The track stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def track(
    dossier: dsl.Input[dsl.Artifact],
    configuration: dsl.Input[dsl.Artifact],
    tracked: dsl.Output[dsl.Artifact],
    settings: dict,
    register_task: str,
    tuning: dsl.Input[dsl.Artifact] = None,
    tuning_report: dsl.Input[dsl.HTML] = None,
    report: dsl.Input[dsl.HTML] = None,
):
    """Show the run in MLflow: configuration, data, figures, report; never cached, and never a reason for a run to fail.

    Beside register, not after it: a run that a gate refuses is shown, too. The version that register makes meanwhile is
    looked up in the registry.

    Args:
        dossier: From evaluate; of a search alone, from select.
        configuration: The resolved configuration, from prepare.
        settings: From prepare; netanomaly/stages/track/settings.py.
        register_task: Name of the task that registers this run's model; empty where none does.
        tuning: Of a run that searched for hyper-parameters, the search, whose trials are shown below the run.
        tuning_report: The same for people.
        report: The evaluation report; none where nothing was trained.

    Returns:
        tracked: Where the run is in MLflow, or why it is not, JSON.
    """
    return dsl.ContainerSpec(
        image=image("track"),
        command=["python3", "-m", "netanomaly.stages.track"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
