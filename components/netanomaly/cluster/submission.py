"""From a configuration to what a run on a server is given: checked here, so that no pod starts for nothing."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from netanomaly import config
from netanomaly.cluster.pipelines import Package
from netanomaly.errors import ConfigError

# The pipeline's parameter that holds the configuration.
_CONFIGURATION = "configuration"
# An executor input is one argument of a process, which Linux limits to 128 KiB; other inputs are in it, too.
_LONGEST_CONFIGURATION_BYTES = 96 * 1024


def parameters(
    document: Mapping[str, Any], further: Mapping[str, Any], package: Package, addresses: Iterable[str]
) -> dict[str, Any]:
    """The pipeline's parameters that say a configuration.

    Args:
        document: The configuration, checked.
        further: Other parameters of the pipeline.
        package: The pipeline.
        addresses: The configuration's fields that a pod has to reach.

    Raises:
        ConfigError: A field names what no pod can reach, the configuration is too long, a parameter is unknown.
    """
    for name in addresses:
        _refuse_local(name, document.get(name))
    size = len(json.dumps(document, ensure_ascii=False).encode())
    if size > _LONGEST_CONFIGURATION_BYTES:
        raise ConfigError(
            f"the configuration has {size} bytes; a cluster takes {_LONGEST_CONFIGURATION_BYTES}: leave out what has "
            "a default, name folders or globs instead of files"
        )
    for name in further:
        if name == _CONFIGURATION or name not in package.parameters:
            known = sorted(package.parameters - {_CONFIGURATION})
            raise ConfigError(f"the pipeline has no parameter {name!r}{config.suggestion(name, known)}")
    return {_CONFIGURATION: dict(document), **further}


def _refuse_local(name: str, value: Any) -> None:
    for uri in value if isinstance(value, list) else [value]:
        if uri is not None and not uri.startswith("s3://"):
            raise ConfigError(
                f"{name} is {uri!r}, which no pod of the cluster can reach; name s3://bucket/..., e.g. with "
                f"{'--registry ' if name == 'registry' else f'--set {name}='}s3://bucket/..."
            )
