"""The monitor stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def monitor(
    verdict: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    monitored: dsl.Output[dsl.Metrics],
    found: dsl.OutputPath(str),
    retrain: dsl.OutputPath(str),
    training: dsl.OutputPath(dict),
    configuration: dict,
    data_source: str,
    model: str,
    registry: str,
    job_id: str,
):
    """Judge a window of traffic by what was usual in training; never cached, since it appends to a history.

    Args:
        configuration: What to do; netanomaly/config/monitoring.py.
        data_source: Over the configuration's field of the name; empty: as there.
        model: The same.
        registry: The same.
        job_id: The run's id: that which retrains for a window, once.

    Returns:
        verdict: What changed and what to do, JSON.
        report: The same on one page.
        monitored: Flows, alerts, the farthest distance.
        found: The verdict in a word: quiet, sensor changed, hosts changed, network changed, decay, too little data.
        retrain: yes or no.
        training: The configuration of the training, where it is yes.
    """
    return dsl.ContainerSpec(
        image=image("monitor"),
        command=["python3", "-m", "netanomaly.stages.monitor"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
