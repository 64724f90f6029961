"""One target fuzzed in a process of its own: `python -m tests.fuzz.worker TARGET SECONDS COUNT SEED FOLDER`.

Ends with a line of JSON: how many mutants, peak memory over that of the sound seeds, and what was found. Mutants that
were findings lie in FOLDER.
"""

import hashlib
import json
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from types import FrameType

from netanomaly.errors import NetanomalyError

from tests.fuzz.mutating import mutant
from tests.fuzz.targets import TARGETS

MOST_BYTES = 300 << 20
LONGEST_SECONDS = 20
_MOST_FOUND = 20
_ADDRESS_SPACE = 4 << 30


class TooLong(BaseException):
    """A mutant took longer than any sound input of its size."""


def main() -> None:
    name, seconds, count, seed, folder = (
        sys.argv[1],
        float(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        Path(sys.argv[5]),
    )
    warnings.simplefilter("ignore")
    target, random = TARGETS[name], Random(seed)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    signal.signal(signal.SIGALRM, _too_long)
    seeds = target.seeds()
    for sound in seeds:
        _one(target.run, sound)
    idle = peak = _peak()
    found: list[dict[str, str]] = []
    done, ends = 0, time.monotonic() + seconds
    while done < count and time.monotonic() < ends and len(found) < _MOST_FOUND:
        data = mutant(random.choice(seeds), random)
        # Where the interpreter itself dies, this is what it died of.
        (folder / f"{name}-last").write_bytes(data)
        what = _one(target.run, data)
        done += 1
        if what is None and _peak() - max(peak, idle + MOST_BYTES) > 0:
            what = f"took {(_peak() - idle) >> 20} MiB"
        peak = max(peak, _peak())
        if what is not None:
            kept = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
            kept.write_bytes(data)
            found.append({"mutant": str(kept), "what": what})
    (folder / f"{name}-last").unlink(missing_ok=True)
    print(json.dumps({"target": name, "mutants": done, "peak_bytes": peak - idle, "found": found}))


def _one(run, data: bytes) -> str | None:
    signal.alarm(LONGEST_SECONDS)
    try:
        run(data)
    except NetanomalyError as error:
        if error.exit_code == NetanomalyError.exit_code:
            return f"a defect by its own word: {error}"
    except TooLong:
        return f"took more than {LONGEST_SECONDS} s"
    except BaseException:  # noqa: BLE001 - what a finding is
        return traceback.format_exc()
    finally:
        signal.alarm(0)
    return None


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TooLong


def _peak() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = status.read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()
