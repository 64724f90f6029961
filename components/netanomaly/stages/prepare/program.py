"""Check the configuration and resolve everything in it that can change between two looks."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from netanomaly import __version__, config
from netanomaly.errors import ConfigError
from netanomaly.feedback.book import place
from netanomaly.feedback.confirmed import Confirmed
from netanomaly.flows import rules
from netanomaly.metrics import gates
from netanomaly.models import catalogue
from netanomaly.registry.names import alias_name
from netanomaly.stages.capture import settings as capture
from netanomaly.stages.deploy import settings as deploy
from netanomaly.stages.evaluate import settings as evaluate
from netanomaly.stages.ingest import settings as ingest
from netanomaly.stages.register import settings as register
from netanomaly.stages.track import settings as track
from netanomaly.stages.train import settings as train
from netanomaly.stages.tune import settings as tune
from netanomaly.stages.validate import settings as validate
from netanomaly.tracking import access
from netanomaly.tuning import space

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")

FORMAT = 1


@dataclass(frozen=True)
class Overrides:
    """What people change from run to run; an empty text leaves the configuration's value."""

    data_source: str = ""
    evaluation_data_source: str = ""
    model_name: str = ""
    model_version: str = ""
    registry: str = ""


@dataclass(frozen=True)
class Champion:
    """The version that a new one is to be compared with; the columns that it learnt from and the configuration of the
    run that made it, where they are known."""

    version: int
    columns: list[str] = field(default_factory=list)
    configuration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What each later stage is told; nothing in it changes when the world does.

    Attributes:
        configuration: The configuration with its defaults, and every digest and id: what is kept with the run.
        deploy: None where nothing is deployed.
    """

    configuration: dict[str, Any]
    capture_training: capture.Settings
    capture_evaluation: capture.Settings
    ingest_training: ingest.Settings
    ingest_evaluation: ingest.Settings
    validate: validate.Settings
    tune: tune.Settings
    train: train.Settings
    evaluate: evaluate.Settings
    register: register.Settings
    track: track.Settings
    deploy: deploy.Settings | None

    @property
    def deploys(self) -> str:
        """What the pipeline's branch goes by: `yes` or `no`."""
        return "no" if self.deploy is None else "yes"


