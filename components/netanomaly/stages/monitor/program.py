"""Judge a window with a version of a model, write what came of it, and claim its retraining where it is due."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from netanomaly import config, output
from netanomaly.config.monitoring import MonitoringConfig
from netanomaly.errors import InputError
from netanomaly.monitoring import program as monitoring
from netanomaly.monitoring.finding import refuse_to_learn_scores
from netanomaly.monitoring.retraining import NEVER, Wish, against, claimed_by_run, reason
from netanomaly.monitoring.settings import Settings
from netanomaly.registry import Registry, open_registry
from netanomaly.report import monitoring_page
from netanomaly.stages.monitor.settings import training_of

VERDICT, REPORT = "verdict.json", "report.html"


@dataclass(frozen=True)
class Monitored:
    """What came of a window.

    Attributes:
        verdict: The document, with `retraining`: whether this run is to train, and why or why not, in words.
        training: The configuration of the training, where it is; else None.
    """

    verdict: dict[str, Any]
    training: dict[str, Any] | None


def monitor(wanted: MonitoringConfig, run: str, folder: Path, progress: Callable[[int], Any] = int) -> Monitored:
    """Write verdict and report into a folder, and append the verdict to the model's history.

    Args:
        wanted: What to look at; its registry is named.
        run: The run's id, which a claim is by: asked again, it is answered the same.
        folder: Exists.
        progress: Told how many rows are done.

    Raises:
        InputError: The model is not there, or the source cannot be read.
        OutsideError: The registry or the store cannot be reached.
    """
    registry = open_registry(wanted.registry or "")
    settings = Settings(
        source=config.as_list(wanted.data_source),
        csv=wanted.csv,
        format=wanted.format,
        time_column=wanted.time_column or "",
        label_column=wanted.label_column or "",
        normal_labels=list(wanted.normal_labels),
        allow_other_sensor=wanted.allow_other_sensor,
        feedback=wanted.feedback or "",
    )
    if NEVER not in wanted.retrain_when:
        refuse_to_learn_scores(settings.source, wanted.training or {})
    found = monitoring.monitor(registry, wanted.model, settings, progress)
    if len(found) != 1:
        raise InputError("the scores are of several versions; give a run the scores of one, or the traffic")
    verdict = found[0].verdict
    monitoring.keep(registry, verdict)
    why, due = due_for(
        registry, wanted, verdict, lambda window, version: _claimed(registry, verdict, window, version, run)
    )
    training = None
    if due:
        name = verdict["model"]["name"]
        training = monitoring.without_open_alerts(registry, name, training_of(wanted), found[0], wanted.feedback or "")
    verdict["retraining"] = {"due": due, "words": why}
    before = msgspec.to_builtins(registry.monitored(verdict["model"]["name"]).verdicts())
    (folder / VERDICT).write_text(output.json_text(verdict) + "\n", encoding="utf-8")
    (folder / REPORT).write_text(monitoring_page(verdict, before), encoding="utf-8")
    return Monitored(verdict, training)


def due_for(
    registry: Registry, wanted: MonitoringConfig, verdict: dict[str, Any], claim: Callable[[str, int], bool]
) -> tuple[str, bool]:
    """Why a window is retrained for, and whether; or why not, in words.

    Args:
        claim: Takes the window's digest and the version; whether it is ours.
    """
    model = verdict["model"]
    version = registry.version(f"{model['name']}:{model['version']}")
    why = reason(verdict, Wish(wanted.retrain_when, wanted.retrain_age_days), version.record.created_at)
    if not why:
        return "", False
    if words := against(verdict):
        return f"not retrained, though {why}: {words}", False
    if not claim(verdict["window"], model["version"]):
        return f"not retrained for this window again ({why})", False
    return why, True


def _claimed(registry: Registry, verdict: dict[str, Any], window: str, version: int, run: str) -> bool:
    return claimed_by_run(registry, verdict["model"]["name"], window, version, run)
