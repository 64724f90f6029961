"""The tables of docs/quality.md, from what was measured; what is said beside them is written by hand, in the page."""

import argparse
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence

from tests.bench.quality_data import FIVE_PERCENT, KNOWN, ONE_PERCENT, SETS, TEN_PERCENT, TIMED, UNKNOWN
from tests.bench.quality_measures import DETECTORS, Figures
from tests.bench.quality_others import NETWORKS, OTHERS
from tests.bench.quality_promise import LEAST, MOST, by_chance
from tests.bench.quality_results import Results
from tests.bench.quality_stream import FLOOD, RECORDED, SPREAD, WAYS

DEFAULT = "ensemble"
# Whose normal rows are not those of another set.
PROMISE_SETS = tuple(name for name in SETS if name != "nsl-kdd-21")

_MEASURED = ("roc_auc", "recall_1", "recall_01")
# Networks take minutes to fit: they are measured on few sets and rows, with these beside them.
_BESIDE_NETWORKS = (DEFAULT, "knn", "gaussian_mixture", "autoencoder")
_WAYS = ("", "random_", "weighted_", "adaptive_", "controlled_", "retrained_")


def command(given: argparse.Namespace, _: Results) -> list[str]:
    """How it was measured."""
    rows = (
        f"fitted on {given.rows:,} normal rows at most and judged on as many of each kind"
        if given.rows
        else "fitted on at most 120,000 rows and judged on all others"
    )
    asked = f"--rows {given.rows} --seeds {given.seeds} --promise-seeds {given.promise_seeds}"
    lasting = f"medians of {given.seeds} seeds" if given.seeds > 1 else "one seed"
    return [
        f"The default: {lasting}; other detectors: one seed. Where a set has no part to judge on, half of its normal rows is",
        f"fitted on; {rows}.",
        "",
        "```console",
        f"$ {f'python -m tests.bench.quality {asked}' if given.rows else 'make bench-quality'}",
        "```",
    ]


def default(given: argparse.Namespace, results: Results) -> list[str]:
    """The default detector on every data set."""
    known = (KNOWN, UNKNOWN, FIVE_PERCENT)
    lines = ["| data | " + " | | | ".join(known) + " | | |"]
    lines += ["| --- " + "| --- | --- | --- " * 3 + "|", "| " + "| ROC-AUC | at 1% | at 0.1% " * 3 + "|"]
    rows = []
    for name in given.sets:
        found = [results.medians(name, knowledge, DEFAULT) for knowledge in known]
        if any(found):
            rows.append(f"| {SETS[name]} " + "".join(_cells(each) for each in found) + "|")
    means = [results.complete(given.sets, knowledge, [DEFAULT]).get(DEFAULT) for knowledge in known]
    if all(means):
        rows.append("| mean " + "".join(_cells(_mean(each)) for each in means if each) + "|")
    return [*lines, *rows] if rows else []


