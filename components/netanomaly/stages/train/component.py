"""The train stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def train(
    flows: dsl.Input[dsl.Dataset],
    validation_report: dsl.Input[dsl.Artifact],
    model: dsl.Output[dsl.Model],
    training_summary: dsl.Output[dsl.Artifact],
    data_verdict: str,
    model_type: str,
    model_parameters: dict,
    label_column: str,
    normal_labels: list,
    training_rows: str,
    categorical_columns: list,
    alert_budget: float,
    alerts_per_day: float,
    random_state: int,
):
    """Fit a detector and calibrate its thresholds; refuse where the data gate refused.

    Args:
        flows: The training data, Parquet of the flow contract.
        validation_report: What the data gate found, JSON.
        data_verdict: The data gate's verdict; "refuse" ends this stage with exit code 4.
        model_type: The detector, e.g. "isolation_forest".
        model_parameters: The detector's parameters; what is left out has its default.
        label_column: The column that names each row's class, where the data has it.
        normal_labels: Class names that are normal; empty for the usual ones.
        training_rows: "normal", "all", or "auto": normal rows where the data has labels, else all.
        categorical_columns: Columns of codes to treat as categories, beside those that hold text.
        alert_budget: False-positive rate that the threshold is to keep, over 0 and under 1.
        alerts_per_day: False alarms a day that the threshold is to keep, in place of alert_budget; 0: none asked for.
        random_state: Seed of every random choice.

    Returns:
        model: One joblib file: schema, preprocessing, detector, thresholds, versions.
        training_summary: What was fitted on what, JSON.
    """
    return dsl.ContainerSpec(
        image=image("train"),
        command=["python3", "-m", "netanomaly.stages.train"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
