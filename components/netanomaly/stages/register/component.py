"""The register stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def register(
    model: dsl.Input[dsl.Model],
    report: dsl.Input[dsl.HTML],
    dossier: dsl.Input[dsl.Artifact],
    configuration: dsl.Input[dsl.Artifact],
    model_metadata: dsl.Output[dsl.Artifact],
    registration: dsl.Output[dsl.Artifact],
    registered: dsl.Output[dsl.Metrics],
    version: dsl.OutputPath(int),
    settings: dict,
    task_name: str,
    tuning_report: dsl.Input[dsl.HTML] = None,
):
    """Make the model a version in the registry, once, however often this is tried; never cached.

    Args:
        model: The model file.
        report: The evaluation report, kept beside the model.
        dossier: From evaluate; a verdict other than "pass" in it ends this stage with exit code 4. Its decision says
            whether the version becomes champion, if the one it was compared with still is.
        configuration: The resolved configuration, from prepare.
        settings: From prepare; netanomaly/stages/register/settings.py.
        task_name: This task's name; with the run's id, what makes a retry the same registration.
        tuning_report: Of a run that searched for hyper-parameters, what came of it, for people; kept beside the model, too.

    Returns:
        model_metadata: How the model came to be: data, configuration, code, metrics, parents; JSON.
        registration: The registry's record of this version, JSON.
        registered: The version's number, and 1 where it became champion.
        version: The version's number.
    """
    return dsl.ContainerSpec(
        image=image("register"),
        command=["python3", "-m", "netanomaly.stages.register"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
