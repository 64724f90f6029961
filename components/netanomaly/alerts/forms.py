"""Incidents in the forms that others take: ours, ECS (Elastic), OCSF Detection Finding.

ECS 8.17: https://www.elastic.co/guide/en/ecs/8.17/index.html. Fields of ours stand below `netanomaly.`.
OCSF: class 2004, whose fields used here are alike from 1.5 to 1.8; https://schema.ocsf.io.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from netanomaly import __version__
from netanomaly.alerts.community import is_address, port_number

Document = Mapping[str, Any]

_ECS = "8.17.0"
_OCSF = "1.5.0"
_OCSF_SEVERITY = {"low": 2, "medium": 3, "high": 4, "critical": 5}
_ECS_SEVERITY = {"low": 21, "medium": 47, "high": 73, "critical": 99}


def ecs(incident: Document, scored_at: str) -> dict[str, Any]:
    """As an alert of the Elastic Common Schema.

    Args:
        incident: A document of `incidents`.
        scored_at: The time that stands in for the incident's own where its rows have none.
    """
    sample = incident["samples"][0]
    model = incident["model"]
    hosts = sorted({*incident["sources"]["examples"], *incident["targets"]["examples"]})
    found: dict[str, Any] = {
        "@timestamp": incident["last_seen"] or scored_at,
        "ecs": {"version": _ECS},
        "message": incident["title"],
        "event": {
            "kind": "alert",
            "category": ["network"],
            "type": ["info"],
            "module": "netanomaly",
            "id": incident["id"],
            "risk_score": incident["risk_score"],
            "severity": _ECS_SEVERITY[incident["severity"]],
            "start": incident["first_seen"],
            "end": incident["last_seen"],
        },
        "rule": {"name": model["name"], "version": str(model["version"]), "id": model["digest"]},
        "source": _end(sample, "src"),
        "destination": _end(sample, "dst"),
        "network": {"transport": sample["protocol"], "community_id": sample["community_id"]},
        "related": {
            "ip": [host for host in hosts if is_address(host)],
            "hosts": [host for host in hosts if not is_address(host)],
        },
        "netanomaly": {
            **{name: value for name, value in incident.items() if name not in ("id", "title")},
            "features": [_of_one_type(feature) for feature in incident["features"]],
        },
    }
    if incident.get("suppressed_by"):
        # Elastic's rules leave out what carries a tag; the incident itself stays an alert.
        found["tags"] = ["suppressed"]
    if technique := incident["technique"]:
        found["threat"] = {
            "framework": "MITRE ATT&CK",
            "technique": {"id": [technique["id"]], "name": [technique["name"]]},
        }
    return dict(_without_nothing(found))


def ocsf(incident: Document, scored_at: str) -> dict[str, Any]:
    """As a Detection Finding of OCSF; as for `ecs`."""
    began, ended = incident["first_seen"] or scored_at, incident["last_seen"] or scored_at
    entity = incident["entity"]["ip"] or incident["samples"][0]["file"]
    found: dict[str, Any] = {
        "activity_id": 1,
        "category_uid": 2,
        "class_uid": 2004,
        "type_uid": 200401,
        "severity_id": _OCSF_SEVERITY[incident["severity"]],
        "severity": incident["severity"].title(),
        "time": _milliseconds(ended),
        "start_time": _milliseconds(began),
        "end_time": _milliseconds(ended),
        "count": incident["flows"],
        "is_alert": True,
        "message": incident["title"],
        "risk_score": incident["risk_score"],
        "metadata": {
            "version": _OCSF,
            "uid": incident["id"],
            "product": {"name": "netanomaly", "vendor_name": "netanomaly", "version": __version__},
        },
        "finding_info": {
            "uid": incident["id"],
            "title": incident["title"],
            "first_seen_time": _milliseconds(began),
            "last_seen_time": _milliseconds(ended),
            "analytic": {
                "type_id": 4,
                "type": "Learning (ML/DL)",
                "name": incident["model"]["name"],
                "version": str(incident["model"]["version"]),
                "uid": incident["model"]["digest"],
            },
        },
        "anomaly_analyses": [
            {
                "analysis_targets": [{"name": entity, "type": incident["entity"]["type"]}],
                "anomalies": [
                    {"observation_parameter": each["name"], "observations": [{"value": _text(each["value"])}]}
                    for each in incident["features"]
                ]
                or [{"observation_parameter": "score", "observations": [{"value": _text(incident["highest_score"])}]}],
                "baselines": [
                    {
                        "observation_parameter": each["name"],
                        "observations": [{"value": _text(each["usual_low"])}, {"value": _text(each["usual_high"])}],
                    }
                    for each in incident["features"]
                ],
            }
        ],
        "unmapped": {"netanomaly": dict(incident)},
    }
    if suppressed := incident.get("suppressed_by"):
        found |= {"status_id": 3, "status": "Suppressed", "comment": f"{suppressed['by']}: {suppressed['why']}"}
    if technique := incident["technique"]:
        found["finding_info"]["attacks"] = [{"technique": {"uid": technique["id"], "name": technique["name"]}}]
    return dict(_without_nothing(found))


def _plain(incident: Document, scored_at: str) -> dict[str, Any]:  # noqa: ARG001 - called as the others are
    return dict(incident)


FORMS: dict[str, Callable[[Document, str], dict[str, Any]]] = {"netanomaly": _plain, "ecs": ecs, "ocsf": ocsf}


def _end(sample: Document, end: str) -> dict[str, Any]:
    """One end of a flow: what ECS calls an address may be a name, what it calls an IP may not."""
    host = sample[f"{end}_ip"]
    return {
        "address": host,
        "ip": host if is_address(host) else None,
        "port": port_number(sample[f"{end}_port"]),
    }


def _of_one_type(feature: Document) -> dict[str, Any]:
    """A feature whose values are texts: an index refuses documents in which a field is now a number, now a text."""
    values = {name: feature.get(name) for name in ("value", "usual_low", "usual_high")}
    return {**feature, **{name: None if value is None else str(value) for name, value in values.items()}}


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _text(value: Any) -> str:
    return "missing" if value is None else str(value)


def _without_nothing(value: Any) -> Any:
    """Without fields that are null or empty objects: schemas of others know no null."""
    if isinstance(value, Mapping):
        kept = {name: _without_nothing(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None and each != {}}
    if isinstance(value, list):
        return [_without_nothing(each) for each in value]
    return value
