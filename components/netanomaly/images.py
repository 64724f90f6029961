"""Stage name to image reference; the only place that knows the registry prefix and the tag."""

import os

from netanomaly import __version__

_PREFIX = "NETANOMALY_IMAGE_PREFIX"


def image(stage: str) -> str:
    """The image of a stage, e.g. `netanomaly/train:0.1.0`; the prefix comes from NETANOMALY_IMAGE_PREFIX."""
    prefix = os.environ.get(_PREFIX, "netanomaly").rstrip("/")
    return f"{prefix}/{stage}:{__version__}"
