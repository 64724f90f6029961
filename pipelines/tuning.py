"""The tuning pipeline: traffic records in, what hyper-parameters a detector for them is best trained with out.

There is no loop on Kubeflow that a task could end: the rounds of the search are written out. A round is a task that asks and
one that tries for each lane; how many lanes there are is a parameter of the configuration, and nothing depends on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kfp import dsl
from netanomaly.stages.track.component import track
from netanomaly.stages.tune.component import tune_plan, tune_select, tune_suggest, tune_trial
from netanomaly.tuning.rounds import ROUNDS

from pipelines.beginning import begin
from pipelines.cluster import OBJECT_STORE, settle

EXAMPLE = {
    "model_name": "office",
    "data_source": "s3://netanomaly/data/flows.csv",
    "registry": "s3://netanomaly/registry",
    "tuning": {"minutes": 60},
}
_DESCRIPTION = """\
Search for the hyper-parameters of a detector, judged on attack classes held out from the search; the defaults stay unless
they are beaten for certain.

Parameters of a run:
- configuration: that of a training run, a JSON object; tuning says how long to search, and where
- data_source, evaluation_data_source, model_name, model_version, registry: over the configuration's field of the name;
  empty: as there
- object_store: the Secret and the ConfigMap of the object store, in the run's namespace
"""


@dataclass(frozen=True)
class Searched:
    """What a search hands on: the dossier, the settings of train, what it came to, and the search itself."""

    dossier: Any
    train: Any
    outcome: Any
    tuning: Any
    report: Any


def search(flows: Any, dossier: Any, settings: Any, train: Any, object_store: str) -> Searched:
    """The tasks of a search.

    Args:
        flows: The training data.
        dossier: From validate.
        settings: Of tune, from prepare.
        train: Settings of train, from prepare.
        object_store: As the pipeline's parameter.
    """
    planned = tune_plan(flows=flows, dossier_before=dossier, settings=settings)
    planned.set_display_name("Plan the search")
    settle("tune", planned, object_store)
    shared = {name: planned.outputs[name] for name in ("rows", "shared")}
    asked = planned
    for number in range(1, ROUNDS + 1):
        with dsl.ParallelFor(asked.outputs["lanes"], name=f"round-{number}") as lane:
            tried = tune_trial(**shared, search=planned.outputs["search"], lane=lane)
            tried.set_display_name(f"Round {number}, lane")
            settle("tune", tried, object_store)
        results = dsl.Collected(tried.outputs["result"])
        if number < ROUNDS:
            asked = tune_suggest(search_before=asked.outputs["search"], results=results, settings=settings)
            asked.set_display_name(f"Suggest candidates, round {number + 1}")
            settle("tune", asked, object_store)
    selected = tune_select(
        **shared,
        search=asked.outputs["search"],
        dossier_before=dossier,
        results=results,
        settings=train,
    )
    selected.set_display_name("Select")
    settle("tune", selected, object_store)
    names = ("dossier", "train", "outcome", "tuning", "tuning_report")
    return Searched(*(selected.outputs[name] for name in names))


def _defined(*, captures: bool = False) -> Callable[..., str]:
    def tuning(
        configuration: dict = EXAMPLE,
        data_source: str = "",
        evaluation_data_source: str = "",
        model_name: str = "",
        model_version: str = "",
        registry: str = "",
        object_store: str = OBJECT_STORE,
    ) -> str:
        """Search for hyper-parameters.

        Args:
            configuration: What to do, a JSON object: that of a training run. Every field but model_name, data_source and registry
                has a default.
            data_source: Training data: a URI of a file, a folder or a glob. Empty: as in the configuration.
            evaluation_data_source: Evaluation data, which the search does not see. Empty: as in the configuration; none there:
                part of the training data is held out.
            model_name: The model that is to be trained. Empty: as in the configuration.
            model_version: Your own name for its version. Empty: as in the configuration.
            registry: Where models are registered. Empty: as in the configuration.
            object_store: Name of the Secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and of the ConfigMap
                (S3_ENDPOINT_URL, AWS_REGION) of the object store, in the run's namespace. Either may be absent. Only a
                cluster asks for them.

        Returns:
            tuned or defaults_kept.
        """
        begun = begin(
            configuration,
            data_source,
            evaluation_data_source,
            model_name,
            model_version,
            registry,
            object_store,
            captures=captures,
        )
        found = search(begun.training, begun.dossier, begun.settings["tune"], begun.settings["train"], object_store)
        tracked = track(
            dossier=found.dossier,
            configuration=begun.configuration,
            settings=begun.settings["track"],
            register_task="",
            tuning=found.tuning,
            tuning_report=found.report,
        )
        tracked.set_display_name("Track in MLflow")
        settle("track", tracked, object_store)
        tracked.set_caching_options(enable_caching=False)
        return found.outcome

    return tuning


tuning = dsl.pipeline(
    name="netanomaly-tuning", display_name="Tune a network anomaly detector", description=_DESCRIPTION
)(_defined())

# A graph of its own, as for training: logs and tables pay no task for captures.
tuning_from_captures = dsl.pipeline(
    name="netanomaly-tuning-from-captures",
    display_name="Tune a network anomaly detector on captures",
    description=_DESCRIPTION.replace("detector, judged", "detector of captured traffic, judged"),
)(_defined(captures=True))
