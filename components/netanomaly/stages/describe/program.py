"""Write down how a model came to be, so that a stranger can judge it and repeat it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly import __version__

FORMAT = 1

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The documents that earlier stages wrote."""

    configuration: Document
    training_report: Document
    evaluation_report: Document
    validation_report: Document
    training_summary: Document
    evaluation_metrics: Document


def describe(evidence: Evidence, model_digest: str, model_bytes: int) -> dict[str, Any]:
    """The metadata document of a model.

    It holds no clock reading of its own: times are those the stages recorded, so the same evidence gives the same
    document.

    Args:
        evidence: What the earlier stages wrote.
        model_digest: sha256 of the model file, as `sha256:<hex>`.
        model_bytes: Its size.
    """
    configuration = evidence.configuration
    metrics = evidence.evaluation_metrics
    return {
        "format": FORMAT,
        "run_id": configuration["run_id"],
        "model_name": configuration["model_name"],
        "model_version": configuration["model_version"],
        "model_type": configuration["model_type"],
        "description": configuration.get("description", ""),
        "prepared_at": configuration["prepared_at"],
        "model": {"digest": model_digest, "bytes": model_bytes},
        "data": {
            "training": _data(evidence.training_report),
            "evaluation": _data(evidence.evaluation_report),
            "held_out": configuration["held_out"],
            "findings": evidence.validation_report.get("findings", []),
        },
        "training": evidence.training_summary,
        "metrics": headline(metrics),
        "evaluation": {
            name: metrics.get(name)
            for name in ("rows", "labelled", "threshold", "alert_budget", "verdict", "reasons", "gates")
        },
        "configuration": configuration,
        "versions": {**evidence.training_summary.get("versions", {}), "netanomaly": __version__},
        "parents": {
            "champion": configuration["champion"],
            "training_data": evidence.training_report["identity"],
            "evaluation_data": evidence.evaluation_report["identity"],
        },
    }


def headline(metrics: Document) -> dict[str, float]:
    """The few numbers that registries and run lists show; those that could not be measured are left out."""
    found: dict[str, float | None] = {
        "roc_auc": _value(metrics.get("roc_auc")),
        "average_precision": _value(metrics.get("average_precision")),
        "threshold": metrics.get("threshold"),
    }
    for point in metrics.get("recall_at") or ():
        percent = f"{point['false_positive_rate'] * 100:g}".replace(".", "_")
        found[f"recall_at_{percent}_percent_fpr"] = point["recall"]
    at_threshold = metrics.get("at_threshold") or {}
    for name in ("precision", "recall", "f1"):
        found[name] = at_threshold.get(name)
    found["false_positive_rate"] = _value(at_threshold.get("false_positive_rate"))
    return {name: value for name, value in found.items() if value is not None}


def _data(report: Document) -> dict[str, Any]:
    names = (
        "source",
        "identity",
        "part",
        "rows_read",
        "rows",
        "dropped",
        "repaired",
        "label_column",
        "labels",
        "normal_rows",
    )
    return {name: report.get(name) for name in names}


def _value(interval: Document | None) -> float | None:
    return interval["value"] if interval else None
