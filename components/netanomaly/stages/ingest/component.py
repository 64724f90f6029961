"""The ingest stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def ingest(
    flows: dsl.Output[dsl.Dataset],
    ingest_report: dsl.Output[dsl.Artifact],
    source: list,
    identity: str,
    csv: dict,
    label_column: str,
    feature_columns: list,
    categorical_columns: list,
    ignore_columns: list,
    normal_labels: list,
    part: str,
    held_out_fraction: float,
    random_state: int,
    split: dict,
    time_column: str,
):
    """Read one data source, CSV or Parquet, into one typed Parquet file.

    Args:
        source: URIs of files, folders or globs.
        identity: Digest the source's bytes must have, from prepare; empty: any.
        csv: How CSV files are laid out: header, columns, delimiter.
        label_column: The column that names each row's class, where there is one.
        feature_columns: The columns to keep; empty: all but the label and the ignored ones.
        categorical_columns: Columns of codes that are categories.
        ignore_columns: Columns to leave out.
        normal_labels: The classes that are normal traffic; empty: those recognised.
        part: all rows, or one side of the hold-out split: training or evaluation.
        held_out_fraction: Part of the rows on the evaluation side.
        random_state: Seed of the split and of the profile's sample.
        split: How a held-out part is split off: method (auto, time, random, host), gap_seconds (null: by the time
            spanned) and host_columns (empty: those known by name).
        time_column: The column of points in time; empty: one known by its name, where there is one.

    Returns:
        flows: The rows, Parquet: numbers as doubles, categories and the class as text.
        ingest_report: Files, rows read, dropped and repaired by reason, classes, a profile of each column; JSON.
    """
    return dsl.ContainerSpec(
        image=image("ingest"),
        command=["python3", "-m", "netanomaly.stages.ingest"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
