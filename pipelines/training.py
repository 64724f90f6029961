"""The training pipeline: traffic records in, a registered anomaly detector out."""

from collections.abc import Callable
from typing import Any

from kfp import dsl
from netanomaly.stages.deploy.component import deploy
from netanomaly.stages.evaluate.component import evaluate
from netanomaly.stages.register.component import register
from netanomaly.stages.track.component import track
from netanomaly.stages.train.component import train

from pipelines.beginning import begin
from pipelines.cluster import OBJECT_STORE, settle
from pipelines.tuning import search

# The run form shows names and defaults alone: the default is an example to write over, the description the rest.
EXAMPLE = {
    "model_name": "office",
    "data_source": "s3://netanomaly/data/flows.csv",
    "registry": "s3://netanomaly/registry",
    "alert_budget": 0.001,
}
TUNED_EXAMPLE = {**EXAMPLE, "tuning": {"minutes": 60}}
_DESCRIPTION = """\
Ingest traffic records, check them, train a detector, evaluate it and register it as a new version.

Parameters of a run:
- configuration: what to do, a JSON object; model_name, data_source and registry, all else has defaults
- data_source, evaluation_data_source, model_name, model_version, registry: over the configuration's field of the name;
  empty: as there
- object_store: the Secret and the ConfigMap of the object store, in the run's namespace
"""


def _defined(*, captures: bool = False, tuned: bool = False) -> Callable[..., int]:
    def training(
        configuration: dict = TUNED_EXAMPLE if tuned else EXAMPLE,
        data_source: str = "",
        evaluation_data_source: str = "",
        model_name: str = "",
        model_version: str = "",
        registry: str = "",
        object_store: str = OBJECT_STORE,
    ) -> int:
        """Train, evaluate and register an anomaly detector.

        Args:
            configuration: What to do, a JSON object. Smallest useful one: {"model_name": "office",
                "data_source": "s3://bucket/flows.csv"}. Every other field has a default.
            data_source: Training data: a URI of a file, a folder or a glob. Empty: as in the configuration.
            evaluation_data_source: Evaluation data. Empty: as in the configuration; none there: part of the training data
                is held out.
            model_name: The model to register a version of. Empty: as in the configuration.
            model_version: Your own name for this version, e.g. 1.2.0. Empty: as in the configuration.
            registry: Where models are registered, e.g. s3://bucket/registry. Empty: as in the configuration.
            object_store: Name of the Secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and of the ConfigMap
                (S3_ENDPOINT_URL, AWS_REGION) of the object store, in the run's namespace. Either may be absent. Only a
                cluster asks for them.

        Returns:
            The number of the registered version.
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
        dossier, train_settings = begun.dossier, begun.settings["train"]
        kept: dict[str, Any] = {}
        shown: dict[str, Any] = {}
        if tuned:
            found = search(begun.training, dossier, begun.settings["tune"], train_settings, object_store)
            dossier, train_settings = found.dossier, found.train
            kept = {"tuning_report": found.report}
            shown = {**kept, "tuning": found.tuning}

        trained = train(
            flows=begun.training,
            dossier_before=dossier,
            settings=train_settings,
        )
        trained.set_display_name("Train")
        settle("train", trained, object_store)

        evaluated = evaluate(
            model=trained.outputs["model"],
            flows=begun.evaluation,
            dossier_before=trained.outputs["dossier"],
            settings=begun.settings["evaluate"],
        )
        evaluated.set_display_name("Evaluate")
        settle("evaluate", evaluated, object_store)

        registered = register(
            model=trained.outputs["model"],
            report=evaluated.outputs["report"],
            dossier=evaluated.outputs["dossier"],
            configuration=begun.configuration,
            settings=begun.settings["register"],
            task_name=dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
            **kept,
        )
        registered.set_display_name("Register")
        settle("register", registered, object_store)
        registered.set_caching_options(enable_caching=False)

        # A branch that is not taken costs those who deploy nothing no task.
        with dsl.If(begun.settings["deploys"] == "yes", name="deploys"):
            deployed = deploy(registration=registered.outputs["registration"], settings=begun.settings["deploy"])
            deployed.set_display_name("Deploy")
            settle("deploy", deployed, object_store)
            deployed.set_caching_options(enable_caching=False)

        # Beside register, not after it: what a gate refuses is shown, too, and nobody waits for it.
        tracked = track(
            report=evaluated.outputs["report"],
            dossier=evaluated.outputs["dossier"],
            configuration=begun.configuration,
            settings=begun.settings["track"],
            register_task=registered.name,
            **shown,
        )
        tracked.set_display_name("Track in MLflow")
        settle("track", tracked, object_store)
        tracked.set_caching_options(enable_caching=False)
        return registered.outputs["version"]

    return training


training = dsl.pipeline(
    name="netanomaly-training", display_name="Train a network anomaly detector", description=_DESCRIPTION
)(_defined())

# A graph of its own, so that logs and tables pay no task for captures.
training_from_captures = dsl.pipeline(
    name="netanomaly-training-from-captures",
    display_name="Train a network anomaly detector on captures",
    description=_DESCRIPTION.replace("traffic records", "captures of packets, or files of NetFlow"),
)(_defined(captures=True))

# And one for those who search for hyper-parameters first: no task can wait for a branch for nothing.
training_tuned = dsl.pipeline(
    name="netanomaly-training-tuned",
    display_name="Tune and train a network anomaly detector",
    description=_DESCRIPTION.replace("train a detector", "search for its hyper-parameters, train a detector"),
)(_defined(tuned=True))

training_tuned_from_captures = dsl.pipeline(
    name="netanomaly-training-tuned-from-captures",
    display_name="Tune and train a network anomaly detector on captures",
    description=_DESCRIPTION.replace("train a detector", "search for its hyper-parameters, train a detector").replace(
        "traffic records", "captures of packets, or files of NetFlow"
    ),
)(_defined(captures=True, tuned=True))
