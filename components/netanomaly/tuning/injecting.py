"""Attacks for data that names none: the patterns that a model's rehearsal uses, as rows to judge candidates by."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.flows.labels import is_normal
from netanomaly.scoring.replay import inject_into
from netanomaly.traffic.feature_list import EVERY
from netanomaly.tuning.rows import ROWS_OF_A_CLASS, Searched


def with_injected(sample: Searched, file: pq.ParquetFile, normal_labels: list[str], seed: int) -> Searched | None:
    """The sample with injected attacks in place of labelled ones; None where the file holds no flows of a sensor.

    Args:
        sample: Of the file.
        file: Normal traffic, into whose flows the attacks are injected.
        normal_labels: Class names that are normal; empty for the usual ones.
        seed: Of every draw.
    """
    names = sample.table.column_names
    if not set(names) <= set(EVERY):
        return None
    injected = inject_into(file, seed, names, lambda name: is_normal(name, normal_labels))
    if injected is None:
        return None
    draw = np.random.default_rng([seed, 17])
    first = sample.table.num_rows
    attacks, chosen = {}, []
    for name in dict.fromkeys(injected.pattern.tolist()):
        rows = np.flatnonzero(injected.pattern == name)
        kept = np.sort(draw.permutation(rows)[:ROWS_OF_A_CLASS])
        attacks[f"injected {name}"] = np.arange(first, first + len(kept))
        chosen.append(kept)
        first += len(kept)
    rows = injected.features.take(pa.array(np.concatenate(chosen))).cast(pa.schema(list(sample.table.schema)))
    times = sample.times
    if times is not None:
        times = np.concatenate([times, np.full(rows.num_rows, np.nan)])
    table = pa.concat_tables([sample.table, rows.replace_schema_metadata(sample.table.schema.metadata)])
    return dataclasses.replace(sample, table=table, times=times, attacks=attacks, attack_share=0.0)
