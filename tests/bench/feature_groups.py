"""What groups of features are worth on labelled traffic: recall at 1% false positives, with and without the flows before.

    python -m tests.bench.feature_groups [--data ../shared/data] [--seeds 5] [--write docs/quality.md]

The labelled day of a real PC with its attacks thinned to 5% and 1% of the rows, and its benign part with two real port scans in
it, as Zeek's log and as a table (CSV) of the same flows. Trained on the normal rows of the first 60% of the time by the
default detector, judged on the rest. A seed draws which attacks remain, when the scans begin, and is the detector's. Every
run's figure goes into a file as soon as it is there, and is not made again.
"""

import argparse
import json
import lzma
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from netanomaly.config import CsvFormat
from netanomaly.flows.contract import Contract, read_contract
from netanomaly.flows.labels import is_normal
from netanomaly.models.rows import learn_schema
from netanomaly.stages.ingest import program
from netanomaly.stages.ingest.settings import ALL_ROWS, Settings
from netanomaly.traffic.feature_list import CONTEXT_NAMES

from tests.bench import measured_blocks
from tests.bench.quality_data import KNOWN
from tests.bench.quality_measures import quality

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "feature_groups.jsonl"

_GAPS = ("pair_gap_seconds", "pair_gap_change", "src_gap_seconds", "src_port_gap_seconds")
GROUPS: dict[str, tuple[str, ...]] = {
    "per flow": (),
    "and 120 s": tuple(name for name in CONTEXT_NAMES if name.endswith("_120s")),
    "and last 100 flows": tuple(name for name in CONTEXT_NAMES if name.endswith("_100")),
    "and gaps": _GAPS,
    "all": tuple(CONTEXT_NAMES),
}
SETS = ("day, 5% attacks", "day, 1% attacks", "day and port scans")
FORMS = ("zeek", "table")
_TRAINED = 0.6
_SCANS = ("port-scans_horizontal.conn.log", "port-scans_vertical.conn.log")
_TABLE = {
    "ts": "timestamp", "duration": "duration", "id.orig_h": "src_ip", "id.orig_p": "src_port", "id.resp_h": "dst_ip",
    "id.resp_p": "dst_port", "proto": "protocol", "conn_state": "state", "orig_ip_bytes": "bytes_out", "resp_ip_bytes": "bytes_in",
    "orig_pkts": "packets_out", "resp_pkts": "packets_in", "label": "label",
}  # fmt: skip

Record = dict[str, str]


def day(data: Path) -> list[Record]:
    """The records of the labelled day, in order of time."""
    with lzma.open(next((data / "zeek" / "ctu50").glob("*.xz")), "rt") as file:
        return sorted(records(file.read().splitlines()), key=lambda each: float(each["ts"]))


def records(lines: Sequence[str]) -> list[Record]:
    fields = next(line.split("\t")[1:] for line in lines if line.startswith("#fields"))
    return [dict(zip(fields, line.split("\t"), strict=True)) for line in lines if line and not line.startswith("#")]


def made(name: str, data: Path, seed: int) -> list[Record]:
    """One set, by a seed."""
    draw = random.Random(f"{name} {seed}")
    whole = day(data)
    normal = [each for each in whole if is_normal(each["label"], ())]
    attacks = [each for each in whole if not is_normal(each["label"], ())]
    if name.startswith("day, "):
        share = {"5": 0.05, "1": 0.01}[name[5]]
        return _sorted([*normal, *draw.sample(attacks, round(len(normal) * share / (1 - share)))])
    first, last = float(normal[0]["ts"]), float(normal[-1]["ts"])
    scans = []
    for log in _SCANS:
        scan = _scan((data / "zeek" / "slips" / log).read_text())
        begin = draw.uniform(first + 0.65 * (last - first), last) - min(float(each["ts"]) for each in scan)
        scans += [each | {"ts": f"{float(each['ts']) + begin:.6f}", "label": "Malicious"} for each in scan]
    return _sorted([*normal, *scans])


def _scan(text: str) -> list[Record]:
    if text.startswith("#"):
        return records(text.splitlines())
    return [{name: str(value) for name, value in json.loads(line).items()} for line in text.splitlines()]


def _sorted(found: list[Record]) -> list[Record]:
    return sorted(found, key=lambda each: float(each["ts"]))


