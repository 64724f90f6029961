"""The capture stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def capture(
    flows: dsl.Output[dsl.Dataset],
    capture_report: dsl.Output[dsl.Artifact],
    settings: dict,
    configuration: dict,
    data_source: str,
):
    """Make flow records of captures of packets (pcap, pcapng) or of binary NetFlow files (nfcapd).

    Args:
        settings: From prepare; netanomaly/stages/capture/settings.py. Empty in a pipeline without such a stage, which gives the next two.
        configuration: The pipeline's, whose data_source names the captures.
        data_source: Over the configuration's, where not empty.

    Returns:
        flows: The flow events of an eve.json, or nfdump's JSON; a record a line, compressed with Zstandard.
        capture_report: What made them, of which files, packets in no flow, what was amiss; JSON.
    """
    return dsl.ContainerSpec(
        image=image("capture"),
        command=["python3", "-m", "netanomaly.stages.capture"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
