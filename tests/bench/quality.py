"""Quality of every detector on every data set: one table, by default settings, median of seeds.

Each pair of detector and data set runs in a process of its own, so that its memory is its own. `docs/quality.md` is
this program's output; data/README says where the files are from.

    python -m tests.bench.quality [--data FOLDER] [--seeds 5] [--detectors a b] [--sets a b] [--write docs/quality.md]
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from netanomaly.models.catalogue import CATALOGUE, check

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
SETS = {
    "nsl-kdd": "NSL-KDD: normal rows of KDDTrain+, tested on KDDTest+",
    "nsl-kdd-5": "the same, with 5% random attacks mixed into training, unlabelled",
    "nsl-kdd-21": "normal rows of KDDTrain+, tested on KDDTest-21",
    "http": "ADBench http: half of the normal rows, tested on the rest",
    "smtp": "ADBench smtp: half of the normal rows, tested on the rest",
    "kdd99": "KDD99 10%, de-duplicated: half of the normal rows, tested on the rest",
    "kdd99-5": "the same, with 5% random attacks mixed into training, unlabelled",
    "beyond": "made up: ten columns, attacks out of the training range in one of them",
    "scan": "made up: flows with addresses and ports, attacks are a port scan",
}


def one(detector: str, name: str, seed: int, folder: Path) -> dict[str, float]:
    """Fit and score once; what a row of the table is made of."""
    import numpy as np
    from netanomaly.metrics.detection import average_precision, recall_at, roc_auc
    from netanomaly.metrics.distribution import Distribution
    from netanomaly.models.detector import make

    from tests.bench.quality_data import load

    training, evaluation, attack = load(name, folder, seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = make(detector, check(detector, {}))
    began = time.perf_counter()
    model.fit(training, seed)
    fitted = time.perf_counter()
    scores = model.score(evaluation).astype(np.float32)
    scored = time.perf_counter()
    normal, attacks = Distribution.of(scores[~attack]), Distribution.of(scores[attack])
    return {
        "roc_auc": roc_auc(normal, attacks),
        "average_precision": average_precision(normal, attacks),
        "recall": recall_at(normal, attacks, 0.01)[0],
        "fit_seconds": fitted - began,
        "rows_per_second": len(scores) / (scored - fitted),
        "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }


def measured(detector: str, name: str, seeds: int, folder: Path) -> dict[str, float]:
    """Medians over the seeds, each in a process of its own."""
    runs = []
    for seed in range(seeds):
        command = [sys.executable, "-m", "tests.bench.quality", "--data", str(folder)]
        done = subprocess.run(
            [*command, "--one", detector, name, str(seed)], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        runs.append(json.loads(done.stdout))
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def table(name: str, results: dict[str, dict[str, float]]) -> list[str]:
    """A data set's results as Markdown, the best ranking first."""
    lines = [
        f"## {SETS[name]}",
        "",
        "| detector | ROC-AUC | AP | recall at 1% | fit, s | rows/s scored | MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for detector, found in sorted(results.items(), key=lambda pair: -pair[1]["roc_auc"]):
        lines.append(
            f"| {detector} | {found['roc_auc']:.4f} | {found['average_precision']:.4f} | {found['recall']:.3f} | "
            f"{found['fit_seconds']:.1f} | {found['rows_per_second']:,.0f} | {found['megabytes']:.0f} |"
        )
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--detectors", nargs="*", default=list(CATALOGUE), choices=list(CATALOGUE))
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--write", type=Path, help="also write the page here")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        detector, name, seed = given.one
        print(json.dumps(one(detector, name, int(seed), given.data)))
        return
    lines: list[str] = []
    for name in given.sets:
        results: dict[str, Any] = {each: measured(each, name, given.seeds, given.data) for each in given.detectors}
        part = table(name, results)
        print("\n".join(part), flush=True)
        lines += part
    if given.write:
        given.write.write_text("\n".join([*heading(given.seeds), *lines]))


def heading(seeds: int) -> list[str]:
    """What the page says before its tables."""
    return [
        "# Quality of the detectors",
        "",
        f"By default settings, nothing tuned per data set; medians of {seeds} seeds. Made with",
        "",
        "```console",
        f"$ make bench-quality SEEDS={seeds}",
        "```",
        "",
        f"on two cores of {platform.machine()}, Python {platform.python_version()}. ROC-AUC, average precision (AP) and",
        "recall at 1% false positives of the ranking; seconds to fit, rows scored a second, and megabytes that both added",
        "to the process. Seconds depend on what else the machine does; the rest does not.",
        "",
    ]


if __name__ == "__main__":
    main()
