"""docs/quality.md, from what was measured."""

import argparse
import platform
import statistics
from collections.abc import Mapping, Sequence

from tests.bench.quality_data import FIVE_PERCENT, KNOWN, ONE_PERCENT, SETS, TEN_PERCENT, TIMED, UNKNOWN
from tests.bench.quality_measures import DETECTORS, Figures
from tests.bench.quality_others import OTHERS
from tests.bench.quality_results import Results

DEFAULT = "ensemble"
PROMISE_SETS = ("nsl-kdd", "unsw-nb15", "kdd99", "cicids2017")

_MEASURED = ("roc_auc", "recall_1", "recall_01")


def written(given: argparse.Namespace, results: Results) -> str:
    """The page; a table of what was not measured is left out."""
    parts = [heading(given), default(given, results), shares(given, results)]
    parts += [compared(given, results, knowledge) for knowledge in (KNOWN, FIVE_PERCENT)]
    parts += [by_set(given, results), promises(results), in_time(results), cost(given, results)]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def heading(given: argparse.Namespace) -> list[str]:
    rows = (
        f"fitted on {given.rows:,} normal rows at most and judged on as many of each kind"
        if given.rows
        else ("fitted on at most 120,000 rows and judged on all others")
    )
    asked = f"--rows {given.rows} --seeds {given.seeds} --promise-seeds {given.promise_seeds}"
    command = f"python -m tests.bench.quality {asked}" if given.rows else "make bench-quality"
    return [
        "# Quality of the detectors",
        "",
        f"By default settings, nothing tuned for a data set; the default in medians of {given.seeds} seeds, the others with one."
        if given.seeds > 1
        else "By default settings, nothing tuned for a data set, one seed: differences of a point or two of recall say nothing.",
        f"Where a set has no part to judge on, half of its normal rows is fitted on; {rows}.",
        "How the default was chosen: [detectors.md](detectors.md). Made by",
        "",
        "```console",
        f"$ {command}",
        "```",
        "",
        "which goes on where it was ended. `known`: the rows fitted on are known to be normal. `unknown`: they are, and",
        "nobody says so. 1%, 5%, 10%: nobody knows, and so many of them are attacks, drawn at random. Recall is at 1% and at",
        "0.1% false positives of the ranking. A ROC-AUC of 0.9 can go with a recall of nothing at 1%: look at the recall.",
        "",
    ]


def _cells(found: Figures | None) -> str:
    if found is None:
        return "| | | "
    return f"| {found['roc_auc']:.3f} | {found['recall_1']:.3f} | {found['recall_01']:.3f} "


def default(given: argparse.Namespace, results: Results) -> list[str]:
    """The default detector on every data set."""
    known = (KNOWN, UNKNOWN, FIVE_PERCENT)
    lines = [f"## The default, `{DEFAULT}`", "", "| data | " + " | | | ".join(known) + " | | |"]
    lines += ["| --- " + "| --- | --- | --- " * 3 + "|", "| " + "| ROC-AUC | at 1% | at 0.1% " * 3 + "|"]
    for name in given.sets:
        found = [results.medians(name, knowledge, DEFAULT) for knowledge in known]
        if any(found):
            lines.append(f"| {SETS[name]} " + "".join(_cells(each) for each in found) + "|")
    means = [results.complete(given.sets, knowledge, [DEFAULT]).get(DEFAULT) for knowledge in known]
    if all(means):
        lines.append("| mean " + "".join(_cells(_mean(each)) for each in means if each) + "|")
    return [*lines, ""]


def shares(given: argparse.Namespace, results: Results) -> list[str]:
    """What attacks among the rows to fit on cost."""
    lines = ["## Attacks among the rows to fit on", "", "Means over the data sets.", ""]
    lines += ["| of the rows to fit on | ROC-AUC | recall at 1% | recall at 0.1% |", "| --- | --- | --- | --- |"]
    for knowledge, said in (
        (KNOWN, "none, known"),
        (UNKNOWN, "none, unknown"),
        (ONE_PERCENT, "1% are attacks"),
        (FIVE_PERCENT, "5%"),
        (TEN_PERCENT, "10%"),
    ):
        if found := results.complete(given.sets, knowledge, [DEFAULT]).get(DEFAULT):
            lines.append(f"| {said} {_cells(_mean(found))}|")
    return [*lines, ""] if lines[-1][2] != "-" else []


