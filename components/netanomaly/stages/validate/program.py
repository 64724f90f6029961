"""Judge two data sets by their ingest reports: findings, and a verdict.

Needs nothing but the reports, so it starts at once and takes no memory, whatever the size of the data.
"""

from dataclasses import asdict, dataclass
from typing import Any

from netanomaly.flows import rules
from netanomaly.flows.sensor import refuse_other
from netanomaly.stages.validate import columns, labels, role_findings, rows, times
from netanomaly.stages.validate.evidence import Check, Evidence, Report
from netanomaly.stages.validate.roles import decide_roles
from netanomaly.stages.validate.settings import Settings

FORMAT = 1
PASS, REFUSE = "pass", "refuse"

_CHECKS: dict[str, Check] = {
    "too_few_rows": rows.too_few_rows,
    "different_columns": columns.different_columns,
    "no_known_label": labels.no_known_label,
    "no_normal_rows": labels.no_normal_rows,
    "mostly_attacks": labels.mostly_attacks,
    "one_class_only": labels.one_class_only,
    "classes_not_judged": labels.classes_not_judged,
    "unknown_normal_label": labels.unknown_normal_label,
    "label_missing": labels.label_missing,
    "label_not_found": labels.label_not_found,
    "numbered_classes": labels.numbered_classes,
    "zero_taken_for_normal": labels.zero_taken_for_normal,
    "normal_class_not_in_training": labels.normal_class_not_in_training,
    "answer_in_a_column": role_findings.answer_in_a_column,
    "answer_left_out": role_findings.answer_left_out,
    "column_tells_alone": role_findings.column_tells_alone,
    "measurement_tells_alone": role_findings.measurement_tells_alone,
    "identifier_left_out": role_findings.identifier_left_out,
    "configured_against_evidence": role_findings.configured_against_evidence,
    "role_not_possible": role_findings.role_not_possible,
    "ignored_not_found": role_findings.ignored_not_found,
    "dropped_rows": rows.dropped_rows,
    "all_columns_constant": columns.all_columns_constant,
    "constant_column": columns.constant_column,
    "missing_values": columns.missing_values,
    "infinite_values": columns.infinite_values,
    "impossible_values": columns.impossible_values,
    "out_of_range": columns.out_of_range,
    "duplicate_rows": rows.duplicate_rows,
    "leakage": rows.leakage,
    "time_backwards": times.time_backwards,
    "time_zones": times.time_zones,
    "order_of_dates": times.order_of_dates,
    "time_outside": times.time_outside,
    "twelve_hour_clock": times.twelve_hour_clock,
    "time_not_understood": times.time_not_understood,
    "not_split_by_time": times.not_split_by_time,
    "shift": columns.shift,
    "unseen_categories": columns.unseen_categories,
    "other_champion": columns.other_champion,
}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    rule: str
    severity: str
    column: str | None
    dataset: str
    message: str
    value: float | str | None = None
    limit: float | None = None


def validate(training: Report, evaluation: Report, settings: Settings) -> dict[str, Any]:
    """The validation report: every finding, worst first, and the verdict.

    The verdict is `refuse` when any finding is an error. Severities and limits are those of
    `netanomaly.flows.rules`, as the configuration changed them.

    Raises:
        ConfigError: The configuration's `validation` is wrong.
        DataError: The data sets are of different kinds of sensors.
    """
    refuse_other(training.get("sensor", ""), evaluation.get("sensor", ""), allowed=settings.allow_other_sensor)
    checks = rules.check(settings.validation)
    answer = checks.rules["answer_in_a_column"]
    limit = None if answer.severity == rules.OFF else answer.limit
    roles = decide_roles(training, evaluation, settings, limit)
    data = Evidence(training, evaluation, settings, checks.ranges, roles)
    findings = [
        Finding(name, rule.severity, column, dataset, message, value, rule.limit)
        for name, rule in checks.rules.items()
        if rule.severity != rules.OFF
        for column, dataset, message, value in _CHECKS[name](data, rule.limit or 0.0)
    ]
    findings.sort(key=lambda finding: rules.SEVERITIES.index(finding.severity))
    refused = any(finding.severity == rules.ERROR for finding in findings)
    share, exact = rows.overlap(training["hashes"], evaluation["hashes"])
    return {
        "format": FORMAT,
        "verdict": REFUSE if refused else PASS,
        "findings": [asdict(finding) for finding in findings],
        "checked": [name for name, rule in checks.rules.items() if rule.severity != rules.OFF],
        "columns": [column.document() for column in roles],
        "training": _summary(training),
        "evaluation": _summary(evaluation),
        "overlap": {"rows": round(share * evaluation["rows"]), "share": share, "exact": exact},
        "held_out": settings.held_out,
    }


def dossier(training: Report, evaluation: Report, validation: Report) -> dict[str, Any]:
    """What later stages are told of the data: both ingest reports, less the hashes of rows, and the validation report.

    Each stage adds a section to it and hands it on.
    """
    return {
        "format": FORMAT,
        "ingest": {
            name: {field: value for field, value in report.items() if field != "hashes"}
            for name, report in (("training", training), ("evaluation", evaluation))
        },
        "validation": validation,
    }


def _summary(report: Report) -> dict[str, Any]:
    names = (
        "rows",
        "rows_read",
        "normal_rows",
        "unlabelled",
        "labels",
        "identity",
        "dropped",
        "repaired",
        "duplicates",
    )
    return {**{name: report[name] for name in names}, "rows_per_day": times.rows_per_day(report["time"])}
