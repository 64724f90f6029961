"""Which code this is: the image's name and commit, or those of the checkout."""

import os
import subprocess
from pathlib import Path

import netanomaly

_SECONDS = 2.0


def made_by() -> dict[str, str]:
    """Tags; what is not known is empty."""
    return {
        "netanomaly.image": os.environ.get("NETANOMALY_IMAGE", ""),
        "netanomaly.package": netanomaly.__version__,
        "mlflow.source.git.commit": os.environ.get("NETANOMALY_COMMIT") or _commit(),
    }


def _commit() -> str:
    root = Path(netanomaly.__file__).resolve().parents[2]
    # An installed package may lie in a folder of some other repository.
    if not (root / "images" / "stage.Dockerfile").is_file():
        return ""
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()
