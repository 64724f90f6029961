"""How often monitoring cries wolf, and how often it names a change: `make bench-drift`.

The network is made up (`tests/bench/drift_traffic.py`): nothing drifts from window to window, but who is active. Alerts are a
detector's own, so that their rate is among what may cry wolf. Quiet windows
are drawn in sizes from 1,000 to 1,000,000 flows, over several networks; changes are injected in 50 windows each, and may be
named in the first or the second window after they began. Real logs, where there are some, are cut into an earlier and a later
part by blocks drawn at random (a block bootstrap), which keeps what depends on each other together.
"""

import argparse
import resource
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from netanomaly import output
from netanomaly.monitoring.judging import HOSTS, NETWORK, QUIET, SENSOR, TOO_LITTLE, judge
from netanomaly.monitoring.window import Window
from netanomaly.traffic import table

from tests.bench import drift_traffic as traffic
from tests.unit.monitoring.worlds import CATEGORIES, World, ends, flows
from tests.unit.monitoring.worlds import table as features_of

_ALLOWED_QUIET, _WANTED_NAMED, _MOST_CPU = 0.05, 0.9, 2.0
_FIRST_DAY = 35

Make = Callable[[World, np.random.Generator, int], tuple[pa.Table, dict[str, object]]]


def changed(change: traffic.Change | None = None, timeout: float = traffic.TIMEOUT) -> Make:
    """Windows in which the traffic changed."""

    def make(world: World, draw: np.random.Generator, day: int) -> tuple[pa.Table, dict[str, object]]:
        return flows(world.network, draw, 8000, day, change, timeout), {}

    return make


def lost(world: World, draw: np.random.Generator, day: int) -> tuple[pa.Table, dict[str, object]]:
    """The sensor no longer says the service."""
    found = flows(world.network, draw, 8000, day)
    return found, {"service": pa.nulls(found.num_rows, table.WORD)}


def renamed(world: World, draw: np.random.Generator, day: int) -> tuple[pa.Table, dict[str, object]]:
    """What was called http is called www."""
    found = flows(world.network, draw, 8000, day)
    column = found.column("service").combine_chunks()
    return found, {
        "service": table.words(column.chunk(0) if isinstance(column, pa.ChunkedArray) else column, {"http": "www"})
    }


CHANGES: dict[str, tuple[Make, str, str]] = {
    "IP to frame bytes": (changed(traffic.frame_bytes), SENSOR, "+14 bytes a packet"),
    "time-out halved": (changed(timeout=60), SENSOR, "120 s -> 60 s"),
    "time-out doubled": (changed(timeout=240), SENSOR, "120 s -> 240 s"),
    "sampling 1:10": (changed(traffic.sampled), SENSOR, "sampled"),
    "a lost column": (lost, SENSOR, "service is missing"),
    "a renamed service": (renamed, SENSOR, "renamed"),
    "a new subnet of 10%": (changed(traffic.new_subnet), HOSTS, "10.77.3.0/24"),
    "a scan": (changed(traffic.scan), HOSTS, "source"),
    "one host gone wild": (changed(traffic.wild_host), HOSTS, "source"),
    "broad behaviour": (changed(traffic.busier), NETWORK, "many hosts"),
}


def quiet(worlds: list[World], windows: dict[int, int]) -> bool:
    """Quiet windows by size: so many of each."""
    output.say("quiet windows      rows   windows  not quiet  verdicts")
    whole: Counter[str] = Counter()
    for rows, count in windows.items():
        found: Counter[str] = Counter()
        for number in range(count):
            world = worlds[number % len(worlds)]
            draw = np.random.default_rng([11, rows, number])
            found[world.judged(flows(world.network, draw, rows, _FIRST_DAY + number % 28))["verdict"]] += 1
        wrong = count - found[QUIET]
        whole += found
        said = ", ".join(f"{name} {times}" for name, times in found.most_common())
        output.say(f"{'':14}{rows:>10,}{count:>10}{wrong / count:>11.1%}  {said}")
    share = 1 - whole[QUIET] / whole.total()
    within = share <= _ALLOWED_QUIET
    output.say(
        f"all {whole.total()}: {share:.1%} not quiet (at most {_ALLOWED_QUIET:.0%}): {'kept' if within else 'NOT KEPT'}"
    )
    return within


