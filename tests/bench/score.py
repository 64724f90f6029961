"""Speed and memory of scoring: flows a processor second and peak memory, from a Zeek log to alerts, and of a follower.

    python -m tests.bench.score [--rows 1000000] [--follow]
    python -m tests.bench.score --latency

The log is that of tests.bench.traffic, the model the default one, trained on another such log by `netanomaly run`. All of it
counts: reading, sorting, features in context, scores, incidents, files written. One thread scores, so that a processor second
is one second of a core; what starting the program takes is told beside it. `--latency`: how long after a file is whole its
scores are there, of a follower that is at work.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.end_to_end import ROOT
from tests.bench.traffic import DATA, _peak_mebibytes, write_zeek

TRAINED_ON = 50_000
REGISTRY = DATA / "score" / "registry"
WANTED_FLOWS, MOST_MEBIBYTES = 100_000, 600
LATENCY_FILES, LONGEST_SECONDS = 15, 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--follow", action="store_true", help="by a follower, in files of 100,000 flows")
    parser.add_argument("--latency", action="store_true", help="how soon a new file is scored")
    parser.add_argument("--measure", type=Path, help="score this log in this process")
    wanted = parser.parse_args()
    if wanted.measure:
        print(json.dumps(_followed(wanted.measure) if wanted.follow else _scored(wanted.measure)))
        return
    DATA.mkdir(parents=True, exist_ok=True)
    _train()
    if wanted.latency:
        _latency()
        return
    print("| flows | processor s | flows a processor second | flows a second | peak MiB | alerts | incidents |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    missed = []
    for rows in wanted.rows:
        found = _measured(_log(rows), follow=wanted.follow)
        speed = found["rows"] / found["processor"]
        print(
            f"| {found['rows']:,} | {found['processor']:.1f} | {speed:,.0f} | {found['rows'] / found['wall']:,.0f} | "
            f"{found['peak']:.0f} | {found['alerts']:,} | {found['incidents']:,} |",
            flush=True,
        )
        missed += [f"{rows:,} flows: {speed:,.0f} flows a processor second"] if speed < WANTED_FLOWS else []
        missed += [f"{rows:,} flows: {found['peak']:.0f} MiB"] if found["peak"] > MOST_MEBIBYTES else []
    if missed:
        print(f"missed: at least {WANTED_FLOWS:,} flows a processor second and at most {MOST_MEBIBYTES} MiB are wanted")
        print("\n".join(missed))
        sys.exit(1)


def _log(rows: int) -> Path:
    path = DATA / f"conn_{rows}.log"
    if not path.exists():
        write_zeek(path, rows)
    return path


def _train() -> None:
    """Anew each time: a model that is there may be of another generation."""
    folder = REGISTRY.parent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = folder / "config.json"
    config.write_text(json.dumps({"model_name": "bench", "data_source": str(_log(TRAINED_ON))}))
    command = [str(Path(sys.executable).with_name("netanomaly")), "run", str(config), "--workdir", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def _measured(log: Path, *, follow: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.score", "--measure", str(log), *(["--follow"] if follow else [])]
    one_thread = {"NETANOMALY_THREADS": "1", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **one_thread}
    )
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _scored(log: Path) -> dict[str, Any]:
    from netanomaly.registry import open_registry
    from netanomaly.scoring.choosing import choose
    from netanomaly.scoring.scoring import score
    from netanomaly.scoring.settings import Settings

    chosen = choose(open_registry(str(REGISTRY)), "bench")
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        processor, wall = time.process_time(), time.perf_counter()
        summary = score(chosen.model, chosen.named, Settings(source=[str(log)]), Path(folder))
        return _told(summary, processor, wall)


def _followed(log: Path) -> dict[str, Any]:
    """The same in files of 100,000 flows, as they come."""
    from netanomaly.scoring.following import follow
    from netanomaly.scoring.settings import Settings

    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        logs = Path(folder, "logs")
        logs.mkdir()
        with log.open() as lines:
            header = [next(lines) for _ in range(6)]
            number = 0
            while part := [line for _, line in zip(range(100_000), lines, strict=False)]:
                (logs / f"conn.{number:05d}.log").write_text("".join([*header, *part]))
                number += 1
        processor, wall = time.process_time(), time.perf_counter()
        report = follow(str(REGISTRY), "bench", Settings(source=[str(logs)]), str(Path(folder, "out")))
        return _told(report, processor, wall)


def _latency() -> None:
    """Files of 1,500 flows that come at moments the follower does not know."""
    chosen = random.Random(18)
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        logs, out = Path(folder, "logs"), Path(folder, "out")
        logs.mkdir()
        command = [str(Path(sys.executable).with_name("netanomaly")), "score", "bench", str(logs), "--out", str(out)]
        command += ["--registry", str(REGISTRY), "--follow"]
        follower = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        took = []
        try:
            with _log(TRAINED_ON).open() as lines:
                header = [next(lines) for _ in range(6)]
                for number in range(LATENCY_FILES + 1):
                    part = [line for _, line in zip(range(1500), lines, strict=False)]
                    being_written = Path(folder, "part")
                    being_written.write_text("".join([*header, *part]))
                    being_written.rename(logs / f"conn.{number:05d}.log")
                    whole = time.monotonic()
                    while not (out / "scores" / f"{number + 1:08d}.parquet").exists():
                        if follower.poll() is not None:
                            sys.exit(f"the follower ended with exit code {follower.returncode}")
                        time.sleep(0.02)
                    took.append(time.monotonic() - whole)
                    time.sleep(chosen.random() * 4)
        finally:
            follower.send_signal(signal.SIGTERM)
            follower.wait()
    # The first waits for the program to start.
    print(
        f"{LATENCY_FILES} files of 1,500 flows: scored after {statistics.median(took[1:]):.1f} s (median), "
        f"{max(took[1:]):.1f} s (longest)"
    )
    if max(took[1:]) > LONGEST_SECONDS:
        print(f"missed: at most {LONGEST_SECONDS:g} s are wanted")
        sys.exit(1)


def _told(summary: dict[str, Any], processor: float, wall: float) -> dict[str, Any]:
    return {
        "rows": summary["rows"],
        "alerts": summary["alerts"],
        "incidents": summary["incidents"],
        "processor": time.process_time() - processor,
        "wall": time.perf_counter() - wall,
        "peak": _peak_mebibytes(),
    }


if __name__ == "__main__":
    main()
