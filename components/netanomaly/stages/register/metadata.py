"""Write down how a model came to be, so that a stranger can judge it and repeat it."""

from collections.abc import Mapping
from typing import Any

from netanomaly import __version__
from netanomaly.metrics.outcome import outcome

FORMAT = 1

Document = Mapping[str, Any]


def describe(configuration: Document, dossier: Document) -> dict[str, Any]:
    """The metadata document of a model.

    It holds no clock reading of its own: times are those the stages recorded, so the same documents give the same one.

    Args:
        configuration: The resolved configuration.
        dossier: What the stages from validate to evaluate wrote.
    """
    training, metrics = dossier["training"], dossier["evaluation"]
    reports, came_to = dossier["ingest"], outcome(dossier)
    return {
        "format": FORMAT,
        "run_id": configuration["run_id"],
        "model_name": configuration["model_name"],
        "model_version": configuration["model_version"],
        "model_type": configuration["model_type"],
        "description": configuration.get("description", ""),
        "prepared_at": configuration["prepared_at"],
        "model": dossier["model"],
        "data": {
            "training": _data(reports["training"]),
            "evaluation": _data(reports["evaluation"]),
            "held_out": configuration["held_out"],
            "findings": dossier["validation"].get("findings", []),
        },
        "training": training,
        "metrics": headline(metrics),
        "evaluation": {
            name: metrics.get(name)
            for name in ("rows", "labelled", "threshold", "alert_budget", "verdict", "reasons", "gates")
        }
        | {"assessment": came_to["verdict"]},
        "decision": came_to["decision"],
        "configuration": configuration,
        "versions": {**training.get("versions", {}), "netanomaly": __version__},
        "parents": {
            "champion": configuration["champion"],
            "training_data": reports["training"]["identity"],
            "evaluation_data": reports["evaluation"]["identity"],
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
