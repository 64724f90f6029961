"""The data sets of the quality benchmark: rows to fit on, rows to judge on, and which of those are attacks.

A set is read from the folder of data, or made up. Many come of a few sources: parts of one source by service have normal
traffic of their own, as if each were a network; what does well on one part and badly on the next was lucky.
"""

import io
import json
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from netanomaly.models.rows import Rows, learn_schema
from netanomaly.stages.train.settings import SAMPLED_ROWS

from tests.bench.quality_made_up import beyond, scan

ROOT = Path(__file__).resolve().parents[2]
KDD_CATEGORIES = ("protocol_type", "service", "flag")
Mask = npt.NDArray[np.bool_]
Split = tuple[Rows, Rows, Mask]

# What is known of the rows to fit on: that they are normal; nothing, though they are; nothing, and so many are attacks.
KNOWN, UNKNOWN, ONE_PERCENT, FIVE_PERCENT, TEN_PERCENT = "known", "unknown", "1%", "5%", "10%"
SHARES = {KNOWN: 0.0, UNKNOWN: 0.0, ONE_PERCENT: 0.01, FIVE_PERCENT: 0.05, TEN_PERCENT: 0.1}


@dataclass(frozen=True)
class Source:
    """Flows, which of their columns are categories, and which rows are attacks; of some the rows to judge on apart."""

    table: pa.Table
    categories: tuple[str, ...]
    attack: Mask
    times: npt.NDArray[np.float64] | None = None
    judged: "Source | None" = None

    def part(self, chosen: Mask) -> "Source":
        """The rows chosen, of those to fit on."""
        times = None if self.times is None else self.times[chosen]
        return Source(self.table.filter(pa.array(chosen)), self.categories, self.attack[chosen], times)


