"""A real log by block bootstrap: reference and windows of blocks drawn from the same log, so that nothing drifts."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from netanomaly.config import CsvFormat
from netanomaly.flows import layout as layouts
from netanomaly.flows import sources
from netanomaly.flows.batch import Batch
from netanomaly.flows.labels import is_normal
from netanomaly.flows.reader import Reader
from netanomaly.models.rows import learn_schema
from netanomaly.monitoring.encoded import Encoded, encode
from netanomaly.monitoring.judging import QUIET, judge
from netanomaly.monitoring.layout import Layout, learn_layout
from netanomaly.monitoring.reference import Rates, build
from netanomaly.monitoring.window import Window
from netanomaly.traffic.any_source import AnyReader, open_source

BLOCK = 50
_BLOCKS_OF_REFERENCE, _BLOCKS_OF_WINDOW = 400, 20


def bootstrapped(log: Path, repeats: int) -> tuple[int, Counter[str]]:
    """How many of so many windows are not quiet, and all verdicts; each of 1,000 rows, with a reference of 20,000."""
    encoded, layout = _read(log)
    begins = np.arange(0, len(encoded) - BLOCK + 1, BLOCK)
    found: Counter[str] = Counter()
    for number in range(repeats):
        draw = np.random.default_rng([23, number])
        training = _drawn(encoded, begins, draw, _BLOCKS_OF_REFERENCE)
        reference = build([training], layout, Rates(), {})
        assert reference is not None
        window = Window(layout)
        window.add_encoded(_drawn(encoded, begins, draw, _BLOCKS_OF_WINDOW))
        found[judge(reference, window)["verdict"]] += 1
    return repeats - found[QUIET], found


def _drawn(encoded: Encoded, begins: np.ndarray, draw: np.random.Generator, blocks: int) -> Encoded:
    chosen = draw.choice(begins, blocks)
    return encoded.take((chosen[:, None] + np.arange(BLOCK)).ravel())


def _normal(batch: Batch) -> np.ndarray:
    """Which rows are normal; training takes no others where there are labels."""
    if batch.labels is None:
        return np.ones(batch.rows, dtype=bool)
    known = batch.labels.dictionary.to_pylist()
    normal = np.array([*(is_normal(name, ()) for name in known), False])
    codes = batch.labels.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    kept: np.ndarray = normal[codes]
    return kept


def _open(log: Path) -> AnyReader:
    """A reader; of a table what its columns hold is told by all of its rows."""
    of = (sources.resolve([str(log)]), CsvFormat())
    label = "" if log.name.endswith(("json.xz", "binetflow.xz")) else "label"
    reader = open_source(*of, layouts.Selection(label_column=label), "auto")
    if not isinstance(reader, Reader):
        return reader
    return open_source(*of, layouts.Selection(label_column=label), "auto", decisions=reader.survey())


def _read(log: Path) -> tuple[Encoded, Layout]:
    reader = _open(log)
    tables: list[pa.Table] = []
    ends: list[tuple[Any, Any, Any]] = []
    for batch in reader.batches():
        batch = batch.keep(_normal(batch))
        contract = reader.contract
        place = {name: position for position, name in enumerate(contract.numeric)}
        tables.append(
            pa.table(
                {
                    name: batch.categories[name].cast(pa.string())
                    if name in batch.categories
                    else pa.array(batch.numbers[place[name]], from_pandas=True)
                    for name in contract.features
                }
            )
        )
        named = [contract.identity.get(part, "") for part in ("src_ip", "dst_ip")]
        ends.append((batch.times, batch.beside.get(named[0]), batch.beside.get(named[1])))
    features = pa.concat_tables(tables).combine_chunks()
    categorical = list(reader.contract.categorical)
    schema = learn_schema(features.select(categorical), features.column_names, categorical)
    rows = schema.rows(features)
    layout = learn_layout(schema, rows)
    sides = [
        None if ends[0][at] is None else pa.concat_arrays([each[at].cast(pa.string()) for each in ends])
        for at in (1, 2)
    ]
    times = None if ends[0][0] is None else np.concatenate([each[0] for each in ends])
    return encode(layout, rows, times=times, source=sides[0], target=sides[1]), layout
