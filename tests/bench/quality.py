"""Quality of every detector on every data set, by default settings, and whether promised false-positive rates are kept.

    python -m tests.bench.quality [--data FOLDER] [--seeds 5] [--detectors a b] [--sets a b] [--write docs/quality.md]

Every run's figures go into a file as soon as they are there (`--results`), and runs that it holds are not made again:
the program can be ended and started anew, and run in several pieces. What was measured with other code is not used.
Each detector runs in a process of its own, so that its memory is its own.
"""

import argparse
import hashlib
import json
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from netanomaly.models.catalogue import CATALOGUE, check

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "build" / "quality.jsonl"
SETS = {
    "nsl-kdd": "NSL-KDD: normal rows of KDDTrain+, tested on KDDTest+",
    "nsl-kdd-5": "NSL-KDD with 5% random attacks mixed into training, unlabelled",
    "nsl-kdd-21": "NSL-KDD: normal rows of KDDTrain+, tested on KDDTest-21",
    "http": "ADBench http: half of the normal rows, tested on the rest",
    "smtp": "ADBench smtp: half of the normal rows, tested on the rest",
    "kdd99": "KDD99 10%, de-duplicated: half of the normal rows, tested on the rest",
    "kdd99-5": "KDD99 with 5% random attacks mixed into training, unlabelled",
    "beyond": "Made up: ten columns, attacks out of the training range in one of them",
    "scan": "Made up: flows with addresses and ports, attacks are a port scan",
}
PROMISE_SETS = {"nsl-kdd": "KDDTrain+", "kdd99": "KDD99 10%, de-duplicated"}
PROMISE_SEEDS = 20
PROMISED = 0.01

Figures = dict[str, float]
Key = tuple[str, str, str, int]
"""What is measured ("quality", "promise"), data set, detector, seed."""


def quality(detector: str, split: Any, seed: int) -> Figures:
    """Fit and score once; what a row of the tables is made of."""
    import numpy as np
    from netanomaly.metrics.detection import average_precision, recall_at, roc_auc
    from netanomaly.metrics.distribution import Distribution
    from netanomaly.models.detector import make

    training, evaluation, attack = split
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


