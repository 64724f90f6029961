"""The ingest stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def ingest(
    flows: dsl.Output[dsl.Dataset],
    ingest_report: dsl.Output[dsl.Artifact],
    settings: dict,
    captured: dsl.Input[dsl.Dataset] = None,
    capture_report: dsl.Input[dsl.Artifact] = None,
):
    """Read one data source, CSV or Parquet, into one typed Parquet file.

    Args:
        settings: From prepare; netanomaly/stages/ingest/settings.py.
        captured: Of a source of captures, the flows that the capture stage made of it.
        capture_report: What they were made of.

    Returns:
        flows: The rows, Parquet: numbers as doubles, categories and the class as text.
        ingest_report: Files, rows read, dropped and repaired by reason, classes, a profile of each column; JSON.
    """
    return dsl.ContainerSpec(
        image=image("ingest"),
        command=["python3", "-m", "netanomaly.stages.ingest"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
