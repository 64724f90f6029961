"""Write down how a model came to be, so that a stranger can judge it and repeat it."""

from collections.abc import Mapping
from typing import Any

from netanomaly import __version__
from netanomaly.metrics.headline import headline
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
        "sensor": _sensor(reports["training"]),
        "training": training,
        "metrics": headline(metrics),
        "evaluation": {
            name: metrics.get(name)
            for name in ("rows", "labelled", "threshold", "alert_budget", "verdict", "reasons", "gates")
        }
        | {"assessment": came_to["verdict"]},
        "decision": came_to["decision"],
        **({"tuning": dossier["tuning"]} if "tuning" in dossier else {}),
        "configuration": configuration,
        "versions": {**training.get("versions", {}), "netanomaly": __version__},
        "parents": {
            "champion": configuration["champion"],
            "training_data": reports["training"]["identity"],
            "evaluation_data": reports["evaluation"]["identity"],
        },
    }


def _sensor(report: Document) -> dict[str, Any] | None:
    """What recorded the flows that were learnt from, and how: the next data is to be like it. None for tables."""
    traffic = report.get("traffic")
    if not traffic:
        return None
    capture = report.get("capture") or {}
    a_packet = {
        column["name"].rpartition("_")[2]: column["quantiles"]
        for column in report.get("columns", ())
        if column["name"] in ("bytes_per_packet_out", "bytes_per_packet_in")
    }
    return {
        "kind": traffic["sensor"],
        "format": traffic["format"],
        "versions": traffic.get("sensor_versions", []),
        "captures_by": f"{capture['tool']} {capture['version']}" if capture else None,
        "vantage_points": traffic.get("vantage_points"),
        "sampled": traffic.get("sampled"),
        "late_flows": traffic.get("late_flows", 0),
        "bytes_per_packet_percentiles": a_packet,
    }


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