def written(found: list[Record], form: str, folder: Path) -> Path:
    """The set as a file of its form."""
    names = list(_TABLE) if form == "table" else ["ts", "uid", *list(_TABLE)[1:7], "service", *list(_TABLE)[7:]]
    rows = [[each.get(name, "-") for name in names] for each in found]
    if form == "table":
        text = "".join(",".join("" if value == "-" else value for value in row) + "\n" for row in rows)
        path, head = folder / "flows.csv", ",".join(_TABLE.values()) + "\n"
    else:
        text = "".join("\t".join(row) + "\n" for row in rows)
        path, head = folder / "conn.log", "#separator \\x09\n#path\tconn\n" + "\t".join(["#fields", *names]) + "\n"
    path.write_text(head + text)
    return path


def ingested(path: Path, form: str) -> tuple[pa.Table, Contract]:
    out = path.with_name("flows.parquet")
    settings = Settings(
        source=[str(path)], identity="", part=ALL_ROWS, split=None, csv=CsvFormat(), label_column="label", normal_labels=[],
        feature_columns=[], categorical_columns=["dst_port"] if form == "table" else [],
        # Addresses are no traffic, and a source's port is drawn.
        ignore_columns=["src_ip", "dst_ip", "src_port"] if form == "table" else [], time_column="", random_state=0, context=True,
    )  # fmt: skip
    program.ingest(settings, lambda contract: program.ParquetSink(out, contract), lambda _rows: None)
    return pq.read_table(out), read_contract(pq.read_schema(out))


def figure(flows: pa.Table, contract: Contract, group: str, seed: int) -> float:
    """Recall at 1% false positives."""
    features = [name for name in contract.features if name not in CONTEXT_NAMES or name in GROUPS[group]]
    categorical = [name for name in features if name in contract.categorical]
    times = flows.column(str(contract.time_column)).to_numpy()
    attack = np.array([not is_normal(each, ()) for each in flows.column("label").to_pylist()])
    early = times <= times.min() + _TRAINED * (times.max() - times.min())
    training, judged = flows.filter(pa.array(early & ~attack)), flows.filter(pa.array(~early))
    # A column of one value tells nothing, and is left out by validate.
    features = [name for name in features if pc.count_distinct(training.column(name), mode="all").as_py() > 1]
    categorical = [name for name in categorical if name in features]
    schema = learn_schema(training.select(categorical), features, categorical, contract.policy)
    split = schema.rows(training), schema.rows(judged), attack[~early]
    return quality("ensemble", KNOWN, split, seed)["recall_1"]


def runs(data: Path, seeds: int, results: Path) -> dict[tuple[str, str, str], list[float]]:
    """Figures by set, form and group, one for each seed; those that the file lacks are measured."""
    known: dict[tuple[str, str, str, int], float] = {}
    if results.exists():
        for line in results.read_text().splitlines():
            *key, value = json.loads(line)
            known[tuple(key)] = value
    results.parent.mkdir(parents=True, exist_ok=True)
    for seed, name, form in _wanted(seeds):
        groups = [group for group in GROUPS if (name, form, group, seed) not in known]
        if not groups:
            continue
        with tempfile.TemporaryDirectory() as folder:
            flows, contract = ingested(written(made(name, data, seed), form, Path(folder)), form)
        for group in groups:
            known[name, form, group, seed] = figure(flows, contract, group, seed)
            with results.open("a") as file:
                file.write(json.dumps([name, form, group, seed, known[name, form, group, seed]]) + "\n")
            print(name, form, group, seed, round(known[name, form, group, seed], 4), flush=True)
    return {
        (name, form, group): [known[name, form, group, seed] for seed in range(seeds)]
        for name in SETS for form in FORMS for group in GROUPS
    }  # fmt: skip


def _wanted(seeds: int) -> Iterator[tuple[int, str, str]]:
    for seed in range(seeds):
        for name in SETS:
            for form in FORMS:
                yield seed, name, form


def page(found: dict[tuple[str, str, str], list[float]]) -> list[str]:
    """Medians with the lowest and highest of the seeds."""
    head = [f"| features | {' | '.join(f'{name}: {form}' for name in SETS for form in FORMS)} |"]
    head += ["| --- |" + " ---: |" * (len(SETS) * len(FORMS))]
    return [*head, *(f"| {group} | {' | '.join(_cell(found[name, form, group]) for name in SETS for form in FORMS)} |" for group in GROUPS)]  # fmt: skip


def _cell(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", type=Path, help="put the table into this page")
    given: Any = parser.parse_args()
    found = runs(given.data, given.seeds, given.results)
    if given.write:
        measured_blocks.put(given.write, {"features": page(found)})
    else:
        print("\n".join(page(found)))


if __name__ == "__main__":
    main()
