"""The scoring pipeline: traffic and a registered model in, scores and incidents out.

One task: each costs about twenty seconds of pods on a small node, whatever it does, and this runs every hour.
"""

from collections.abc import Callable

from kfp import dsl
from netanomaly.stages.capture.component import capture
from netanomaly.stages.score.component import score, score_new

from pipelines.cluster import OBJECT_STORE, settle

EXAMPLE = {
    "model": "office",
    "data_source": "s3://netanomaly/logs/conn.log",
    "registry": "s3://netanomaly/registry",
}
_DESCRIPTION = """\
Score traffic with a registered model, and make incidents of what stands out.

Parameters of a run:
- configuration: what to do, a JSON object; model, data_source and registry, all else has defaults
- data_source, model, registry: over the configuration's field of the name; empty: as there
- object_store: the Secret and the ConfigMap of the object store, in the run's namespace
"""


def _defined(*, captures: bool) -> Callable[..., int]:
    def scoring(
        configuration: dict = EXAMPLE,
        data_source: str = "",
        model: str = "",
        registry: str = "",
        object_store: str = OBJECT_STORE,
    ) -> int:
        """Score traffic with a registered model.

        Args:
            configuration: What to do, a JSON object. Smallest useful one: {"model": "office", "data_source":
                "s3://bucket/conn.log", "registry": "s3://bucket/registry"}. Every other field has a default.
            data_source: What to score: a URI of a file, a folder or a glob. Empty: as in the configuration.
            model: A name (its champion), name@alias or name:version. Empty: as in the configuration.
            registry: Where the model is registered. Empty: as in the configuration.
            object_store: Name of the Secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and of the ConfigMap
                (S3_ENDPOINT_URL, AWS_REGION) of the object store, in the run's namespace. Either may be absent. Only a
                cluster asks for them.

        Returns:
            The number of the version that scored.
        """
        flows = {}
        if captures:
            made = capture(settings={}, configuration=configuration, data_source=data_source)
            made.set_display_name("Make flows of captures")
            settle("capture", made, object_store)
            made.set_caching_options(enable_caching=False)
            flows = {"captured": made.outputs["flows"], "capture_report": made.outputs["capture_report"]}
        scored = score(configuration=configuration, data_source=data_source, model=model, registry=registry, **flows)
        scored.set_display_name("Score")
        settle("score", scored, object_store)
        scored.set_caching_options(enable_caching=False)
        return scored.outputs["version"]

    return scoring


scoring = dsl.pipeline(
    name="netanomaly-scoring", display_name="Score traffic with a registered detector", description=_DESCRIPTION
)(_defined(captures=False))

# A graph of its own, so that logs and tables pay no task for captures.
scoring_from_captures = dsl.pipeline(
    name="netanomaly-scoring-from-captures",
    display_name="Score captures with a registered detector",
    description=_DESCRIPTION.replace("Score traffic", "Score captures of packets, or files of NetFlow,"),
)(_defined(captures=True))

_FOLLOWING_DESCRIPTION = """\
Score what is new in a folder or prefix since the last run, each record once; made to be scheduled. Of two runs at once one does
the work, and the other says so.

Parameters of a run:
- configuration: what to do, a JSON object; model, data_source, registry and out, all else has defaults
- data_source, model, registry, out: over the configuration's field of the name; empty: as there
- object_store: the Secret and the ConfigMap of the object store, in the run's namespace
"""


@dsl.pipeline(
    name="netanomaly-following",
    display_name="Score new traffic with a registered detector",
    description=_FOLLOWING_DESCRIPTION,
)
def following(
    configuration: dict = {  # noqa: B006 - kfp reads it
        **EXAMPLE,
        "data_source": "s3://netanomaly/logs",
        "out": "s3://netanomaly/scored/office",
    },
    data_source: str = "",
    model: str = "",
    registry: str = "",
    out: str = "",
    object_store: str = OBJECT_STORE,
) -> int:
    """Score what is new since the last run.

    Args:
        configuration: What to do, a JSON object: {"model": "office", "data_source": "s3://bucket/logs", "registry":
            "s3://bucket/registry", "out": "s3://bucket/scored/office"}. Every other field has a default.
        data_source: What to follow: a URI of a folder or a glob. Empty: as in the configuration.
        model: A name (its champion), name@alias or name:version. Empty: as in the configuration.
        registry: Where the model is registered. Empty: as in the configuration.
        out: Where results and position are kept. Empty: as in the configuration.
        object_store: Name of the Secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and of the ConfigMap
            (S3_ENDPOINT_URL, AWS_REGION) of the object store, in the run's namespace. Either may be absent. Only a
            cluster asks for them.

    Returns:
        The number of the version that scored last.
    """
    scored = score_new(configuration=configuration, data_source=data_source, model=model, registry=registry, out=out)
    scored.set_display_name("Score what is new")
    settle("score", scored, object_store, delivers=True)
    scored.set_caching_options(enable_caching=False)
    return scored.outputs["version"]
