"""The data sets of the quality benchmark: rows to fit on, rows to judge on, and which of those are attacks."""

import io
import json
import lzma
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from netanomaly.models.rows import Rows, learn_schema
from netanomaly.stages.train.settings import SAMPLED_ROWS

ROOT = Path(__file__).resolve().parents[2]
CATEGORICAL = ["protocol_type", "service", "flag"]
Split = tuple[Rows, Rows, npt.NDArray[np.bool_]]


def load(name: str, folder: Path, seed: int) -> Split:
    """A data set of `quality.SETS`; the seed draws halves and contamination."""
    contamination = 0.05 if name.endswith("-5") else 0.0
    if name.startswith("nsl-kdd"):
        test = "KDDTest-21" if name.endswith("-21") else "KDDTest+"
        return _given(_nsl(folder, "KDDTrain+"), _nsl(folder, test), contamination, seed)
    if name.startswith("kdd99"):
        table = _csv(folder / "kddcup99" / "kddcup99.csv.xz")
        return _halved(table.group_by(table.column_names).aggregate([]), CATEGORICAL, contamination, seed)
    if name in ("http", "smtp"):
        arrays = np.load(folder / "adbench" / {"http": "16_http.npz", "smtp": "34_smtp.npz"}[name])
        columns = {f"x{position}": column.astype(np.float64) for position, column in enumerate(arrays["X"].T)}
        labels = np.where(arrays["y"] == 1, "attack", "normal")
        return _halved(pa.table({**columns, "label": labels}), [], 0.0, seed)
    return _halved(*{"beyond": _beyond, "scan": _scan}[name](np.random.default_rng(seed)), 0.0, seed)


def load_normal(folder: Path) -> Rows:
    """The normal rows of KDDTrain+."""
    table = _nsl(folder, "KDDTrain+")
    normal = table.filter(pa.array(~_attacks(table)))
    return learn_schema(normal, [each for each in normal.column_names if each != "label"], CATEGORICAL).rows(normal)


def _nsl(folder: Path, name: str) -> pa.Table:
    columns = json.loads((ROOT / "configs" / "nsl-kdd.json").read_text())["csv"]["columns"]
    return _csv(folder / "nsl-kdd" / f"{name}.txt.xz", columns).drop_columns(["difficulty"])


def _csv(path: Path, columns: list[str] | None = None) -> pa.Table:
    options = pa.csv.ReadOptions(column_names=columns)
    return pa.csv.read_csv(io.BytesIO(lzma.decompress(path.read_bytes())), options)


def _given(training: pa.Table, evaluation: pa.Table, contamination: float, seed: int) -> Split:
    attack = _attacks(training)
    chosen = np.flatnonzero(~attack)
    if contamination:
        count = int(len(chosen) * contamination / (1 - contamination))
        mixed = np.random.default_rng(seed).choice(np.flatnonzero(attack), count, replace=False)
        chosen = np.concatenate([chosen, mixed])
    return _rows(training.take(pa.array(chosen)), evaluation, CATEGORICAL)


def _halved(table: pa.Table, categorical: list[str], contamination: float, seed: int) -> Split:
    """Half of the normal rows to fit on; the rest of them, and every attack that is not mixed in, to judge on."""
    draw = np.random.default_rng(seed)
    attack = _attacks(table)
    normal, attacks = draw.permutation(np.flatnonzero(~attack)), draw.permutation(np.flatnonzero(attack))
    half = len(normal) // 2
    mixed = int(half * contamination / (1 - contamination))
    fitting = np.concatenate([normal[:half], attacks[:mixed]])
    judging = np.concatenate([normal[half:], attacks[mixed:]])
    return _rows(table.take(pa.array(fitting)), table.take(pa.array(judging)), categorical)


def _rows(training: pa.Table, evaluation: pa.Table, categorical: list[str]) -> Split:
    schema = learn_schema(training, [name for name in training.column_names if name != "label"], categorical)
    fitted = schema.rows(training)
    if len(fitted) > SAMPLED_ROWS:  # as in the train stage
        fitted = fitted.take(np.sort(np.random.default_rng(0).choice(len(fitted), SAMPLED_ROWS, replace=False)))
    return fitted, schema.rows(evaluation), _attacks(evaluation)


def _attacks(table: pa.Table) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = pc.not_equal(table["label"], "normal").to_numpy()
    return found


def _beyond(draw: np.random.Generator) -> tuple[pa.Table, list[str]]:
    normal, attacks = 20_000, 1000
    rows = normal + attacks
    columns = [
        draw.lognormal(3, 1, rows),
        draw.exponential(1, rows),
        draw.normal(1000, 3, rows),
        draw.integers(0, 5, rows).astype(float),
        draw.uniform(0, 1, rows),
        draw.lognormal(6, 2, rows),
        draw.poisson(2, rows).astype(float),
        draw.normal(0, 1, rows),
        draw.normal(50, 10, rows),
        draw.beta(0.5, 0.5, rows),
    ]
    for row in range(normal, rows):
        column = columns[draw.integers(0, len(columns))]
        low, high = column[:normal].min(), column[:normal].max()
        column[row] = high + (high - low) * draw.uniform(0.5, 5)
    labels = np.where(np.arange(rows) < normal, "normal", "beyond")
    return pa.table({**{f"x{position}": column for position, column in enumerate(columns)}, "label": labels}), []


def _scan(draw: np.random.Generator) -> tuple[pa.Table, list[str]]:
    normal, attacks = 20_000, 1000
    rows = normal + attacks
    attack = np.arange(rows) >= normal
    source, destination = draw.integers(0, 200, rows), draw.zipf(1.3, rows) % 60_000
    size = np.where(attack, draw.integers(40, 80, rows), draw.lognormal(7, 2, rows))
    usual = draw.choice([80, 443, 53, 22, 25], rows, p=[0.3, 0.4, 0.25, 0.03, 0.02])
    columns = {
        "source": [f"10.0.{9 * bad}.{each % (3 if bad else 200)}" for bad, each in zip(attack, source, strict=True)],
        "destination": [f"93.{each % 256}.{each // 256}.7" for each in destination],
        "port": np.where(attack, draw.integers(1, 65_536, rows), usual).astype(float),
        "source_port": draw.integers(32_768, 61_000, rows).astype(float),
        "bytes": size,
        "packets": np.where(attack, 1, 1 + size // 800),
        "duration_seconds": np.where(attack, 0.0, draw.exponential(2, rows)),
        "label": np.where(attack, "scan", "normal"),
    }
    return pa.table(columns), ["source", "destination", "port"]
