"""What the monitor stage is told: the monitoring configuration, with what a run's parameters say over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly import config
from netanomaly.config.monitoring import MonitoringConfig, parse
from netanomaly.errors import ConfigError
from netanomaly.registry.names import reference


@dataclass(frozen=True)
class Overrides:
    """What people change from run to run; an empty text leaves the configuration's value."""

    data_source: str = ""
    model: str = ""
    registry: str = ""


def resolved(document: Mapping[str, Any], overrides: Overrides) -> MonitoringConfig:
    """The configuration to go by, with its source as a list.

    Raises:
        ConfigError: A field is wrong, no registry is named, or retraining is wanted and not configured.
        InvalidName: The model is no name, name@alias or name:version.
    """
    merged = config.overridden(document, overrides)
    if isinstance(merged.get("data_source"), str):
        merged["data_source"] = config.as_list(merged["data_source"])
    wanted = parse(merged)
    reference(wanted.model)
    if not wanted.registry:
        raise ConfigError("no registry is named; set registry in the configuration, e.g. s3://bucket/registry")
    if "never" not in wanted.retrain_when and wanted.training is None:
        raise ConfigError(
            "retrain_when is given and training is not; set training to the training configuration, or retrain_when to "
            '["never"]'
        )
    if wanted.training is not None:
        # Refused here, and not when it is needed.
        config.parse(training_of(wanted))
    return wanted


def training_of(wanted: MonitoringConfig) -> dict[str, Any]:
    """The configuration of a retraining: as it is given, of this model, on the window unless it names its own data."""
    given = dict(wanted.training or {})
    return {
        "data_source": wanted.data_source,
        **given,
        "model_name": reference(wanted.model).model,
        "registry": wanted.registry,
    }
