"""What the score stage is told: the scoring configuration, with what a run's parameters say over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly import config
from netanomaly.config.scoring import ScoringConfig, parse
from netanomaly.errors import ConfigError
from netanomaly.registry.names import reference


@dataclass(frozen=True)
class Overrides:
    """What people change from run to run; an empty text leaves the configuration's value."""

    data_source: str = ""
    model: str = ""
    registry: str = ""
    out: str = ""


def resolved(document: Mapping[str, Any], overrides: Overrides) -> ScoringConfig:
    """The configuration to go by, with its source as a list.

    Raises:
        ConfigError: A field is wrong, or no registry is named.
        InvalidName: The model is no name, name@alias or name:version.
    """
    merged = config.overridden(document, overrides)
    if isinstance(merged.get("data_source"), str):
        merged["data_source"] = config.as_list(merged["data_source"])
    wanted = parse(merged)
    reference(wanted.model)
    if not wanted.registry:
        raise ConfigError("no registry is named; set registry in the configuration, e.g. s3://bucket/registry")
    return wanted


def refuse_other_form(wanted: ScoringConfig, *, following: bool) -> None:
    """Refuse a configuration that is of the other of both pipelines.

    Raises:
        ConfigError: It follows and says not where results are kept; or it does not, and says so.
    """
    if following and not wanted.out:
        raise ConfigError(
            "out is not set: the following pipeline keeps its results and its position there, a folder or prefix of its own, "
            "e.g. s3://bucket/scored/office"
        )
    if not following and (wanted.out or wanted.webhooks):
        raise ConfigError(
            f"{'out' if wanted.out else 'webhooks'} is set, which is of --pipeline following: that scores what is new since its last run; "
            "leave it out, or name that pipeline"
        )
