"""What MLflow is told of a training run: made of the run's documents alone, so that the same documents tell the same."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from netanomaly import output
from netanomaly.metrics.headline import with_ends
from netanomaly.metrics.outcome import outcome
from netanomaly.tracking import runs
from netanomaly.tracking.runs import Dataset, Run

Document = Mapping[str, Any]

# Of the configuration: said elsewhere, of this run alone, or of MLflow itself.
_NO_PARAMETERS = (
    "format",
    "prepared_at",
    "run_id",
    "tracking",
    "model_name",
    "model_version",
    "description",
    "registry",
)
_MOST_SOURCES = 20
_CURVES = {"roc": ("false_positive_rate", "recall"), "precision_recall": ("recall", "precision")}


def training_run(configuration: Document, dossier: Document, report: bytes, made_by: Mapping[str, str]) -> Run:
    """A training run.

    Args:
        configuration: The resolved configuration.
        dossier: As evaluate left it.
        report: The evaluation report, one HTML page.
        made_by: Further tags: image, commit, the run's page.
    """
    evaluation, training = dossier["evaluation"], dossier["training"]
    came_to = outcome(dossier)
    started = milliseconds(configuration["prepared_at"])
    verdict = came_to["verdict"] or {}
    decision = came_to["decision"] or {}
    tags = {
        "mlflow.source.name": "netanomaly training",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": note(
            [
                f"{verdict.get('headline') or 'Not evaluated'}.",
                *(f"- {reason}" for reason in verdict.get("reasons") or ()),
                f"Decision: {decision.get('decision')}, {decision.get('reason')}.",
                str(configuration.get("description") or ""),
            ]
        ),
        "netanomaly.model": configuration["model_name"],
        "netanomaly.model_version": configuration["model_version"],
        "netanomaly.registry": configuration.get("registry") or "",
        "netanomaly.digest": dossier["model"]["digest"],
        "netanomaly.gate": str(evaluation.get("verdict")),
        "netanomaly.verdict": str(verdict.get("word")),
        "netanomaly.decision": str(decision.get("decision")),
        **made_by,
    }
    return Run(
        key=configuration["run_id"],
        name=f"{configuration['model_name']} {configuration['model_version']}",
        started=started,
        # What was taken from Kubeflow's cache was trained before this run began.
        ended=max(started, milliseconds(training["trained_at"])),
        status="FINISHED" if evaluation.get("verdict") == "pass" else "FAILED",
        parameters=parameters(configuration),
        metrics={**with_ends(evaluation), **_further(evaluation, training)},
        tags={key: value for key, value in tags.items() if value},
        datasets=[dataset(dossier["ingest"][context], context) for context in ("training", "evaluation")],
        artifacts=_artifacts(configuration, dossier, came_to, report),
    )


def parameters(configuration: Document) -> dict[str, str]:
    """The configuration as parameters: one for each field that is set, JSON where it is no text, cut to what MLflow keeps."""
    found: dict[str, str] = {}
    for key, value in configuration.items():
        if key in _NO_PARAMETERS or value in (None, "", [], {}):
            continue
        # Names within are the detectors'; elsewhere they are the data's, which MLflow may not take.
        within = value if key in ("model_parameters", "csv") and isinstance(value, Mapping) else None
        for name, each in (
            {f"{key}.{inner}": each for inner, each in within.items()}.items() if within else [(key, value)]
        ):
            if each is not None:
                text = each if isinstance(each, str) else json.dumps(each, ensure_ascii=False, sort_keys=True)
                found |= runs.pieces(runs.name(name), text)
    return found


def _further(evaluation: Document, training: Document) -> dict[str, float]:
    found = {
        "rows": evaluation.get("rows"),
        "rows_trained": training.get("rows_used"),
        "alert_budget": evaluation.get("alert_budget"),
        "alerts": (evaluation.get("at_threshold") or {}).get("alerts"),
        "training_seconds": training.get("seconds"),
    }
    return {name: value for name, value in found.items() if value is not None}


def dataset(report: Document, context: str) -> Dataset:
    """The data that was read, `training` or `evaluation`, by what ingest reports of it."""
    sources = [str(source) for source in report["source"]]
    first = sources[0] if sources else ""
    scheme = urlsplit(first).scheme or "local"
    name = PurePosixPath(first).name or context
    several = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    source = {"uri": first, "identity": report["identity"], "part": report.get("part")}
    if several:
        source["sources"] = sources[:_MOST_SOURCES]
    labels = sorted((report.get("labels") or {}).items(), key=lambda each: -each[1])[:_MOST_SOURCES]
    profile = {"num_rows": report.get("rows"), "rows_read": report.get("rows_read"), "labels": dict(labels)}
    return Dataset(
        name=f"{name}{several}",
        digest=report["identity"],
        source_type=scheme,
        source=json.dumps(source),
        context=context,
        profile=json.dumps(profile),
    )


def _artifacts(configuration: Document, dossier: Document, came_to: Document, report: bytes) -> dict[str, bytes]:
    """The largest come last."""
    evaluation = dossier["evaluation"]
    found = {
        "decision.json": json_bytes({"decision": dossier.get("decision"), "verdict": came_to["verdict"]}),
        "configuration.json": json_bytes(configuration),
    }
    for name, columns in _CURVES.items():
        if points := evaluation["curves"][name]:
            found[f"curves/{name}.csv"] = _csv(columns, points)
    if budgets := evaluation.get("budgets"):
        columns = tuple(name for name, value in budgets[0].items() if not isinstance(value, (dict, list)))
        found["curves/thresholds.csv"] = _csv(columns, ([each.get(name) for name in columns] for each in budgets))
    return {**found, "report.html": report}


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def json_bytes(document: Any) -> bytes:
    """A document as a file has it."""
    return output.json_text(document, allow_nan=True).encode() + b"\n"


def note(lines: Iterable[str]) -> str:
    """A description in Markdown; whose texts may come from data, so that none of it is a link or markup."""
    return "\n\n".join(_plain(line) for line in lines if line)


def _plain(text: str) -> str:
    shown = output.visible(text)
    head, text = (shown[:2], shown[2:]) if shown.startswith("- ") else ("", shown)
    return head + "".join(f"\\{letter}" if letter in "\\`*_[]<>#|!" else letter for letter in text)


def milliseconds(moment: str) -> int:
    """Since 1970, of a time as documents write it."""
    return int(datetime.fromisoformat(moment).timestamp() * 1000)
