"""Check the configuration and resolve everything in it that can change between two looks."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from netanomaly import __version__, config
from netanomaly.errors import ConfigError
from netanomaly.flows import rules
from netanomaly.metrics import gates
from netanomaly.models import catalogue
from netanomaly.registry.names import alias_name

FORMAT = 1

# A part of a source: every row, or one side of the hold-out split.
ALL_ROWS, TRAINING_PART, EVALUATION_PART = "all", "training", "evaluation"


@dataclass(frozen=True)
class Overrides:
    """What people change from run to run; an empty text leaves the configuration's value."""

    data_source: str = ""
    evaluation_data_source: str = ""
    model_name: str = ""
    model_version: str = ""
    registry: str = ""


@dataclass(frozen=True)
class Prepared:
    """Every value that a later stage is given; nothing in it changes when the world does."""

    run_id: str
    model_name: str
    model_version: str
    description: str
    training_source: list[str]
    training_identity: str
    training_part: str
    evaluation_source: list[str]
    evaluation_identity: str
    evaluation_part: str
    held_out: str
    held_out_fraction: float
    split: dict[str, Any]
    time_column: str
    csv: dict[str, Any]
    label_column: str
    normal_labels: list[str]
    feature_columns: list[str]
    categorical_columns: list[str]
    ignore_columns: list[str]
    validation: dict[str, Any]
    model_type: str
    model_parameters: dict[str, Any]
    training_rows: str
    alert_budget: float
    alerts_per_day: float
    gates: dict[str, Any]
    random_state: int
    registry: str
    aliases: list[str]
    champion: str


def prepare(
    document: Mapping[str, Any],
    overrides: Overrides,
    run_id: str,
    identity_of: Callable[[list[str]], str],
    champion_of: Callable[[str, str], int | None],
) -> Prepared:
    """Resolve a configuration.

    Args:
        document: The configuration, as JSON holds it.
        overrides: Values that win over the configuration's.
        run_id: The run's id, which makes its registration unrepeatable.
        identity_of: Digest of what a list of source URIs holds now.
        champion_of: Version number of a model's champion in a registry (URI, model name), or None.

    Raises:
        ConfigError: A field is wrong, by itself or against the others.
        DataError: A source is missing or empty.
        OutsideError: The registry or a store cannot be read.
    """
    merged = {**document, **{name: value for name, value in dataclasses.asdict(overrides).items() if value}}
    wanted, parameters = check(merged)
    registry = wanted.registry or ""
    training_source = _as_list(wanted.data_source)
    evaluation_source = _as_list(wanted.evaluation_data_source or wanted.data_source)
    with ThreadPoolExecutor(2) as threads:  # hashing lets go of the interpreter lock
        sources = [training_source] if evaluation_source == training_source else [training_source, evaluation_source]
        identities = list(threads.map(identity_of, sources))
    training_identity, evaluation_identity = identities[0], identities[-1]
    # The same bytes under two names are one data set: a model is never judged on rows it was fitted on.
    held_out = evaluation_identity == training_identity
    champion = champion_of(registry, wanted.model_name)
    return Prepared(
        run_id=run_id,
        model_name=wanted.model_name,
        model_version=wanted.model_version,
        description=wanted.description,
        training_source=training_source,
        training_identity=training_identity,
        training_part=TRAINING_PART if held_out else ALL_ROWS,
        evaluation_source=evaluation_source,
        evaluation_identity=evaluation_identity,
        evaluation_part=EVALUATION_PART if held_out else ALL_ROWS,
        held_out="yes" if held_out else "no",
        held_out_fraction=wanted.held_out_fraction,
        split={
            "method": wanted.split,
            "gap_seconds": wanted.split_gap_seconds,
            "host_columns": wanted.host_columns,
        },
        time_column=wanted.time_column or "",
        csv=dataclasses.asdict(wanted.csv),
        label_column=wanted.label_column,
        normal_labels=wanted.normal_labels,
        feature_columns=wanted.feature_columns or [],
        categorical_columns=wanted.categorical_columns,
        ignore_columns=wanted.ignore_columns,
        validation=wanted.validation,
        model_type=wanted.model_type,
        model_parameters=parameters,
        training_rows=wanted.training_rows,
        alert_budget=wanted.alert_budget,
        alerts_per_day=wanted.alerts_per_day or 0.0,
        gates=wanted.gates,
        random_state=wanted.random_state,
        registry=registry,
        aliases=wanted.aliases,
        champion="" if champion is None else str(champion),
    )


def check(document: Mapping[str, Any]) -> tuple[config.Config, dict[str, Any]]:
    """The configuration in a JSON object, and its detector's parameters with their defaults; nothing is looked at.

    Raises:
        ConfigError: A field is wrong, by itself or against the others, or no registry is named.
    """
    wanted = config.parse(document)
    parameters = catalogue.check(wanted.model_type, wanted.model_parameters)
    rules.check(wanted.validation)
    gates.check(wanted.gates)
    for alias in wanted.aliases:
        alias_name(alias)
        if alias == "champion":
            raise ConfigError(
                "aliases names champion, which the comparison with the present champion decides; leave it out, or "
                "move it afterwards with netanomaly registry alias set"
            )
    if not wanted.registry:
        raise ConfigError("no registry is named; set registry in the configuration, e.g. s3://bucket/registry")
    return wanted, parameters


def resolved_configuration(prepared: Prepared, now: datetime) -> dict[str, Any]:
    """The document that is kept with the run: the configuration with every default, digest and id in it."""
    return {
        "format": FORMAT,
        "netanomaly": __version__,
        "prepared_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        **dataclasses.asdict(prepared),
        "held_out": prepared.held_out == "yes",
        "champion": int(prepared.champion) if prepared.champion else None,
    }


def _as_list(source: str | list[str]) -> list[str]:
    """A source as a list; a text that is a JSON list is one, since a KFP run form has only text fields."""
    if isinstance(source, list):
        return source
    if source.lstrip().startswith("["):
        try:
            items = json.loads(source)
        except ValueError:
            return [source]
        if isinstance(items, list) and items and all(isinstance(item, str) and item for item in items):
            return items
    return [source]
