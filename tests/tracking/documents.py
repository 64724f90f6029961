"""The documents of a small run, as prepare and evaluate write them."""

from typing import Any

from netanomaly.tracking.runs import Run
from netanomaly.tracking.training import training_run

from tests.unit import report_documents as made

DIGEST = f"sha256:{'ab' * 32}"


def configuration(**changed: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "netanomaly": "0.1.0",
        "prepared_at": "2026-01-01T00:00:00+00:00",
        "run_id": "run-1",
        "model_name": "office",
        "model_version": "1.0.0",
        "model_type": "isolation_forest",
        "model_parameters": {"trees": 100, "contamination": "auto", "random_state": None},
        "data_source": "s3://traffic/train.csv.xz",
        "feature_columns": None,
        "alert_budget": 0.01,
        "registry": "s3://models/registry",
        "description": "Flows of <b>the</b> office",
        "random_state": 42,
        "champion": None,
        **changed,
    }


def dossier(**evaluation: Any) -> dict[str, Any]:
    return {
        "ingest": {"training": made.ingest_report("train"), "evaluation": made.ingest_report("test", 700)},
        "validation": {"findings": []},
        "training": {"rows_used": 1000, "seconds": 1.5, "trained_at": "2026-01-01T00:00:07+00:00"},
        "model": {"digest": DIGEST, "bytes": 12},
        "evaluation": {**made.evaluation(), **evaluation},
        "decision": {"decision": "promote", "because": "first", "reason": "there is no champion yet", "champion": None},
    }


def run(key: str = "run-1", report: bytes = b"<!doctype html><title>r</title>", **changed: Any) -> Run:
    """A run as MLflow is told of it."""
    return training_run(
        configuration(run_id=key, **changed), dossier(), report, {"netanomaly.image": "netanomaly/track:1"}
    )
