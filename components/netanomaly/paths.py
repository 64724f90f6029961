"""Paths as people write them."""

import os
from pathlib import Path


def expanded(text: str | Path) -> Path:
    """The path, with a leading `~` or `~user` taken for that home folder where no shell did so; of an unknown user as is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser fails for a user that is not known