def named(worlds: list[World], seeds: int) -> bool:
    """Each change in so many windows: named rightly in the first, or in one of two."""
    kept = True
    output.say(f"{'change':24}{'seeds':>6}{'first':>8}{'in two':>8}  otherwise")
    for name, (make, verdict, words) in CHANGES.items():
        first = two = 0
        others: Counter[str] = Counter()
        for seed in range(seeds):
            world = worlds[seed % len(worlds)]
            draw = np.random.default_rng([13, seed])
            # Working days: a week-end has a line of its own.
            day = _FIRST_DAY + seed % 4 + 7 * (seed % 3)
            found, more = make(world, draw, day)
            judged = world.judged(found, **more)
            right = judged["verdict"] == verdict and words in "; ".join(judged["reasons"])
            first += right
            if not right:
                others[judged["verdict"]] += 1
                found, more = make(world, draw, day + 1)
                judged = world.judged(found, **more)
                right = judged["verdict"] == verdict and words in "; ".join(judged["reasons"])
            two += right
        kept &= two >= _WANTED_NAMED * seeds
        said = ", ".join(f"{each} {times}" for each, times in others.most_common())
        output.say(f"{name:24}{seeds:>6}{first / seeds:>8.0%}{two / seeds:>8.0%}  {said}")
    return kept


def week_ends(worlds: list[World], without: World, seeds: int) -> bool:
    """A week-end is quiet where training had some, and never a change where it had none."""
    seen = unseen = 0
    for seed in range(seeds):
        draw, day = np.random.default_rng([17, seed]), 40 + 7 * (seed % 4)
        world = worlds[seed % len(worlds)]
        seen += world.judged(flows(world.network, draw, 8000, day))["verdict"] == QUIET
        unseen += without.judged(flows(without.network, draw, 8000, day))["verdict"] in (QUIET, TOO_LITTLE)
    output.say(f"{'a week-end, trained on':24}{seeds:>6}{seen / seeds:>8.0%}{'':8}  (quiet)")
    output.say(f"{'a week-end, never seen':24}{seeds:>6}{unseen / seeds:>8.0%}{'':8}  (quiet, or too little data)")
    return min(seen, unseen) >= _WANTED_NAMED * seeds


def real(log: Path, repeats: int) -> bool:
    """A block bootstrap of a real log: quiet windows, as many as asked."""
    from tests.bench.drift_logs import bootstrapped

    wrong, verdicts = bootstrapped(log, repeats)
    share = wrong / repeats
    said = ", ".join(f"{name} {times}" for name, times in verdicts.most_common())
    output.say(f"{log.name}: {repeats} windows of a block bootstrap, {share:.1%} not quiet  {said}")
    return share <= _ALLOWED_QUIET


def cost(world: World) -> bool:
    """Processor seconds of a million rows, beyond reading and scoring them."""
    draw = np.random.default_rng(19)
    found = flows(world.network, draw, 900_000, _FIRST_DAY)
    rows = found.num_rows
    made, of = features_of(found), ends(found)
    read = world.schema.rows(pa.table(made))
    batches = [
        (
            read.take(slice(begin, begin + 32_768)),
            {name: made[name].slice(begin, 32_768) for name in CATEGORIES},
            {name: column[begin : begin + 32_768] for name, column in of.items()},
        )
        for begin in range(0, rows, 32_768)
    ]
    before = _seconds()
    window = Window(world.layout)
    for part, categories, sides in batches:
        window.add(part, categories=categories, **sides)
    judge(world.reference, window)
    spent = (_seconds() - before) * 1e6 / rows
    kept = spent <= _MOST_CPU
    output.say(
        f"{rows:,} rows: {spent:.2f} CPU seconds a million beyond scoring (at most {_MOST_CPU:g}): {'kept' if kept else 'NOT KEPT'}"
    )
    return kept


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--windows", type=int, default=100, help="of the small sizes; of the large ones fewer")
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument(
        "--log", action="append", default=[], help="a real log for the bootstrap; one that is absent is left out"
    )
    chosen = parser.parse_args()
    logs = [Path(each) for each in chosen.log if Path(each).exists()]
    for each in chosen.log:
        if not Path(each).exists():
            output.say(f"{each} is not there: no bootstrap of it")
    worlds = [World.make(seed, alerts=True) for seed in (1, 2, 3)]
    without = World.make(4, weekends=False, alerts=True)
    sizes = {1000: 1, 3000: 1, 10_000: 1, 30_000: 2, 100_000: 5, 1_000_000: 25}
    windows = {rows: max(1, chosen.windows // part) for rows, part in sizes.items() if rows <= chosen.largest}
    results = [
        quiet(worlds, windows),
        named(worlds, chosen.seeds),
        week_ends(worlds, without, chosen.seeds),
        cost(worlds[0]),
        *(real(log, chosen.windows) for log in logs),
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
