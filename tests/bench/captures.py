"""Speed and memory of making flows of captures: packets a processor second, Suricata's and ours.

    python -m tests.bench.captures [--data ../shared/data] [--packets 1000000]

The captures of the folder one after another, again and again, each ten minutes after the one before. Needs Suricata.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from netanomaly.absent import do_without

from tests.bench.end_to_end import ROOT
from tests.bench.scans import at, packets_of, write

_PAUSE = 700_000_000
_LONGEST = 600_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--measure", type=Path)
    wanted = parser.parse_args()
    if wanted.measure:
        # As the stage is.
        do_without("pandas")
        print(json.dumps(measured(wanted.measure)))
        return
    made = ROOT / "build" / "bench" / f"captures_{wanted.packets}.pcap"
    made.parent.mkdir(parents=True, exist_ok=True)
    if not made.exists():
        write(made, repeated(sorted((wanted.data / "pcap").glob("*/*.pcap")), wanted.packets))
    command = [sys.executable, "-m", "tests.bench.captures", "--measure", str(made)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
    both = found["own"] + found["suricata"]
    print(
        "| packets | flows | processor s of ours | of Suricata's | packets a processor second | peak MiB of ours | of Suricata's |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    print(
        f"| {found['packets']:,} | {found['flows']:,} | {found['own']:.2f} | {found['suricata']:.2f} | "
        f"{found['packets'] / both:,.0f} | {found['peak']:.0f} | {found['peak_suricata']:.0f} |"
    )


def repeated(captures: list[Path], count: int) -> list[tuple[int, bytes]]:
    """So many packets of these captures, in order of time."""
    seen = [list(packets_of(path)) for path in captures]
    made: list[tuple[int, bytes]] = []
    begin = 1_700_000_000_000_000
    while len(made) < count:
        for each in seen:
            shifted = [(min(micros, begin + _LONGEST), frame) for micros, frame in at(each, begin)]
            made += shifted
            begin = max(micros for micros, _ in shifted) + _PAUSE
    return made[:count]


def measured(path: Path) -> dict[str, float]:
    """What making flows of a capture took, in this process and its children."""
    from netanomaly.stages.capture.program import capture
    from netanomaly.stages.capture.settings import Settings

    begun = time.process_time()
    with (path.parent / "flows.json").open("wb") as out:
        report = capture(Settings([str(path)]), out, path.parent)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "packets": report["packets"],
        "flows": report["flows"],
        "own": time.process_time() - begun,
        "suricata": children.ru_utime + children.ru_stime,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "peak_suricata": children.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
