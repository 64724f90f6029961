"""Alerts in the forms of others pass the schemas that these publish."""

import copy
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from netanomaly.alerts.forms import FORMS
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

INCIDENT: dict[str, Any] = {
    "id": "23eb216e7a878a4d18ff9072fd0c1bbc",
    "model": {"name": "office", "version": 3, "digest": "sha256:d5"},
    "title": "10.0.0.5 -> 212 hosts tcp port 445: 340 flows in 2 minutes",
    "severity": "high",
    "risk_score": 67,
    "entity": {"type": "source", "ip": "10.0.0.5"},
    "first_seen": "2026-06-12T22:00:31.749Z",
    "last_seen": "2026-06-12T22:02:31.749Z",
    "flows": 340,
    "sources": {"count": 1, "examples": ["10.0.0.5"]},
    "targets": {"count": 212, "examples": ["10.0.0.9"]},
    "ports": {"count": 1, "examples": ["445"]},
    "protocols": ["tcp"],
    "highest_score": 13.9,
    "tail_probability": 0.001,
    "features": [
        {"name": "src_destinations_120s", "value": 212.0, "usual_low": 0.0, "usual_high": 4.0, "share": 0.4, "words": "to 212 hosts"},
        {"name": "service", "value": "smb", "usual_low": "dns", "usual_high": "dns", "share": 0.1, "words": "smb"},
    ],
    "technique": {"id": "T1046", "name": "Network Service Discovery", "reason": "a horizontal scan"},
    "samples": [
        {
            "file": "conn.log", "record": 3984, "time": "2026-06-12T22:02:22.897Z", "src_ip": "10.0.0.5", "src_port": "52575",
            "dst_ip": "10.0.0.9", "dst_port": "445", "protocol": "tcp", "uid": "CwyiGA1xJON0Mabx", "score": 13.9,
            "community_id": "1:Kzfxf4q6WmPLoNJ9rYhsI1ZrC9E=",
        }
    ],
}  # fmt: skip
AT = "2026-06-13T00:00:00.000Z"


def incident_without_ends():
    changed = copy.deepcopy(INCIDENT)
    changed |= {
        "entity": {"type": "row", "ip": None},
        "first_seen": None,
        "last_seen": None,
        "features": [],
        "technique": None,
    }
    changed |= {name: {"count": 0, "examples": []} for name in ("sources", "targets", "ports")}
    changed["samples"][0] |= dict.fromkeys(
        ("time", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "uid", "community_id")
    )
    return changed


@pytest.mark.parametrize("version", ["1.5.0", "1.6.0", "1.7.0", "1.8.0"])
@pytest.mark.parametrize("incident", [INCIDENT, incident_without_ends()], ids=["whole", "bare"])
def test_ocsf_documents_pass_the_published_schemas(version, incident):
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version)).get_class_schema("detection_finding")
    validator = Draft202012Validator(schema)
    document = FORMS["ocsf"](incident, AT)
    document["metadata"]["version"] = version
    assert [error.message for error in validator.iter_errors(document)] == []
    del document["finding_info"]
    assert not validator.is_valid(document)


def test_ecs_documents_have_what_elastic_security_needs():
    document = FORMS["ecs"](INCIDENT, AT)
    assert document["@timestamp"] == INCIDENT["last_seen"]
    assert document["event"]["kind"] == "alert"
    assert {"category", "type", "risk_score", "severity"} <= set(document["event"])
    assert document["ecs"]["version"]
    assert (document["source"], document["destination"]["port"]) == ({"ip": "10.0.0.5", "port": 52575}, 445)
    assert document["network"]["community_id"] == INCIDENT["samples"][0]["community_id"]
    assert document["rule"] == {"name": "office", "version": "3", "id": "sha256:d5"}
    assert document["netanomaly"]["features"] == INCIDENT["features"]


def test_no_form_holds_a_null():
    for name in ("ecs", "ocsf"):
        text = repr({**FORMS[name](incident_without_ends(), AT), "netanomaly": 0, "unmapped": 0})
        assert "None" not in text
