"""Binary NetFlow and IPFIX files as nfdump's JSON: one record a line, one way each."""

import re
import subprocess
from pathlib import Path
from typing import BinaryIO

from netanomaly.errors import DataError, OutsideError
from netanomaly.stages.capture import tools

VERSION = r"[Vv]ersion: (?:[A-Z-]*)([0-9][0-9.]*)"
_LINES_SINCE = (1, 7, 5)
_NONE = b"No matching flows"
_COPY_BYTES = 1 << 20


def version_of(program: Path) -> str:
    """Of nfdump."""
    return tools.version(program, VERSION)


def printed(program: Path, version: str, path: Path, uri: str, out: BinaryIO, scratch: Path) -> None:
    """Write the records of a file.

    Raises:
        DataError: nfdump cannot read it.
        OutsideError: nfdump failed.
    """
    numbers = tuple(int(part) for part in version.split(".") if part)
    # Never -B: over several files it joins conversations that are hours apart. Older versions know the list alone.
    form = ["-q", "-o", "ndjson"] if numbers >= _LINES_SINCE else ["-o", "json"]
    said = scratch / "said"
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [str(program), *form, "-r", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=tools.environment(),
            cwd=scratch,
        )
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process, process.stdout as records:
            first = records.read(_COPY_BYTES)
            if not first.startswith(_NONE):
                out.write(first)
                while part := records.read(_COPY_BYTES):
                    out.write(part)
    words = tools.last_words(said) if said.stat().st_size else ""
    if wrong := re.search(r"Open file .*?: (.*)$|(GetNextFile.*|.*[Ee]rror.*|.*[Cc]orrupt.*)$", words):
        why = wrong[1] or wrong[2]
        if first_line := _opening(said):
            why = first_line
        raise DataError(
            f"{uri} cannot be read by nfdump {version} ({why}); copy it again, or print it where it was written: "
            "nfdump -r FILE -o csv > flows.csv"
        )
    if process.returncode:
        raise OutsideError(f"nfdump ended with {process.returncode} on {uri} ({words or 'it said nothing'})")


def _opening(said: Path) -> str:
    """Why it could not open the file, where that is what it says."""
    found = re.search(r"Open file .*?: (.*)", said.read_text(encoding="utf-8", errors="replace"))
    return " ".join(found[1].split())[:200] if found else ""
