"""Fit a detector on part of the rows, and calibrate its thresholds on the rest."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from threading import Thread
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from netanomaly import output
from netanomaly.errors import ConfigError, DataError
from netanomaly.flows.contract import read_contract
from netanomaly.flows.labels import is_normal
from netanomaly.metrics import incident_rate
from netanomaly.metrics.thresholds import operating_points
from netanomaly.models import catalogue
from netanomaly.models.detector import Detector, make
from netanomaly.models.explanation import Typical
from netanomaly.models.model import GENERATION, AnomalyModel, versions
from netanomaly.models.row_keys import distinct_keys
from netanomaly.models.rows import learn_schema
from netanomaly.stages.train import replaying, sampling
from netanomaly.stages.train.calibration import CALIBRATION_SHARE, Parts, Times, parts
from netanomaly.stages.train.reference import reference_of
from netanomaly.stages.train.settings import Settings

# Of what the data gate refused for, so many are said.
_REASONS = 5


@dataclass(frozen=True)
class Trained:
    """A model, the training summary, and what monitoring compares with; None where the rows are too few for that."""

    model: AnomalyModel
    summary: dict[str, Any]
    reference: dict[str, Any] | None = None


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
    wanted = set(contract.features if columns is None else columns) - set(settings.left_out)
    features = [name for name in contract.features if name in wanted]
    import_detectors()
    eligible, training_rows = _eligible(file, contract.label_column, settings)
    rows_per_day = None
    if source_rows_per_day is not None:
        rows_per_day = source_rows_per_day * eligible.rows / file.metadata.num_rows
    budget = alert_budget(settings, rows_per_day)
    chosen = sampling.sample(eligible.rows, settings.rows_at_most, settings.random_state)
    timed = [name for name in (contract.time_column,) if name is not None and name in file.schema_arrow.names]
    table = sampling.take(file, eligible, chosen, [*features, *timed], progress)
    times = table.column(timed[0]).to_numpy().astype(np.float64) if timed else None
    by_incidents = bool(settings.alerts_per_day) and replaying.ends(contract, file) is not None
    table = table.select(features)
    _refuse_constant(table)
    detector = make(settings.model_type, catalogue.by_what_is_known(resolved, training_rows))
    told_apart = _told_apart(times, len(table), budget, detector.minimum_rows, settings, by_incidents)
    fitting, calibrating = told_apart.fitting, told_apart.calibrating
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
        generation=GENERATION,
        sensor=contract.sensor,
    )
    scores = model.score_rows(rows.take(calibrating))
    replay = None
    # Where rows were left out by the draw, to score them is worth its time only where incidents were asked for.
    if (
        told_apart.times is not None
        and replaying.ends(contract, file)
        and (by_incidents or len(chosen) == eligible.rows)
    ):
        drawn = len(chosen) / eligible.rows
        replay = replaying.replay(file, eligible, contract, model, told_apart.times, scores, drawn)
    if replay is not None:
        told_apart, scores = replace(told_apart, times=replay.times), replay.scores
        if settings.alerts_per_day and by_incidents:
            budget = replay.budget(settings.alerts_per_day)
    model.alert_budget = budget
    model.thresholds = told_apart.seen_in_blocks(operating_points(scores, budget), scores)
    model.incidents = () if replay is None else replay.rates(model.thresholds)
    summary = {
        "format": 1,
        "model_type": model.model_type,
        "generation": model.generation,
        "parameters": resolved,
        "rows": file.metadata.num_rows,
        "rows_eligible": eligible.rows,
        "rows_used": len(table),
        "rows_fitted": len(fitting),
        "rows_calibrated": len(calibrating),
        "training_rows": training_rows,
        "sensor": contract.sensor,
        "contamination": _contamination(detector),
        "calibration": told_apart.document(),
        "features": features,
        "categorical": list(schema.categorical),
        "threshold": model.threshold,
        "alert_budget": model.alert_budget,
        "alerts_per_day": settings.alerts_per_day,
        "rows_per_day": rows_per_day,
        "incidents": [incident_rate.document(rate) for rate in model.incidents],
        "thresholds": [{"budget": point.budget, "threshold": point.threshold} for point in model.thresholds],
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 3),
        "versions": model.versions,
    }
    try:
        return Trained(model, summary, reference_of(file, eligible, model, rows))
    except DataError as error:
        output.tell(f"warning: {error}")
        return Trained(model, {**summary, "no_reference": str(error)})


def _told_apart(
    times: Times | None, rows: int, budget: float, minimum_rows: int, settings: Settings, by_incidents: bool
) -> Parts:
    """The rows to fit on and to calibrate on. How many alerts so many incidents are is known only afterwards."""
    if by_incidents:
        found = parts(times, rows, max(budget, 1 / (CALIBRATION_SHARE * rows)), minimum_rows, settings.random_state)
        if found.times is not None:
            return found
    return parts(times, rows, budget, minimum_rows, settings.random_state)


def _contamination(detector: Detector) -> dict[str, Any]:
    """What share of the rows was doubted, and what the detector found out about it."""
    doubted = detector.parameters["contamination"] != 0
    return {"doubted": doubted, **{name: round(share, 4) for name, share in detector.found.items()}}


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
    if wanted == "all" or not labelled:
        # Without labels "normal" is the user's word for all rows.
        return sampling.Eligible(file, None, normal), "normal" if wanted == "normal" else "all"
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
