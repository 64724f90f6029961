"""The monitoring pipeline: a window of traffic and a registered model in, a verdict out, and a training where it is due."""

from kfp import dsl
from netanomaly.stages.monitor.component import monitor

from pipelines.cluster import OBJECT_STORE, settle
from pipelines.training import training

EXAMPLE = {
    "model": "office",
    "data_source": "s3://netanomaly/logs/yesterday/*.log",
    "registry": "s3://netanomaly/registry",
    "retrain_when": ["network changed", "decay"],
    "training": {"alert_budget": 0.001},
}
_DESCRIPTION = """\
Judge a window of traffic by what was usual in training: quiet, sensor changed, hosts changed, network changed, decay, too little
data. Where the configuration wants it, train again, at most once for each window.

Parameters of a run:
- configuration: what to do, a JSON object; model, data_source and registry, all else has defaults
- data_source, model, registry: over the configuration's field of the name; empty: as there
- object_store: the Secret and the ConfigMap of the object store, in the run's namespace
"""


@dsl.pipeline(
    name="netanomaly-monitoring", display_name="Watch a detector, and train it again", description=_DESCRIPTION
)
def monitoring(
    configuration: dict = EXAMPLE,
    data_source: str = "",
    model: str = "",
    registry: str = "",
    object_store: str = OBJECT_STORE,
) -> str:
    """Judge a window of traffic, and train again where it is due.

    Args:
        configuration: What to do, a JSON object. Smallest useful one: {"model": "office", "data_source":
            "s3://bucket/conn.log", "registry": "s3://bucket/registry"}. Every other field has a default.
        data_source: The window: a URI of a file, a folder or a glob. Empty: as in the configuration.
        model: A name (its champion), name@alias or name:version. Empty: as in the configuration.
        registry: Where the model is registered. Empty: as in the configuration.
        object_store: Name of the Secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and of the ConfigMap
            (S3_ENDPOINT_URL, AWS_REGION) of the object store, in the run's namespace. Either may be absent. Only a
            cluster asks for them.

    Returns:
        The verdict in a word.
    """
    watched = monitor(
        configuration=configuration,
        data_source=data_source,
        model=model,
        registry=registry,
        job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
    )
    watched.set_display_name("Monitor")
    settle("monitor", watched, object_store)
    watched.set_caching_options(enable_caching=False)
    with dsl.If(watched.outputs["retrain"] == "yes", name="retrain"):
        # Defaults of a pipeline inside another are not passed on by KFP's back end.
        again = training(
            configuration=watched.outputs["training"],
            data_source="",
            evaluation_data_source="",
            model_name="",
            model_version="",
            registry="",
            object_store=object_store,
        )
        again.set_display_name("Train again")
    return watched.outputs["found"]
