"""Stage name to image reference; the only place that knows the registry prefix and the tag."""

from netanomaly import __version__

DEFAULT_PREFIX = "netanomaly"


def image(stage: str) -> str:
    """The image of a stage under the default prefix, e.g. `netanomaly/train:0.1.0`."""
    return f"{DEFAULT_PREFIX}/{stage}:{__version__}"