def prepare(
    document: Mapping[str, Any],
    overrides: Overrides,
    run_id: str,
    identity_of: Callable[[list[str]], str],
    champion_of: Callable[[str, str], "Champion | None"],
    now: datetime,
    environment: Mapping[str, str] = MappingProxyType({}),
    confirmed_of: Callable[[str, str], Confirmed] = lambda _uri, _model: Confirmed(),
) -> Prepared:
    """Resolve a configuration.

    Args:
        document: The configuration, as JSON holds it.
        overrides: Values that win over the configuration's.
        run_id: The run's id, which makes its registration unrepeatable.
        identity_of: Digest of what a list of source URIs holds now.
        champion_of: A model's champion in a registry (URI, model name), or None.
        now: The time that is kept with the run.
        environment: Names the MLflow server and experiment, where the configuration names none.
        confirmed_of: What people confirmed of a model's alerts (URI of the feedback, model name).

    Raises:
        ConfigError: A field is wrong, by itself or against the others.
        DataError: A source is missing or empty.
        OutsideError: The registry or a store cannot be read.
    """
    merged = config.overridden(document, overrides)
    wanted, parameters = check(merged)
    sources = {"training": config.as_list(wanted.data_source)}
    sources["evaluation"] = config.as_list(wanted.evaluation_data_source or wanted.data_source)
    with ThreadPoolExecutor(2) as threads:  # hashing lets go of the interpreter lock
        different = [sources["training"]] if sources["evaluation"] == sources["training"] else [*sources.values()]
        identities = list(threads.map(identity_of, different))
    # The same bytes under two names are one data set: a model is never judged on rows it was fitted on.
    held_out = identities[0] == identities[-1]
    champion = champion_of(wanted.registry or "", wanted.model_name)
    confirmed = Confirmed()
    if wanted.feedback:
        feedback = wanted.feedback if isinstance(wanted.feedback, str) else ""
        confirmed = confirmed_of(place(feedback, wanted.registry or ""), wanted.model_name)
        confirmed = confirmed if wanted.identities else confirmed.of_no_ends()
    tracking, nowhere_since = _tracking(wanted.tracking, environment)
    configuration = {
        **dataclasses.asdict(wanted),
        "tracking": dataclasses.asdict(tracking),
        "model_parameters": parameters,
        "training_source": sources["training"],
        "training_identity": identities[0],
        "evaluation_source": sources["evaluation"],
        "evaluation_identity": identities[-1],
        "held_out": held_out,
        "confirmed": {
            "benign": [kept.verdict for kept in confirmed.benign],
            "attacks": [kept.verdict for kept in confirmed.attacks],
        },
    }
    named = config.wanted_columns(wanted)
    apart = champion if champion is not None and _may_lack_columns(champion, configuration) else None
    resolved = {
        **configuration,
        "csv": wanted.csv,
        "feature_columns": wanted.feature_columns or [],
        "categorical_columns": named.categorical,
        "ignore_columns": named.ignored,
        "label_column": named.label,
        "label_named": named.label_named,
        "time_column": named.time,
        "registry": wanted.registry or "",
        "run_id": run_id,
        "champion": champion.version if champion else None,
        "champion_columns": apart.columns if apart else [],
        # For the report, which says nothing of these: where a run is shown, and a model served, changes nothing that
        # evaluate does.
        "configuration": {
            name: _in_short(value) for name, value in configuration.items() if name not in ("tracking", "deploy")
        },
    }

    def captured(dataset: str) -> capture.Settings:
        return capture.Settings(sources[dataset], configuration[f"{dataset}_identity"], wanted.identities)

    def ingested(dataset: str) -> ingest.Settings:
        return _settings(
            ingest.Settings,
            resolved,
            source=sources[dataset],
            identity=configuration[f"{dataset}_identity"],
            part=dataset if held_out else ingest.ALL_ROWS,
            confirmed=confirmed.benign if dataset == ingest.TRAINING_PART else [],
            split=ingest.Split(wanted.split, wanted.held_out_fraction, wanted.split_gap_seconds, wanted.host_columns)
            if held_out
            else None,
        )

    return Prepared(
        configuration={
            "format": FORMAT,
            "netanomaly": __version__,
            "prepared_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "run_id": run_id,
            **configuration,
            "champion": resolved["champion"],
        },
        capture_training=captured("training"),
        capture_evaluation=captured("evaluation"),
        ingest_training=ingested(ingest.TRAINING_PART),
        ingest_evaluation=ingested(ingest.EVALUATION_PART),
        # What it is not to look for is no reason to look again: another champion alone leaves the cache as it is.
        validate=_settings(validate.Settings, resolved, champion=apart.version if apart else None),
        tune=_settings(tune.Settings, resolved, **_searched(wanted, now)),
        train=_settings(train.Settings, resolved, tuned=wanted.tuning is not None),
        evaluate=_settings(evaluate.Settings, resolved, confirmed=confirmed.attacks),
        register=_settings(register.Settings, resolved),
        track=_settings(
            track.Settings,
            resolved,
            mlflow=tracking.mlflow,
            experiment=tracking.experiment,
            register_in_mlflow=tracking.register,
            nowhere_since=nowhere_since,
        ),
        deploy=_deployed(wanted),
    )


def _deployed(wanted: config.Config) -> deploy.Settings | None:
    if wanted.deploy is None:
        return None
    return deploy.Settings(wanted.registry or "", wanted.model_name, **dataclasses.asdict(wanted.deploy))


def _searched(wanted: config.Config, now: datetime) -> dict[str, Any]:
    """What of the search is no field of the configuration itself."""
    search = wanted.tuning or config.Tuning()
    return {
        "trials": search.trials,
        "parallelism": search.parallelism,
        "space": search.space,
        # A moment, so that whoever repeats a step keeps to it. It makes each run another one to Kubeflow's cache.
        "deadline": None if search.minutes is None else now.timestamp() + 60 * search.minutes,
    }


