"""Quality of every detector on every data set, by default settings, and whether promised false-positive rates are kept.

    python -m tests.bench.quality [--data FOLDER] [--seeds 5] [--detectors a b] [--sets a b] [--write docs/quality.md]

Every run's figures go into a file as soon as they are there (`--results`), and runs that it holds are not made again:
the program can be ended and started anew, and run in several pieces. What was measured with other code is not used.
Each detector runs in a process of its own, so that its memory is its own.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netanomaly.models.catalogue import CATALOGUE

from tests.bench.quality_measures import MEASURES, Figures
from tests.bench.quality_page import PROMISE_SEEDS, PROMISE_SET, SETS, written
from tests.bench.quality_results import ROOT, Key, Results

DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "build" / "quality.jsonl"


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


def wanted(given: argparse.Namespace) -> Iterator[tuple[str, str, int, list[str]]]:
    """What to measure on which data by which seed, and the detectors."""
    for seed in range(given.seeds):
        for name in given.sets:
            yield "quality", name, seed, given.detectors
    for seed in range(given.promise_seeds):
        if PROMISE_SET in given.sets:
            yield "promise", PROMISE_SET, seed, given.detectors


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

        try:
            data = load(name, given.data, seed) if what == "quality" else load_normal(given.data)
        except OSError as error:
            parser.error(
                f"{name} needs {error.filename or given.data}: {error.strerror or error}; name the folder of the data "
                "sets (make bench-quality BENCH_DATA=...), or others with --sets"
            )
        for key in missing:
            if time.monotonic() > deadline:
                raise SystemExit("time is up; the same command goes on from here")
            results.add(key, measured(key, data))
            print(*key, {figure: round(value, 4) for figure, value in results.figures[key].items()}, flush=True)
    page = written(given, results)
    if given.write:
        given.write.write_text(page)
    else:
        print(page)


if __name__ == "__main__":
    main()
