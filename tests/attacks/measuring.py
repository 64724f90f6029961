"""Read a source in a process of its own, and see what it said and how much memory it took."""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

soak = pytest.mark.skipif(
    not os.environ.get("NETANOMALY_SOAK"), reason="a soak: make soak-attacks; test_lowered_bounds is as strict"
)
"""What makes hundreds of mebibytes to see that nobody reads them."""

# Over what the process has anyway: the interpreter with Arrow and NumPy.
MOST_BYTES = 300 << 20
_READ = """
import sys
from netanomaly.errors import NetanomalyError
from netanomaly.config import CsvFormat
from netanomaly.flows import reader, sources
from netanomaly.flows.layout import Selection
code = 0
try:
    if sys.argv[1:]:
        for batch in reader.Reader(sources.resolve(sys.argv[1:]), CsvFormat(), Selection()).batches():
            pass
except NetanomalyError as error:
    print(str(error).replace("\\n", "\\\\n"))
    code = error.exit_code
print(peak())
sys.exit(code)
"""
# The peak that rusage tells is also that of the process this one was forked from.
PEAK = """
def peak():
    import re, resource, pathlib
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024
"""


@dataclass(frozen=True)
class Reading:
    code: int
    said: str
    stderr: str
    peak_bytes: int
    seconds: float


def read(*source: Path | str) -> Reading:
    """What became of reading a source; `peak_bytes` over that of a process which reads nothing."""
    found = _measured([_READ, *map(str, source)])
    return Reading(found.code, found.said, found.stderr, found.peak_bytes - _idle(), found.seconds)


def measured(program: str, *arguments: Path | str) -> Reading:
    """The same of a program that prints what it said, and last `peak()`, its peak memory in bytes."""
    return _measured([program, *map(str, arguments)])


@cache
def _idle() -> int:
    return _measured([_READ]).peak_bytes


def _measured(arguments: list[str]) -> Reading:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", PEAK + arguments[0], *arguments[1:]],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # What takes more than this is no bound at all, and should not take the machine with it.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)),
        check=False,
        timeout=120,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *said, peak = done.stdout.splitlines() or ["0"]
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Reading(done.returncode, "\n".join(said), done.stderr, int(peak) if peak.isdigit() else 0, seconds)
