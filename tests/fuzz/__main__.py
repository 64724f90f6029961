"""`make fuzz`: every target for its share of the time; 0 where nothing was found, 1 otherwise.

python -m tests.fuzz [--seconds 600] [--count N] [--seed N] [TARGET...]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.command import ROOT
from tests.fuzz.targets import TARGETS

FOUND = ROOT / "build" / "fuzz"


def fuzz(target: str, seconds: float, count: int, seed: int, folder: Path = FOUND) -> dict[str, Any]:
    """What came of one target."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.worker", target, str(seconds), str(count), str(seed), str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not done.stdout.strip():
        what = f"the process ended with {done.returncode}: {done.stderr[-3000:]}"
        return {
            "target": target,
            "mutants": 0,
            "peak_bytes": 0,
            "found": [{"mutant": str(folder / f"{target}-last"), "what": what}],
        }
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz what reads bytes of others.")
    parser.add_argument("--seconds", type=float, default=600, help="of all targets together")
    parser.add_argument("--count", type=int, default=1 << 60, help="of mutants, of each target, at most")
    parser.add_argument("--seed", type=int, default=None, help="of the mutants; default: by the time")
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET", help=", ".join(TARGETS))
    arguments = parser.parse_args()
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    print(f"seed {seed}, {arguments.seconds:g} s")
    any_found = False
    for target in arguments.targets:
        result = fuzz(target, arguments.seconds / len(arguments.targets), arguments.count, seed)
        found = result["found"]
        any_found |= bool(found)
        print(
            f"{target:<16}{result['mutants']:>9,} mutants  {result['peak_bytes'] >> 20:>4} MiB over idle  {len(found)} found",
            flush=True,
        )
        for each in found:
            print(f"  {each['mutant']}\n    {each['what'].strip().replace(chr(10), chr(10) + '    ')}")
    return int(any_found)


if __name__ == "__main__":
    sys.exit(main())