def compared(given: argparse.Namespace, results: Results, knowledge: str) -> list[str]:
    """Every detector: means over the sets, its mean rank by recall at 1%, and how far it is from the best at worst."""
    names, found = _side_by_side(given, results, knowledge)
    if len(found) < 2:
        return []
    ranks, shortfalls = _against_each_other(found)
    said = "rows known to be normal" if knowledge == KNOWN else "5% of the rows are attacks, unlabelled"
    lines = [f"## Every detector: {said}", "", f"Means over {len(names)} data sets, one seed."]
    if knowledge == KNOWN:
        lines += [
            "Rank: mean rank by recall at 1%; worst: the greatest number of points of recall at 1% by which it is behind the",
            "best on a set. Names in capitals are PyOD's; they and scikit-learn's forest see the rows scaled as ours do. PyOD's",
            "ECOD and COPOD rank the rows judged among each other too, so that many attacks hide each other. The ensemble of",
            "generation 1 is that of its members, with nothing left out.",
        ]
    lines += [
        "",
        "| detector | ROC-AUC | recall at 1% | recall at 0.1% | rank | worst |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in _by_recall(found):
        lines.append(f"| {each} {_cells(_mean(found[each]))}| {ranks[each]:.1f} | {100 * shortfalls[each]:.0f} |")
    return [*lines, ""]


def by_set(given: argparse.Namespace, results: Results) -> list[str]:
    """Recall at 1% of every detector on every set."""
    names, found = _side_by_side(given, results, KNOWN)
    if len(found) < 2:
        return []
    order = _by_recall(found)
    lines = ["### Recall at 1% false positives, rows known to be normal", "", "| data | " + " | ".join(order) + " |"]
    lines.append("| --- " * (len(order) + 1) + "|")
    for position, name in enumerate(names):
        row = [f"{found[each][position]['recall_1']:.2f}" for each in order]
        lines.append(f"| {SETS[name]} | " + " | ".join(row) + " |")
    return [*lines, ""]


def _side_by_side(
    given: argparse.Namespace, results: Results, knowledge: str
) -> tuple[list[str], dict[str, list[Figures]]]:
    """The data sets on which every detector was measured that was measured at all, and its first seed's figures there."""
    measured = {
        (key[1], key[3]): figures
        for key, figures in results.figures.items()
        if (key[0], key[2], key[4]) == ("quality", knowledge, 0)
    }
    detectors = [each for each in [*DETECTORS, *OTHERS] if any(name == each for _, name in measured)]
    names = [name for name in given.sets if all((name, each) in measured for each in detectors)]
    return names, {each: [measured[name, each] for name in names] for each in detectors} if names else {}


def _by_recall(found: Mapping[str, Sequence[Figures]]) -> list[str]:
    return sorted(found, key=lambda name: -_mean(found[name])["recall_1"])


def promises(results: Results) -> list[str]:
    """False-positive rates reached where 1% was promised, on exchangeable rows."""
    lines = [
        "## Is a promised false-positive rate of 1% kept?",
        "",
        "Of the normal rows of a set 70% to train on and 30% to judge on, drawn anew for each seed.",
        "",
        "| data | seeds | least | median | most | within 0.7% to 1.3% |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in PROMISE_SETS:
        if rates := [each["rate"] for each in results.promises(name, "random", DEFAULT)]:
            kept = sum(0.007 <= rate <= 0.013 for rate in rates)
            ends = f"{rates[0]:.2%} | {statistics.median(rates):.2%} | {rates[-1]:.2%}"
            lines.append(f"| {SETS[name]} | {len(rates)} | {ends} | {kept} |")
    return [*lines, ""]


def in_time(results: Results) -> list[str]:
    """The same where the last rows are judged, and what a random part would have promised."""
    lines = [
        "Where the last 30% are judged, and thresholds are set by the latest of the others, by a random part of them, by that part",
        "weighted by how late a row is (weighted conformal prediction), or by the latest and then anew before each twentieth:",
        "",
        "| data | the latest | a random part | weighted | anew |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, said in TIMED.items():
        if rates := results.promises(name, "time", DEFAULT):
            shown = (rates[0][f"{way}rate"] for way in ("", "random_", "weighted_", "adaptive_"))
            lines.append(f"| {said} | " + " | ".join(f"{rate:.2%}" for rate in shown) + " |")
    return [*lines, ""]


def cost(given: argparse.Namespace, results: Results) -> list[str]:
    """Seconds and memory, on the largest set."""
    lines = [
        "## Time and memory",
        "",
        f"NSL-KDD, one seed, on {platform.machine()}, Python {platform.python_version()}; processor seconds, which other work",
        "on the machine changes little. A second core nearly doubles the rows scored a second.",
        "",
        "| detector | fit, s | rows a second of one core | MB |",
        "| --- | --- | --- | --- |",
    ]
    for knowledge, detectors in ((KNOWN, [*DETECTORS, *OTHERS]), (UNKNOWN, [DEFAULT])):
        for detector in detectors:
            if found := results.medians("nsl-kdd", knowledge, detector):
                said = detector if knowledge == KNOWN else f"{detector}, rows unknown"
                figures = (
                    f"{found['fit_cpu_seconds']:.1f} | {found['rows_per_cpu_second']:,.0f} | {found['megabytes']:.0f}"
                )
                lines.append(f"| {said} | {figures} |")
    return [*lines, ""]


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
