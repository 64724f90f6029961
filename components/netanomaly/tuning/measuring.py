"""Fit a candidate on one fold and score what that fold judges: the work of a trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from netanomaly.errors import DataError
from netanomaly.flows.contract import read_contract
from netanomaly.models import catalogue
from netanomaly.models.detector import make
from netanomaly.models.rows import learn_schema
from netanomaly.traffic.feature_list import CONTEXT_NAMES
from netanomaly.tuning.folds import Split
from netanomaly.tuning.judging import Judged


@dataclass(frozen=True)
class Fitting:
    """How candidates are fitted, the same for all.

    Attributes:
        categorical: Columns of codes to treat as categories, beside those that hold text.
        training_rows: "normal" or "all": what is known of the rows.
        seed: Of every draw.
    """

    categorical: tuple[str, ...]
    training_rows: str
    seed: int


def columns_of(names: list[str], candidate: Mapping[str, Any]) -> list[str]:
    """The columns that a candidate sees: all, or those of a flow by itself."""
    return names if candidate["context"] else [name for name in names if name not in CONTEXT_NAMES]


def measure(
    table: pa.Table, split: Split, candidate: Mapping[str, Any], fitting: Fitting, share: float = 1.0
) -> Judged:
    """Scores of what a split judges, by a candidate that was fitted on this share of what it fits on.

    The same rows, candidate and seed give the same scores.

    Raises:
        DataError: Too few rows for the detector.
        NetanomalyError: The detector gave scores that are no numbers.
    """
    contract = read_contract(table.schema)
    columns = columns_of(table.column_names, candidate)
    checked = catalogue.check(candidate["model_type"], candidate["parameters"])
    parameters = catalogue.by_what_is_known(checked, fitting.training_rows)
    detector = make(candidate["model_type"], parameters)
    fit = _share_of(split.fit, share, fitting.seed)
    if len(fit) < detector.minimum_rows:
        raise DataError(
            f"{candidate['model_type']} needs {detector.minimum_rows} rows to fit on, and there are {len(fit)}"
        )
    categories = {*contract.categorical, *fitting.categorical}
    categorical = [name for name in columns if name in categories]
    schema = learn_schema(table.select(categorical).take(pa.array(fit)), columns, categorical, contract.policy)
    wanted = np.concatenate([fit, split.normal, split.attack])
    rows = schema.rows(table.select(columns).take(pa.array(wanted)))
    seed = parameters["random_state"] if parameters.get("random_state") is not None else fitting.seed
    detector.fit(rows.take(slice(0, len(fit))), seed)
    scores = detector.score(rows.take(slice(len(fit), None))).astype(np.float32)
    if not np.isfinite(scores).all():
        raise DataError(f"{candidate['model_type']} gave scores that are no numbers")
    return Judged(scores[: len(split.normal)], scores[len(split.normal) :], split.codes)


def _share_of(fit: Any, share: float, seed: int) -> Any:
    if share >= 1:
        return fit
    kept = np.random.default_rng([seed, 14]).choice(len(fit), int(len(fit) * share), replace=False)
    return fit[np.sort(kept)]