def check(document: Mapping[str, Any]) -> tuple[config.Config, dict[str, Any]]:
    """The configuration in a JSON object, and its detector's parameters with their defaults; nothing is looked at.

    Raises:
        ConfigError: A field is wrong, by itself or against the others, or no registry is named.
    """
    wanted = config.parse(document)
    named = [f"{detector}{config.PARAMETERS_SUFFIX}" for detector in catalogue.CATALOGUE]
    for name in config.unused_parameters(document):
        if name not in named:
            raise ConfigError(f"unknown field {name!r}{config.suggestion(name, named)}")
    parameters = catalogue.check(wanted.model_type, wanted.model_parameters)
    if wanted.tuning is not None:
        space.resolve(wanted.tuning.space, wanted.model_type)
    rules.check(wanted.validation)
    gates.check(wanted.gates)
    for alias in wanted.aliases:
        alias_name(alias)
        if alias == "champion":
            raise ConfigError(
                "aliases names champion, which the comparison with the present champion decides; leave it out, or "
                "move it afterwards with netanomaly registry alias set"
            )
    if wanted.tracking.mlflow:
        access.address(wanted.tracking.mlflow, "tracking.mlflow")
    if not wanted.registry:
        raise ConfigError("no registry is named; set registry in the configuration, e.g. s3://bucket/registry")
    if _deployed(wanted) is not None and not wanted.registry.startswith("s3://"):
        raise ConfigError(
            f"deploy is for a registry that a cluster's pods can read, and registry is {wanted.registry!r}; name "
            "s3://bucket/prefix, or leave deploy out"
        )
    return wanted, parameters


def _settings(kind: type[S], resolved: Mapping[str, Any], **own: Any) -> S:
    """A stage's settings: each field from `own`, else what was resolved under its name, else its default."""
    known = {**resolved, **own}
    names = [field.name for field in dataclasses.fields(kind)]
    return kind(**{name: known[name] for name in names if name in known})


def _tracking(wanted: config.Tracking, environment: Mapping[str, str]) -> tuple[config.Tracking, str]:
    """The server, empty where there is none, and the experiment; and why there is none, where one may be expected.

    A wrong address in the environment may be meant for other programs (MLflow's own clients write to folders, too): it is
    told, and nothing is tracked.
    """
    mlflow, named, nowhere_since = wanted.mlflow, environment.get(access.URI, ""), ""
    if mlflow is None and named:
        try:
            mlflow = access.address(named, access.URI)
        except ConfigError as error:
            nowhere_since = f"this run is not shown in MLflow: {error}"
    elif mlflow is None and (wanted.experiment or wanted.register):
        nowhere_since = (
            "this run is not shown in MLflow: the configuration has tracking, and no server is named; "
            f"name it in tracking.mlflow, or in {access.URI} where runs are started"
        )
    experiment = wanted.experiment or environment.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
    return config.Tracking((mlflow or "").rstrip("/"), experiment, wanted.register), nowhere_since


_EXPERIMENT = "netanomaly"


def _may_lack_columns(champion: Champion, configuration: Mapping[str, Any]) -> bool:
    """Whether this run's evaluation data may be without what the champion learnt from.

    It was judged on this very data itself where its bytes, and all that says how they are read, are the same. Of
    thousands of columns the champion tells when it is scored: a stage's input has no room for them.
    """
    now = {**configuration, "netanomaly": __version__}
    same = bool(champion.configuration) and all(champion.configuration.get(name) == now[name] for name in _READ)
    return not same and sum(len(json.dumps(name)) for name in champion.columns) <= _COLUMN_BYTES


# What decides of the evaluation data's columns.
_READ = (
    "netanomaly",
    *("evaluation_source", "evaluation_identity", "training_identity", "held_out", "format", "csv", "context"),
    *("columns", "feature_columns", "ignore_columns", "categorical_columns", "label_column", "time_column"),
)
# A stage's whole input is one argument, of at most 128 KiB: thousands of files are not repeated for a report.
_LISTED = 20
_COLUMN_BYTES = 20 << 10


def _in_short(value: Any) -> Any:
    if isinstance(value, list) and len(value) > _LISTED:
        return [*value[:_LISTED], f"and {len(value) - _LISTED} more"]
    return value
