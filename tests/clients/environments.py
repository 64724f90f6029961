"""Clients and servers of others, each in an environment of its own: their pins fight ours.

They are made from the lock files beside this one, which `make lock-clients` resolves anew, apart from our own.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.command import ROOT

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "clients"


def folder(name: str) -> Path:
    """Where an environment is, or would be: another lock file, another folder."""
    digest = hashlib.sha256((HERE / f"{name}.txt").read_bytes()).hexdigest()[:12]
    return CACHE / f"{name}-{digest}"


def python(name: str) -> Path | None:
    """The interpreter of an environment; None where it was not made."""
    path = folder(name) / "bin" / "python"
    return path if (folder(name) / ".ready").is_file() else None


def make(name: str) -> Path:
    """Make an environment, where it is not there."""
    if (found := python(name)) is not None:
        return found
    uv = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    place = folder(name)
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)], check=True)
    command = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(place / "bin" / "python")]
    subprocess.run([*command, str(HERE / f"{name}.txt")], check=True)
    (place / ".ready").touch()
    return place / "bin" / "python"