def promise(detector: str, normal: Any, seed: int) -> Figures:
    """The false-positive rate reached on 30% of normal rows where 1% was promised by a model of the others."""
    import numpy as np
    from netanomaly.metrics.thresholds import calibrate
    from netanomaly.models.detector import make
    from netanomaly.train.program import split

    order = np.random.default_rng([seed, 11]).permutation(len(normal))
    judged, training = normal.take(order[: len(order) * 3 // 10]), normal.take(order[len(order) * 3 // 10 :])
    model = make(detector, check(detector, {}))
    fitting, calibrating = split(len(training), PROMISED, model.minimum_rows, seed)
    model.fit(training.take(fitting), seed)
    point = calibrate(model.score(training.take(calibrating)).astype(np.float32), PROMISED)
    return {"rate": float((model.score(judged).astype(np.float32) > np.float32(point.threshold)).mean())}


MEASURES: dict[str, Callable[[str, Any, int], Figures]] = {"quality": quality, "promise": promise}


def measured(key: Key, data: Any) -> Figures:
    """The figures of one run, which has a process of its own; its data is shared with this one."""
    what, _, detector, seed = key
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=lambda: theirs.send(MEASURES[what](detector, data, seed))
    )
    process.start()
    theirs.close()
    try:
        figures: Figures = ours.recv()
    except EOFError:
        raise SystemExit(f"{what} of {detector} failed, see above") from None
    process.join()
    return figures


class Results:
    """What was measured so far, in a file of one JSON document a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._code = _code()
        self.figures: dict[Key, Figures] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                found = json.loads(line)
                if found["code"] == self._code:
                    what, name, detector, seed = found["key"]
                    self.figures[what, name, detector, seed] = found["figures"]

    def add(self, key: Key, figures: Figures) -> None:
        self.figures[key] = figures
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps({"code": self._code, "key": key, "figures": figures}) + "\n")

    def medians(self, name: str, detector: str) -> tuple[Figures, int] | None:
        """Medians over seeds, and how many there are."""
        runs = [figures for key, figures in self.figures.items() if key[:3] == ("quality", name, detector)]
        if not runs:
            return None
        return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}, len(runs)

    def rates(self, name: str, detector: str) -> list[float]:
        """The false-positive rates reached, ascending."""
        return sorted(
            figures["rate"] for key, figures in self.figures.items() if key[:3] == ("promise", name, detector)
        )


def _code() -> str:
    """Digest of the code that the figures depend on."""
    digest = hashlib.sha256()
    folder = ROOT / "components" / "netanomaly"
    for path in [
        *sorted((folder / "models").glob("*.py")),
        Path(__file__),
        Path(__file__).with_name("quality_data.py"),
    ]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def wanted(given: argparse.Namespace) -> Iterator[tuple[str, str, int, list[str]]]:
    """What to measure on which data by which seed, and the detectors."""
    for seed in range(given.seeds):
        for name in given.sets:
            yield "quality", name, seed, given.detectors
    for seed in range(given.promise_seeds):
        for name in PROMISE_SETS:
            if name in given.sets:
                yield "promise", name, seed, given.detectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--promise-seeds", type=int, default=PROMISE_SEEDS)
    parser.add_argument("--detectors", nargs="*", default=list(CATALOGUE), choices=list(CATALOGUE))
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="end after so long, and go on the next time"
    )
    parser.add_argument("--write", type=Path, help="also write the page here")
    given = parser.parse_args()
    results, deadline = Results(given.results), time.monotonic() + 60 * given.minutes
    for what, name, seed, detectors in wanted(given):
        keys: list[Key] = [(what, name, detector, seed) for detector in detectors]
        missing = [key for key in keys if key not in results.figures]
        if not missing:
            continue
        from tests.bench.quality_data import load, load_normal

        data = load(name, given.data, seed) if what == "quality" else load_normal(name, given.data)
        for key in missing:
            if time.monotonic() > deadline:
                raise SystemExit("time is up; the same command goes on from here")
            results.add(key, measured(key, data))
            print(*key, {figure: round(value, 4) for figure, value in results.figures[key].items()}, flush=True)
    page = "\n".join([*heading(given), *summary(results), *tables(results), *promises(results)]).rstrip() + "\n"
    if given.write:
        given.write.write_text(page)
    else:
        print(page)


def heading(given: argparse.Namespace) -> list[str]:
    return [
        "# Quality of the detectors",
        "",
        f"By default settings, nothing tuned per data set; medians of {given.seeds} seeds. Written by",
        "",
        "```console",
        "$ make bench-quality" + (f" SEEDS={given.seeds}" if given.seeds != 5 else ""),
        "```",
        "",
        "which goes on where it was ended (`build/quality.jsonl`), and takes about an hour in all. On two cores of",
        f"{platform.machine()} with other work on them, Python {platform.python_version()}: seconds and rows a second vary",
        "with that, the rest does not. ROC-AUC, average precision (AP) and recall at 1% false positives are of the",
        "ranking; seconds to fit, rows scored a second, megabytes that both added to the process.",
        "",
    ]


_COLUMNS = "| ROC-AUC | AP | recall at 1% | fit, s | rows/s scored | MB |"


def _cells(found: Figures) -> str:
    return (
        f"| {found['roc_auc']:.4f} | {found['average_precision']:.4f} | {found['recall']:.3f} | "
        f"{found['fit_seconds']:.1f} | {found['rows_per_second']:,.0f} | {found['megabytes']:.0f} |"
    )


def summary(results: Results) -> list[str]:
    """The default detector on every data set."""
    lines = ["## The default, `ensemble`", "", f"| data {_COLUMNS}", "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, title in SETS.items():
        if found := results.medians(name, "ensemble"):
            lines.append(f"| {title} {_cells(found[0])}")
    return [*lines, ""]


def tables(results: Results) -> list[str]:
    """Every detector on every data set, the best ranking first."""
    lines = ["## Every detector", ""]
    for name, title in SETS.items():
        found = {detector: median for detector in CATALOGUE if (median := results.medians(name, detector))}
        if not found:
            continue
        lines += [f"### {title}", "", f"| detector {_COLUMNS}", "| --- | --- | --- | --- | --- | --- | --- |"]
        for detector, (figures, _) in sorted(found.items(), key=lambda pair: -pair[1][0]["roc_auc"]):
            lines.append(f"| {detector} {_cells(figures)}")
        lines.append("")
    return lines


def promises(results: Results) -> list[str]:
    """False-positive rates reached where 1% was promised."""
    lines = [
        "## Is a promised false-positive rate of 1% kept?",
        "",
        "On exchangeable data: the normal rows of a set, 70% to train on (of them up to 20,000 calibrate), 30% to judge",
        "on, drawn anew for each seed. By chance alone a rate is off by 0.1 points (one standard deviation).",
        "",
        "| data | detector | seeds | least | median | most | within 0.7% to 1.3% |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, title in PROMISE_SETS.items():
        for detector in CATALOGUE:
            if rates := results.rates(name, detector):
                kept = sum(0.007 <= rate <= 0.013 for rate in rates)
                lines.append(
                    f"| {title} | {detector} | {len(rates)} | {rates[0]:.2%} | {statistics.median(rates):.2%} | "
                    f"{rates[-1]:.2%} | {kept} |"
                )
    return lines


if __name__ == "__main__":
    main()
