"""What the capture stage is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly import config
from netanomaly.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    """What to make flows of.

    Attributes:
        source: URIs of captures (pcap, pcapng) or of binary NetFlow files: files, folders or globs.
        identity: Digest that the source's bytes must have; empty: any.
    """

    source: list[str]
    identity: str = ""


def of_configuration(configuration: Mapping[str, Any], data_source: str) -> Settings:
    """The settings of a pipeline that has no stage to resolve them.

    Args:
        configuration: The pipeline's, of which data_source alone is looked at.
        data_source: Over it, where not empty.

    Raises:
        ConfigError: It names no source.
    """
    named = data_source or configuration.get("data_source")
    listed = isinstance(named, list) and all(isinstance(item, str) for item in named)
    if not named or not (listed or isinstance(named, str)):
        raise ConfigError("data_source names no captures; set it to a file, a folder, a glob or a list of them")
    return Settings(config.as_list(named))
