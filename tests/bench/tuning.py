"""Tune on labelled sets, and judge the best trial on classes and rows that the search never saw: `make bench-tuning`.

Sets are those of the folder of data, and parts of them by service, as if each were a network. Resumable: what is done is in
build/bench-tuning.json, for so many trials.
"""

import argparse
import io
import json
import lzma
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from netanomaly.flows.flow_file import open_flows
from netanomaly.flows.labels import is_normal
from netanomaly.stages.tune.lane import try_lane
from netanomaly.stages.tune.program import ask, plan, select
from netanomaly.stages.tune.settings import Settings
from netanomaly.tuning.rounds import ROUNDS

ROOT = Path(__file__).resolve().parents[2]
KDD = ("protocol_type", "service", "flag")
MOST_ROWS = 60_000
BEGIN, END = "<!-- bench -->\n", "<!-- end of bench -->\n"

SETTINGS = Settings(
    model_type="ensemble",
    model_parameters={},
    normal_labels=[],
    training_rows="auto",
    categorical_columns=[],
    alert_budget=0.01,
    alerts_per_day=None,
    random_state=42,
    trials=32,
    parallelism=2,
    space={},
)


def _csv(path: Path, names: list[str] | None = None) -> pa.Table:
    content = lzma.decompress(path.read_bytes()).removeprefix(b"\xef\xbb\xbf")
    return pa.csv.read_csv(io.BytesIO(content), pa.csv.ReadOptions(column_names=names))


def _nsl(folder: Path) -> pa.Table:
    columns = json.loads((ROOT / "configs" / "nsl-kdd.json").read_text())["csv"]["columns"]
    return _csv(folder / "nsl-kdd" / "KDDTrain+_20Percent.txt.xz", columns).drop_columns(["difficulty"])


def _nsl_whole(folder: Path) -> pa.Table:
    columns = json.loads((ROOT / "configs" / "nsl-kdd.json").read_text())["csv"]["columns"]
    return _csv(folder / "nsl-kdd" / "KDDTrain+.txt.xz", columns).drop_columns(["difficulty"])


def _kdd99(folder: Path) -> pa.Table:
    table = _csv(folder / "kddcup99" / "kddcup99.csv.xz")
    return table.group_by(table.column_names).aggregate([])


def _unsw(folder: Path) -> pa.Table:
    table = _csv(folder / "unsw-nb15" / "UNSW_NB15_training-set.csv.xz").drop_columns(["id", "label"])
    return table.rename_columns(["label" if name == "attack_cat" else name for name in table.column_names])


def _part(
    read: Callable[[Path], pa.Table], column: str, values: tuple[str, ...], having: bool = True
) -> Callable[[Path], pa.Table]:
    def part(folder: Path) -> pa.Table:
        table = read(folder)
        found = pc.is_in(table[column], pa.array(values))
        return table.filter(found if having else pc.invert(found))

    return part


SETS: dict[str, tuple[Callable[[Path], pa.Table], tuple[str, ...]]] = {
    "NSL-KDD, 20%": (_nsl, KDD),
    "NSL-KDD, udp and icmp": (_part(_nsl_whole, "protocol_type", ("tcp",), having=False), KDD),
    "NSL-KDD, neither web nor mail": (
        _part(_nsl_whole, "service", ("http", "smtp", "private", "domain_u"), having=False),
        KDD,
    ),
    "NSL-KDD, web and mail": (_part(_nsl_whole, "service", ("http", "smtp")), KDD),
    "KDD99, distinct rows of 10%": (_kdd99, KDD),
    "UNSW-NB15": (_unsw, ("proto", "service", "state")),
    "UNSW-NB15, http": (_part(_unsw, "service", ("http",)), ("proto", "service", "state")),
    "UNSW-NB15, no service named": (_part(_unsw, "service", ("-",)), ("proto", "service", "state")),
}


# What somebody may have chosen by hand, for want of a better idea: a search is to find what is better.
POOR: dict[str, tuple[str, str, dict[str, Any]]] = {
    "NSL-KDD, 20%, a forest of ten small trees": (
        "NSL-KDD, 20%",
        "isolation_forest",
        {"n_estimators": 10, "max_samples": 64},
    ),
    "UNSW-NB15, pca": ("UNSW-NB15", "pca", {}),
}


def flow_file(table: pa.Table, categorical: tuple[str, ...], path: Path) -> None:
    """At most so many rows of a table as a flow file."""
    if table.num_rows > MOST_ROWS:
        kept = np.sort(np.random.default_rng(0).choice(table.num_rows, MOST_ROWS, replace=False))
        table = table.take(pa.array(kept))
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table.column(name)
        if name == "label" or name in categorical:
            columns[name] = column.cast(pa.string())
        else:
            numbers = column.cast(pa.float64()).to_numpy()
            columns[name] = pa.array(np.where(np.isfinite(numbers), numbers, np.nan), from_pandas=True)
    features = [name for name in columns if name != "label"]
    contract = {"format": 1, "label_column": "label", "features": features, "categorical": list(categorical)}
    made = pa.table(columns).replace_schema_metadata({"netanomaly": json.dumps(contract)})
    pq.write_table(made, path, row_group_size=65_536)


