"""The documents of a small run: 1,000 normal flows and 400 attacks, every figure consistent with the counts."""

import copy
from collections.abc import Mapping
from typing import Any

from netanomaly.metrics import gates
from netanomaly.metrics.intervals import exact_share
from netanomaly.stages.evaluate.verdict import assess

Document = dict[str, Any]


def ingest_report(name: str = "train", rows: int = 1400) -> Document:
    """An ingest report of two columns, a number and a category."""
    return {
        "format": 1,
        "source": [f"data/{name}.csv.xz"],
        "identity": f"sha256:{name}",
        "part": "all",
        "rows_read": rows + 3,
        "rows": rows,
        "dropped": {"ragged row": 3},
        "repaired": {"infinite value set to missing": 7},
        "label_column": "label",
        "labels": {"normal": rows - 400, "scan": 300, "worm": 100},
        "normal_rows": rows - 400,
        "columns": [
            {
                "name": "bytes_out", "kind": "number", "rows": rows, "missing": 14, "infinite": 7, "negative": 0,
                "distinct": 900, "min": 0.0, "max": 65535.0, "mean": 700.0, "std": 90.0,
                "quantiles": [float(step * step) for step in range(101)],
            },
            {
                "name": "protocol", "kind": "category", "rows": rows, "missing": 0, "distinct": 3,
                "categories": {"tcp": rows - 500, "udp": 400, "icmp": 100}, "other": 0,
            },
        ],
        "duplicates": {"rows": 28, "exact": True},
        "time": {"column": "ts", "first": 1.7e9, "last": 1.7e9 + 86_400, "rows": rows, "missing": 0, "backwards": 0.1,
                 "zones": []},
    }  # fmt: skip


def evaluation() -> Document:
    """Recall 61%, false-positive rate 1% as promised, and one class that is mostly missed."""
    return {
        "format": 1, "rows": 1400, "labelled": True, "normal": 1000, "attacks": 400, "held_out": False,
        "model_type": "isolation_forest", "threshold": 0.6, "alert_budget": 0.01,
        "roc_auc": {"value": 0.955, "low": 0.941, "high": 0.968},
        "average_precision": {"value": 0.93, "low": 0.91, "high": 0.95},
        "recall_at": [
            {"false_positive_rate": rate, "recall": recall, "low": recall - 0.05, "high": recall + 0.05}
            for rate, recall in ((0.001, 0.3), (0.01, 0.61), (0.05, 0.8))
        ],
        "at_threshold": {
            "alerts": 254, "true_positives": 244, "false_positives": 10, "true_negatives": 990, "false_negatives": 156,
            "precision": 244 / 254, "recall": 0.61, "f1": 0.746,
            "recall_interval": {"value": 0.61, "low": 0.56, "high": 0.66},
            "false_positive_rate": {"value": 0.01, "low": 0.0054, "high": 0.0183},
        },
        "budgets": [
            {"budget": budget, "threshold": threshold, "recall": recall, "precision": precision,
             "false_positive_rate": achieved, "alerts": alerts,
             "expected_low": 0.8 * budget, "expected_high": 1.2 * budget}
            for budget, threshold, recall, precision, achieved, alerts in (
                (0.001, 0.7, 0.3, 0.99, 0.001, 121),
                (0.01, 0.6, 0.61, 244 / 254, 0.01, 254),
                (0.05, 0.5, 0.8, 0.7, 0.14, 460),
            )
        ],
        "classes": [
            {"name": "scan", "rows": 300, "detected": 234, "recall": 0.78, "low": 0.73, "high": 0.82},
            {"name": "worm", "rows": 100, "detected": 10, "recall": 0.1, "low": 0.055, "high": 0.174},
        ],
        "curves": {
            "roc": [[0.0, 0.0], [0.001, 0.3], [0.01, 0.61], [0.05, 0.8], [1.0, 1.0]],
            "precision_recall": [[0.0, 1.0], [0.61, 0.96], [0.8, 0.7], [1.0, 0.286]],
        },
        "scores": {"edges": [0.3, 0.4, 0.5, 0.6, 0.7], "normal": [700, 250, 40, 10], "attack": [20, 60, 76, 244]},
        "confidence": 0.95, "interval_method": "stratified bootstrap of 1000 resamples",
        "gates": [{"gate": "min_roc_auc", "limit": 0.9, "value": 0.955, "passed": True}],
        "findings": [{"severity": "warning", "message": "scores of 7 flows are equal"}],
        "verdict": "pass", "reasons": [],
        "false_alarms": {
            "evaluated": {"rows": 1000, "expected": 10.0, "low": 4, "high": 18},
            "per_day": {"rows": 52_000.0, "expected": 520.0, "low": 402, "high": 651},
        },
    }  # fmt: skip


