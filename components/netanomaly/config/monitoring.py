"""The fields of a monitoring configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from netanomaly.config.checking import converted, refuse_passwords
from netanomaly.config.fields import CsvFormat, Format, Path, Source, Text, meta

Occasion = Literal["network changed", "decay", "age", "never"]


@dataclass(frozen=True)
class MonitoringConfig:
    """What a monitoring run is to do. Fields without a default are required."""

    model: Annotated[
        Text,
        meta(
            "The model in the registry: a name (its champion), name@alias or name:version; fixed to a version by the run."
        ),
    ]
    data_source: Annotated[
        Source,
        meta(
            "The window: traffic, or what score wrote; a file, a folder, a glob, or a list of them, here or in a bucket."
        ),
    ]
    registry: Annotated[Path | None, meta("Where the model is registered: a folder, or s3://bucket/prefix.")] = None
    csv: Annotated[CsvFormat, meta("How CSV files are laid out.")] = field(default_factory=CsvFormat)
    format: Annotated[Format, meta("What wrote the data; auto: told by its content.")] = "auto"
    time_column: Annotated[
        Text | None, meta("Of a table, the column of points in time; null: one that is known by its name.")
    ] = None
    label_column: Annotated[
        Text | None, meta("The column of classes, where labels of the window are to be believed; null: none.")
    ] = None
    normal_labels: Annotated[list[Text], meta("Class names that are normal; empty: the usual ones.")] = field(
        default_factory=list
    )
    allow_other_sensor: Annotated[
        bool, meta("Whether flows of another kind of sensor than the model learnt from may be looked at.")
    ] = False
    feedback: Annotated[
        Path | None, meta("Where feedback on alerts is kept; null: in the registry's folder feedback.")
    ] = None
    retrain_when: Annotated[
        list[Occasion],
        meta("What starts a training, at most once for each window: verdicts, the version's age, or never."),
    ] = field(default_factory=lambda: ["never"])
    retrain_age_days: Annotated[
        Annotated[float, Meta(gt=0)], meta("A version older than this is retrained, where retrain_when has age.")
    ] = 30.0
    training: Annotated[
        dict[str, Any] | None,
        meta(
            "The training configuration that retraining runs; its data_source is the window unless it names one. Its "
            "model_name and registry are those of the model."
        ),
    ] = None
    output_base_dir: Annotated[Path | None, meta("The workdir of netanomaly run, where --workdir is not given.")] = None


def parse(document: Mapping[str, Any]) -> MonitoringConfig:
    """The monitoring configuration in a JSON object.

    Raises:
        ConfigError: Unknown or missing field, wrong type, value out of range.
        InputError: An address holds a password.
    """
    config = converted(document, MonitoringConfig)
    refuse_passwords(config, "data_source", "registry", "feedback")
    return config
