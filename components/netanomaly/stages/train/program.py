"""Fit a detector on part of the rows, and calibrate its thresholds on the rest."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly.errors import ConfigError, DataError
from netanomaly.flows.contract import read_contract
from netanomaly.flows.labels import is_normal
from netanomaly.metrics.thresholds import operating_points, rows_needed
from netanomaly.models import catalogue
from netanomaly.models.detector import make
from netanomaly.models.explanation import Typical
from netanomaly.models.model import AnomalyModel, versions
from netanomaly.models.row_keys import distinct_keys
from netanomaly.models.rows import learn_schema
from netanomaly.stages.train import sampling
from netanomaly.stages.train.settings import SAMPLED_ROWS, Settings

# Part of the rows that calibrates, unless the budget needs more; never more than half.
_CALIBRATION_SHARE = 0.25
# Where half of the rows is still plenty to fit on, up to half calibrates until so many do: 20,000 know a rate of 1% to
# within 0.0007 (one standard deviation).
_PLENTY_TO_FIT = 5_000
_PLENTY_TO_CALIBRATE = 20_000
# Of what the data gate refused for, so many are said.
_REASONS = 5


@dataclass(frozen=True)
class Trained:
    """A model, and the training summary."""

    model: AnomalyModel
    summary: dict[str, Any]


def train(
    file: pq.ParquetFile,
    settings: Settings,
    progress: Callable[[int], Any] = int,
    source_rows_per_day: float | None = None,
    columns: Sequence[str] | None = None,
) -> Trained:
    """Sample rows, split them, fit on one part, calibrate on the other.

    Memory is that of the sample (at most `rows_at_most` rows) and one row group, whatever the file holds.

    Args:
        file: The training data, of the flow contract.
        settings: What to fit, and how.
        progress: Called with the number of rows read so far.
        source_rows_per_day: Rows a day in the source that the file is of; None where it has no times.
        columns: The columns to learn from; None: all features of the file.

    Raises:
        ConfigError: The detector does not know a parameter, or alerts are asked for by the day of data without times.
        DataError: No normal rows, too few rows, or columns that are all constant.
    """
    began = time.monotonic()
    resolved = catalogue.check(settings.model_type, settings.model_parameters)
    contract = read_contract(file.schema_arrow)
    features = [name for name in contract.features if columns is None or name in set(columns)]
    import_detectors()
    eligible, training_rows = _eligible(file, contract.label_column, settings)
    rows_per_day = None
    if source_rows_per_day is not None:
        rows_per_day = source_rows_per_day * eligible.rows / file.metadata.num_rows
    budget = alert_budget(settings, rows_per_day)
    chosen = sampling.sample(eligible.rows, settings.rows_at_most, settings.random_state)
    table = sampling.take(file, eligible, chosen, features, progress)
    _refuse_constant(table)
    detector = make(settings.model_type, resolved)
    fitting, calibrating = split(len(table), budget, detector.minimum_rows, settings.random_state)
    categorical = [name for name in features if name in {*contract.categorical, *settings.categorical_columns}]
    schema = learn_schema(table.select(categorical).take(pa.array(fitting)), features, categorical, contract.policy)
    rows = schema.rows(table)
    seed = resolved["random_state"] if resolved.get("random_state") is not None else settings.random_state
    fitted_rows = rows.take(fitting)
    detector.fit(fitted_rows, seed)
    model = AnomalyModel(
        model_type=settings.model_type,
        parameters=resolved,
        schema=schema,
        detector=detector,
        thresholds=[],
        alert_budget=budget,
        training_rows=training_rows,
        versions=versions(),
        typical=Typical.learn(fitted_rows),
        rows_per_day=rows_per_day,
        seen=distinct_keys(rows),
        sensor=contract.sensor,
    )
    model.thresholds = operating_points(model.score_rows(rows.take(calibrating)), budget)
    summary = {
        "format": 1,
        "model_type": model.model_type,
        "parameters": resolved,
        "rows": file.metadata.num_rows,
        "rows_eligible": eligible.rows,
        "rows_used": len(table),
        "rows_fitted": len(fitting),
        "rows_calibrated": len(calibrating),
        "training_rows": training_rows,
        "sensor": contract.sensor,
        "features": features,
        "categorical": list(schema.categorical),
        "threshold": model.threshold,
        "alert_budget": model.alert_budget,
        "alerts_per_day": settings.alerts_per_day,
        "rows_per_day": rows_per_day,
        "thresholds": [{"budget": point.budget, "threshold": point.threshold} for point in model.thresholds],
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 3),
        "versions": model.versions,
    }
    return Trained(model, summary)


def import_detectors() -> None:
    """Begin to import what detectors are fitted with, which takes as long as reading and encoding the rows.

    A detector that needs it sooner waits for it.
    """
    Thread(target=import_module, args=("sklearn.ensemble",), daemon=True).start()


def alert_budget(settings: Settings, rows_per_day: float | None) -> float:
    """The share of rows that may alert: as asked for, or as so many alerts a day are of the rows of a day.

    Raises:
        ConfigError: `alerts_per_day` for data without times, or no fewer than there are rows a day.
    """
    wanted = settings.alerts_per_day
    if not wanted:
        return settings.alert_budget
    if rows_per_day is None:
        raise ConfigError(
            f"alerts_per_day is {wanted:g} and the training data has no column of times; name it in time_column, or set "
            "alert_budget instead"
        )
    if wanted >= rows_per_day:
        raise ConfigError(
            f"alerts_per_day is {wanted:g} and the training data has {rows_per_day:.0f} rows a day to fit on; ask for fewer"
        )
    return wanted / rows_per_day


def split(
    rows: int, budget: float, minimum_rows: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions to fit on and positions to calibrate on: a random partition, both ascending.

    A quarter calibrates, or as many as the budget needs where that is more, at most half; of 10,000 rows or more, half
    until 20,000 do.

    Raises:
        DataError: Too few rows for the detector, or for the budget.
    """
    needed = rows_needed(budget)
    wanted = max(int(rows * _CALIBRATION_SHARE), needed, _PLENTY_TO_CALIBRATE if rows >= 2 * _PLENTY_TO_FIT else 0)
    calibrating = min(wanted, rows // 2)
    too_few = f"{rows} rows to train on (of labelled data the normal ones) are too few"
    if calibrating < needed:
        raise DataError(
            f"{too_few}: an alert budget of {budget:g} needs {2 * needed} of them, half to fit "
            f"and half to calibrate (of more than {SAMPLED_ROWS} that many are drawn); give more rows, or allow "
            "more alerts"
        )
    if rows - calibrating < minimum_rows:
        raise DataError(
            f"{too_few}: the detector is fitted on {rows - calibrating} of them and needs "
            f"{minimum_rows}; give at least {2 * max(minimum_rows, needed)} rows"
        )
    shuffled = np.random.default_rng([seed, 1]).permutation(rows)
    return np.sort(shuffled[calibrating:]), np.sort(shuffled[:calibrating])


def refusal(report: Mapping[str, Any]) -> str:
    """The data gate's errors in one line: the first few, and how many more there are."""
    errors = [finding["message"] for finding in report.get("findings", []) if finding.get("severity") == "error"]
    more = len(errors) - _REASONS
    said = errors[:_REASONS] + ([f"and {more} more, all in the data report"] if more > 0 else [])
    return "the data gate refused the data: " + ("; ".join(said) or "no reason was reported")


def _eligible(file: pq.ParquetFile, label_column: str | None, settings: Settings) -> tuple[sampling.Eligible, str]:
    """The rows that may be fitted on, and which those are: "normal" or "all"."""

    def normal(name: str) -> bool:
        return is_normal(name, settings.normal_labels)

    wanted = settings.training_rows
    labelled = label_column is not None and label_column in file.schema_arrow.names
    if wanted == "all" or (wanted == "auto" and not labelled):
        return sampling.Eligible(file, None, normal), "all"
    if not labelled:
        raise DataError(
            "training_rows is 'normal' but the training data has no label column "
            f"{settings.label_column!r}; set label_column, or training_rows to 'all'"
        )
    eligible = sampling.Eligible(file, label_column, normal)
    if not eligible.rows:
        raise DataError(
            f"no training row is normal: column {label_column!r} holds {_listed(eligible.classes)}; "
            "name the normal ones in normal_labels, or set training_rows to 'all'"
        )
    return eligible, "normal"


def _refuse_constant(table: pa.Table) -> None:
    if all(len(column.unique()) <= 1 for column in table.columns) and len(table) > 1:
        raise DataError(
            f"every feature column ({', '.join(table.column_names)}) has one value in all {len(table)} training rows; "
            "choose other feature_columns"
        )


def _listed(counts: Mapping[str, int], most: int = 10) -> str:
    ordered = sorted(counts, key=lambda name: -counts[name])
    shown: Sequence[str] = [repr(name) for name in ordered[:most]]
    return ", ".join(shown) + (f" and {len(ordered) - most} more" if len(ordered) > most else "")
