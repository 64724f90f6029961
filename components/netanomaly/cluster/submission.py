"""From a configuration to what a run on a server is given: checked here, so that no pod starts for nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly import config
from netanomaly.cluster.pipelines import Package
from netanomaly.errors import ConfigError
from netanomaly.stages.prepare.program import check

# The pipeline's parameter that holds the configuration.
_CONFIGURATION = "configuration"
# An executor input is one argument of a process, which Linux limits to 128 KiB; other inputs are in it, too.
_LONGEST_CONFIGURATION_BYTES = 96 * 1024


@dataclass(frozen=True)
class Submission:
    """A configuration that can be run, and the pipeline's parameters that say it."""

    config: config.Config
    parameters: Mapping[str, Any]

    @property
    def registry(self) -> str:
        return self.config.registry or ""


def submission(document: Mapping[str, Any], parameters: Mapping[str, Any], package: Package) -> Submission:
    """Of a configuration and further parameters of the pipeline.

    Raises:
        ConfigError: A field or a parameter is wrong, or names what no pod can reach.
    """
    wanted, _ = check(document)
    for name in ("data_source", "evaluation_data_source", "registry"):
        _refuse_local(name, document.get(name))
    size = len(json.dumps(document, ensure_ascii=False).encode())
    if size > _LONGEST_CONFIGURATION_BYTES:
        raise ConfigError(
            f"the configuration has {size} bytes; a cluster takes {_LONGEST_CONFIGURATION_BYTES}: leave out what has "
            "a default, name folders or globs instead of files"
        )
    for name in parameters:
        if name == _CONFIGURATION or name not in package.parameters:
            known = sorted(package.parameters - {_CONFIGURATION})
            raise ConfigError(f"the pipeline has no parameter {name!r}{config.suggestion(name, known)}")
    return Submission(wanted, {_CONFIGURATION: dict(document), **parameters})


def _refuse_local(name: str, value: Any) -> None:
    for uri in value if isinstance(value, list) else [value]:
        if uri is not None and not uri.startswith("s3://"):
            raise ConfigError(
                f"{name} is {uri!r}, which no pod of the cluster can reach; name s3://bucket/..., e.g. with "
                f"{'--registry ' if name == 'registry' else f'--set {name}='}s3://bucket/..."
            )