def spread(given: argparse.Namespace, results: Results) -> list[str]:
    """How far the seeds are apart: least, median and greatest mean over the sets, and the set that moves most."""
    lines = [
        "| | ROC-AUC | recall at 1% | recall at 0.1% | recall at 1% moves most |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = []
    for knowledge in (KNOWN, UNKNOWN, FIVE_PERCENT):
        runs = [
            [results.figures.get(("quality", name, knowledge, DEFAULT, seed)) for name in given.sets]
            for seed in range(given.seeds)
        ]
        whole = [[one for one in run if one] for run in runs if all(run)]
        if len(whole) < 2:
            continue
        means = [_mean(run) for run in whole]
        cells = [
            " to ".join(f"{end(each[figure] for each in means):.3f}" for end in (min, max)) for figure in _MEASURED
        ]
        moves = [[run[place]["recall_1"] for run in whole] for place in range(len(given.sets))]
        most = max(range(len(moves)), key=lambda place: max(moves[place]) - min(moves[place]))
        ends = f"{SETS[given.sets[most]]}: {min(moves[most]):.2f} to {max(moves[most]):.2f}"
        rows.append(f"| {knowledge} | {' | '.join(cells)} | {ends} |")
    return [*lines, *rows] if rows else []


def shares(given: argparse.Namespace, results: Results) -> list[str]:
    """What attacks among the rows to fit on cost."""
    lines = ["| of the rows to fit on | ROC-AUC | recall at 1% | recall at 0.1% |", "| --- | --- | --- | --- |"]
    rows = []
    for knowledge, said in (
        (KNOWN, "none, known"),
        (UNKNOWN, "none, unknown"),
        (ONE_PERCENT, "1% are attacks"),
        (FIVE_PERCENT, "5%"),
        (TEN_PERCENT, "10%"),
    ):
        if found := results.complete(given.sets, knowledge, [DEFAULT]).get(DEFAULT):
            rows.append(f"| {said} {_cells(_mean(found))}|")
    return [*lines, *rows] if rows else []


def compared(knowledge: str, networks: bool = False) -> Callable[[argparse.Namespace, Results], list[str]]:
    """Every detector: means over the sets, its mean rank by recall at 1%, and how far it is from the best at worst."""

    def table(given: argparse.Namespace, results: Results) -> list[str]:
        names, found = _side_by_side(given, results, knowledge, networks)
        if len(found) < 2:
            return []
        ranks, shortfalls = _against_each_other(found)
        told = ""
        if networks:
            told = (
                f"{f', {given.rows:,} rows to fit on' if given.rows else ''}: {'; '.join(SETS[name] for name in names)}"
            )
        lines = [
            f"Means over {len(names)} data sets, one seed{told}.",
            "",
            "| detector | ROC-AUC | recall at 1% | recall at 0.1% | rank | worst |" + (" fit, s |" if networks else ""),
            "| --- | --- | --- | --- | --- | --- |" + (" --- |" if networks else ""),
        ]
        for each in _by_recall(found):
            cells = f"{_cells(_mean(found[each]))}| {ranks[each]:.1f} | {100 * shortfalls[each]:.0f} |"
            seconds = max(one["fit_cpu_seconds"] for one in found[each])
            lines.append(f"| {each} {cells}" + (f" {seconds:.0f} |" if networks else ""))
        return lines

    return table


def by_set(knowledge: str) -> Callable[[argparse.Namespace, Results], list[str]]:
    """Recall at 1% of every detector on every set."""

    def table(given: argparse.Namespace, results: Results) -> list[str]:
        names, found = _side_by_side(given, results, knowledge)
        if len(found) < 2:
            return []
        order = _by_recall(found)
        lines = ["| data | " + " | ".join(order) + " |", "| --- " * (len(order) + 1) + "|"]
        for position, name in enumerate(names):
            row = [f"{found[each][position]['recall_1']:.2f}" for each in order]
            lines.append(f"| {SETS[name]} | " + " | ".join(row) + " |")
        return lines

    return table


def promises(_: argparse.Namespace, results: Results) -> list[str]:
    """False-positive rates reached where 1% was promised, on exchangeable rows."""
    lines = [
        f"| data | calibrated on, judged on | seeds | least | median | most | within {LEAST:.1%} to {MOST:.1%} | by chance alone |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows, kept, runs, expected = [], 0, 0, 0.0
    for name in PROMISE_SETS:
        if found := results.promises(name, "random", DEFAULT):
            rates = [each["rate"] for each in found]
            counts = int(found[0]["calibrated_on"]), int(found[0]["judged_on"])
            within, chance = sum(LEAST <= rate <= MOST for rate in rates), by_chance(*counts)
            kept, runs, expected = kept + within, runs + len(rates), expected + chance * len(rates)
            ends = f"{rates[0]:.2%} | {statistics.median(rates):.2%} | {rates[-1]:.2%}"
            rows.append(
                f"| {SETS[name]} | {counts[0]:,}, {counts[1]:,} | {len(rates)} | {ends} | {within} | {chance * len(rates):.1f} |"
            )
    return [*lines, *rows, f"| all | | {runs} | | | | {kept} | {expected:.1f} |"] if rows else []


def in_time(_: argparse.Namespace, results: Results) -> list[str]:
    """The same where the last rows are judged, by ways to set the threshold."""
    lines = [
        "| data | the latest | a random part | weighted | anew | adaptive | trained anew |",
        "| --- " * (len(_WAYS) + 1) + "|",
    ]
    rows = []
    for name, said in TIMED.items():
        if rates := results.promises(name, "time", DEFAULT):
            shown = (rates[0][f"{way}rate"] for way in _WAYS)
            rows.append(f"| {said} | " + " | ".join(f"{rate:.2%}" for rate in shown) + " |")
    return [*lines, *rows] if rows else []


def in_stream(_: argparse.Namespace, results: Results) -> list[str]:
    """What is alerted on in time with attacks in the stream: normal rows, and attacks."""
    lines = ["| data, attacks | " + " | ".join(WAYS) + " |", "| --- " * (len(WAYS) + 1) + "|"]
    rows = []
    for name, said in TIMED.items():
        found = results.figures.get(("stream", name, "time", DEFAULT, 0), {})
        for kind in (*SPREAD, FLOOD, RECORDED):
            cells = [tuple(found.get(f"{kind}, {way}, {what}") for what in ("rate", "recall")) for way in WAYS]
            shown = [f"{rate:.2%}, {recall:.2f}" for rate, recall in cells if rate is not None and recall is not None]
            if shown:
                rows.append(f"| {said}: {kind} | " + " | ".join(shown) + " |")
    return [*lines, *rows] if rows else []


def cost(given: argparse.Namespace, results: Results) -> list[str]:
    """Seconds and memory, on the largest set."""
    lines = [
        f"On {platform.machine()}, Python {platform.python_version()}.",
        "",
        "| detector | fit, s | rows a second of one core | MB |",
        "| --- | --- | --- | --- |",
    ]
    rows = []
    for knowledge, detectors in ((KNOWN, [*DETECTORS, *OTHERS]), (UNKNOWN, [DEFAULT])):
        for detector in detectors:
            if found := results.medians("nsl-kdd", knowledge, detector):
                said = detector if knowledge == KNOWN else f"{detector}, rows unknown"
                figures = (
                    f"{found['fit_cpu_seconds']:.1f} | {found['rows_per_cpu_second']:,.0f} | {found['megabytes']:.0f}"
                )
                rows.append(f"| {said} | {figures} |")
    return [*lines, *rows] if rows else []


# By their names in the page; without lines where nothing was measured.
TABLES: Mapping[str, Callable[[argparse.Namespace, Results], list[str]]] = {
    "command": command,
    "default": default,
    "spread": spread,
    "shares": shares,
    "detectors known": compared(KNOWN),
    "detectors contaminated": compared(FIVE_PERCENT),
    "networks known": compared(KNOWN, networks=True),
    "sets known": by_set(KNOWN),
    "sets contaminated": by_set(FIVE_PERCENT),
    "promises": promises,
    "in time": in_time,
    "in the stream": in_stream,
    "cost": cost,
}


def _side_by_side(
    given: argparse.Namespace, results: Results, knowledge: str, networks: bool = False
) -> tuple[list[str], dict[str, list[Figures]]]:
    """The data sets on which every detector was measured that was measured at all, and its first seed's figures there."""
    measured = {
        (key[1], key[3]): figures
        for key, figures in results.figures.items()
        if (key[0], key[2], key[4]) == ("quality", knowledge, 0)
    }
    listed = (
        [*_BESIDE_NETWORKS, *NETWORKS] if networks else [each for each in [*DETECTORS, *OTHERS] if each not in NETWORKS]
    )
    detectors = [each for each in listed if any(name == each for _, name in measured)]
    if networks and not any(each in NETWORKS for each in detectors):
        return [], {}
    names = [name for name in given.sets if all((name, each) in measured for each in detectors)]
    return names, {each: [measured[name, each] for name in names] for each in detectors} if names else {}


def _by_recall(found: Mapping[str, Sequence[Figures]]) -> list[str]:
    return sorted(found, key=lambda name: -_mean(found[name])["recall_1"])


def _cells(found: Figures | None) -> str:
    if found is None:
        return "| | | "
    return f"| {found['roc_auc']:.3f} | {found['recall_1']:.3f} | {found['recall_01']:.3f} "


def _mean(found: Sequence[Figures]) -> Figures:
    return {figure: statistics.fmean(each[figure] for each in found) for figure in _MEASURED}


def _against_each_other(found: Mapping[str, Sequence[Figures]]) -> tuple[dict[str, float], dict[str, float]]:
    """Mean ranks by recall at 1% (ties share the better one), and the greatest shortfall behind the best of a set."""
    recalls = {name: [each["recall_1"] for each in figures] for name, figures in found.items()}
    sets = range(len(next(iter(recalls.values()))))
    ranks, shortfalls = {}, {}
    for name, ours in recalls.items():
        beaten = [sum(theirs[place] > ours[place] + 1e-9 for theirs in recalls.values()) + 1 for place in sets]
        ranks[name] = statistics.fmean(beaten)
        shortfalls[name] = max(max(theirs[place] for theirs in recalls.values()) - ours[place] for place in sets)
    return ranks, shortfalls
