"""Wall time and memory of a whole run against the original workflow, side by side on the same data.

The original is three scripts (train, evaluate, register), each a process that reads its CSV with pandas. Ours does
the same and also validates, calibrates a threshold, describes and reports. Both run alternately on this machine, so
that what the machine does meanwhile touches both; the ratio is what counts.

    python -m tests.bench.end_to_end --rows 100000 1000000 [--rounds 3] [--data FOLDER]
"""

import argparse
import json
import lzma
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
KDD99 = ROOT.parent / "shared" / "data" / "kddcup99" / "kddcup99.csv.xz"
ORIGINAL = Path(__file__).parent / "original"
ROWS_PER_PIECE = 100_000


def write_flows(source: pd.DataFrame, path: Path, rows: int, seed: int) -> None:
    """Write `rows` flows as CSV: real KDD99 rows drawn with repetition, their sizes and times jittered by 5%."""
    random = np.random.default_rng(seed)
    jittered = [name for name in source.columns if source[name].dtype.kind in "fi" and source[name].max() > 1]
    for start in range(0, rows, ROWS_PER_PIECE):
        piece = source.iloc[random.integers(0, len(source), min(ROWS_PER_PIECE, rows - start))].copy()
        for name in jittered:
            noise = random.uniform(0.95, 1.05, len(piece))
            piece[name] = (piece[name] * noise).round(2)
        piece.to_csv(path, mode="a" if start else "w", header=not start, index=False)


def original(config: Path) -> tuple[float, dict[str, int]]:
    """Run the three scripts; seconds and the peak memory of each, bytes."""
    started = time.perf_counter()
    peaks = {}
    for script in ("train", "evaluate", "register"):
        process = subprocess.Popen([sys.executable, str(ORIGINAL / f"{script}.py"), str(config)])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"the original's {script}.py failed")
        peaks[script] = usage.ru_maxrss * 1024
    return time.perf_counter() - started, peaks


def ours(config: Path, folder: Path) -> tuple[float, dict]:
    """Run `netanomaly run`; seconds and its JSON."""
    started = time.perf_counter()
    command = [
        str(Path(sys.executable).with_name("netanomaly")),
        "run",
        str(config),
        "--workdir",
        str(folder),
        "--json",
    ]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    seconds = time.perf_counter() - started
    result = json.loads(finished.stdout)
    if finished.returncode:
        raise SystemExit(f"netanomaly run failed: {result}")
    return seconds, result


def compare(rows: int, rounds: int, data: Path) -> None:
    """Print one table for one size."""
    training, evaluation = data / f"training_{rows}.csv", data / f"evaluation_{rows}.csv"
    if not evaluation.exists():
        with lzma.open(KDD99) as file:
            source = pd.read_csv(file).drop(columns=["protocol_type", "service", "flag"])
        write_flows(source, training, rows, seed=1)
        write_flows(source, evaluation, rows, seed=2)
    columns = [name for name in pd.read_csv(training, nrows=0).columns if name != "label"]
    config = data / f"config_{rows}.json"
    config.write_text(
        json.dumps(
            {
                "model_name": "bench",
                "model_version": "1.0.0",
                "model_type": "isolation_forest",
                "data_source": str(training),
                "evaluation_data_source": str(evaluation),
                "feature_columns": columns,
                "output_base_dir": str(data / "original"),
                "isolation_forest_params": {"n_estimators": 100, "contamination": "auto", "random_state": 42},
            }
        )
    )
    size = training.stat().st_size / 1e6
    print(f"\n{rows:,} + {rows:,} rows, {len(columns)} columns, CSV of {size:.0f} MB each")
    times: list[tuple[float, float]] = []
    for number in range(rounds):
        theirs, their_peaks = original(config)
        # A registry of its own each time: with a champion there, evaluate scores that too, which the original never does.
        shutil.rmtree(data / "ours", ignore_errors=True)
        mine, result = ours(config, data / "ours")
        times.append((theirs, mine))
        print(f"  round {number + 1}: original {theirs:6.1f} s, ours {mine:6.1f} s, ratio {mine / theirs:.2f}")
    ratio = statistics.median(mine / theirs for theirs, mine in times)
    print(f"  median ratio ours / original: {ratio:.2f}")
    print(f"  {'original':<14} {'peak MiB':>9}")
    for name, peak in their_peaks.items():
        print(f"  {name:<14} {peak / 2**20:9.0f}")
    print(f"  {'ours':<14} {'peak MiB':>9} {'seconds':>8}")
    # What did not run, as the steps of an untaken branch, took nothing.
    for stage in (each for each in result["stages"] if each["peak_memory_bytes"] is not None):
        print(f"  {stage['name']:<14} {stage['peak_memory_bytes'] / 2**20:9.0f} {stage['seconds']:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "bench")
    arguments = parser.parse_args()
    if not KDD99.exists():
        raise SystemExit(f"the benchmark needs {KDD99}")
    arguments.data.mkdir(parents=True, exist_ok=True)
    for rows in arguments.rows:
        compare(rows, arguments.rounds, arguments.data)


if __name__ == "__main__":
    main()
