"""The tune stage as Kubeflow Pipelines sees it: four components of one image."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def tune_plan(
    flows: dsl.Input[dsl.Dataset],
    dossier_before: dsl.Input[dsl.Artifact],
    rows: dsl.Output[dsl.Dataset],
    shared: dsl.Output[dsl.Artifact],
    search: dsl.Output[dsl.Artifact],
    lanes: dsl.OutputPath(list[dict]),
    settings: dict,
):
    """Lay the folds, judge the defaults on them, and ask for the first trials.

    Args:
        flows: The training data, Parquet of the flow contract.
        dossier_before: From validate; a verdict of "refuse" in it ends this stage with exit code 4.
        settings: From prepare; netanomaly/stages/tune/settings.py.

    Returns:
        rows: The sample of rows that trials work on, Parquet.
        shared: The folds and the defaults' scores, arrays.
        search: What is searched by what, JSON.
        lanes: The trials of the first round, one list for each task that is to run.
    """
    return dsl.ContainerSpec(
        image=image("tune"),
        command=["python3", "-m", "netanomaly.stages.tune"],
        args=["plan", "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def tune_trial(
    rows: dsl.Input[dsl.Dataset],
    shared: dsl.Input[dsl.Artifact],
    search: dsl.Input[dsl.Artifact],
    result: dsl.OutputPath(dict),
    lane: dict,
):
    """Try the candidates of one lane, one after the other. No candidate makes it fail.

    Args:
        rows: From plan.
        shared: From plan.
        search: From plan.
        lane: The trials.

    Returns:
        result: What became of each.
    """
    return dsl.ContainerSpec(
        image=image("tune"),
        command=["python3", "-m", "netanomaly.stages.tune"],
        args=["trial", "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def tune_suggest(
    search_before: dsl.Input[dsl.Artifact],
    search: dsl.Output[dsl.Artifact],
    lanes: dsl.OutputPath(list[dict]),
    results: list,
    settings: dict,
):
    """Take in a round's trials, and ask for those of the next.

    Args:
        search_before: From plan, or from the round before.
        results: Of the lanes of the last round.
        settings: From prepare; netanomaly/stages/tune/settings.py.

    Returns:
        search: With these trials in it, JSON.
        lanes: The trials of the next round.
    """
    return dsl.ContainerSpec(
        image=image("tune"),
        command=["python3", "-m", "netanomaly.stages.tune"],
        args=["suggest", "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def tune_select(
    rows: dsl.Input[dsl.Dataset],
    shared: dsl.Input[dsl.Artifact],
    search: dsl.Input[dsl.Artifact],
    dossier_before: dsl.Input[dsl.Artifact],
    tuning: dsl.Output[dsl.Artifact],
    tuning_report: dsl.Output[dsl.HTML],
    tuning_metrics: dsl.Output[dsl.Metrics],
    dossier: dsl.Output[dsl.Artifact],
    train: dsl.OutputPath(dict),
    outcome: dsl.OutputPath(str),
    results: list,
    settings: dict,
):
    """Choose the best candidate, or keep the defaults, and check the choice on what the search never saw.

    Args:
        rows: From plan.
        shared: From plan.
        search: From the last round.
        dossier_before: From validate.
        results: Of the lanes of the last round.
        settings: Of train, from prepare: what is trained where the defaults are kept.

    Returns:
        tuning: The whole search and what came of it, JSON.
        tuning_report: The same for people.
        tuning_metrics: Recall of the defaults and of the choice.
        dossier: With what the search was, how, and on what.
        train: The settings of train, with what was chosen.
        outcome: tuned or defaults_kept.
    """
    return dsl.ContainerSpec(
        image=image("tune"),
        command=["python3", "-m", "netanomaly.stages.tune"],
        args=["select", "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
