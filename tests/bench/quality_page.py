"""docs/quality.md, from what was measured."""

import argparse
import platform
import statistics

from netanomaly.models.catalogue import CATALOGUE

from tests.bench.quality_measures import Figures
from tests.bench.quality_results import Results

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
PROMISE_SET = "nsl-kdd"
PROMISE_SEEDS = 20


def written(given: argparse.Namespace, results: Results) -> str:
    """The page."""
    return "\n".join([*heading(given), *summary(results), *tables(results), *promises(results)]).rstrip() + "\n"


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
        "On exchangeable data: of the normal rows of KDDTrain+ 70% to train on (20,000 of them calibrate) and 30% to judge",
        "on, drawn anew for each seed. By chance alone a rate is off by 0.1 points (one standard deviation).",
        "",
        "| detector | seeds | least | median | most | within 0.7% to 1.3% |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for detector in CATALOGUE:
        if rates := results.rates(PROMISE_SET, detector):
            kept = sum(0.007 <= rate <= 0.013 for rate in rates)
            lines.append(
                f"| {detector} | {len(rates)} | {rates[0]:.2%} | {statistics.median(rates):.2%} | {rates[-1]:.2%} | {kept} |"
            )
    return lines
