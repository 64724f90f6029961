"""The programs that make flows: found on PATH, started with nothing of this process but an empty environment."""

import re
import shutil
import subprocess
from pathlib import Path

from netanomaly.errors import DataError, OutsideError

INSTALL = "sudo apt-get install suricata nfdump"
"""Debian's and Ubuntu's command."""

_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TZ": "UTC", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
_SECONDS = 30


def find(program: str, what: str) -> Path:
    """Where a program is.

    Args:
        program: Its name.
        what: That needs it, for the message.

    Raises:
        DataError: It is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise DataError(
            f"{what}: flows are made of it by {program}, which is not installed; {INSTALL}, or give --runner docker"
        )
    return Path(found)


def environment() -> dict[str, str]:
    """Of the program: no credential, and one time zone."""
    return dict(_ENVIRONMENT)


def version(program: Path, pattern: str) -> str:
    """Its version, as it says itself.

    Raises:
        OutsideError: It does not start, or says none.
    """
    try:
        asked = subprocess.run(
            [str(program), "-V"], capture_output=True, text=True, env=environment(), check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OutsideError(f"{program} does not start: {error}") from None
    found = re.search(pattern, asked.stdout + asked.stderr)
    if found is None:
        raise OutsideError(f"{program} -V tells no version; is it what it is called?")
    return found[1]


def last_words(path: Path) -> str:
    """The last line that a program wrote of what went wrong, as one short line."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
    said = [" ".join(line.split()) for line in lines if line.strip()]
    return said[-1][-200:] if said else "it said nothing"
