"""Quality of detectors on many data sets, by default settings, and whether promised false-positive rates are kept.

    python -m tests.bench.quality [--data FOLDER] [--rows 8000] [--seeds 5] [--write docs/quality.md]

Every run's figures go into a file as soon as they are there (`--results`), and runs that it holds are not made again:
the program can be ended and started anew, and run in several pieces. What was measured with other code is not used.
Each detector runs in a process of its own, so that its memory is its own.

The default is measured with every seed, and with all that can be known of the rows; the others with one seed.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.bench import measured_blocks
from tests.bench.quality_data import FIVE_PERCENT, KNOWN, ONE_PERCENT, SETS, TEN_PERCENT, TIMED, UNKNOWN
from tests.bench.quality_measures import DETECTORS, Figures, quality
from tests.bench.quality_others import NETWORKS, OTHERS
from tests.bench.quality_page import DEFAULT, PROMISE_SETS, TABLES
from tests.bench.quality_promise import promise
from tests.bench.quality_results import ROOT, Key, Results
from tests.bench.quality_stream import stream

DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "build" / "quality.jsonl"
MEASURES: dict[str, Callable[[str, str, Any, int], Figures]] = {
    "quality": quality,
    "promise": promise,
    "stream": stream,
}


def measured(key: Key, data: Any) -> Figures:
    """The figures of one run, which has a process of its own; its data is shared with this one."""
    what, _, knowledge, detector, seed = key
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=lambda: theirs.send(MEASURES[what](detector, knowledge, data, seed))
    )
    process.start()
    theirs.close()
    try:
        figures: Figures = ours.recv()
    except EOFError:
        raise SystemExit(f"{what} of {detector} failed, see above") from None
    process.join()
    return figures


def wanted(given: argparse.Namespace) -> Iterator[Key]:
    """What to measure, what matters most first."""
    yield from default_of_every_set(given, [0])
    for knowledge in (KNOWN, FIVE_PERCENT):
        for name in given.sets:
            for detector in given.detectors:
                yield "quality", name, knowledge, detector, 0
    for name in given.sets:
        for knowledge in (ONE_PERCENT, TEN_PERCENT):
            yield "quality", name, knowledge, DEFAULT, 0
    for name in TIMED:
        yield "promise", name, "time", DEFAULT, 0
        yield "stream", name, "time", DEFAULT, 0
    for name in PROMISE_SETS:
        for seed in range(given.promise_seeds):
            yield "promise", name, "random", DEFAULT, seed
    yield from default_of_every_set(given, range(1, given.seeds))


def default_of_every_set(given: argparse.Namespace, seeds: Iterable[int]) -> Iterator[Key]:
    for seed in seeds:
        for name in given.sets:
            for knowledge in (KNOWN, UNKNOWN, FIVE_PERCENT):
                yield "quality", name, knowledge, DEFAULT, seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rows", type=int, help="fit on so many normal rows at most, judge on so many of each kind")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--promise-seeds", type=int, default=20)
    quick = [each for each in [*DETECTORS, *OTHERS] if each not in NETWORKS]
    parser.add_argument(
        "--detectors",
        nargs="*",
        default=quick,
        choices=[*DETECTORS, *OTHERS],
        help="networks only where they are named",
    )
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="end after so long, and go on the next time"
    )
    parser.add_argument("--write", type=Path, help="put the tables of what was measured into this page")
    parser.add_argument("--tables", nargs="*", default=list(TABLES), choices=list(TABLES), help="only these")
    given = parser.parse_args()
    results, deadline = Results(given.results, given.rows), time.monotonic() + 60 * given.minutes
    held: tuple[Any, Any] = (None, None)
    for key in wanted(given):
        if key in results.figures:
            continue
        if time.monotonic() > deadline:
            print("time is up; the same command goes on from here")
            break
        held = loaded(key, given, held)
        results.add(key, measured(key, held[1]))
        print(*key, {figure: round(value, 4) for figure, value in results.figures[key].items()}, flush=True)
    page = {name: TABLES[name](given, results) for name in given.tables}
    if given.write:
        for name in measured_blocks.put(given.write, page):
            print(f"not measured, left as it stands: {name}")
    else:
        for name, lines in page.items():
            print("\n".join([f"{name}:", *lines, ""]))


def loaded(key: Key, given: argparse.Namespace, held: tuple[Any, Any]) -> tuple[Any, Any]:
    """The data of a run, with what tells it apart; what is held already where that is the same."""
    from tests.bench.quality_data import load, load_normal, source_of

    what, name, knowledge, _, seed = key
    if what == "promise":
        apart: Any = (what, name)
        return held if held[0] == apart else (apart, load_normal(name, given.data))
    if what == "stream":
        apart = (what, name)
        return held if held[0] == apart else (apart, source_of(name, given.data))
    apart = (what, name, knowledge, seed)
    return held if held[0] == apart else (apart, load(name, knowledge, given.data, seed, given.rows))


if __name__ == "__main__":
    main()
