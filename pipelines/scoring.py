"""The scoring pipeline: traffic and a registered model in, scores and incidents out.

One task: each costs about twenty seconds of pods on a small node, whatever it does, and this runs every hour.
"""

from collections.abc import Callable

from kfp import dsl
from netanomaly.stages.capture.component import capture
from netanomaly.stages.score.component import score

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