def validation() -> Document:
    return {
        "format": 1,
        "verdict": "pass",
        "findings": [
            {"rule": "shift", "severity": "warning", "column": "bytes_out", "dataset": "both", "message": "it moved"}
        ],
        "checked": ["schema", "missing_share"],
        "overlap": {"rows": 0, "share": 0.0, "exact": True},
    }


def training() -> Document:
    return {
        "format": 1, "model_type": "isolation_forest", "parameters": {"n_estimators": 100}, "rows": 1400,
        "rows_used": 1000, "rows_fitted": 800, "rows_calibrated": 200, "training_rows": "normal",
        "features": ["bytes_out", "protocol"], "categorical": ["protocol"], "threshold": 0.6, "seconds": 1.5,
        "versions": {"scikit-learn": "1.7.2"},
    }  # fmt: skip


def assessed(evaluation: Document, **known: Document) -> Document:
    """The evaluation with the gates that apply by default, and the verdict that `evaluate` would have come to."""
    document = copy.deepcopy(evaluation)
    at = document.get("at_threshold") or {}
    if document.get("attacks") and at.get("recall") is not None:
        recall, attacks = at["recall"], document["attacks"]
        low, high = exact_share(round(recall * attacks), attacks)
        at["recall_interval"] = {"value": recall, "low": low, "high": high}
    default, reasons = gates.judge({}, document) if document.get("labelled") else ([], [])
    document["gates"] = [*document.get("gates", []), *default]
    if reasons:
        document |= {"verdict": "refuse", "reasons": [*document["reasons"], *reasons]}
    given: Mapping[str, Document] = {
        "validation": validation(),
        "training_data": ingest_report("train"),
        "evaluation_data": ingest_report("test"),
        **known,
    }
    names = ("validation", "training_data", "evaluation_data")
    return {**document, "assessment": assess(document, *(given[name] for name in names))}


def documents() -> dict[str, Document]:
    """The arguments of `evaluation_page`."""
    return {
        "evaluation": assessed(evaluation()),
        "validation": validation(),
        "training": training(),
        "training_data": ingest_report("train"),
        "evaluation_data": ingest_report("test"),
        "configuration": {"model_name": "edge_detector", "model_version": "1.2.0", "gates": {"min_roc_auc": 0.9}},
        "provenance": {"run_id": "run-42", "created": "2026-01-02T03:04:05+00:00", "model": "sha256:abc"},
    }


def unlabelled() -> Document:
    """What an evaluation without labels can say."""
    return {
        **evaluation(), "labelled": False, "normal": None, "attacks": None, "roc_auc": None, "average_precision": None,
        "recall_at": [], "at_threshold": {"alerts": 21}, "classes": [], "curves": None, "gates": [], "findings": [],
        "budgets": [{"budget": 0.01, "threshold": 0.6, "alerts": 21}],
        "scores": {"edges": [0.3, 0.4, 0.5, 0.6, 0.7], "normal": None, "attack": None, "all": [900, 400, 79, 21]},
        "false_alarms": {"evaluated": None, "per_day": None},
        "stability": {"index": 0.31, "rows": 1400},
        "repeats": {"rows": 0, "share": 0.0, "normal": None, "attacks": None, "without": None},
    }  # fmt: skip


def explained() -> Document:
    """An evaluation with explained alerts and a comparison with the champion."""
    return {
        **assessed(evaluation()),
        "repeats": {
            "rows": 70, "share": 0.05, "normal": 69, "attacks": 1,
            "without": {
                "normal": 931, "attacks": 399, "roc_auc": 0.951, "average_precision": 0.92,
                "recall_at": [{"false_positive_rate": rate, "recall": recall}
                              for rate, recall in ((0.001, 0.29), (0.01, 0.6), (0.05, 0.79))],
            },
        },
        "top_alerts": [
            {
                "row": 17, "score": 0.69, "label": "scan",
                "flow": {
                    "file": "flows-monday.csv.gz", "record": 17, "time": 1715608931.25, "src_ip": "10.0.0.5",
                    "src_port": "51012", "dst_ip": "fe80::1", "dst_port": "445", "protocol": "tcp",
                },
                "features": [
                    {"name": "bytes_out", "value": 65535.0, "normal_low": 0.0, "normal_high": 900.0,
                     "contribution": 0.8},
                    {"name": "protocol", "value": "icmp", "normal_low": None, "normal_high": None,
                     "contribution": 0.2},
                ],
            }
        ],
        "comparison": {
            "decision": "promote", "reason": "recall rose by 4.1 points",
            "champion": {"version": 3, "roc_auc": 0.93}, "challenger": {"roc_auc": 0.955},
            "difference": {"roc_auc": {"value": 0.025, "low": 0.011, "high": 0.039}},
        },
    }  # fmt: skip
