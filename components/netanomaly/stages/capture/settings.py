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
        identities: Whether what the run keeps may name the ends of flows.
    """

    source: list[str]
    identity: str = ""
    identities: bool = True


def refuse_kept(settings: Settings) -> None:
    """Raise ConfigError where flows of captures may not be kept: they name their ends, and are kept beside the other results."""
    if not settings.identities:
        raise ConfigError(
            "identities is false, and the flows that are made of captures, which are kept with the run, name their ends; make "
            "eve.json of them outside (suricata -k none -r FILE) and give that as data_source"
        )


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
    return Settings(config.as_list(named), identities=configuration.get("identities") is not False)
