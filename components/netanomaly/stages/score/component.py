"""The score stage as Kubeflow Pipelines sees it: two components of one image."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def score(
    scores: dsl.Output[dsl.Dataset],
    alerts: dsl.Output[dsl.Artifact],
    summary: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    scored: dsl.Output[dsl.Metrics],
    version: dsl.OutputPath(int),
    configuration: dict,
    data_source: str,
    model: str,
    registry: str,
    captured: dsl.Input[dsl.Dataset] = None,
    capture_report: dsl.Input[dsl.Artifact] = None,
):
    """Score traffic with a registered model; never cached, since an alias moves and traffic comes in.

    Args:
        configuration: What to do; netanomaly/config/scoring.py.
        data_source: Over the configuration's field of the name; empty: as there.
        model: The same.
        registry: The same.
        captured: Of a source of captures, the flows that the capture stage made of it.
        capture_report: What they were made of.

    Returns:
        scores: Every row with its score, Parquet.
        alerts: Incidents, one JSON document a line.
        summary: What was scored, and what came of it, JSON.
        report: The same on one page.
        scored: Flows, alerts and incidents.
        version: The version that scored.
    """
    return dsl.ContainerSpec(
        image=image("score"),
        command=["python3", "-m", "netanomaly.stages.score"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )


@dsl.container_component
def score_new(
    alerts: dsl.Output[dsl.Artifact],
    summary: dsl.Output[dsl.Artifact],
    scored: dsl.Output[dsl.Metrics],
    version: dsl.OutputPath(int),
    configuration: dict,
    data_source: str,
    model: str,
    registry: str,
    out: str,
):
    """Score what is new in a folder or prefix since the last run, each record once; never cached.

    Args:
        configuration: What to do; netanomaly/config/scoring.py.
        data_source: Over the configuration's field of the name; empty: as there.
        model: The same.
        registry: The same.
        out: The same: where results and position are kept.

    Returns:
        alerts: Incidents of this run, one JSON document a line.
        summary: What was new, and what is known of the source by now, JSON.
        scored: Files, flows, alerts and incidents of this run.
        version: The version that scored last.
    """
    return dsl.ContainerSpec(
        image=image("score"),
        command=["python3", "-m", "netanomaly.stages.score"],
        args=["new", "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
