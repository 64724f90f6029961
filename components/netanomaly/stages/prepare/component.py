"""The prepare stage as Kubeflow Pipelines sees it."""

from kfp import dsl

from netanomaly.images import image


@dsl.container_component
def prepare(
    resolved_configuration: dsl.Output[dsl.Artifact],
    run_id: dsl.OutputPath(str),
    model_name: dsl.OutputPath(str),
    training_source: dsl.OutputPath(list),
    training_identity: dsl.OutputPath(str),
    training_part: dsl.OutputPath(str),
    evaluation_source: dsl.OutputPath(list),
    evaluation_identity: dsl.OutputPath(str),
    evaluation_part: dsl.OutputPath(str),
    held_out: dsl.OutputPath(str),
    held_out_fraction: dsl.OutputPath(float),
    split: dsl.OutputPath(dict),
    time_column: dsl.OutputPath(str),
    csv: dsl.OutputPath(dict),
    label_column: dsl.OutputPath(str),
    normal_labels: dsl.OutputPath(list),
    feature_columns: dsl.OutputPath(list),
    categorical_columns: dsl.OutputPath(list),
    ignore_columns: dsl.OutputPath(list),
    validation: dsl.OutputPath(dict),
    model_type: dsl.OutputPath(str),
    model_parameters: dsl.OutputPath(dict),
    training_rows: dsl.OutputPath(str),
    alert_budget: dsl.OutputPath(float),
    alerts_per_day: dsl.OutputPath(float),
    gates: dsl.OutputPath(dict),
    random_state: dsl.OutputPath(int),
    registry: dsl.OutputPath(str),
    aliases: dsl.OutputPath(list),
    champion: dsl.OutputPath(str),
    configuration: dict,
    data_source: str,
    evaluation_data_source: str,
    model_name_override: str,
    model_version: str,
    registry_uri: str,
    job_id: str,
):
    """Check the configuration and resolve everything in it that can change.

    Never cached: sources become digests, the champion a version number, defaults values. Every stage after this
    one is a pure function of what it is given.

    Args:
        configuration: The pipeline configuration, a JSON object.
        data_source: Overrides the configuration's, where not empty.
        evaluation_data_source: Overrides the configuration's, where not empty.
        model_name_override: Overrides the configuration's model_name, where not empty.
        model_version: Overrides the configuration's, where not empty.
        registry_uri: Overrides the configuration's registry, where not empty.
        job_id: The run's id.

    Returns:
        resolved_configuration: The configuration with every default, digest and id filled in, JSON.
        run_id: The run's id.
        model_name: The model's name in the registry.
        training_source: URIs of the training data.
        training_identity: Digest of the training data's bytes.
        training_part: Which rows of the source to train on: all, or those not held out.
        evaluation_source: URIs of the evaluation data.
        evaluation_identity: Digest of the evaluation data's bytes.
        evaluation_part: Which rows of the source to evaluate on: all, or those held out.
        held_out: yes, where evaluation rows are held out of the training source.
        held_out_fraction: Part held out.
        split: How that part is split off: method, gap_seconds, host_columns.
        time_column: The column of points in time; empty: one known by its name, where there is one.
        csv: How CSV sources are laid out.
        label_column: The column that names each row's class, where there is one.
        normal_labels: The classes that are normal traffic; empty: those recognised.
        feature_columns: The columns to learn from; empty: all others.
        categorical_columns: Columns of codes that are categories.
        ignore_columns: Columns to leave out.
        validation: Severities and limits of the data gate.
        model_type: The detector.
        model_parameters: The detector's parameters, defaults filled in.
        training_rows: auto, normal or all.
        alert_budget: Share of normal rows that may raise an alert.
        alerts_per_day: False alarms a day that the threshold is set for; 0: it is set for alert_budget.
        gates: What the model must reach to be registered.
        random_state: Seed of everything random.
        registry: URI of the registry.
        aliases: What the new version is to be called in the registry.
        champion: The registry version that is the champion now; empty: none.
    """
    return dsl.ContainerSpec(
        image=image("prepare"),
        command=["python3", "-m", "netanomaly.stages.prepare"],
        args=["--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER],
    )