def tuned(name: str, data: Path, trials: int) -> dict[str, Any]:
    """What a search on one set came to, and what it cost."""
    of, model_type, parameters = POOR.get(name, (name, SETTINGS.model_type, {}))
    read, categorical = SETS[of]
    settings = replace(SETTINGS, trials=trials, model_type=model_type, model_parameters=parameters)
    began, processor = time.monotonic(), _processor_seconds()
    overheads = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        flow_file(read(data), categorical, folder / "flows")
        file = open_flows(folder / "flows")
        labels = file.read(columns=["label"]).column(0).cast(pa.string()).to_pylist()
        normal = sum(is_normal(each, []) for each in labels)
        validation = {
            "verdict": "pass",
            "columns": [{"name": each, "role": "number"} for each in file.schema_arrow.names if each != "label"],
            "training": {"rows": len(labels), "normal_rows": normal, "rows_per_day": None},
        }
        planned = plan(file, {"validation": validation, "ingest": {"training": {}}}, settings)
        pq.write_table(planned.sample.table, folder / "rows")
        planned.shared.save(folder / "shared")
        search: dict[str, Any] = planned.search
        results: list[dict[str, Any]] = []
        for _ in range(ROUNDS):
            asking = time.process_time()
            search, lanes = ask(search, results, settings)
            overheads.append(time.process_time() - asking)
            with ThreadPoolExecutor(len(lanes)) as threads:
                results = list(
                    threads.map(lambda lane: try_lane(folder / "rows", folder / "shared", planned.search, lane), lanes)
                )
        document, _ = select(planned.sample.table, planned.shared, search, results, {})
    return {
        "set": name,
        "trials": trials,
        "normal": normal,
        "classes": sum(len(each["classes"]) for each in document["splits"]),
        "held_out": [each["name"] for each in document["splits"][-1]["classes"]],
        "outcome": document["outcome"],
        "counts": document["counts"],
        "best": next((each for each in document["trials"] if each["number"] == document["best"]), None),
        "defaults": document["defaults"]["value"],
        "configuration": document["configuration"],
        "final": document["final"],
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(_processor_seconds() - processor, 1),
        "asking_seconds": [round(each, 3) for each in overheads],
    }


def _processor_seconds() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def verdict(final: dict[str, Any] | None) -> str:
    if not final or "difference" not in final:
        return "no trial to compare"
    if final["difference"]["low"] > 0:
        return "better"
    return "**worse**" if final["difference"]["high"] < 0 else "not told apart"


def beaten(best: dict[str, Any] | None) -> str:
    """On how many folds the best trial is better beyond the interval."""
    if best is None:
        return "-"
    return f"{sum(fold['difference']['low'] > 0 for fold in best['folds'])} of {len(best['folds'])}"


def page(found: list[dict[str, Any]]) -> str:
    """A table of the searches, for the documentation."""
    lines = [
        "| data | trials | result | on the folds: defaults, best trial | folds beaten | held out to the end: defaults, best trial | difference, 95% | best trial | processor s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in found:
        final, best = each["final"], each["best"]
        ends = figures = "-"
        if final and "difference" in final:
            figures = f"{final['before']['value']:.1%}, {final['after']['value']:.1%}"
            low, high = (100 * final["difference"][end] for end in ("low", "high"))
            ends = f"{low:+.1f} to {high:+.1f}"
        folds = f"{each['defaults']:.1%}, {best['value']:.1%}" if best else f"{each['defaults']:.1%}"
        lines.append(
            f"| {each['set']} | {each['trials']} | {each['outcome'].replace('_', ' ')} | {folds} | {beaten(best)} | {figures} | {ends} | "
            f"{verdict(final)} | {each['processor_seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def summed_up(found: list[dict[str, Any]]) -> str:
    """How often tuning loses, in a sentence."""
    not_worse = sum(verdict(each["final"]) != "**worse**" for each in found)
    chosen_worse = sum(verdict(each["final"]) == "**worse**" and each["outcome"] == "tuned" for each in found)
    asking = max(second for each in found for second in each["asking_seconds"])
    return (
        f"The best trial is not worse than the defaults beyond the interval on {not_worse} of {len(found)} sets, what the rule chose "
        f"on {len(found) - chosen_worse} of {len(found)}. To ask for a round's trials takes at most {asking:.1f} s of processor time.\n"
    )


def written(kept: list[dict[str, Any]], trials: int) -> str:
    """All that was measured with so many trials, for the documentation."""

    def measured(names: Iterable[str]) -> list[dict[str, Any]]:
        return [each for name in names for each in kept if each["set"] == name and each["trials"] == trials]

    text = ""
    if found := measured(SETS):
        text += f"{page(found)}\n{summed_up(found)}"
    if found := measured(POOR):
        text += f"\nFrom what somebody may have chosen by hand:\n\n{page(found)}"
        for each in found:
            if each["configuration"]:
                text += f"\n{each['set']}: `{json.dumps(each['configuration'])}`\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=60, help="begin no other set after so many")
    parser.add_argument("--kept", type=Path, default=ROOT / "build" / "bench-tuning.json")
    parser.add_argument("--only", help="this one alone, by its name")
    parser.add_argument("--write", type=Path, help="the page whose table is replaced")
    given = parser.parse_args()
    kept = json.loads(given.kept.read_text()) if given.kept.exists() else []
    until = time.monotonic() + 60 * given.minutes
    for name in [given.only] if given.only else [*SETS, *POOR]:
        if any(each["set"] == name and each["trials"] == given.trials for each in kept) or time.monotonic() > until:
            continue
        kept.append(tuned(name, given.data, given.trials))
        given.kept.parent.mkdir(parents=True, exist_ok=True)
        given.kept.write_text(json.dumps(kept, indent=1))
        print(page(kept[-1:]).splitlines()[2], flush=True)
    found = written(kept, given.trials)
    print(found)
    if given.write and found:
        text = given.write.read_text(encoding="utf-8")
        begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        given.write.write_text(f"{text[:begin]}\n{found}\n{text[end:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
