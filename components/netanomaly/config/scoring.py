"""The fields of a scoring configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from netanomaly.config.checking import converted, refuse_passwords
from netanomaly.config.fields import CsvFormat, Format, Names, Path, Source, Text, meta
from netanomaly.errors import ConfigError


@dataclass(frozen=True)
class ScoringConfig:
    """What a scoring run is to do. Fields without a default are required."""

    model: Annotated[
        Text,
        meta(
            "The model in the registry: a name (its champion), name@alias or name:version; fixed to a version by the run."
        ),
    ]
    data_source: Annotated[
        Source, meta("What to score: a file, a folder, a glob, or a list of them, here or in a bucket.")
    ]
    registry: Annotated[Path | None, meta("Where the model is registered: a folder, or s3://bucket/prefix.")] = None
    budget: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        meta(
            "Share of normal flows that may alert, one of the model's operating points; null: as it was trained.",
            "a rate over 0 and under 1, e.g. 0.001, or null",
        ),
    ] = None
    alerts_per_day: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        meta(
            "In place of budget: the operating point with the most alerts for no more incidents a day than that.",
            "a number over 0, e.g. 20, or null",
        ),
    ] = None
    alert_format: Annotated[Literal["netanomaly", "ecs", "ocsf"], meta("How incidents are written.")] = "netanomaly"
    out: Annotated[
        Path | None,
        meta(
            "Of the following pipeline: where its results and its position are kept, a folder or s3://bucket/prefix of its own."
        ),
    ] = None
    webhooks: Annotated[
        Names,
        meta(
            "Of the following pipeline: addresses that alerts are sent to, signed with the secret in NETANOMALY_WEBHOOK_SECRET."
        ),
    ] = field(default_factory=list)
    feedback: Annotated[
        Path | None, meta("Where feedback on alerts is kept; null: in the registry's folder feedback.")
    ] = None
    csv: Annotated[CsvFormat, meta("How CSV files are laid out.")] = field(default_factory=CsvFormat)
    format: Annotated[Format, meta("What wrote the data; auto: told by its content.")] = "auto"
    time_column: Annotated[
        Text | None, meta("Of a table, the column of points in time; null: one that is known by its name.")
    ] = None
    allow_other_sensor: Annotated[
        bool, meta("Whether flows of another kind of sensor than the model learnt from may be scored.")
    ] = False
    identities: Annotated[
        bool, meta("Whether results name the ends of flows; false: salted digests in their place, and no uids.")
    ] = True
    output_base_dir: Annotated[Path | None, meta("The workdir of netanomaly run, where --workdir is not given.")] = None


def parse(document: Mapping[str, Any]) -> ScoringConfig:
    """The scoring configuration in a JSON object.

    Raises:
        ConfigError: Unknown or missing field, wrong type, value out of range.
        InputError: An address holds a password.
    """
    config = converted(document, ScoringConfig)
    if config.budget is not None and config.alerts_per_day is not None:
        raise ConfigError("budget and alerts_per_day are both given; they choose the same threshold: keep one of them")
    refuse_passwords(config, "data_source", "registry", "feedback", "out", "webhooks")
    return config