def load(name: str, knowledge: str, folder: Path, seed: int, most: int | None = None) -> Split:
    """A data set of `SETS`; the seed draws halves, attacks mixed in, and, of more than `most` rows, those fitted on."""
    source, draw = source_of(name, folder), np.random.default_rng(seed)
    normal, attacks = (draw.permutation(np.flatnonzero(source.attack == kind)) for kind in (False, True))
    fitted = normal if source.judged else normal[: len(normal) // 2]
    fitted = fitted[: most or SAMPLED_ROWS]
    mixed = min(int(len(fitted) * SHARES[knowledge] / (1 - SHARES[knowledge])), len(attacks) // 2)
    chosen = draw.permutation(np.concatenate([fitted, attacks[:mixed]]))
    training = source.table.take(pa.array(chosen))
    if source.judged:
        judged, attack = source.judged.table, source.judged.attack
    else:
        rest = np.concatenate([normal[len(normal) // 2 :], attacks[mixed:]])
        judged, attack = source.table.take(pa.array(rest)), source.attack[rest]
    if most:
        kept = np.concatenate([draw.permutation(np.flatnonzero(attack == kind))[:most] for kind in (False, True)])
        judged, attack = judged.take(pa.array(kept)), attack[kept]
    schema = learn_schema(training, training.column_names, list(source.categories))
    return schema.rows(training), schema.rows(judged), attack


def load_normal(name: str, folder: Path) -> tuple[Rows, npt.NDArray[np.float64] | None]:
    """The normal rows of a data set that are not judged on, and their times where they have any."""
    source = source_of(name, folder)
    normal = source.part(~source.attack)
    schema = learn_schema(normal.table, normal.table.column_names, list(source.categories))
    return schema.rows(normal.table), normal.times


@cache
def source_of(name: str, folder: Path) -> Source:
    """Read or make up a data set."""
    base, _, part = name.partition(" ")
    return _by(source_of(base, folder), *_PARTS[part]) if part else _SOURCES[base](folder)


# Parts by a column: its name in each source, the values; True keeps rows that have one of them, False the others.
_PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], bool]] = {
    "http": (("service",), ("http",), True),
    "smtp": (("service",), ("smtp",), True),
    "dns": (("service",), ("dns",), True),
    "tcp": (("proto", "protocol_type"), ("tcp",), True),
    "unnamed": (("service",), ("-",), True),
    "rare": (("service",), ("http", "smtp", "private", "domain_u", "ftp_data"), False),
}


def _by(source: Source, columns: tuple[str, ...], values: tuple[str, ...], having: bool) -> Source:
    def chosen(table: pa.Table) -> Mask:
        [column] = [name for name in columns if name in table.column_names]
        found = pc.is_in(table[column], pa.array(values)).to_numpy(zero_copy_only=False)
        mask: Mask = found if having else ~found
        return mask

    kept = source.part(chosen(source.table))
    judged = source.judged.part(chosen(source.judged.table)) if source.judged else None
    return Source(kept.table, kept.categories, kept.attack, kept.times, judged)


def _nsl(folder: Path, test: str = "KDDTest+") -> Source:
    columns = json.loads((ROOT / "configs" / "nsl-kdd.json").read_text())["csv"]["columns"]

    def read(name: str) -> Source:
        table = _csv(folder / "nsl-kdd" / f"{name}.txt.xz", columns).drop_columns(["difficulty"])
        return _labelled(table, "label", KDD_CATEGORIES)

    training = read("KDDTrain+")
    return Source(training.table, training.categories, training.attack, None, read(test))


def _kdd99(folder: Path) -> Source:
    table = _csv(folder / "kddcup99" / "kddcup99.csv.xz")
    return _labelled(table.group_by(table.column_names).aggregate([]), "label", KDD_CATEGORIES)


def _in_order(read: Callable[[Path], Source]) -> Callable[[Path], Source]:
    """The rows in the order of their file, for times."""

    def ordered(folder: Path) -> Source:
        found = read(folder)
        return Source(found.table, found.categories, found.attack, np.arange(len(found.attack), dtype=np.float64))

    return ordered


def _kdd99_whole(folder: Path) -> Source:
    return _labelled(_csv(folder / "kddcup99" / "kddcup99.csv.xz"), "label", KDD_CATEGORIES)


def _adbench(file: str) -> Callable[[Path], Source]:
    def read(folder: Path) -> Source:
        arrays = np.load(folder / "adbench" / file)
        columns = {f"x{position}": column.astype(np.float64) for position, column in enumerate(arrays["X"].T)}
        return Source(pa.table(columns), (), arrays["y"] == 1)

    return read


def _unsw(folder: Path) -> Source:
    table = _csv(folder / "unsw-nb15" / "UNSW_NB15_training-set.csv.xz")
    table = table.drop_columns(["id", "label"])  # the row's number, and the answer in figures
    return _labelled(table, "attack_cat", ("proto", "service", "state"))


def _zeek(folder: Path) -> Source:
    lines = lzma.decompress((folder / "zeek" / "ctu50" / "008.conn.log.labeled.xz").read_bytes()).decode().splitlines()
    names = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
    found = dict(zip(names, zip(*(line.split("\t") for line in lines if line[0] != "#"), strict=True), strict=True))

    def numbers(name: str) -> npt.NDArray[np.float64]:
        return np.array([np.nan if text in ("-", "(empty)") else float(text) for text in found[name]])

    counted = [
        "id.orig_p",
        "id.resp_p",
        "duration",
        "orig_bytes",
        "resp_bytes",
        "missed_bytes",
        "orig_pkts",
        "orig_ip_bytes",
        "resp_pkts",
    ]
    named = ("proto", "service", "conn_state", "local_orig", "local_resp", "history")
    table = pa.table(
        {name: numbers(name) for name in [*counted, "resp_ip_bytes"]} | {name: list(found[name]) for name in named}
    )
    return Source(table, named, np.array([label.lower() != "benign" for label in found["label"]]), numbers("ts"))


def _cicids(folder: Path) -> Source:
    """Normal flows of the head of one day and of a sample of all, attacks of the sample."""
    mixed = _csv(folder / "cicids2017" / "CICIDS2017_sample_6311.csv.xz")
    normal = _csv(folder / "cicids2017" / "Friday-WorkingHours-Afternoon-DDos.head9998.pcap_ISCX.csv.xz")
    sides = [table.rename_columns([name.strip() for name in table.column_names]) for table in (mixed, normal)]
    shared = [name for name in sides[0].column_names if sides[1].column_names.count(name) == 1]
    whole = pa.concat_tables([side.select(shared) for side in sides], promote_options="permissive")
    return _labelled(whole, "Label", ())


def _labelled(table: pa.Table, label: str, categories: tuple[str, ...]) -> Source:
    names = pc.utf8_lower(pc.utf8_trim_whitespace(table[label]))
    attack = pc.invert(pc.is_in(names, pa.array(["normal", "benign"]))).to_numpy(zero_copy_only=False)
    return Source(table.drop_columns([label]), categories, attack)


def _csv(path: Path, columns: list[str] | None = None) -> pa.Table:
    content = lzma.decompress(path.read_bytes()).removeprefix(b"\xef\xbb\xbf")
    return pa.csv.read_csv(io.BytesIO(content), pa.csv.ReadOptions(column_names=columns))


def _made_up(make: Callable[[np.random.Generator], tuple[pa.Table, list[str]]]) -> Callable[[Path], Source]:
    def made(_: Path) -> Source:
        table, categories = make(np.random.default_rng(0))
        return _labelled(table, "label", tuple(categories))

    return made


_SOURCES: dict[str, Callable[[Path], Source]] = {
    "nsl-kdd": _nsl,
    "nsl-kdd-21": lambda folder: _nsl(folder, "KDDTest-21"),
    "kdd99": _kdd99,
    "adbench-http": _adbench("16_http.npz"),
    "adbench-smtp": _adbench("34_smtp.npz"),
    "unsw-nb15": _unsw,
    "zeek-day": _zeek,
    "cicids2017": _cicids,
    "kdd99-in-order": _in_order(_kdd99_whole),
    "unsw-nb15-in-order": _in_order(_unsw),
    "beyond": _made_up(beyond),
    "scan": _made_up(scan),
}

SETS = {
    "nsl-kdd": "NSL-KDD: normal rows of KDDTrain+, judged on KDDTest+",
    "nsl-kdd-21": "NSL-KDD, judged on KDDTest-21",
    "nsl-kdd rare": "NSL-KDD, without the five services that most flows are of",
    "kdd99": "KDD99 10%, de-duplicated",
    "kdd99 smtp": "KDD99, smtp",
    "kdd99 rare": "KDD99, without the five services that most flows are of",
    "adbench-http": "ADBench http",
    "adbench-smtp": "ADBench smtp",
    "unsw-nb15": "UNSW-NB15",
    "unsw-nb15 tcp": "UNSW-NB15, TCP",
    "unsw-nb15 http": "UNSW-NB15, http",
    "unsw-nb15 unnamed": "UNSW-NB15, flows of no known service",
    "zeek-day": "a labelled Zeek day of one PC",
    "cicids2017": "samples of CICIDS2017",
    "beyond": "made up: ten columns, attacks out of the training range in one of them",
    "scan": "made up: flows with addresses and ports, attacks are a port scan",
}

# Judged in the order of their times alone, or of their rows.
TIMED = {
    "zeek-day": SETS["zeek-day"],
    "kdd99-in-order": "KDD99 10%, copies too, in the order of its rows",
    "unsw-nb15-in-order": "UNSW-NB15, in the order of its rows",
}
