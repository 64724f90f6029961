"""Alerts in the forms of others pass the schemas that these publish."""

import copy
import ipaddress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    assert document["source"] == {"address": "10.0.0.5", "ip": "10.0.0.5", "port": 52575}
    assert document["destination"]["port"] == 445
    assert document["network"]["community_id"] == INCIDENT["samples"][0]["community_id"]
    assert document["rule"] == {"name": "office", "version": "3", "id": "sha256:d5"}
    assert [each["words"] for each in document["netanomaly"]["features"]] == ["to 212 hosts", "smb"]


# Of the field list that Elastic publishes for 8.17 (elastic/ecs, generated/csv/fields.csv), those that are used here: type,
# and whether it holds a list.
ECS_FIELDS = {
    "@timestamp": ("date", False),
    "destination.address": ("keyword", False),
    "destination.ip": ("ip", False),
    "destination.port": ("long", False),
    "ecs.version": ("keyword", False),
    "event.category": ("keyword", True),
    "event.end": ("date", False),
    "event.id": ("keyword", False),
    "event.kind": ("keyword", False),
    "event.module": ("keyword", False),
    "event.risk_score": ("float", False),
    "event.severity": ("long", False),
    "event.start": ("date", False),
    "event.type": ("keyword", True),
    "message": ("match_only_text", False),
    "network.community_id": ("keyword", False),
    "network.transport": ("keyword", False),
    "related.hosts": ("keyword", True),
    "related.ip": ("ip", True),
    "rule.id": ("keyword", False),
    "rule.name": ("keyword", False),
    "rule.version": ("keyword", False),
    "source.address": ("keyword", False),
    "source.ip": ("ip", False),
    "source.port": ("long", False),
    "tags": ("keyword", True),
    "threat.framework": ("keyword", False),
    "threat.technique.id": ("keyword", True),
    "threat.technique.name": ("keyword", True),
}
_LIKE = {
    "date": lambda value: datetime.fromisoformat(value),
    "ip": lambda value: ipaddress.ip_address(value),
    "long": lambda value: value if type(value) is int else 1 / 0,
    "float": lambda value: value if type(value) in (int, float) else 1 / 0,
    "keyword": lambda value: value if type(value) is str else 1 / 0,
    "match_only_text": lambda value: value if type(value) is str else 1 / 0,
}


def leaves(document, path=""):
    """Of each field that is no object its path and value, without ours."""
    for name, value in document.items():
        if isinstance(value, dict):
            if path or name != "netanomaly":
                yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def refuse_other_than_ecs(document):
    for field, value in leaves(document):
        kind, is_list = ECS_FIELDS[field]
        assert isinstance(value, list) == is_list, field
        for each in value if is_list else [value]:
            _LIKE[kind](each)


HOSTS = st.one_of(
    st.none(), st.ip_addresses().map(str), st.sampled_from(["printer.example", "", "10.0.0.256", "10.0.0.0/8"])
)


@given(HOSTS, HOSTS, st.one_of(st.none(), st.integers(-1, 99_999).map(str), st.text(max_size=4)), st.booleans())
def test_ecs_documents_hold_the_published_fields_alone_each_of_its_type(source, target, port, suppressed):
    incident = copy.deepcopy(INCIDENT)
    incident["samples"][0] |= {"src_ip": source, "dst_ip": target, "dst_port": port}
    incident["sources"]["examples"] = [host for host in (source, target) if host is not None]
    incident["suppressed_by"] = {"by": "jo", "why": "x"} if suppressed else None
    refuse_other_than_ecs(FORMS["ecs"](incident, AT))
    refuse_other_than_ecs(FORMS["ecs"](incident_without_ends(), AT))


def test_no_field_of_ours_is_now_a_number_and_now_a_text():
    """An index takes the type of a field from the first document, and refuses those of another."""
    document = FORMS["ecs"](INCIDENT, AT)
    assert {type(each["value"]) for each in document["netanomaly"]["features"]} == {str}


@pytest.mark.parametrize("version", ["1.5.0", "1.8.0"])
def test_a_suppressed_finding_says_so_in_ocsf(version):
    document = FORMS["ocsf"]({**INCIDENT, "suppressed_by": {"by": "jo", "why": "the inventory"}}, AT)
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version)).get_class_schema("detection_finding")
    document["metadata"]["version"] = version
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    assert (document["status_id"], document["status"]) == (3, "Suppressed")


def test_no_form_holds_a_null():
    for name in ("ecs", "ocsf"):
        text = repr({**FORMS[name](incident_without_ends(), AT), "netanomaly": 0, "unmapped": 0})
        assert "None" not in text
