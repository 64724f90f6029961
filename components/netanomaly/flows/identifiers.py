"""Columns that name the record and not the traffic: row numbers, ids of flows, keys. A row found by its own name is no
pattern; and as a feature it makes all rows differ, which hides duplicates and leakage.

What tells is that (nearly) each row has a value of its own. A measured number may have that too, so of numbers more is
asked: whole numbers, and a name that says so, a value that rises with the row, or values spread evenly over their range as
no size or duration is.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from netanomaly.flows import addresses, time_shapes
from netanomaly.flows.batch import Batch
from netanomaly.flows.column_names import QUANTITIES, words
from netanomaly.flows.contract import Contract

OWN_TEXTS, OWN_NUMBERS = 0.5, 0.9
"""Share of rows with a value of their own: of texts half is enough, as tomorrow's rows would be as new."""

ROWS_AT_LEAST = 50
"""Of fewer rows many a measured value has none twice."""

_RISES = 0.999
_FIRST_LOOK = 2_000
# 5% in 100 of the Kolmogorov-Smirnov distance of an even spread, and what is due to chance.
_EVEN, _CHANCE = 0.05, 1.36
_SPARSEST = 20
_RANDOM_OVER = 2.0**31
_NAMES = {"id", "ids", "uid", "uuid", "guid", "index", "idx", "row", "rowid", "rownum", "unnamed", "record", "key", "pk", "oid",
          "serial", "no", "nr"}  # fmt: skip
_INDEX = re.compile(r"__index_level_\d+__|unnamed: ?\d+(\.\d+)?|index|level_\d+", re.IGNORECASE)
_FLOW_ID = re.compile(r"(flow|connection|session|community|record|row)[ _.-]?id|uid|uuid|guid|id", re.IGNORECASE)


def of_numbers(values: npt.NDArray[np.float64], positions: npt.NDArray[np.int64]) -> dict[str, float | bool | None]:
    """What tells an identifier from a measurement, of some rows' values in any order and their places in the source.

    `whole`: whether all are whole numbers. `rises`: correlation of value and place. `ascends`: share of steps up, in the
    rows' order. `uneven`: distance of their distribution from an even one over their range.
    """
    found: dict[str, float | bool | None] = dict.fromkeys(("rises", "ascends", "uneven"))
    found["whole"] = bool((values == np.floor(values)).all())
    low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
    if not found["whole"] or len(values) < ROWS_AT_LEAST or not low < high:
        return found
    order = np.argsort(positions)
    in_order, places = values[order], positions[order]
    found["rises"] = abs(float(np.corrcoef(places, in_order)[0, 1]))
    found["ascends"] = float(np.mean(np.diff(in_order) > 0))
    even = (np.sort(values) - low) / (high - low)
    found["uneven"] = float(np.abs(even - np.linspace(0, 1, len(even))).max())
    return found


def reason(column: Mapping[str, Any]) -> str | None:
    """Why a column of an ingest report is an identifier, in words; None where it is not."""
    own, present = column.get("own"), column["rows"] - column["missing"]
    if own is None or present < ROWS_AT_LEAST:
        return None
    name = column["name"].strip()
    share = f"{own:.0%} of its values are its row's own" if own < 1 else "each row has a value of its own"
    if column.get("addresses"):
        # They name hosts, of which a scan meets a new one with each record.
        return None
    if column["kind"] == "category" and not column.get("codes"):
        return share if own >= OWN_TEXTS else None
    if _INDEX.fullmatch(name) and own >= OWN_TEXTS and column.get("whole"):
        return f"it is the index of the table it was written from: {share}"
    if own < OWN_NUMBERS:
        return f"{share}, and its name says so" if _FLOW_ID.fullmatch(name) and own >= OWN_TEXTS else None
    if column["kind"] == "category":
        return share
    if not column.get("whole"):
        return None
    if words(name) & _NAMES:
        return f"{share}, and its name says so"
    if words(name) & QUANTITIES:
        return None
    if (column.get("rises") or 0.0) >= _RISES:
        return f"{share}, and it rises with the row"
    if (column.get("ascends") or 0.0) >= _RISES:
        return f"{share}, and each is over the one before"
    spread = column["max"] - column["min"]
    even = (column.get("uneven") or 1.0) <= _EVEN + _CHANCE / min(present, 20_000) ** 0.5
    if even and (spread < _SPARSEST * present or spread > _RANDOM_OVER):
        return f"{share}, spread evenly as no measured quantity is"
    return None


def apart(columns: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Those of an ingest report's columns that tell records and not traffic: identifiers and times. Sorted.

    None where that would be all of them.
    """
    columns = list(columns)
    found = sorted(column["name"] for column in columns if column["identifier"] or column.get("time"))
    return tuple(found) if len(found) < len(columns) else ()


def apart_at_first_sight(batch: Batch, contract: Contract) -> tuple[str, ...]:
    """The same of the first rows of a source, before the rest is read."""
    return apart(_first_sight(batch, contract))


def _first_sight(batch: Batch, contract: Contract) -> Iterable[Mapping[str, Any]]:
    for name, numbers in zip(contract.numeric, batch.numbers, strict=True):
        some = numbers[:_FIRST_LOOK]
        some = np.sort(some[~np.isnan(some)])
        column: dict[str, Any] = {
            "name": name,
            "kind": "number",
            "rows": batch.rows,
            "missing": batch.rows,
            "own": None,
        }
        if len(some):
            column["missing"] = int(np.isnan(numbers).sum())
            column["time"] = time_shapes.of_numbers(name, some)
            # Nearly unique in all rows is nearly unique in a part of them.
            if len(np.unique(some)) >= OWN_TEXTS * len(some) and bool((some == np.floor(some)).all()):
                places = np.flatnonzero(~np.isnan(numbers))
                values = numbers[places]
                column |= of_numbers(values, places) | {"own": len(np.unique(values)) / len(values)}
                column |= {"min": float(values.min()), "max": float(values.max())}
        yield {**column, "identifier": reason(column)}
    for name in contract.categorical:
        texts, missing = batch.categories[name].dictionary.to_pylist(), batch.categories[name].null_count
        column = {
            "name": name,
            "kind": "category",
            "rows": batch.rows,
            "missing": missing,
            "own": len(texts) / max(batch.rows - missing, 1),
            "codes": all(text.lstrip("+-").isdigit() for text in texts),
            "time": time_shapes.of_texts(name, texts),
            "addresses": addresses.are(texts),
        }
        yield {**column, "identifier": reason(column)}
