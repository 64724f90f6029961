"""The metadata document: what it keeps, and that it repeats."""

import copy
import json

from netanomaly.metrics.headline import headline
from netanomaly.stages.register.metadata import describe

METRICS = {
    "rows": 4,
    "labelled": True,
    "threshold": 0.5,
    "alert_budget": 0.01,
    "roc_auc": {"value": 0.9, "low": 0.8, "high": 0.95},
    "average_precision": None,
    "recall_at": [{"false_positive_rate": 0.001, "recall": 0.4}, {"false_positive_rate": 0.01, "recall": 0.6}],
    "at_threshold": {"precision": 0.7, "recall": 0.6, "f1": 0.65, "false_positive_rate": {"value": 0.02}},
    "gates": [],
    "verdict": "pass",
    "reasons": [],
}
REPORT = {"source": ["a.csv"], "identity": "sha256:aa", "rows": 4, "rows_read": 5, "dropped": {"empty line": 1}}
CONFIGURATION = {
    "run_id": "r",
    "model_name": "m",
    "model_version": "1",
    "model_type": "isolation_forest",
    "prepared_at": "2026-01-01T00:00:00+00:00",
    "held_out": False,
    "champion": 3,
}
DOSSIER = {
    "ingest": {"training": REPORT, "evaluation": {**REPORT, "identity": "sha256:bb"}},
    "validation": {"findings": [{"rule": "x"}]},
    "training": {"versions": {"scikit-learn": "1.9"}},
    "model": {"digest": "sha256:mm", "bytes": 12},
    "evaluation": METRICS,
}


def test_the_document_names_data_model_code_and_parents():
    document = describe(CONFIGURATION, DOSSIER)
    assert document["model"] == {"digest": "sha256:mm", "bytes": 12}
    assert document["data"]["training"]["identity"] == "sha256:aa"
    assert document["data"]["training"]["dropped"] == {"empty line": 1}
    assert document["data"]["findings"] == [{"rule": "x"}]
    assert document["parents"] == {"champion": 3, "training_data": "sha256:aa", "evaluation_data": "sha256:bb"}
    assert set(document["versions"]) == {"scikit-learn", "netanomaly"}


def test_what_recorded_the_flows_is_named_with_how_it_sees():
    traffic = {
        "sensor": "suricata",
        "format": "suricata-eve",
        "sensor_versions": ["7.0.10"],
        "vantage_points": 1,
        "late_flows": 2,
    }
    columns = [
        {"name": "bytes_per_packet_out", "quantiles": [40.0, 60.0]},
        {"name": "duration_seconds", "quantiles": [0.0]},
    ]
    report = {**REPORT, "traffic": traffic, "columns": columns, "capture": {"tool": "suricata", "version": "7.0.10"}}
    sensor = describe(CONFIGURATION, {**DOSSIER, "ingest": {"training": report, "evaluation": REPORT}})["sensor"]
    assert (sensor["kind"], sensor["versions"], sensor["vantage_points"], sensor["late_flows"]) == (
        "suricata",
        ["7.0.10"],
        1,
        2,
    )
    assert sensor["captures_by"] == "suricata 7.0.10"
    assert sensor["bytes_per_packet_percentiles"] == {"out": [40.0, 60.0]}
    assert describe(CONFIGURATION, DOSSIER)["sensor"] is None


def test_the_same_evidence_gives_the_same_document():
    first = json.dumps(describe(CONFIGURATION, DOSSIER))
    assert json.dumps(describe(copy.deepcopy(CONFIGURATION), copy.deepcopy(DOSSIER))) == first


def test_headline_numbers_are_flat_and_leave_out_what_could_not_be_measured():
    assert headline(METRICS) == {
        "roc_auc": 0.9,
        "threshold": 0.5,
        "recall_at_0_1_percent_fpr": 0.4,
        "recall_at_1_percent_fpr": 0.6,
        "precision": 0.7,
        "recall": 0.6,
        "f1": 0.65,
        "false_positive_rate": 0.02,
    }
    assert headline({"threshold": 0.5, "roc_auc": None, "at_threshold": {"alerts": 3}}) == {"threshold": 0.5}
